"""Killed anywhere, run again: nothing is lost, nothing is doubled, and the end is the same as without the crash."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fundlink.connectors import core_files
from fundlink.domain.problems import problem
from fundlink.domain.records import SettlementRecord
from fundlink.formats.reading import Reader
from fundlink.store import bulk, engine, verify
from tests.builders import CODE, DAY, INSTITUTION, World, bill, bills, world

Act = Callable[[World], Any]


class Killed(BaseException):
    """What a kill -9 looks like from inside: nobody may catch it and go on."""


class Reaper:
    """Kills at the n-th commit: before it, or right after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left, self.after, self.armed = 0, False, False
        honest = engine._commit

        def commit(transaction: Any) -> None:
            if not self.armed:
                honest(transaction)
                return
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Killed
            honest(transaction)
            if self.left == 0:
                raise Killed

        monkeypatch.setattr(engine, "_commit", commit)

    def run(self, act: Callable[[], Any], commit: int, *, after: bool) -> bool:
        """True when the act was killed at that commit, False when it had fewer."""
        self.left, self.after, self.armed = commit, after, True
        try:
            act()
        except Killed:
            return True
        finally:
            self.armed = False
        return False


def picture(found: World) -> dict[str, Any]:
    """All that counts, without ids, instants and random numbers."""
    acts = Counter(str(row[0]) for row in found.sql("SELECT act FROM audit"))
    acts["submit.lose"] = acts["submit.acknowledge"] = 0  # told once a loss and once an answer, so they count the crashes
    return {
        "bills": found.sql("SELECT bill_key FROM bill ORDER BY bill_key"),
        "versions": found.sql("SELECT file_id, line, bill_key, content FROM bill_version ORDER BY id"),
        "problems": found.sql("SELECT file_id, line, code FROM row_problem ORDER BY file_id, line, code"),
        "rejected": found.sql("SELECT file_id, line, yen FROM rejected_row ORDER BY file_id, line"),
        "revisions": found.sql("SELECT bill_id, effect FROM revision ORDER BY id"),
        "files": found.sql("SELECT file_id, event, summary FROM file_event ORDER BY id"),
        "slips": found.sql("SELECT bill_id, issue_count FROM slip ORDER BY bill_id, issue_count"),
        "states": found.sql(
            "SELECT slip_id, state, event FROM slip_state WHERE event NOT IN ('lose') ORDER BY slip_id, id"
        ),
        "items": found.sql("SELECT slip_id, operation FROM message_item ORDER BY slip_id, last_change_id"),
        "received": found.sql("SELECT remote_id, state, records, duplicates FROM received_file ORDER BY remote_id"),
        "receipts": found.sql("SELECT transaction_key, stage, amount_yen FROM receipt ORDER BY transaction_key, stage"),
        "pending": found.sql("SELECT COUNT(*) FROM pending_receipt"),
        "outcomes": found.sql("SELECT transaction_key, outcome FROM outcome ORDER BY transaction_key, id"),
        "days": found.sql("SELECT day, fund_code, state, receipts_yen FROM day_state ORDER BY id"),
        "entries": found.sql("SELECT entry_number, transaction_key, stage FROM clearing_entry ORDER BY entry_number"),
        "exports": found.sql("SELECT kind, records, yen FROM export_file ORDER BY id"),
        "delivered": found.sql("SELECT COUNT(*) FROM export_delivery"),
        "audit": +acts,
        "effects": {found.sql("SELECT bill_id FROM slip WHERE case_key = :key", key=key)[0][0]: {} for key, _ in found.twin.effects},
        "told": sorted(found.twin.effects.values()),
        "core": sorted(path.name.split("-20")[0] for path in (found.folder / "out").glob("*")),
    }  # fmt: skip


def _settle(found: World) -> dict[str, Any]:
    line = SettlementRecord(f"S{INSTITUTION}261120601", 1, INSTITUTION, "601", DAY, 2, 2003, 6, 1997, "2026-11-26")
    return found.settle([line])


FIRST = [*bills(6), bill(2), bill(7), bill(7, charge_yen=1), bill(8, addressee_number="12345")]
SECOND = [bill(1, charge_yen=700), bill(2, action="9"), bill(3), bill(30)]

ROAD: tuple[tuple[str, Act], ...] = (
    ("intake", lambda w: w.intake(FIRST, name="a.csv")),
    ("submit", lambda w: w.jobs.submit()),
    ("change", lambda w: w.intake(SECOND, name="b.csv")),
    ("reissue", lambda w: w.jobs.reissue(bill(4).bill_key, "a", "b") if not _reissued(w) else None),
    ("submit again", lambda w: w.jobs.submit()),
    ("collect", lambda w: w.jobs.collect()),
    ("reconcile", lambda w: w.jobs.reconcile()),
    ("export", lambda w: w.jobs.export(w.folder / "out")),
    ("collect again", lambda w: w.jobs.collect()),
    ("reconcile again", lambda w: w.jobs.reconcile()),
    ("export again", lambda w: w.jobs.export(w.folder / "out")),
)  # fmt: skip


def _reissued(found: World) -> bool:
    return bool(found.sql("SELECT 1 FROM slip WHERE issue_count = 2"))


def _offer(found: World, act: str) -> None:
    """What the gateway has for us before this act."""
    collect = found.jobs.collect
    found.jobs.collect = dict  # type: ignore[method-assign]
    if act == "collect":
        found.receive([found.paid(1, "T1", amount_yen=700, stage="preliminary"), found.paid(3, "T3"), found.paid(5, "T5")])
        found.receive([found.paid(3, "T3"), found.paid(3, "T4", paid_on="2026-11-19")])
    if act == "collect again":
        found.receive([found.paid(1, "T1", amount_yen=700), found.paid(5, "T5", stage="cancelled")])
        _settle(found)
    found.jobs.collect = collect  # type: ignore[method-assign]


def _walk(found: World, until: str) -> None:
    """The road before an act, and what the gateway holds for that act."""
    for name, act in ROAD:
        _offer(found, name)
        if name == until:
            return
        act(found)


def _fresh(folder: Path, url: str) -> World:
    folder.mkdir()
    return world(folder, url, chunk_rows=4, message_records=4)


def _database(request: pytest.FixtureRequest, folder: Path, kind: str) -> contextlib.AbstractContextManager[str]:
    from tests import postgresql

    if kind == "sqlite":
        return contextlib.nullcontext(f"sqlite:///{folder}.db")
    server = request.getfixturevalue("postgresql_server")
    return postgresql.database(server, f"c{folder.name}{os.getpid()}".replace("-", "_").lower())


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        *((name, "sqlite") for name, _ in ROAD),
        *((name, "postgresql") for name, _ in ROAD if "again" not in name or os.environ.get("CRASH") == "full"),
    ],
)
def test_killed_at_any_commit_and_run_again_an_act_ends_the_same(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, kind: str
) -> None:
    reaper, run = Reaper(monkeypatch), dict(ROAD)[act]
    wanted: dict[str, Any] = {}
    for number, after in _moments(both=os.environ.get("CRASH") == "full"):
        folder = tmp_path / f"k{number}{after}"
        with _database(request, folder, kind) as url, _walked(folder, url, act) as found:
            killed = number > 0 and reaper.run(lambda: run(found), number, after=after)
            if killed and act.startswith("submit"):
                found.jobs.submit()  # clears up what the killed one had sent
            run(found)
            wanted = wanted or picture(found)
            _compare(found, wanted, (act, number, after))
            if number > 0 and not killed:
                return
    raise AssertionError(act)


def _moments(*, both: bool) -> Iterator[tuple[int, bool]]:
    """Undisturbed, then killed at the first, second … commit; with CRASH=full (`make crash`) just before it too."""
    yield 0, False
    for number in range(1, 30):
        if both:
            yield number, False
        yield number, True


@contextlib.contextmanager
def _walked(folder: Path, url: str, until: str) -> Iterator[World]:
    found = _fresh(folder, url)
    try:
        _walk(found, until)
        yield found
    finally:
        found.jobs.rooms.close()


def _compare(found: World, wanted: dict[str, Any], where: tuple[str, int, bool]) -> None:
    shown = picture(found)
    assert {name: shown[name] for name in wanted if shown[name] != wanted[name]} == {}, where
    assert [item for item in verify.verify(found.jobs.rooms.store)["invariants"] if not item["ok"]] == []


def test_warnings_about_the_whole_file_are_told_once_however_often_it_is_begun(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = world(tmp_path, database_url, chunk_rows=2)
    honest = Reader.__iter__

    def warned(self: Reader) -> Iterator[Any]:
        self.problems.append(problem("FL-MUN-003", actual="x"))
        return honest(self)

    monkeypatch.setattr(Reader, "__iter__", warned)
    reaper = Reaper(monkeypatch)
    killed = [reaper.run(lambda: found.intake(bills(5)), number, after=True) for number in range(2, 6)]
    assert killed[:2] == [True, True]
    found.intake(bills(5))
    assert found.sql("SELECT COUNT(*) FROM row_problem WHERE line IS NULL") == [(1,)]
    found.jobs.rooms.close()


def test_bytes_are_kept_once_however_often_their_intake_is_begun(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = world(tmp_path, database_url, chunk_rows=2)
    reaper = Reaper(monkeypatch)
    for number in (1, 1, 2, 2, 1):
        reaper.run(lambda: found.intake(bills(5)), number, after=True)
    found.intake(bills(5))
    assert found.sql("SELECT COUNT(*) FROM raw") == [(1,)]
    assert found.sql("SELECT COUNT(*) FROM file") == [(1,)]
    found.jobs.rooms.close()


def test_a_killed_run_for_one_municipality_is_not_gone_on_with_for_another(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = world(tmp_path, database_url, chunk_rows=2)
    rows = [bill(1), bill(2), bill(3, municipality_code="131016"), bill(4, municipality_code="131016")]
    assert Reaper(monkeypatch).run(lambda: found.intake(rows), 2, after=True)
    result = found.intake(rows, municipality="131016")
    assert result["quarantined"]
    assert found.sql("SELECT COUNT(*) FROM bill") == [(0,)]
    assert found.intake(rows, municipality=CODE)["created"] == 2
    found.jobs.rooms.close()


def test_a_killed_run_is_not_gone_on_with_under_another_edition_of_its_profile(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = world(tmp_path, database_url, chunk_rows=2)
    assert Reaper(monkeypatch).run(lambda: found.intake(bills(4)), 2, after=True)
    with found.jobs.rooms.store.write() as connection:
        bulk.run(connection, "UPDATE file SET profile_digest = 'of an older edition'")
    assert found.intake(bills(4))["created"] == 4
    assert found.sql("SELECT file_id, COUNT(*) FROM bill GROUP BY file_id") == [(2, 4)]
    found.jobs.rooms.close()


@pytest.mark.parametrize("verb", ["submit", "collect", "export"])
def test_a_full_disk_stops_a_verb_and_the_next_run_goes_on(world: World, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    found = world
    out = found.folder / "out"
    acts: dict[str, Callable[[], Any]] = {
        "submit": found.jobs.submit,
        "collect": found.jobs.collect,
        "export": lambda: found.jobs.export(out),
    }
    found.intake(bills(2))
    if verb != "submit":
        found.jobs.submit()
        found.jobs.collect, honest_collect = dict, found.jobs.collect  # type: ignore[method-assign]
        found.receive([found.paid(1, "T1")])
        found.jobs.collect = honest_collect  # type: ignore[method-assign]
    if verb == "export":
        found.jobs.collect()
        found.jobs.reconcile()

    def full(path: Path, content: Any, **more: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(core_files, "put", full)
    with pytest.raises(OSError, match="No space"):
        acts[verb]()
    monkeypatch.undo()
    acts[verb]()
    found.jobs.submit()
    found.jobs.collect()
    found.jobs.reconcile()
    found.jobs.export(out)
    assert set(found.twin.effects.values()) == {1}
    expected = ("cleared", 1) if verb != "submit" else ("registered", 0)
    assert (found.state(1), found.sql("SELECT COUNT(*) FROM clearing_entry")[0][0]) == expected


def test_a_file_that_was_put_and_not_noted_is_put_again_with_the_same_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found, out = world, world.folder / "out"
    found.intake(bills(2))
    found.jobs.submit()
    found.receive([found.paid(1, "T1")])
    found.jobs.reconcile()
    assert Reaper(monkeypatch).run(lambda: found.jobs.export(out), 6, after=False)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert len(before) == 1
    found.jobs.export(out)
    assert {path.name: path.read_bytes() for path in out.iterdir()}.items() >= before.items()
    assert found.sql("SELECT COUNT(*) FROM clearing_handover") == [(1,)]
    assert found.state(1) == "cleared"


def test_a_quarantined_file_that_is_read_again_and_killed_is_applied_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found = world
    found.intake(bills(1))
    found.jobs.submit()
    found.receive([found.paid(1, "T1")])
    found.receive([found.paid(1, "T1", amount_yen=3), found.paid(1, "T2")])
    with found.jobs.rooms.store.write() as connection:
        bulk.run(connection, "UPDATE receipt SET amount_yen = 3")
    reaper = Reaper(monkeypatch)
    assert reaper.run(lambda: found.jobs.collect(retry=True), 1, after=True)
    assert found.jobs.collect(retry=True)["receipts"] == 0
    assert found.sql("SELECT transaction_key FROM receipt ORDER BY transaction_key") == [("T1",), ("T2",)]


_PROGRAM = """
    import sys
    from pathlib import Path
    from fundlink import bootstrap
    from fundlink.config import Settings
    from fundlink.connectors.in_memory import InMemoryGateway
    from fundlink.jobs import Jobs
    from fundlink.store import engine

    honest = engine._commit

    def commit(transaction):
        print("commit", flush=True)
        sys.stdin.readline()
        honest(transaction)

    home, url, path, out = sys.argv[1:]
    rooms = bootstrap.build(Settings(home=Path(home), database_url=url, now="2026-11-24T09:00:00+09:00", chunk_rows=50), gateway=InMemoryGateway())
    jobs = Jobs(rooms)
    engine._commit = commit
    jobs.intake(Path(path), "standard")
    jobs.reconcile()
    jobs.export(Path(out))
"""


def test_killed_for_real_again_and_again_a_file_and_its_clearing_come_through_once(tmp_path: Path, database_url: str) -> None:
    """Receipts for the bills lie here already, as after a restore; kill -9 falls in and between commits of intake, reconcile and export."""
    found = world(tmp_path, database_url)
    count, rng = 3000, random.Random(7)
    path, out = tmp_path / "big.csv", tmp_path / "out"
    path.write_bytes(b"".join(found.jobs.rooms.profile("standard").message("billing").writer([*bills(count), bill(1)], {})))
    found.intake([bill(count + 1)])
    found.jobs.submit()
    found.receive([found.paid(count + 1, f"T{number}") for number in range(1, 4)])
    found.jobs.rooms.close()
    kills = 0
    while _killed(found, database_url, (path, out), rng.randint(4, 16)):
        kills += 1
        assert kills < 40
    found = world(tmp_path, database_url)
    assert kills >= 4  # the rows alone are more than sixty commits, and no run gets further than sixteen
    assert found.sql("SELECT COUNT(*) FROM bill") == [(count + 1,)]
    assert found.sql("SELECT COUNT(*), COUNT(DISTINCT case_key) FROM slip") == [(count + 1, count + 1)]
    assert found.sql("SELECT COUNT(*) FROM row_problem WHERE code = 'FL-DUP-003'") == [(1,)]
    summary = json.loads(found.sql("SELECT summary FROM file_event WHERE event = 'accepted' ORDER BY id DESC")[0][0])
    assert (summary["read"], summary["created"], summary["unchanged"]) == (count + 1, count, 1)
    assert found.sql("SELECT entry_number, stage FROM clearing_entry ORDER BY entry_number") == [(1, "1"), (2, "1"), (3, "1")]
    assert found.sql("SELECT COUNT(*) FROM file_event WHERE event = 'accepted'") == [(2,)]
    assert len(list(out.glob("clearing-*"))) == 1
    assert [item for item in verify.verify(found.jobs.rooms.store)["invariants"] if not item["ok"]] == []
    found.jobs.rooms.close()


def _killed(found: World, url: str, paths: tuple[Path, Path], commits: int) -> bool:
    """Run the program and kill it as soon as it may make its n-th commit; False when it was done before.

    It asks before each commit, so it is never further than the one it was killed in, however fast the machine is.
    """
    arguments = [sys.executable, "-c", textwrap.dedent(_PROGRAM), str(found.folder / "home"), url, *map(str, paths)]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        asked = 0
        while asked < commits and process.stdout.readline() == "commit\n":
            asked += 1
            process.stdin.write("\n")
            process.stdin.flush()
        if asked == commits:
            process.send_signal(signal.SIGKILL)
        error = process.stderr.read()
    assert "Traceback" not in error, error
    assert process.returncode == (-signal.SIGKILL if asked == commits else 0), error
    return asked == commits
