"""Papers of the treasurer's office as JSON (what a screen shows), CSV and XLSX: Japanese heads, one row a line, sums at the foot.

Called by pipeline.papers. CSV is UTF-8 with BOM and CRLF and holds nothing that a spreadsheet would compute; rows stream.
What stands in a paper is decided elsewhere.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.formats.delimited import plain

FORMS = ("json", "csv", "xlsx")
MOST_WORKBOOK_ROWS = 1_000_000
BLOCK_ROWS = 2_000
_HEAD_ROWS = 2
"""Lines of a sheet above its heads: the title, and what the paper is about."""


class Column(NamedTuple):
    """One column: its name for programs, its head for people, and what it holds (``text``, ``count`` or ``yen``; the latter two are summed)."""

    name: str
    ja: str
    kind: str = "text"


class Paper(NamedTuple):
    """A paper before it is written. ``about`` says whose and of when it is; rows may be read once only."""

    name: str
    title: str
    about: Mapping[str, Any]
    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]
    notes: Sequence[str] = ()


class Written:
    """The bytes of a paper as they are made; ``count`` and ``foot`` stand once all are."""

    def __init__(self, paper: Paper) -> None:
        self.paper, self.count = paper, 0
        self._summed = [at for at, column in enumerate(paper.columns) if column.kind != "text"]
        self._sums = dict.fromkeys(self._summed, 0)

    @property
    def foot(self) -> dict[str, int]:
        """The sums by column name."""
        return {self.paper.columns[at].name: total for at, total in self._sums.items()}

    def pieces(self, form: str) -> Iterator[bytes]:
        """The paper in one of FORMS."""
        return _WRITERS[form](self)

    def rows(self) -> Iterator[Sequence[Any]]:
        """The rows, counted and summed on their way."""
        for row in self.paper.rows:
            self.count += 1
            for at in self._summed:
                self._sums[at] += row[at]
            yield row

    def foot_cells(self) -> list[Any]:
        """The last line: 合計, and the sums below their columns."""
        cells: list[Any] = [self._sums.get(at, "") for at in range(len(self.paper.columns))]
        if 0 not in self._sums:
            cells[0] = "合計"
        return cells


def _json(written: Written) -> Iterator[bytes]:
    paper = written.paper
    head = {
        "paper": paper.name, "title": paper.title, **paper.about, "notes": list(paper.notes),
        "columns": [column._asdict() for column in paper.columns],
    }  # fmt: skip
    yield _told(head)[:-1] + b', "rows": ['
    names, comma = [column.name for column in paper.columns], b"\n"
    for row in written.rows():
        yield comma + _told(dict(zip(names, row, strict=True)))
        comma = b",\n"
    yield b'\n], "foot": ' + _told(written.foot) + b', "count": ' + _told(written.count) + b"}\n"


def _told(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _csv(written: Written) -> Iterator[bytes]:
    yield "\ufeff".encode()
    yield _lines([[column.ja for column in written.paper.columns]])
    rows = written.rows()
    while block := list(islice(rows, BLOCK_ROWS)):
        yield _lines(block)
    yield _lines([written.foot_cells()])


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    held = io.StringIO(newline="")
    cells = ([plain(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    csv.writer(held, lineterminator="\r\n").writerows(cells)
    return held.getvalue().encode()


def _xlsx(written: Written) -> Iterator[bytes]:
    import xlsxwriter  # noqa: PLC0415 - only those who write workbooks pay for it

    paper, out = written.paper, io.BytesIO()
    book = xlsxwriter.Workbook(out, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet(paper.title)
    bold, yen, total = book.add_format({"bold": True}), book.add_format({"num_format": "#,##0"}), book.add_format({"bold": True, "num_format": "#,##0", "top": 1})  # fmt: skip
    for at, column in enumerate(paper.columns):
        sheet.set_column(at, at, 14 if column.kind == "text" else 16)
    sheet.freeze_panes(_HEAD_ROWS + 1, 0)
    sheet.write_string(0, 0, paper.title, bold)
    sheet.write_string(1, 0, "  ".join(f"{value}" for value in (*paper.about.values(), *paper.notes) if isinstance(value, str) and value))
    for at, column in enumerate(paper.columns):
        sheet.write_string(_HEAD_ROWS, at, column.ja, bold)
    for row in written.rows():
        if written.count > MOST_WORKBOOK_ROWS:
            raise ProblemError([problem("FL-PAP-002", count=MOST_WORKBOOK_ROWS)])
        _cells(sheet, _HEAD_ROWS + written.count, row, yen)
    _cells(sheet, _HEAD_ROWS + written.count + 1, written.foot_cells(), total)
    book.close()
    yield out.getvalue()


def _cells(sheet: Any, line: int, cells: Sequence[Any], numbers: Any) -> None:
    for at, cell in enumerate(cells):
        if isinstance(cell, int):
            sheet.write_number(line, at, cell, numbers)
        elif cell:
            sheet.write_string(line, at, str(cell))


_WRITERS: Mapping[str, Callable[[Written], Iterator[bytes]]] = {"json": _json, "csv": _csv, "xlsx": _xlsx}
