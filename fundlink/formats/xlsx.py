"""Workbooks: the first sheet, a header line of ``ja`` names, one row a record.

Called by message. Numbers that a spreadsheet holds as floating point are taken only when they are whole; identifiers are written as
text, so that nothing computes and no zero is lost. A workbook does not stream: it is as large as its file.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from python_calamine import CalamineError, CalamineWorkbook

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.formats import delimited
from fundlink.formats.days import Date
from fundlink.formats.reading import Reader, Sourced
from fundlink.formats.rows import Row
from fundlink.formats.writing import checked

MOST_UNPACKED_BYTES = 512 * 1024 * 1024
PIECE_BYTES = 1 << 20
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml").fullmatch
_ERROR_CELL = re.compile(rb"<c\s[^<>]*\bt=[\"']e[\"']").search
EXACT_INTEGERS = 1e15
"""Above this a spreadsheet has lost digits."""


class XlsxForm:
    """Reads and writes the workbook of one message."""

    def __init__(self, message: Any) -> None:
        self.row: Row = message.row
        self.header: bool = message.declared.header
        self.form = delimited.Delimited(self.row, "utf-8", "lf", self.header, ",")

    def source(self, stream: BinaryIO, _reader: Reader) -> Sourced:
        """Rows of the first sheet, in the order of the layout."""
        rows = enumerate(_sheet(stream), 1)
        head = next(rows, (0, None))[1] if self.header else None
        order = (
            delimited.order_of(self.form, None if head is None else _names(head))
            if self.header
            else delimited.Order(self.row.count, None, None)
        )
        taker = self.row.taker(columns=order.columns)
        days = {(order.columns[at] - 1 if order.columns else at): cell for at, cell in enumerate(self.row.cells) if isinstance(cell, Date)}
        count = 0
        for line, cells in rows:
            texts = [_text(value, days.get(at)) for at, value in enumerate(cells)]
            if not any(texts):
                continue
            count += 1
            texts = [*texts, *[""] * (order.width - len(texts))]
            yield line, delimited.picked(order, texts, line), taker
        if not count:
            raise ProblemError([problem("FL-CSV-001")])

    def written(self, records: Iterable[Any], header: Mapping[str, Any]) -> Iterator[bytes]:
        """The bytes of a workbook."""
        import xlsxwriter  # noqa: PLC0415 - only those who write workbooks pay for it

        out = io.BytesIO()
        book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
        sheet = book.add_worksheet(self.row.spec.ja)
        writers = [
            sheet.write_number if cell.row.kind == "yen" and cell.row.form != "zero" else sheet.write_string for cell in self.row.cells
        ]
        lines: Iterable[Sequence[str]] = checked(self.row, records, header)
        if self.header:
            for column, cell in enumerate(self.row.cells):
                sheet.write_string(0, column, cell.row.ja)
        for line, cells in enumerate(lines, int(self.header)):
            _write(writers, line, cells, sheet.write_number)
        book.close()
        yield out.getvalue()


def _write(writers: Sequence[Callable[..., Any]], line: int, cells: Sequence[str], number: Callable[..., Any]) -> None:
    for column, (write, text) in enumerate(zip(writers, cells, strict=True)):
        if text:
            write(line, column, int(text) if write == number else text)


def _sheet(stream: BinaryIO) -> list[list[Any]]:
    raw = stream.read()
    if not raw:
        raise ProblemError([problem("FL-CSV-001")])
    try:
        _refuse_a_bomb(raw)
        _refuse_error_values(raw)
        return CalamineWorkbook.from_filelike(io.BytesIO(raw)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (CalamineError, OSError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise ProblemError([problem("FL-FIL-003", detail="xlsx")]) from error


def _refuse_a_bomb(raw: bytes) -> None:
    """A small file that unpacks to an enormous one is refused: what comes out is counted, the sizes a file states of itself may lie."""
    if not zipfile.is_zipfile(io.BytesIO(raw)):
        return
    with zipfile.ZipFile(io.BytesIO(raw)) as book:
        left = MOST_UNPACKED_BYTES
        for member in book.infolist():
            left -= _unpacked_bytes(raw, member, left)
            if left < 0:
                raise ProblemError([problem("FL-FIL-003", detail=f"xlsx を展開すると {MOST_UNPACKED_BYTES:,} バイトを超えます")])


def _unpacked_bytes(raw: bytes, member: zipfile.ZipInfo, most: int) -> int:
    """Bytes that come out of a member, counted a piece at a time and no further than just above ``most``."""
    if member.compress_type != zipfile.ZIP_DEFLATED:
        return member.compress_size
    at = member.header_offset
    start = at + 30 + int.from_bytes(raw[at + 26 : at + 28], "little") + int.from_bytes(raw[at + 28 : at + 30], "little")
    packed = raw[start : start + member.compress_size]
    unpack, count = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while packed and not unpack.eof and count <= most:
        count += len(unpack.decompress(packed, PIECE_BYTES))
        packed = unpack.unconsumed_tail
    return count


def _refuse_error_values(raw: bytes) -> None:
    """``#REF!`` and its like read as empty cells, and an empty amount means 0 yen: such a workbook is not taken."""
    if not zipfile.is_zipfile(io.BytesIO(raw)):
        return
    with zipfile.ZipFile(io.BytesIO(raw)) as book:
        for member in book.infolist():
            if _SHEET(member.filename) and _holds_an_error(book, member):
                raise ProblemError([problem("FL-FIL-003", detail="xlsx に #REF! などのエラー値があります")])


def _holds_an_error(book: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    tail = b""
    with book.open(member) as stream:
        while piece := stream.read(PIECE_BYTES):
            if _ERROR_CELL(tail + piece):
                return True
            tail = piece[-64:]
    return False


def _names(head: Sequence[Any]) -> list[str]:
    names = [_text(value, None) for value in head]
    while names and not names[-1]:
        names.pop()
    return names


def _text(value: Any, day: Date | None) -> str:
    """A cell as text; a whole number loses its ``.0``, a day is written in the form of its field."""
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
    return str(value)
