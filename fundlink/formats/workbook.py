"""A workbook as it is built: its first sheet, and what a reader of values does not see: errors, merged and hidden cells, macros, size.

Called by xlsx (before any value is read) and by marking. Looks at the bytes of the package; never computes, never runs anything.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from fundlink import safe_xml
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem

MOST_UNPACKED_BYTES = 512 * 1024 * 1024
MOST_CELLS = 1 << 25
"""A reader makes a full rectangle of a sheet: two cells far apart would fill the memory."""
MOST_MERGED = 100_000
PIECE_BYTES = 1 << 20
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_ID = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_MACROS = ("vbaproject.bin", "macrosheets/", "vbadata.xml")
_CELL = re.compile(rb"<(?:\w+:)?c\s(?:[^<>]*?\s)?r=[\"']([A-Z]{1,4})([0-9]{1,9})[\"'][^<>]*[^/<>]>")
_ERROR = re.compile(rb"<(?:\w+:)?c\s[^<>]*\bt=[\"']e[\"'][^<>]*>")
_FORMULA = re.compile(rb"<(?:\w+:)?c\s([^<>]*[^/<>])>\s*<(?:\w+:)?f[\s>/](.*?)</(?:\w+:)?c>", re.DOTALL)
_VALUE = re.compile(rb"<(?:\w+:)?v>[^<]").search
_PLACE = re.compile(rb"\br=[\"']([A-Z]{1,4})([0-9]{1,9})[\"']").search
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^<>]*ref=[\"']([A-Z]{1,4})([0-9]{1,9}):([A-Z]{1,4})([0-9]{1,9})[\"']")
_HIDDEN_ROW = re.compile(rb"<(?:\w+:)?row\s(?=[^<>]*\bhidden=[\"'](?:1|true)[\"'])[^<>]*\br=[\"']([0-9]{1,9})[\"']")
_HIDDEN_COLUMN = re.compile(rb"<(?:\w+:)?col\s[^<>]*\bhidden=[\"'](?:1|true)[\"']")

Place = tuple[int, int]
"""Line and column of a cell, both from 1."""


class Look(NamedTuple):
    """The first sheet: its part, its name, cells that hold no value to read, with the code of what is wrong; what to remark on."""

    part: str
    name: str
    bad: dict[Place, str]
    remarks: list[Problem]


def column_number(letters: str) -> int:
    """The number of a column.

    >>> column_number("A"), column_number("AA"), letters_of(27)
    (1, 27, 'AA')
    """
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def letters_of(number: int) -> str:
    """The letters of a column."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def unreadable(detail: str = "xlsx") -> ProblemError:
    """The file is no workbook that can be taken."""
    return ProblemError([problem("FL-FIL-003", detail=detail)])


def look(raw: bytes) -> Look:
    """What the first sheet of a workbook is built of; ProblemError for one that is not taken at all."""
    if not zipfile.is_zipfile(io.BytesIO(raw)):
        raise unreadable("xlsx の形ではありません。パスワードを外し、Excel ブック（.xlsx）で保存し直してください")
    with zipfile.ZipFile(io.BytesIO(raw)) as book:
        _refuse_a_bomb(raw, book)
        if any(
            name.lower().endswith(_MACROS[0]) or _MACROS[1] in name.lower() or name.lower().endswith(_MACROS[2]) for name in book.namelist()
        ):
            raise ProblemError([problem("FL-XLS-001")])
        try:
            part, name, remarks = _first_sheet(book)
            return _looked_through(book, part, name, remarks)
        except safe_xml.UnsafeXml as error:
            raise unreadable() from error


def _refuse_a_bomb(raw: bytes, book: zipfile.ZipFile) -> None:
    """A small file that unpacks to an enormous one is refused: what comes out is counted, the sizes a file states of itself may lie."""
    left = MOST_UNPACKED_BYTES
    for member in book.infolist():
        left -= _unpacked_bytes(raw, member, left)
        if left < 0:
            raise unreadable(f"xlsx を展開すると {MOST_UNPACKED_BYTES:,} バイトを超えます")


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


def _first_sheet(book: zipfile.ZipFile) -> tuple[str, str, list[Problem]]:
    """The part and the name of the sheet that is read, which must be seen; hidden ones behind it are remarked on."""
    try:
        root = safe_xml.parse(book.read("xl/workbook.xml"))
        links = safe_xml.parse(book.read("xl/_rels/workbook.xml.rels"))
    except KeyError as error:
        raise unreadable() from error
    sheets = list(root.iter(MAIN + "sheet", STRICT + "sheet"))
    if not sheets:
        raise unreadable()
    if sheets[0].get("state", "visible") != "visible":
        raise ProblemError([problem("FL-XLS-008")])
    hidden = [one.get("name", "") for one in sheets[1:] if one.get("state", "visible") != "visible"]
    wanted = sheets[0].get(_ID) or sheets[0].get(_STRICT_ID)
    target = next((one.get("Target", "") for one in links if one.get("Id") == wanted), "")
    part = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))
    if part not in book.namelist():
        raise unreadable()
    return part, sheets[0].get("name", ""), [problem("FL-XLS-006", count=len(hidden))] if hidden else []


def _looked_through(book: zipfile.ZipFile, part: str, name: str, remarks: list[Problem]) -> Look:
    bad: dict[Place, str] = {}
    last, widest, hidden, columns = 0, 0, [0, 0], 0
    for piece in _pieces(book, part):
        cells = _CELL.findall(piece)
        last = max([last, *(int(row) for _, row in cells)])
        widest = max([widest, *(column_number(letters.decode()) for letters in {column for column, _ in cells})])
        if last * widest > MOST_CELLS:
            raise ProblemError([problem("FL-XLS-007", expected=f"{MOST_CELLS:,} セル")])
        bad |= {_at(found[0]): "FL-XLS-002" for found in _ERROR.finditer(piece)}
        bad |= {
            _at(b"<c " + found[1]): "FL-XLS-003"
            for found in _FORMULA.finditer(piece)
            if not _VALUE(found[2]) and not _ERROR.match(found[0])
        }
        rows = [int(row) for row in _HIDDEN_ROW.findall(piece)]
        hidden = [hidden[0] or rows[0], rows[-1]] if rows else hidden
        columns += len(_HIDDEN_COLUMN.findall(piece))
        bad |= dict.fromkeys(_merged(piece, last, widest), "FL-XLS-004")
    bad.pop((0, 0), None)
    seen = [problem("FL-XLS-005", place=f"{hidden[0]}〜{hidden[1]} 行")] if hidden[0] and hidden[0] <= last else []
    return Look(part, name, bad, [*remarks, *seen, *([problem("FL-XLS-005", place="列")] if columns else [])])


def _pieces(book: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """The sheet a piece at a time, no cell cut in two."""
    held = b""
    with book.open(part) as stream:
        while piece := stream.read(PIECE_BYTES):
            held += piece
            cut = max(held.rfind(b"</row>"), held.rfind(b":row>"))
            if cut > 0:
                yield held[:cut]
                held = held[cut:]
    yield held


def _at(found: bytes) -> Place:
    place = _PLACE(found)
    return (int(place[2]), column_number(place[1].decode())) if place else (0, 0)


def _merged(piece: bytes, last: int, widest: int) -> Iterator[Place]:
    """Every cell that a merged range covers, as far as there are any values."""
    left = MOST_MERGED
    for first_column, first, last_column, end in _MERGED.findall(piece):
        lines = range(int(first), min(int(end), last) + 1)
        columns = range(column_number(first_column.decode()), min(column_number(last_column.decode()), widest) + 1)
        left -= len(lines) * len(columns)
        if left < 0:
            raise ProblemError([problem("FL-XLS-007", expected=f"結合 {MOST_MERGED:,} セル")])
        yield from ((line, column) for line in lines for column in columns)
