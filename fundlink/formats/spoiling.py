"""Files that are right but for one value in one place, made from a right sample: for tests and the conformance kit.

Called by message. Works on the bytes of a written file, not through the writer, so the writer's own checks stay out of the way.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from typing import Any

from fundlink.formats.amounts import Number
from fundlink.formats.cells import Cell

ROWS = 3
SPOILT_ROW = 1
"""Which of the data records is spoilt, from 0: neither the first nor the last."""


def spoilable(message: Any) -> list[str]:
    """``record/name`` of every field whose value can be wrong."""
    records = ("header", "data", "trailer", "end")
    cells = [cell for record in records for cell in message.cells(record)]
    return [f"{cell.row.record}/{cell.row.name}" for cell in cells if not cell.takes_anything]


def spoil(message: Any, name: str, seed: int) -> bytes:
    """A sample file with this one field wrong."""
    record, _, bare = name.rpartition("/")
    cells = [cell for kind in ((record,) if record else ("data", "header", "trailer", "end")) for cell in message.cells(kind)]
    cell = next(cell for cell in cells if cell.row.name == bare and not cell.takes_anything)
    return _SPOILERS[message.form](message, cell, message.sample_file(seed, ROWS))


def _wrong(cell: Cell, right: str) -> str:
    """A wrong value of a field: a control value is off by one, anything else what its kind says."""
    if cell.row.kind in ("count", "sum") and isinstance(cell, Number):
        return cell.text((int(right) + 1) % 10**cell.width)
    return cell.spoil()


def _delimited(message: Any, cell: Cell, raw: bytes) -> bytes:
    given = message.declared
    codec = "cp932" if given.encoding == "cp932" else given.encoding
    rows = list(csv.reader(io.StringIO(raw.decode(codec), newline=""), delimiter=given.delimiter))
    at = int(given.header) + SPOILT_ROW
    rows[at][cell.row.number - 1] = _wrong(cell, rows[at][cell.row.number - 1])
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=given.delimiter, lineterminator="\n" if given.newline == "lf" else "\r\n").writerows(rows)
    return out.getvalue().encode(codec)


def _fixed(message: Any, cell: Cell, raw: bytes) -> bytes:
    newline = {"lf": 1, "none": 0}.get(message.declared.newline, 2)
    lengths = {kind: sum(other.row.width for other in message.cells(kind)) + newline for kind in ("header", "data", "trailer", "end")}
    present = {kind: length for kind, length in lengths.items() if length > newline}
    before = {
        "header": 0,
        "data": present.get("header", 0) + SPOILT_ROW * lengths["data"],
        "trailer": present.get("header", 0) + ROWS * lengths["data"],
        "end": present.get("header", 0) + ROWS * lengths["data"] + present.get("trailer", 0),
    }
    start = before[cell.row.record] + sum(other.row.width for other in message.cells(cell.row.record)[: cell.row.number - 1])
    stop = start + cell.row.width
    codec = "cp932" if message.encoding == "cp932" else "utf-8"
    wrong = _wrong(cell, raw[start:stop].decode(codec)).encode(codec)[: cell.row.width].ljust(cell.row.width)
    return raw[:start] + wrong + raw[stop:]


def _xml(message: Any, cell: Cell, raw: bytes) -> bytes:
    group, _, tag = cell.row.path.partition("/")
    text = raw.decode()
    opened = [found.start() for found in re.finditer(f"<{group}>", text)]
    start = opened[0 if cell.row.record == "header" else SPOILT_ROW]
    stop = text.index(f"</{group}>", start)
    found = re.search(f"<{tag}>([^<]*)</{tag}>", text[start:stop])
    wrong = f"<{tag}>{_wrong(cell, found[1] if found else '0')}</{tag}>"
    if found:
        return (text[: start + found.start()] + wrong + text[start + found.end() :]).encode()
    at = _place_of(message.cells(cell.row.record), cell, (text, start, stop))
    return (text[:at] + wrong + text[at:]).encode()


def _place_of(cells: Sequence[Cell], cell: Cell, where: tuple[str, int, int]) -> int:
    """Where an optional element that is not there would stand."""
    text, start, stop = where
    following = (other.row.path.partition("/")[2] for other in cells[cell.row.number :])
    places = (text.find(f"<{tag}>", start, stop) for tag in following)
    return next((place for place in places if place >= 0), stop)


def _json(_message: Any, cell: Cell, raw: bytes) -> bytes:
    lines = raw.splitlines()
    shown = json.loads(lines[SPOILT_ROW])
    shown[cell.row.name] = _wrong(cell, "0")
    lines[SPOILT_ROW] = json.dumps(shown, ensure_ascii=False).encode()
    return b"\n".join(lines) + b"\n"


def _xlsx(message: Any, cell: Cell, raw: bytes) -> bytes:
    import xlsxwriter  # noqa: PLC0415 - only those who spoil workbooks pay for it
    from python_calamine import CalamineWorkbook  # noqa: PLC0415

    rows = CalamineWorkbook.from_filelike(io.BytesIO(raw)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    above = len(message.cells("header"))
    line, column = (
        (cell.row.number - 1, 1)
        if cell.row.record == "header"
        else (above + int(message.declared.header) + SPOILT_ROW, cell.row.number - 1)
    )
    rows[line][column] = _wrong(cell, str(rows[line][column]))
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    for at, cells in enumerate(rows):
        for place, value in enumerate(cells):
            (sheet.write_string if isinstance(value, str) else sheet.write_number)(at, place, value)
    book.close()
    return out.getvalue()


_SPOILERS = {"xlsx": _xlsx, "delimited": _delimited, "fixed": _fixed, "xml": _xml, "json": _json}
