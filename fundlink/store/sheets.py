"""Workbooks of small funds: the notice numbers they are handed out with, those that wait for a person, and what became of them.

Called by desk.small_funds. Bytes lie in the vault; what counts are the bills of the file that a
workbook is accepted as. Nothing here is changed, an end is a row of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.store import bulk, scoped


class Series(NamedTuple):
    """What notice numbers run on in: a municipality, a fund, a year."""

    municipality_code: str
    fund_code: str
    levy_year: int


class Draft(NamedTuple):
    """A workbook and its end ('' while it waits)."""

    draft_id: int
    raw_id: int
    name: str
    municipality_code: str
    fund_code: str
    department_code: str
    found: dict[str, Any]
    by: str
    at: str
    event: str
    file_id: int | None


_DRAFT = """SELECT d.id, d.raw_id, d.name, d.municipality_code, d.fund_code, d.department_code, d.found, d."by", d.at,
                   COALESCE(e.event, ''), e.file_id FROM sheet_draft d LEFT JOIN sheet_draft_end e ON e.draft_id = d.id"""


def draw_numbers(connection: Connection, series: Series, size: int, said: tuple[str, str]) -> int:
    """Reserve ``size`` numbers of a series for who says so (by, at); the first of them."""
    bulk.hold(connection, f"notice_numbers:{series.municipality_code}")
    last = bulk.scalar(
        connection,
        """SELECT MAX(first + size) FROM notice_number_block
           WHERE municipality_code = :code AND fund_code = :fund AND levy_year = :year""",
        code=series.municipality_code, fund=series.fund_code, year=series.levy_year,
    )  # fmt: skip
    first = int(last or 1)
    columns = ("municipality_code", "fund_code", "levy_year", "first", "size", '"by"', "at")
    bulk.insert_rows(connection, "notice_number_block", columns, [(*series, first, size, *said)])
    return first


def add_draft(connection: Connection, values: Mapping[str, Any]) -> int:
    """Keep a workbook that waits; its id. ``values``: raw_id, name, municipality_code, fund_code, department_code, found, by, at."""
    statement = """INSERT INTO sheet_draft (raw_id, name, municipality_code, fund_code, department_code, found, "by", at)
                   VALUES (:raw_id, :name, :municipality_code, :fund_code, :department_code, :found, :by, :at) RETURNING id"""
    return int(bulk.scalar(connection, statement, **{**values, "found": json.dumps(values["found"], ensure_ascii=False)}))


def find_draft(connection: Connection, draft_id: int) -> Draft | None:
    """A workbook with its end."""
    found = bulk.rows(connection, f"{_DRAFT} WHERE d.id = :id", id=draft_id)
    return _draft(found[0]) if found else None


def drafts(connection: Connection, scope: Scope = EVERYWHERE, limit: int = 30) -> list[Draft]:
    """Newest workbooks in scope first."""
    inside, held = scoped.within(scope, "d.municipality_code", "d.department_code")
    found = bulk.rows(connection, f"{_DRAFT} WHERE d.id > 0{inside} ORDER BY d.id DESC LIMIT :limit", limit=limit, **held)
    return [_draft(row) for row in found]


def _draft(row: Any) -> Draft:
    return Draft._make([*row[:6], json.loads(row[6]), *row[7:]])


def end_draft(connection: Connection, draft_id: int, end: tuple[str, int | None], said: tuple[str, str]) -> bool:
    """Note what became of a workbook (event, file id) and who said so (by, at), once; False when it had an end already."""
    statement = """INSERT INTO sheet_draft_end (draft_id, event, file_id, "by", at) VALUES (:id, :event, :file, :by, :at)
                   ON CONFLICT (draft_id) DO NOTHING"""
    return bool(bulk.run(connection, statement, id=draft_id, event=end[0], file=end[1], by=said[0], at=said[1]))
