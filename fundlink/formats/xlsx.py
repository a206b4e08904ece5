"""Workbooks: the first sheet, a header line of ``ja`` names, one row a record; above it, where the layout says so, what holds for all rows.

Called by message. Numbers that a spreadsheet holds as floating point are taken only when they are whole; identifiers are written as
text, so that nothing computes and no zero is lost. A workbook does not stream: it is as large as its file.
"""

from __future__ import annotations

import datetime as dt
import io
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from python_calamine import CalamineError, CalamineWorkbook

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.formats import delimited, workbook
from fundlink.formats.cells import BLANKS, Cell, Unfit
from fundlink.formats.days import Date
from fundlink.formats.reading import Reader, Sourced
from fundlink.formats.rows import Row, Undecoded, read_cell
from fundlink.formats.writing import checked, first_and_rest, getter

EXACT_INTEGERS = 1e15
"""Above this a spreadsheet has lost digits."""
MOST_OPENING_LINES = 50
"""The header line stands no deeper than this."""
Lines = Iterator[tuple[int, list[str]]]


class XlsxForm:
    """Reads and writes the workbook of one message."""

    def __init__(self, message: Any) -> None:
        self.row: Row = message.row
        self.header: bool = message.declared.header
        self.numbers: str = message.declared.numbers
        self.opening: list[Cell] = message.cells("header")
        self.example = [text.strip(BLANKS) for text in message.declared.example]
        self.form = delimited.Delimited(self.row, "utf-8", "lf", self.header, ",")

    def source(self, stream: BinaryIO, reader: Reader) -> Sourced:
        """Rows of the first sheet, in the order of the layout."""
        look, rows = opened(stream.read())
        reader.problems += look.remarks
        lines = (
            (line, [_cell(value, look.bad.get((line, at))) for at, value in enumerate(cells, 1)]) for line, cells in enumerate(rows, 1)
        )
        order = self._order(lines, reader)
        taker = self.row.taker(reader.header, order.columns)
        count = 0
        for line, cells in lines:
            texts = self._texts(order, cells, line)
            if texts is None:
                continue
            count += 1
            yield line, texts, taker
        if not count:
            raise ProblemError([problem("FL-CSV-001")])

    def _texts(self, order: delimited.Order, cells: list[Any], line: int) -> list[str] | None:
        """The cells of a row in the order of the layout; None for a row that says nothing."""
        days = {(order.columns[at] - 1 if order.columns else at): cell for at, cell in enumerate(self.row.cells) if isinstance(cell, Date)}
        texts = [_text(value, days.get(at)) for at, value in enumerate(cells)]
        while len(texts) > order.width and not texts[-1]:
            texts.pop()
        if not any(texts):
            return None
        found = delimited.picked(order, [*texts, *[""] * (order.width - len(texts))], line)
        return None if self._is_prepared(found) else found

    def _is_prepared(self, texts: Sequence[str]) -> bool:
        """A line as it was handed out: the one that shows how, and those that have nothing but their number."""
        if list(texts) == self.example and self.example:
            return True
        number = self.row.index.get("notice_number") if self.numbers else None
        return number is not None and len(texts) == self.row.count and not any(text for at, text in enumerate(texts) if at != number)

    def _order(self, lines: Iterator[tuple[int, list[Any]]], reader: Reader) -> delimited.Order:
        """Where the columns stand; what the lines above say goes into the header of the reader."""
        if not self.header:
            return delimited.Order(self.row.count, None, None)
        if not self.opening:
            head = next(lines, None)
            return delimited.order_of(self.form, None if head is None else _names(head[1]))
        wanted = {cell.row.ja for cell in self.row.cells}
        above: dict[str, tuple[int, Any]] = {}
        for line, cells in lines:
            names = _names(cells)
            if len(wanted & set(names)) > 1:
                self._open(above, reader)
                return _order_at(self.form, names, line)
            if line > MOST_OPENING_LINES:
                break
            above.setdefault(names[0] if names else "", (line, cells[1] if len(cells) > 1 else ""))
        raise ProblemError(
            [problem("FL-CSV-005", line=1, detail=f"不足: {'・'.join(cell.row.ja for cell in self.row.cells if cell.row.required)}")]
        )

    def _open(self, above: Mapping[str, tuple[int, Any]], reader: Reader) -> None:
        """Read what holds for all rows; what is wrong there is wrong for the whole file."""
        wrong = []
        for cell in self.opening:
            line, value = above.get(cell.row.ja, (None, ""))
            try:
                reader.header[cell.row.name] = read_cell(cell, _text(value, cell if isinstance(cell, Date) else None), [])
            except Unfit as unfit:
                wrong.append(problem(unfit.code, line=line, column=2, field=cell.row.name, ja=cell.row.ja, **unfit.words))
        if wrong:
            raise ProblemError(wrong)

    def written(self, records: Iterable[Any], header: Mapping[str, Any]) -> Iterator[bytes]:
        """The bytes of a workbook."""
        import xlsxwriter  # noqa: PLC0415 - only those who write workbooks pay for it

        out = io.BytesIO()
        book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
        sheet = book.add_worksheet(self.row.spec.ja)
        writers = [
            sheet.write_number if cell.row.kind == "yen" and cell.row.form != "zero" else sheet.write_string for cell in self.row.cells
        ]
        first, rest = first_and_rest(records)
        for at, cell in enumerate(self.opening):
            given = header.get(cell.row.name)
            value = getter(self.row, cell.row.name, header)(first) if given in (None, "") and first is not None else given
            sheet.write_string(at, 0, cell.row.ja)
            sheet.write_string(at, 1, cell.write(value))
        lines: Iterable[Sequence[str]] = checked(self.row, rest, header)
        if self.header:
            for column, cell in enumerate(self.row.cells):
                sheet.write_string(len(self.opening), column, cell.row.ja)
        for line, cells in enumerate(lines, len(self.opening) + int(self.header)):
            _write(writers, line, cells, sheet.write_number)
        book.close()
        yield out.getvalue()


def _write(writers: Sequence[Callable[..., Any]], line: int, cells: Sequence[str], number: Callable[..., Any]) -> None:
    for column, (write, text) in enumerate(zip(writers, cells, strict=True)):
        if text:
            write(line, column, int(text) if write == number else text)


def opened(raw: bytes) -> tuple[workbook.Look, list[list[Any]]]:
    """How the first sheet is built, and its values: a list a line, from the first line and the first column on."""
    if not raw:
        raise ProblemError([problem("FL-CSV-001")])
    try:
        look = workbook.look(raw)
        return look, CalamineWorkbook.from_filelike(io.BytesIO(raw)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (CalamineError, OSError, ValueError, NotImplementedError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise workbook.unreadable() from error


def shown(raw: bytes) -> list[list[str]]:
    """The first sheet as texts, for people: a list a line."""
    return [[_text(value, None) for value in cells] for cells in opened(raw)[1]]


def _cell(value: Any, code: str | None) -> Any:
    """A value, or what stands where there is none to read."""
    return value if code is None else Undecoded.at(code)


def _order_at(form: delimited.Delimited, names: list[str], line: int) -> delimited.Order:
    try:
        return delimited.order_of(form, names)
    except ProblemError as error:
        raise ProblemError([found._replace(line=line) for found in error.problems]) from error


def _names(head: Sequence[Any]) -> list[str]:
    names = [_text(value, None) for value in head]
    while names and not names[-1]:
        names.pop()
    return names


def _text(value: Any, day: Date | None) -> str:
    """A cell as text; a whole number loses its ``.0``, a day is written in the form of its field, blanks around it say nothing."""
    if isinstance(value, Undecoded):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        if abs(value) >= EXACT_INTEGERS:
            return f"{value:.2E}"
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, dt.datetime):
        value = value.date()
    if isinstance(value, dt.date):
        try:
            return day.text(value.isoformat()) if day is not None else value.isoformat()
        except ValueError:
            return value.isoformat()
    return str(value).strip(BLANKS)
