"""Made-up records that a layout can carry: for `profile sample`, the demo, builders and tests.

Called by message. Uses a seeded generator, so one seed gives one history; nothing here is secret or real.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from fundlink.formats.catalogue import FILE_ATTRIBUTES
from fundlink.formats.cells import Cell
from fundlink.formats.rows import Row

FILE_VALUES: dict[str, Any] = {
    "message_id": "M20261001-000001",
    "in_reply_to": "M20261001-000000",
    "municipality_code": "131016",
    "institution_code": "13101",
    "business_day": "2026-10-01",
    "created_at": "2026-10-01T09:00:00+09:00",
    "status": "processed",
    "reason_code": "",
    "file_sequence": "1",
    "file_business_day": "2026-10-01",
    "file_created_on": "2026-10-01",
    "opening_balance_yen": 0,
    "opening_sign": "1",
    "closing_sign": "1",
    "period_from": "2026-10-01",
    "period_to": "2026-10-31",
}


def header_values(cells: Sequence[Cell], row: Row, seed: int) -> dict[str, Any]:
    """Header attributes of a sample file: one value for all of its records."""
    rng = Random(seed)  # noqa: S311 - sample data, not secrets
    known = {**row.spec.invent(rng, 0), **FILE_VALUES}
    found = {}
    for cell in cells:
        name = cell.row.name
        if cell.row.kept and known.get(name) not in (None, ""):
            found[name] = cell.fit(known[name], rng)
    return found


def records(row: Row, header: Mapping[str, Any], seed: int, rows: int) -> list[Any]:
    """Records of which nothing is lost in this layout."""
    rng = Random(seed)  # noqa: S311 - sample data, not secrets
    return [_record(row, row.spec.invent(rng, number), header, rng) for number in range(rows)]


def _record(row: Row, invented: Mapping[str, Any], header: Mapping[str, Any], rng: Random) -> Any:
    spec = row.spec
    values = list(row.defaults)
    for at, name in enumerate(spec.names):
        if name in row.index and row.cells[row.index[name]].row.kept:
            cell = row.cells[row.index[name]]
            value = cell.fit(invented.get(name), rng) if invented.get(name) not in (None, "") else invented.get(name)
            values[at] = spec.named[name].default if value in (None, "") else value
        elif header.get(name) not in (None, ""):
            values[at] = header[name]
    spec.complete(values, row.terms)
    return tuple.__new__(spec.record, values[: len(spec.record._fields)])


def is_file_attribute(name: str) -> bool:
    """True for names that speak of the whole file."""
    return name in FILE_ATTRIBUTES
