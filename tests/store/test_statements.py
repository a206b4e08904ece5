"""The database does set work: no verb issues more statements for more rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fundlink.domain.records import SettlementRecord
from tests.builders import DAY, INSTITUTION, World, bill, bills, receipt, world

FEW, MANY = 30, 600


class Counted:
    """Statements by text, as long as it counts."""

    def __init__(self) -> None:
        self.statements: list[str] = []


@contextmanager
def counted(found: World) -> Iterator[Counted]:
    """Every statement SQLAlchemy sends; COPY is one a table and chunk and goes beside it."""
    seen = Counted()

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.statements.append(" ".join(statement.split()))

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", note)


def _receipts(found: World, count: int, prefix: str, **changed: Any) -> None:
    keys = found.sql(
        "SELECT s.case_key, s.confirmation_number, v.total_yen FROM slip s JOIN bill_version v ON v.id = s.bill_id ORDER BY s.id"
    )
    collect, found.jobs.collect = found.jobs.collect, dict  # type: ignore[method-assign]
    rows = [receipt(f"{prefix}{at}", key, number, amount_yen=yen, **changed) for at, (key, number, yen) in enumerate(keys[:count])]
    found.receive(rows)
    found.jobs.collect = collect  # type: ignore[method-assign]


def _settlements(found: World, count: int) -> None:
    collect, found.jobs.collect = found.jobs.collect, dict  # type: ignore[method-assign]
    found.settle(
        [
            SettlementRecord(f"S{at}", 1, INSTITUTION, "601", f"2026-{1 + at % 12:02d}-{1 + at // 12 % 28:02d}", 1, 5, 0, 5, DAY)
            for at in range(count)
        ]
    )
    found.jobs.collect = collect  # type: ignore[method-assign]


def _told(found: World, act: Callable[[], Any]) -> list[str]:
    with counted(found) as seen:
        act()
    return seen.statements


def _day(found: World, count: int, out: Path) -> dict[str, list[str]]:
    """A busy day of so many bills, and the statements of each verb."""
    jobs = found.jobs
    told = {
        "intake": _told(found, lambda: found.intake([*bills(count), *bills(count // 10), bill(count + 1), bill(count + 1, charge_yen=1)]))
    }
    told["submit"] = _told(found, jobs.submit)
    changes = [bill(number, **({"action": "9"} if number % 2 else {"charge_yen": 7})) for number in range(1, count // 2)]
    told["intake of changes"] = _told(found, lambda: found.intake(changes, name="b.csv"))
    told["submit of changes"] = _told(found, jobs.submit)
    _receipts(found, count, "A", stage="preliminary")
    _receipts(found, count // 3, "B")
    told["collect"] = _told(found, jobs.collect)
    told["reconcile"] = _told(found, jobs.reconcile)
    told["export"] = _told(found, lambda: jobs.export(out))
    _receipts(found, count, "A", paid_on="2026-11-19")
    _receipts(found, count // 3, "B", stage="cancelled")
    _settlements(found, count // 3)
    told["collect again"] = _told(found, jobs.collect)
    told["reconcile again"] = _told(found, jobs.reconcile)
    told["export again"] = _told(found, lambda: jobs.export(out))
    revived = [bill(count + number) for number in range(1, count)]
    told["intake after payment"] = _told(found, lambda: found.intake([*changes, *revived], name="c.csv"))
    return told


def test_more_rows_are_no_more_statements(tmp_path: Path, request: pytest.FixtureRequest, database_url: str) -> None:
    few, many = _two_days(tmp_path, request, database_url)
    for verb, statements in few.items():
        grown = sorted(set(many[verb]) - set(statements))
        assert len(many[verb]) <= len(statements) + 12, (verb, len(statements), len(many[verb]), grown)


def _two_days(tmp_path: Path, request: pytest.FixtureRequest, url: str) -> list[dict[str, list[str]]]:
    told = []
    for count in (FEW, MANY):
        folder = tmp_path / str(count)
        folder.mkdir()
        found = world(folder, f"sqlite:///{folder / 'x.db'}" if url.startswith("sqlite") else url)
        if not url.startswith("sqlite") and count == MANY:
            _emptied(found)
        told.append(_day(found, count, folder / "out"))
        found.jobs.rooms.close()
    return told


def _emptied(found: World) -> None:
    from fundlink.store.tables import METADATA

    with found.jobs.rooms.store.write() as connection:
        names = ", ".join(f'"{table.name}"' for table in METADATA.sorted_tables)
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
