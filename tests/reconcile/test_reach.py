"""A small day in a large history: no statement of reconcile walks through a table that grows with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.builders import World, bills, receipt

GROWN = frozenset({"bill", "bill_version", "slip", "slip_state", "receipt", "outcome"})
HISTORY, FRESH = 3_000, 20


@contextmanager
def _explained(found: World) -> Iterator[list[str]]:
    """Each statement that reads is explained just before it runs; collects "table: statement" of every walk through a grown one."""
    walks: list[str] = []
    sqlite = found.jobs.rooms.store.is_sqlite

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if not statement.lstrip().startswith(("SELECT", "INSERT")) or "VALUES" in statement or "pg_" in statement:
            return
        own = cursor.connection.cursor()
        own.execute(f"{'EXPLAIN QUERY PLAN' if sqlite else 'EXPLAIN'} {statement}", parameters or ())
        names = _aliases(statement)
        steps = [(str(row[-1]), table) for row in own.fetchall() for table in _walked(str(row[-1]), sqlite=sqlite)]
        walks.extend(
            f"{names.get(table, table)}: {step}: {' '.join(statement.split())}" for step, table in steps if names.get(table, table) in GROWN
        )
        own.close()

    sa.event.listen(found.jobs.rooms.store.engine, "before_cursor_execute", explain)
    try:
        yield walks
    finally:
        sa.event.remove(found.jobs.rooms.store.engine, "before_cursor_execute", explain)


def _aliases(statement: str) -> dict[str, str]:
    words = statement.replace(",", " ").replace("(", " ").replace(")", " ").split()
    return {alias: name for name, alias in pairwise(words) if name in GROWN}


def _walked(step: str, *, sqlite: bool) -> list[str]:
    """The table (SQLite: perhaps its alias) that a step of a plan reads from end to end."""
    words = step.split()
    if sqlite:  # an index made for a handful of rows may be walked; it says so by its name
        return words[1:2] if words[:1] == ["SCAN"] and "outcome_unknown" not in words else []
    return [words[words.index("on") + 1]] if "Seq Scan on" in step else []


def _receive(found: World, first: int, count: int) -> None:
    keys = found.sql(
        "SELECT s.case_key, s.confirmation_number, v.total_yen FROM slip s JOIN bill_version v ON v.id = s.bill_id ORDER BY s.id"
    )
    chosen = keys[first : first + count]
    rows = [
        receipt(f"T{at:06d}", key, number, amount_yen=yen, booked_on=f"2026-{1 + at // 28 % 9:02d}-{1 + at % 28:02d}")
        for at, (key, number, yen) in enumerate(chosen, first)
    ]
    found.receive(rows)


def test_a_small_day_never_walks_through_what_has_grown(world: World, tmp_path: Path) -> None:
    world.intake(bills(HISTORY))
    world.jobs.submit()
    _receive(world, 0, HISTORY - FRESH)
    world.jobs.reconcile()
    with world.jobs.rooms.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    _receive(world, HISTORY - FRESH, FRESH)
    _receive(world, 0, 1)  # a resend
    with _explained(world) as walks:
        world.jobs.reconcile()
    assert walks == []
