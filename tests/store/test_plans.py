"""A small day costs a small day, whatever lies in the database: no statement of the road reads a grown table whole."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from fundlink.pipeline.papers import Asked
from fundlink.reconcile.outcomes import PAYING
from fundlink.store.acts import debts_of_payer
from tests import postgresql
from tests.builders import CODE, DAY, World, bill, receipt, world
from tests.store import grown
from tests.store.plans import Scan, Watcher, watched

NEW, LARGE = 50, 3_000
NEXT = "2026-11-24"
VERBS = ("intake", "submit", "intake of changes", "submit of changes", "collect", "reconcile", "close", "export", "collect again",
         "reconcile again", "close again", "export again", "papers", "nothing to do")  # fmt: skip


WHOLE: dict[str, str] = {
    # Statements that read a whole index of a grown table, each by a part of its text, and why. Shrink it; add nothing without a reason.
    "INSERT INTO touched (receipt_id, turn)": "PostgreSQL: the index of unknown bills, which holds nothing else",
    "INSERT INTO lined_up": "PostgreSQL: the index of cancelled receipts, which holds nothing else",
    "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1": "SQLite: one step to the last row is called a scan",
    "INSERT INTO wider_bill (bill_id)": "PostgreSQL: the index of re-issued slips, which holds nothing else",
}  # fmt: skip
MANY_ROWS: dict[str, set[str]] = {
    # Tables of which a verb reads more than MOST_ROWS for a small day. Shrink it too.
}  # fmt: skip
MOST_ROWS = 1_500
"""Thirty times the bills of the day."""


class Day(NamedTuple):
    """What one small day did to a grown database."""

    kind: str
    scans: list[Scan]
    explained: int
    read: dict[str, dict[str, int]]
    """Verb, table, rows that PostgreSQL counted as read (empty on SQLite)."""


def _offer(found: World, prefix: str, numbers: Sequence[int], **changed: object) -> None:
    """Receipts wait at the gateway; nothing is collected yet."""
    collect, found.jobs.collect = found.jobs.collect, dict  # type: ignore[method-assign]
    rows = [found.paid(number, f"{prefix}{number}", **changed) for number in numbers]
    rows += [receipt(f"{prefix}U{number}", f"{10**20 - number}", "000000") for number in numbers[:3]]
    found.receive(rows)
    found.jobs.collect = collect  # type: ignore[method-assign]


def _live(found: World, watcher: Watcher, out: Path, tell: Callable[[str], AbstractContextManager[None]], count: int = NEW) -> None:
    """Every verb of a day, twice: fresh bills, then changes, cancellations and money that comes again."""
    jobs, new = found.jobs, range(1, count + 1)
    changes = [bill(number, **({"action": "9"} if number % 2 else {"charge_yen": 7})) for number in range(1, count // 5 + 1)]
    acts: tuple[Callable[[], object], ...] = (
        lambda: found.intake(map(bill, new), name="a.csv"),
        jobs.submit,
        lambda: found.intake(changes, name="b.csv"),
        jobs.submit,
        jobs.collect,
        jobs.reconcile,
        lambda: jobs.close_day(DAY, "a", "b", override="x"),
        lambda: jobs.export(out),
        jobs.collect,
        jobs.reconcile,
        lambda: (jobs.prepare_close(NEXT, "a", override="x"), jobs.approve_close(NEXT, "b")),
        lambda: jobs.export(out),
        lambda: _papers(found, out),
        lambda: (jobs.submit(), jobs.collect(), jobs.reconcile(), jobs.export(out)),
    )
    for verb, act in zip(VERBS, acts, strict=True):
        watcher.verb = "offer"
        if verb == "collect":
            _offer(found, "P", new[count // 5 : count * 3 // 5], stage="preliminary")
        if verb == "collect again":
            _offer(found, "P", new[count // 5 : count * 3 // 5])
            _offer(found, "Q", new[count * 3 // 10 : count * 2 // 5], paid_on="2026-11-19")
            _offer(found, "N", new[count * 3 // 5 : count * 7 // 10], booked_on=NEXT)
        watcher.verb = verb
        with tell(verb):
            act()
    watcher.verb = "offer"
    assert found.sql("SELECT COUNT(*) FROM outcome WHERE transaction_key LIKE 'P%'")[0][0] >= 20
    assert found.sql("SELECT COUNT(*) FROM day_close WHERE step = 'approved' AND reason = 'x'") == [(2,)]
    assert found.sql("SELECT COUNT(*) FROM day_book WHERE value_on < day")[0][0] > 0


def _papers(found: World, out: Path) -> None:
    """Every paper of one day and month but the list of all that is unpaid, and what came after the close."""
    for name, day, month in (
        ("day-sheet", DAY, ""),
        ("breakdown", NEXT, ""),
        ("overpayments", "", "2026-11"),
        ("month-sheet", "", "2026-11"),
    ):
        found.jobs.paper(Asked(name, day, month, CODE), "csv", out / "paper.csv")
    assert found.jobs.day(DAY, diff=True)["municipalities"][0]["diff"]["changed"]


class _Counters:
    """Rows that PostgreSQL says were read of each table, by whichever statement, COPY and foreign keys included."""

    def __init__(self, found: World) -> None:
        self.found, self.read = found, dict[str, dict[str, int]]()
        self.verb = ""

    def __call__(self, verb: str) -> _Counters:
        self.verb = verb
        return self

    def __enter__(self) -> None:
        self.before = self._rows()

    def __exit__(self, *_: object) -> None:
        if not self.found.jobs.rooms.store.is_sqlite:
            self.read[self.verb] = {name: count - self.before.get(name, 0) for name, count in self._rows().items()}

    def _rows(self) -> dict[str, int]:
        """A connection hands its counts in when it ends, so all are ended first."""
        store = self.found.jobs.rooms.store
        if store.is_sqlite:
            return {}
        store.engine.dispose()
        with psycopg.connect(store.url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True) as own:
            others = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            while own.execute(others).fetchone() != (0,):
                own.execute("SELECT pg_sleep(0.01)")
            told = own.execute(
                """SELECT t.relname, t.seq_tup_read + COALESCE((SELECT SUM(i.idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid), 0)
                   FROM pg_stat_user_tables t"""
            ).fetchall()
        return {str(name): int(count) for name, count in told}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Day:
    """A small day in a grown database, once for all tests of this module."""
    folder = tmp_path_factory.mktemp("plans")
    with ExitStack() as held:
        url = f"sqlite:///{folder / 'x.db'}"
        if request.param == "postgresql":
            server = request.getfixturevalue("postgresql_server")
            url = held.enter_context(postgresql.database(server, f"plans{uuid.uuid4().hex}"))
        found = world(folder, url)
        grown.fill(found)
        counters = _Counters(found)
        watcher = held.enter_context(watched(grown.GROWN))
        _live(found, watcher, folder / "out", counters)
        found.jobs.rooms.close()
    return Day(request.param, [scan for scan in watcher.scans if scan.verb != "offer"], watcher.explained, counters.read)


def test_no_statement_of_a_small_day_reads_a_grown_table_whole(day: Day) -> None:
    found = dict.fromkeys(scan for scan in day.scans if "AUTOMATIC" in scan.how or not any(part in scan.statement for part in WHOLE))
    assert day.explained > 100
    assert not found, "\n".join(map(str, found))


def test_a_small_day_reads_few_rows(day: Day) -> None:
    """Also through an index, a COPY or a foreign key; plans say what is meant, counters what was done."""
    assert set(day.read) == (set(VERBS) if day.kind == "postgresql" else set())  # SQLite counts no rows
    many = {
        (verb, table): count
        for verb, counted in day.read.items()
        for table, count in counted.items()
        if count > MOST_ROWS
        and table in grown.GROWN
        and table not in MANY_ROWS.get(verb.removesuffix(" again").removesuffix(" of changes"), ())
    }
    assert not many


def test_no_statement_of_a_large_day_reads_a_table_once_a_row(tmp_path: Path, postgresql_server: str) -> None:
    """What a planner chooses for fifty bills says nothing of thousands: a table laid out for the day must not be gone through again and again."""
    with postgresql.database(postgresql_server, f"plans{uuid.uuid4().hex}") as url:
        found = world(tmp_path, url)
        grown.fill(found)
        with watched(grown.GROWN) as watcher:
            _live(found, watcher, tmp_path / "out", lambda _verb: nullcontext(), LARGE)
        found.jobs.rooms.close()
    repeats = dict.fromkeys(scan for scan in watcher.repeats if scan.verb != "offer")
    assert watcher.explained > 100
    assert not repeats, "\n".join(map(str, repeats))


def test_the_bills_of_a_payer_are_found_by_the_index(tmp_path: Path) -> None:
    """An overpayment is set off against the bills of one payer; the others of the municipality are not read."""
    found = world(tmp_path, f"sqlite:///{tmp_path / 'x.db'}")
    grown.fill(found)
    found.intake([bill(number, addressee_number="0000000012") for number in (1, 2)], name="p.csv")
    with watched(grown.GROWN) as watcher, found.jobs.rooms.store.read() as connection:
        told = debts_of_payer(connection, CODE, "0000000012", paying=PAYING)
        assert [row.bill_key for row in told] == [bill(1).bill_key, bill(2).bill_key]
    found.jobs.rooms.close()
    assert watcher.explained > 0
    assert not watcher.scans, "\n".join(map(str, watcher.scans))
    assert not watcher.repeats, "\n".join(map(str, watcher.repeats))


def test_the_watch_sees_a_whole_table(tmp_path: Path, database_url: str) -> None:
    """A watch that never finds anything would prove nothing."""
    found = world(tmp_path, database_url)
    statements = {
        "SELECT b.id FROM bill b WHERE b.bill_key || '' = 'x'": "bill",
        "SELECT COUNT(*) FROM slip WHERE municipality_code = '990019'": "",
        "DELETE FROM receipt WHERE channel = 'x'": "receipt",
        "SELECT b.id FROM municipality m CROSS JOIN bill b WHERE b.file_id = LENGTH(m.name)": "bill",
        "INSERT INTO change (slip_id, municipality_code) SELECT 1, channel FROM receipt": "receipt",
    }
    for statement, table in statements.items():
        with watched(grown.GROWN) as watcher, found.jobs.rooms.store.write() as connection:
            if not found.jobs.rooms.store.is_sqlite:
                # an empty table is read whole unless the planner is told that this is dear
                connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql(statement)
        assert [scan.table for scan in watcher.scans] == ([table] if table else []), statement
    found.jobs.rooms.close()
