"""Answers that get lost, in every way that has a name: once in effect, tried a bounded number of times, then a person's.

The clock is the test's own and the lots fall as told; the same faults over HTTP stand in ``tests/connectors``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fundlink.config import TOKYO
from fundlink.desk.sending import Decided
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.jobs import Jobs
from fundlink.store import verify
from tests.builders import World, bill, bills

TWO = Decided("担当 一郎", "係長 二郎", "電話で確かめた")
LOST = ["answer_lost", "message_lost", "slow", "server_error", "unavailable", "html", "empty", "unsigned", "wrong_signature"]


class Clock:
    """Business time that moves when it is told to."""

    def __init__(self) -> None:
        self.at = dt.datetime(2026, 11, 24, 9, 0, tzinfo=TOKYO)

    def __call__(self) -> dt.datetime:
        return self.at

    def pass_by(self, **much: float) -> None:
        self.at += dt.timedelta(**much)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office(world: World, clock: Clock) -> World:
    """The world with three bills, a clock that moves, and lots that fall as high as they can."""
    world.intake(bills(3))
    return World(Jobs(replace(world.jobs.rooms, clock=clock, lot=lambda: 1.0)), world.twin, world.folder)


def sound(office: World) -> None:
    assert [item for item in verify.verify(office.jobs.rooms.store)["invariants"] if not item["ok"]] == []


def message_id(office: World) -> str:
    return str(office.sql("SELECT id FROM message ORDER BY id")[0][0])


def calls(office: World) -> list[str]:
    return [kind for kind, _ in office.twin.calls]


def log(office: World) -> list[tuple[Any, ...]]:
    return office.sql("""SELECT a.kind, r.result FROM message_attempt a LEFT JOIN attempt_result r ON r.attempt_id = a.id ORDER BY a.id""")


def until_rest(office: World, clock: Clock, most: int = 60) -> dict[str, Any]:
    """Run after run, each when the last one said; the last report."""
    for _ in range(most):
        told = office.jobs.submit()
        if not told["unknown"] or (told["next_try_at"] is None and told["person"]):
            return told
        due = dt.datetime.fromisoformat(told["next_try_at"]) if told["next_try_at"] else clock.at
        clock.at = max(clock.at, due)
    raise AssertionError("no rest")


@pytest.mark.parametrize("fault", LOST)
def test_t01_t02_t11_t12_a_lost_answer_is_asked_for_and_takes_effect_once(office: World, fault: str) -> None:
    office.twin.faults = [fault]
    assert office.jobs.submit()["unknown"] == 3
    assert office.state(1) == "unknown"
    assert office.jobs.submit()["registered"] == 3
    assert set(office.twin.effects.values()) == {1}
    assert calls(office)[:2] == ["send", "inquire"]
    assert len(office.sql("SELECT id FROM message")) == 1
    sound(office)


class KilledError(BaseException):
    """The process is gone at this point; nothing that it would have done comes after."""


@pytest.mark.parametrize("taken", [True, False], ids=["sent", "not sent"])
def test_a_step_that_is_gone_on_with_tells_of_what_the_killed_one_left_unanswered(
    office: World, monkeypatch: pytest.MonkeyPatch, *, taken: bool
) -> None:
    """The engine takes ``send`` again with the ticket that it had: zero unknown would say that the gateway knows every slip."""
    ticket = {**office.jobs.step("submit", "clear_up", {})}
    ticket |= office.jobs.step("submit", "compose", ticket)
    send = office.twin.submit

    def dies(message_id: str, body: bytes) -> bytes:
        if taken:
            send(message_id, body)
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(office.twin, "submit", dies)
        with pytest.raises(KilledError):
            office.jobs.step("submit", "send", ticket)
    told = office.jobs.step("submit", "send", ticket)
    assert (told["registered"], told["unknown"]) == (0, 3)
    told = office.jobs.submit()
    assert (told["registered"], told["unknown"]) == (3, 0)
    assert set(office.twin.effects.values()) == {1}
    sound(office)


@pytest.mark.parametrize("fault", ["html", "unsigned", "wrong_signature"])
def test_t12_what_came_instead_of_an_answer_is_kept(office: World, fault: str) -> None:
    office.twin.faults = [fault]
    office.jobs.submit()
    ((result, size),) = office.sql("SELECT r.result, w.size FROM attempt_result r JOIN raw w ON w.id = r.raw_id")
    assert (result, size > 0) == ("unusable", True)


def test_t04_an_inquiry_that_lies_absent_and_then_tells_doubles_nothing(office: World, clock: Clock) -> None:
    office.twin.faults, office.twin.inquiry_faults = ["answer_lost", "answer_lost"], ["lies", "lies"]
    told = until_rest(office, clock)
    assert told["registered"] == 3
    assert set(office.twin.effects.values()) == {1}
    assert [kind for kind, _ in log(office)] == ["send", "inquire", "send", "inquire", "send"]
    sound(office)


def test_n25_eight_attempts_then_a_person(office: World, clock: Clock) -> None:
    office.twin.faults, office.twin.inquiry_faults = ["answer_lost"] * 99, ["answer_lost"] * 99
    told = until_rest(office, clock)
    assert (told["person"], len(office.twin.calls)) == (1, 8)
    clock.pass_by(days=3)
    assert office.jobs.submit()["person"] == 1
    assert len(office.twin.calls) == 8
    (case,) = office.jobs.cases({"kind": "message"})["cases"]
    assert (case["case"], case["reason"]) == (f"message:{message_id(office)}", "exhausted")
    assert "fundlink resend" in case["next"]
    sound(office)


def test_n25_absent_and_lost_in_turns_are_bounded_too(office: World, clock: Clock) -> None:
    office.twin.faults, office.twin.inquiry_faults = ["answer_lost"] * 99, ["lies"] * 99
    assert until_rest(office, clock)["person"] == 1
    assert len(office.twin.calls) == 8
    assert set(office.twin.effects.values()) == {1}
    sound(office)


def test_n25_after_a_day_it_is_a_persons_however_few_the_attempts(office: World, clock: Clock) -> None:
    office.twin.faults = ["answer_lost"]
    office.jobs.submit()
    clock.pass_by(hours=24, seconds=1)
    assert office.jobs.submit()["person"] == 1
    assert calls(office) == ["send"]


def test_what_is_not_due_is_left_alone(office: World, clock: Clock) -> None:
    office.twin.faults, office.twin.inquiry_faults = ["answer_lost"], ["answer_lost"] * 2
    office.jobs.submit()
    due = office.jobs.submit()["next_try_at"]
    for _ in range(5):
        told = office.jobs.submit()
        assert (told["waiting"], told["unknown"], told["next_try_at"]) == (1, 3, due)
    assert calls(office) == ["send", "inquire"]
    clock.pass_by(seconds=60)
    office.jobs.submit()
    assert calls(office) == ["send", "inquire", "inquire"]


def test_waits_grow_and_jitter_is_full(office: World, clock: Clock) -> None:
    office.twin.faults, office.twin.inquiry_faults = ["answer_lost"], ["answer_lost"] * 9
    lots = iter([0.0, 0.5, 1.0, 0.0, 1.0])
    jobs = Jobs(replace(office.jobs.rooms, lot=lambda: next(lots)))
    waits = []
    for _ in range(5):
        due = dt.datetime.fromisoformat(str(jobs.submit()["next_try_at"]))
        waits.append((due - clock.at).total_seconds())
        clock.at = due
    assert waits == [0, 30, 240, 0, 3840]


def test_t11_retry_after_is_honoured_for_everybody(office: World, clock: Clock) -> None:
    office.twin.faults = ["too_many"]
    office.jobs.submit()
    office.intake([bill(9)], name="more.csv")
    told = office.jobs.submit()
    assert (told["unknown"], told["waiting"]) == (4, 2)
    assert "FL-GTW-004" in {one["code"] for one in told["problems"]}
    assert len(office.twin.calls) == 1
    assert until_rest(office, clock)["registered"] > 0
    assert (clock.at - Clock().at).total_seconds() >= 30


def test_t16_a_maintenance_window_costs_no_attempts_and_ends_by_itself(office: World, clock: Clock) -> None:
    office.jobs.submit()
    for number in range(10, 14):
        office.intake([bill(number)], name=f"{number}.csv")
    jobs = Jobs(replace(office.jobs.rooms, message_records=1))
    office.twin.away, office.twin.away_for_s = 20, 3600.0
    world = World(jobs, office.twin, office.folder)
    until_rest(world, clock)
    sent = [name for kind, name in office.twin.calls if kind == "send"]
    assert sent == sorted(sent)
    assert len(sent) == 5
    assert set(office.twin.effects.values()) == {1}
    assert office.sql("SELECT COUNT(*) FROM message_attempt a JOIN attempt_result r ON r.attempt_id = a.id WHERE r.result = 'busy'") == [
        (1,)
    ]
    assert clock.at - Clock().at > dt.timedelta(hours=18)
    sound(world)


def test_a_gateway_that_fails_again_and_again_is_left_alone_and_probed(office: World, clock: Clock) -> None:
    for number in range(20, 40):
        office.intake([bill(number)], name=f"{number}.csv")
    jobs = Jobs(replace(office.jobs.rooms, message_records=1))
    office.twin.faults = ["server_error"] * 8
    told = jobs.submit()
    assert (len(office.twin.calls), told["waiting"] > 10) == (8, True)
    assert jobs.submit()["registered"] == 0
    assert len(office.twin.calls) == 8
    assert jobs.messages()["gateway"]["paused_until"] == "2026-11-24T09:01:00+09:00"
    until_rest(World(jobs, office.twin, office.folder), clock)
    assert jobs.messages()["gateway"]["paused_until"] is None
    assert set(office.twin.effects.values()) == {1}
    sound(office)


def test_no_connection_uses_up_nothing(office: World, clock: Clock) -> None:
    office.twin.faults = ["unreachable"] * 3
    for _ in range(3):
        assert office.jobs.submit()["problems"][-1]["code"] == "FL-GTW-003"
    assert office.jobs.submit()["problems"][-1]["code"] == "FL-GTW-004"
    clock.pass_by(days=4)
    assert office.jobs.submit()["registered"] == 3
    sound(office)


def test_a_call_that_was_cut_off_counts_and_is_asked_about(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any) -> bytes:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(office.twin, "submit", die)
        with pytest.raises(Killed):
            office.jobs.submit()
    assert log(office) == [("send", None)]
    assert office.jobs.messages()["messages"][0]["last_result"] == "cut"
    assert office.jobs.submit()["registered"] == 3
    assert log(office)[1:] == [("inquire", "absent"), ("send", "processed")]
    sound(office)


@pytest.fixture
def late(office: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[bytes], bytes]], dict[str, Any]]:
    """A reply that comes after another worker has already asked and been told; the function says what the late bytes are."""

    def play(change: Callable[[bytes], bytes]) -> dict[str, Any]:
        honest = office.twin.submit

        def slow(ident: str, body: bytes) -> bytes:
            answer = honest(ident, body)
            monkeypatch.setattr(office.twin, "submit", honest)
            assert Jobs(office.jobs.rooms, owned=True).submit()["registered"] == 3
            return change(answer)

        monkeypatch.setattr(office.twin, "submit", slow)
        monkeypatch.setattr(type(office.jobs.rooms.store), "stream_lock", _no_lock)
        return Jobs(office.jobs.rooms, owned=True).submit()

    return play


class _NoLock:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def _no_lock(*_: object) -> _NoLock:
    return _NoLock()


def test_t03_a_late_reply_joins_its_attempt(office: World, late: Callable[[Callable[[bytes], bytes]], dict[str, Any]]) -> None:
    late(lambda answer: answer)
    assert log(office) == [("send", "agrees"), ("inquire", "processed")]
    assert office.sql("SELECT COUNT(*) FROM message_event WHERE event = 'answered'") == [(1,)]
    assert set(office.twin.effects.values()) == {1}
    sound(office)


def test_t03_a_late_reply_that_says_another_thing_is_for_a_person(
    office: World, late: Callable[[Callable[[bytes], bytes]], dict[str, Any]]
) -> None:
    told = late(lambda _: office.twin._sealed(message_id(office), "99001", "rejected", [], "R003"))
    assert told["problems"][-1]["code"] == "FL-GTW-006"
    assert office.state(1) == "registered"
    assert office.jobs.cases({"kind": "message"})["cases"][0]["reason"] == "contradicted"
    sound(office)


def test_t17_what_the_gateway_forgot_goes_again_as_it_is_by_two_persons(office: World) -> None:
    office.twin.faults = ["forgets"]
    office.jobs.submit()
    ident = message_id(office)
    told = office.jobs.inquire(ident, "担当")
    assert (told["state"], told["problems"][0]["code"]) == ("contradicted", "FL-GTW-006")
    assert office.jobs.messages("person")["messages"][0]["message_id"] == ident
    assert office.jobs.resend(ident, TWO)["same_id"]
    assert office.jobs.submit()["registered"] == 3
    assert len(office.twin.slips) == 3
    assert len(office.sql("SELECT id FROM message")) == 1
    assert office.jobs.inquire(ident, "担当")["state"] == "answered"
    sound(office)


def test_t17_a_gateway_that_forgot_gives_itself_away_at_the_next_change(office: World) -> None:
    office.twin.faults = ["forgets"]
    office.jobs.submit()
    ident = message_id(office)
    office.intake([bill(1, charge_yen=5)], name="second.csv")
    told = office.jobs.submit()
    assert told["refused"] == 1
    assert [(one["code"], one["place"]) for one in told["problems"]] == [("FL-GTW-006", ident)]
    assert {case["case"] for case in office.jobs.cases({"kind": "message"})["cases"] if case["reason"] == "contradicted"} == {
        f"message:{ident}"
    }
    sound(office)


def test_an_inquiry_about_an_answered_message_says_when_nobody_answers(office: World) -> None:
    office.jobs.submit()
    office.twin.inquiry_faults = ["answer_lost", "unsigned"]
    for _ in range(2):
        assert office.jobs.inquire(message_id(office), "担当")["problems"][0]["code"] == "FL-GTW-003"
    assert office.jobs.inquire(message_id(office), "担当")["problems"] == []
    sound(office)


def test_what_two_persons_let_go_is_told_under_a_new_id(office: World, clock: Clock) -> None:
    office.twin.faults, office.twin.inquiry_faults = ["message_lost"], ["answer_lost"] * 7
    until_rest(office, clock)
    assert office.jobs.resend(message_id(office), TWO) == {
        "message_id": message_id(office),
        "state": "resent",
        "same_id": False,
        "slips": 3,
    }
    clock.pass_by(minutes=15)  # so much silence has shut the gateway for a while
    assert office.jobs.submit()["registered"] == 3
    assert len(office.sql("SELECT id FROM message")) == 2
    assert set(office.twin.effects.values()) == {1}
    assert office.jobs.messages()["messages"] == []
    sound(office)


def test_a_person_asks_again_and_another_round_begins(office: World, clock: Clock) -> None:
    office.twin.faults, office.twin.inquiry_faults = ["answer_lost"], ["answer_lost"] * 7
    until_rest(office, clock)
    clock.pass_by(days=2)
    told = office.jobs.inquire(message_id(office), "担当")
    assert (told["state"], told["registered"]) == ("answered", 3)
    sound(office)


def test_two_persons_give_up_and_later_changes_go_on(office: World, clock: Clock) -> None:
    office.twin.faults, office.twin.inquiry_faults = ["answer_lost"], ["answer_lost"] * 7
    until_rest(office, clock)
    office.jobs.give_up(message_id(office), TWO)
    assert office.jobs.submit()["messages"] == 0
    assert (office.state(1), office.jobs.cases({"kind": "message"})["cases"]) == ("unknown", [])
    sound(office)


def test_letting_go_needs_two_persons_a_reason_and_an_open_message(office: World) -> None:
    office.twin.faults = ["answer_lost"]
    office.jobs.submit()
    ident = message_id(office)
    for wrong in (TWO._replace(approved_by=TWO.who), TWO._replace(reason=" "), TWO._replace(who="")):
        with pytest.raises(UsageError):
            office.jobs.resend(ident, wrong)
    with pytest.raises(ProblemError, match="FL-GTW-008"):
        office.jobs.give_up("P-none", TWO)
    office.jobs.submit()
    with pytest.raises(ProblemError, match="FL-GTW-007"):
        office.jobs.resend(ident, TWO)


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE message_attempt SET at = '2026-11-26T09:00:01+09:00' WHERE number = 2",
        "INSERT INTO message_attempt (message_id, round, number, kind, gateway, at) SELECT message_id, round, number + 8, kind, gateway, at FROM message_attempt",
        "UPDATE message_attempt SET round = 2 WHERE number = 2",
        "UPDATE attempt_result SET result = 'absent' WHERE result = 'processed'",
        "INSERT INTO message_event (message_id, event, detail, at) SELECT id, 'given_up', '', created_at FROM message",
    ],
)
def test_verify_sees_what_should_not_be_in_the_log(office: World, spoil: str) -> None:
    import sqlalchemy as sa

    office.twin.faults, office.twin.inquiry_faults = ["answer_lost"], ["lies"]
    office.jobs.submit()
    office.jobs.submit()
    sound(office)
    with office.jobs.rooms.store.write() as connection:
        for _ in range(3 if spoil.startswith("INSERT INTO message_attempt") else 1):
            connection.execute(sa.text(spoil.replace("number + 8", f"number + {8 * 3**_}")))
    broken = {item["id"] for item in verify.verify(office.jobs.rooms.store)["invariants"] if not item["ok"]}
    assert broken == {"I-06"}
