"""Two at once on PostgreSQL, at the worst moments: each test stops one act half way and lets another one run against it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fundlink import bootstrap
from fundlink.config import Settings
from fundlink.connectors.in_memory import InMemoryGateway
from fundlink.desk import taking_back
from fundlink.domain.errors import BusyError
from fundlink.domain.records import BillingRecord
from fundlink.jobs import Jobs
from fundlink.pipeline import INTAKE
from fundlink.pipeline import run as run_steps
from fundlink.store import audit, bill_effects, bills, messages, outcomes, verify
from tests.builders import World, bill, world
from tests.builders import bills as many
from tests.builders import outcomes as believed

OTHER_CODE = "131016"
PATIENCE_S = 30.0


@pytest.fixture
def town(tmp_path: Path, postgresql_url: str) -> Iterator[World]:
    """An adapter on PostgreSQL."""
    built = world(tmp_path, postgresql_url)
    yield built
    built.jobs.rooms.close()


@contextmanager
def beside(town: World) -> Iterator[World]:
    """A second process: rooms of its own over the same database, folder and gateway."""
    url = town.jobs.rooms.store.url.set(drivername="postgresql").render_as_string(hide_password=False)
    settings = Settings(home=town.folder / "home", database_url=url, now="2026-11-24T09:00:00+09:00")  # type: ignore[arg-type]
    rooms = bootstrap.build(settings, gateway=town.twin)
    try:
        yield World(Jobs(rooms), town.twin, town.folder)
    finally:
        rooms.store.close()


class Halt:
    """Stops the first thread that passes a function, until it is let go or the other act has had its time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, *, after: bool = False) -> None:
        self.reached, self.free, self.used = threading.Event(), threading.Event(), False
        honest = getattr(place, name)

        def halting(*args: Any, **kwargs: Any) -> Any:
            if not after:
                self._wait()
            result = honest(*args, **kwargs)
            if after:
                self._wait()
            return result

        monkeypatch.setattr(place, name, halting)

    def _wait(self) -> None:
        if not self.used:
            self.used = True
            self.reached.set()
            self.free.wait(PATIENCE_S)


def both(halt: Halt, first: Callable[[], Any], second: Callable[[], Any], *, grace_s: float = 0.7) -> list[BaseException]:
    """Run ``first`` up to the halt, ``second`` against it, then let ``first`` go on; what went wrong in either."""
    failed: list[BaseException] = []

    def guarded(act: Callable[[], Any]) -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(act,)) for act in (first, second)]
    threads[0].start()
    assert halt.reached.wait(PATIENCE_S)
    threads[1].start()
    threads[1].join(grace_s)  # either it is done, or it waits for the first one, as it should
    halt.free.set()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    return failed


def _sound(town: World) -> None:
    assert [item for item in verify.verify(town.jobs.rooms.store)["invariants"] if not item["ok"]] == []


def test_receipts_that_arrive_while_others_are_classified_are_classified_next(town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    town.intake(many(2))
    town.jobs.submit()
    town.receive([town.paid(1, "T1", stage="preliminary")])
    halt = Halt(monkeypatch, outcomes, "gather_evidence", after=True)
    later = [town.paid(1, "T1"), town.paid(2, "T2")]
    assert both(halt, town.jobs.reconcile, lambda: town.receive(later)) == []
    town.jobs.reconcile()
    assert believed(town) == {"T1": "matched", "T2": "matched"}
    newest = town.sql(
        "SELECT r.stage FROM outcome o JOIN receipt r ON r.id = o.receipt_id WHERE o.transaction_key = 'T1' ORDER BY o.id DESC"
    )
    assert newest[0] == ("confirmed",)
    _sound(town)


def test_an_acknowledgement_beside_a_classification_leaves_the_payment_standing(town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    town.intake(many(1))
    town.twin.faults = ["lose_answer"]
    town.jobs.submit()
    town.receive([town.paid(1, "T1")])
    halt = Halt(monkeypatch, outcomes, "advance_slips", after=True)
    assert both(halt, town.jobs.reconcile, town.jobs.submit) == []
    assert town.state(1) == "paid"
    _sound(town)


def test_a_lost_answer_beside_a_classification_leaves_the_payment_standing(town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    town.intake(many(1))
    town.receive([town.paid(1, "T1")])
    town.twin.faults = ["lose_answer"]
    halt = Halt(monkeypatch, outcomes, "advance_slips", after=True)
    assert both(halt, town.jobs.reconcile, town.jobs.submit) == []
    assert town.state(1) == "paid"
    _sound(town)


def test_a_withdrawal_beside_a_delivery_is_not_overtaken_by_it(town: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    town.intake(many(1))
    town.jobs.submit()
    town.receive([town.paid(1, "T1")])
    town.jobs.reconcile()
    town.receive([town.paid(1, "T1", stage="cancelled")])
    halt = Halt(monkeypatch, outcomes, "advance_slips", after=True)
    assert both(halt, town.jobs.reconcile, lambda: town.jobs.export(tmp_path / "out")) == []
    town.jobs.export(tmp_path / "out")
    assert town.state(1) == "registered"
    _sound(town)


def test_a_bill_that_comes_back_while_its_cancellation_is_written_can_be_paid(town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    town.intake(many(1))
    town.jobs.submit()
    town.intake([bill(1, action="9")], name="b.csv")
    halt = Halt(monkeypatch, messages, "add_message", after=True)
    assert both(halt, town.jobs.submit, lambda: town.intake([bill(1, charge_yen=9)], name="c.csv")) == []
    town.jobs.submit()
    town.jobs.submit()
    assert town.state(1) == "registered"
    key, _ = town.slip(1)
    assert (town.twin.slips[key]["state"], town.twin.slips[key]["AmountYen"]) == ("registered", "9")
    _sound(town)


def test_a_change_while_a_message_is_written_is_told_in_the_next_one(town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    town.intake(many(2))
    halt = Halt(monkeypatch, messages, "pending_slips", after=True)
    assert both(halt, town.jobs.submit, lambda: town.intake([bill(1, charge_yen=9), bill(3)], name="b.csv")) == []
    town.jobs.submit()
    assert town.twin.slips[town.slip(1)[0]]["AmountYen"] == "9"
    assert town.state(3) == "registered"
    _sound(town)


def test_a_payment_collected_while_its_bill_is_cancelled_is_judged_by_the_cancelled_bill(
    town: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.intake(many(1))
    town.jobs.submit()
    halt = Halt(monkeypatch, bill_effects, "_judge_changes", after=True)

    def pay() -> None:
        town.receive([town.paid(1, "T1")])
        town.jobs.reconcile()

    assert both(halt, lambda: town.intake([bill(1, action="9")], name="b.csv"), pay) == []
    town.jobs.reconcile()
    assert believed(town) == {"T1": "paid_after_cancel"}
    _sound(town)


def test_one_bill_written_and_reissued_at_once_does_not_deadlock(town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    town.intake(many(2))
    halt = Halt(monkeypatch, bills, "stage_versions", after=True)

    def put() -> None:
        with town.jobs.rooms.store.together():
            town.jobs.bills([_api_row(town, bill(1, charge_yen=3))], "api")

    assert both(halt, put, lambda: taking_back.reissue(town.jobs.rooms, bill(2).bill_key, "a", "b")) == []
    assert town.sql("SELECT COUNT(*) FROM slip WHERE issue_count = 2") == [(1,)]
    _sound(town)


def test_writes_for_two_municipalities_in_one_transaction_do_not_deadlock_with_a_file(town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    town.intake(many(1))
    halt = Halt(monkeypatch, bill_effects, "accept", after=True)

    def put_two() -> None:
        with town.jobs.rooms.store.together():
            town.jobs.bills([_api_row(town, bill(1, charge_yen=3))], "api")
            town.jobs.bills([_api_row(town, bill(1, municipality_code=OTHER_CODE, charge_yen=4))], "api")

    def take_file() -> None:
        town.intake([bill(2, municipality_code=OTHER_CODE)], name="b.csv")

    assert both(halt, take_file, put_two) == []
    assert town.sql("SELECT COUNT(*) FROM bill") == [(3,)]
    _sound(town)


def test_what_a_savepoint_took_back_is_not_in_the_audit_trail(town: World) -> None:
    rooms = town.jobs.rooms
    entry = audit.Entry("a", "test.act", "x", {}, rooms.now())
    with rooms.store.together() as connection:
        audit.append(connection, entry)
        with pytest.raises(RuntimeError), connection.begin_nested():  # noqa: PT012
            audit.append(connection, entry._replace(act="test.undone"))
            raise RuntimeError
        audit.append(connection, entry._replace(act="test.last"))
    assert town.sql("SELECT seq, act FROM audit ORDER BY seq") == [(1, "test.act"), (2, "test.last")]
    _sound(town)


def _api_row(town: World, record: BillingRecord) -> bytes:
    return b"".join(town.jobs.rooms.profile("api").message("billing").writer([record]))


def test_the_same_file_accepted_by_two_that_both_hold_it_takes_effect_once(town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session that held the stream was cut: a second run resumes the file while the first one still works."""
    town.intake(many(2))
    path = town.folder / "again.csv"
    path.write_bytes(b"".join(town.jobs.rooms.profile("standard").message("billing").writer([bill(1, charge_yen=5), bill(2)])))
    ticket = {"path": str(path), "profile": "standard", "municipality": "", "channel": "file"}
    halt = Halt(monkeypatch, bill_effects, "accept", after=True)
    with beside(town) as other:
        failed = both(halt, lambda: run_steps(town.jobs.rooms, INTAKE, ticket), lambda: run_steps(other.jobs.rooms, INTAKE, ticket))
    assert failed == []
    assert town.sql("SELECT event, COUNT(*) FROM file_event WHERE file_id = 2 GROUP BY event ORDER BY event") == [
        ("accepted", 1),
        ("received", 1),
    ]
    assert town.sql("SELECT effect FROM revision") == [("updated",)]
    _sound(town)


@pytest.mark.parametrize("verb", ["intake", "submit", "collect", "reconcile", "export"])
def test_a_stream_is_held_by_one_process_at_a_time(town: World, tmp_path: Path, verb: str) -> None:
    acts: dict[str, Callable[[World], object]] = {
        "intake": lambda w: w.intake(many(1)),
        "export": lambda w: w.jobs.export(tmp_path / "out"),
    }
    with beside(town) as other, town.jobs.rooms.store.stream_lock(verb):
        act = acts.get(verb) or (lambda w: getattr(w.jobs, verb)())
        with pytest.raises(BusyError):
            act(other)


def test_a_held_stream_is_no_open_transaction(town: World) -> None:
    """An open transaction would be cut by a server that limits idle ones, and the stream with it."""
    with town.jobs.rooms.store.stream_lock("submit"):
        states = town.sql("SELECT state FROM pg_stat_activity WHERE query LIKE '%advisory_lock%' AND pid <> pg_backend_pid()")
        assert states == [("idle",)]


def test_a_lost_stream_does_not_spoil_what_was_done(town: World) -> None:
    with town.jobs.rooms.store.stream_lock("submit"):
        town.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%advisory_lock%' AND pid <> pg_backend_pid()")
    with town.jobs.rooms.store.stream_lock("submit"):
        pass


def test_a_deadlock_is_told_as_busy(town: World) -> None:
    store = town.jobs.rooms.store
    barrier = threading.Barrier(2)
    busy: list[BusyError] = []

    def hold(first: str, second: str) -> None:
        try:
            with store.write() as connection:
                store.serialise(connection, first)
                barrier.wait(PATIENCE_S)
                store.serialise(connection, second)
        except BusyError as error:
            busy.append(error)

    threads = [threading.Thread(target=hold, args=names) for names in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(busy) == 1


def test_a_reader_sees_one_state_however_long_it_reads(town: World) -> None:
    with town.jobs.rooms.store.read() as connection:
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM bill")) == 0
        town_thread = threading.Thread(target=town.intake, args=(many(1),))
        town_thread.start()
        town_thread.join(PATIENCE_S)
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM bill")) == 0
    assert town.sql("SELECT COUNT(*) FROM bill") == [(1,)]


class Orderly:
    """The twin for several threads: one call at a time, as its dictionaries want it."""

    def __init__(self, twin: InMemoryGateway) -> None:
        self._twin, self._one = twin, threading.RLock()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._twin, name)
        if not callable(found):
            return found

        def alone(*args: Any, **kwargs: Any) -> Any:
            with self._one:
                return found(*args, **kwargs)

        return alone


def test_many_at_once_lose_nothing_and_double_nothing(town: World, tmp_path: Path) -> None:
    """All verbs in two processes for a while; a busy one simply comes again."""
    turns, first = 8, 20
    twin: Any = Orderly(town.twin)
    town = World(Jobs(replace(town.jobs.rooms, gateway=twin)), twin, town.folder)
    town.intake(many(first))
    town.jobs.submit()
    stop, failed = threading.Event(), []

    def again(act: Callable[[], Any]) -> None:
        while not stop.is_set():
            try:
                act()
            except BusyError:
                pass
            except BaseException as error:  # noqa: BLE001
                failed.append(error)
                stop.set()
            stop.wait(0.02)

    with beside(town) as other:
        acts = [town.jobs.submit, other.jobs.submit, town.jobs.collect, other.jobs.collect, town.jobs.reconcile, other.jobs.reconcile,
                lambda: town.jobs.export(tmp_path / "out"), lambda: other.jobs.export(tmp_path / "out")]  # fmt: skip
        threads = [threading.Thread(target=again, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        for turn in range(1, turns + 1):
            town.intake([bill(turn, charge_yen=turn), bill(first + turn)], name=f"{turn}.csv")
            taking_back.reissue(town.jobs.rooms, bill(first + turn).bill_key, "a", "b")
            for stage in ("preliminary", "confirmed"):
                with suppress(BusyError):  # then another one collects it
                    town.receive([town.paid(first + turn, f"T{turn}", stage=stage)])
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert failed == []
    for act in (town.jobs.submit, town.jobs.submit, town.jobs.collect, town.jobs.reconcile, lambda: town.jobs.export(tmp_path / "out")):
        act()
    assert believed(town) == {f"T{turn}": "matched" for turn in range(1, turns + 1)}
    assert {town.state(first + turn) for turn in range(1, turns + 1)} == {"cleared"}
    assert [town.twin.slips[town.slip(turn)[0]]["AmountYen"] for turn in range(1, turns + 1)] == [str(turn) for turn in range(1, turns + 1)]
    _sound(town)
