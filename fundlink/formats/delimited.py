"""Delimited text (CSV, TSV): cells of a stream, and lines of records.

Called by message. Streams in bounded memory, keeps physical line numbers, and quarantines the whole file (ProblemError) for what
cannot be pinned to one row: encoding, header line, an unclosed quote. Never repairs a value.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any, BinaryIO, NamedTuple

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.formats import charset
from fundlink.formats.layout import Field
from fundlink.formats.reading import Reader, Sourced
from fundlink.formats.rows import SEP, Row, Unreadable
from fundlink.formats.writing import checked, refuse_unwritable

LONGEST_LINE = 1 << 20
MOST_COLUMNS = 2000
BLOCK = 1 << 16
BLOCK_ROWS = 1000
_LINE_END = re.compile("\r\n|\r|\n")
CP_M_END = "\x1a"
"""The end-of-file mark some hosts still append."""


class _Counted(io.RawIOBase):
    """Counts the bytes handed to the decoder, so that a wrong byte can be named."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self.stream = stream
        self.count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self.stream.read(max(size, BLOCK))
        self.count += len(block)
        return block


class Lines:
    """Physical lines of a stream; raises ProblemError for bytes that are not in the encoding and for lines without end."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self.encoding = encoding
        self.raw = _Counted(stream)
        codec = "cp932" if encoding == "cp932" else "utf-8-sig"
        self.text = io.TextIOWrapper(self.raw, codec, newline="")  # type: ignore[type-var]
        self.count = 0
        self.recent: list[str] = []

    def __iter__(self) -> Iterator[str]:
        remember = self.recent.append
        try:
            for line in iter(partial(self.text.readline, LONGEST_LINE), ""):
                if len(line) >= LONGEST_LINE and line[-1] not in "\r\n":
                    raise ProblemError([problem("FL-CSV-007", line=self.count + 1, expected=f"{LONGEST_LINE} bytes")])
                self.count += 1
                remember(line)
                yield line
        except UnicodeDecodeError as error:
            raise ProblemError([self._undecodable(error)]) from error

    def _undecodable(self, error: UnicodeDecodeError) -> Problem:
        at = self.raw.count - len(error.object) + error.start
        before = error.object[: error.start].decode(error.encoding, "replace")
        line = self.count + 1 + len(_LINE_END.findall(before))
        return problem("FL-CSV-002", line=line, place=f"byte {at + 1}", expected=self.encoding)


class Delimited(NamedTuple):
    """What a profile says about a delimited message."""

    row: Row
    encoding: str
    newline: str
    header: bool
    delimiter: str


class DelimitedForm:
    """Reads and writes the delimited file of one message."""

    def __init__(self, message: Any) -> None:
        given = message.declared
        self.form = Delimited(message.row, given.encoding, given.newline, given.header, given.delimiter)

    def source(self, stream: BinaryIO, reader: Reader) -> Sourced:
        """Lines with their cells in the order of the layout."""
        lines = Lines(stream, self.form.encoding)
        parsed = csv.reader(lines, delimiter=self.form.delimiter, strict=True)
        try:
            yield from _rows(self.form, (lines, parsed), reader)
        except csv.Error as error:
            raise ProblemError([_broken(lines, parsed.line_num)]) from error

    def written(self, records: Iterable[Any], header: Mapping[str, Any]) -> Iterator[bytes]:
        """The bytes of a file."""
        return lines_of(self.form, checked(self.form.row, records, header))


def _rows(form: Delimited, given: tuple[Lines, Any], reader: Reader) -> Sourced:
    lines, parsed = given
    order = order_of(form, next(parsed, None)) if form.header else Order(form.row.count, None, None)
    taker = form.row.taker(columns=order.columns)
    width, pick, recent = order.width, order.pick, lines.recent
    offset, last, count = int(form.header), parsed.line_num, 0
    recent.clear()
    for cells in parsed:
        line, last = last + 1, parsed.line_num
        recent.clear()
        if not cells or cells == [CP_M_END]:
            continue
        count += 1
        if line != count + offset:
            reader.placing = partial(_in_record, count)
        if len(cells) == width and pick is None:
            yield line, cells, taker
        else:
            yield line, picked(order, cells, line), taker
    if not count:
        raise ProblemError([problem("FL-CSV-001")])


def _in_record(number: int, found: Problem) -> Problem:
    """Line breaks inside quotes make lines and records differ: tell both."""
    return found._replace(place=f"record {number}")


def _miscounted(actual: int, expected: int, line: int) -> Unreadable:
    if actual > MOST_COLUMNS:
        raise ProblemError([problem("FL-CSV-007", line=line, expected=f"{MOST_COLUMNS} 項目")])
    return Unreadable(problem("FL-CSV-004", expected=expected, actual=actual))


class Order(NamedTuple):
    """Where the fields of the layout stand in the file: cells a line, how to pick them, columns for problems."""

    width: int
    pick: Callable[[list[str]], Iterable[str]] | None
    columns: list[int] | None


def picked(order: Order, cells: list[str], line: int) -> list[str]:
    """The cells in the order of the layout; a column that is not there is empty."""
    if len(cells) != order.width:
        return _miscounted(len(cells), order.width, line)
    return cells if order.pick is None else [*order.pick([*cells, ""])]


def order_of(form: Delimited, head: list[str] | None) -> Order:
    """Find the columns of a header line by name; ProblemError when it is not that of the layout."""
    if head is None:
        raise ProblemError([problem("FL-CSV-001")])
    if len(head) > MOST_COLUMNS:
        raise ProblemError([problem("FL-CSV-007", line=1, expected=f"{MOST_COLUMNS} 項目")])
    names = [name.strip() for name in head]
    fields = [cell.row for cell in form.row.cells]
    detail = header_faults(names, fields)
    if detail:
        raise ProblemError([_misheaded(form, head, detail)])
    places = [names.index(field.ja) if field.ja in names else len(names) for field in fields]
    if places == list(range(len(names))):
        return Order(len(names), None, None)
    pick = itemgetter(*places) if len(places) > 1 else (lambda cells: [cells[places[0]]])
    return Order(len(names), pick, [place + 1 for place in places])


def header_faults(names: Sequence[str], fields: Iterable[Field]) -> str:
    """What is wrong with a header line, in one sentence; empty when it is right."""
    known = {field.ja: field for field in fields}
    missing = [ja for ja, field in known.items() if ja not in names and field.need == "required"]
    repeated = sorted({name for name in names if names.count(name) > 1})
    unknown = [name for name in names if name not in known]
    parts = (("不足", missing), ("重複", repeated), ("不明", unknown))
    return "、".join(f"{word}: {'・'.join(found[:20])[:200]}" for word, found in parts if found)


def _misheaded(form: Delimited, head: list[str], detail: str) -> Problem:
    """A header that would be right in another encoding is a matter of the encoding."""
    text = form.delimiter.join(head)
    raw = charset.encoded_or_empty(text, form.encoding)
    wanted = {cell.row.ja for cell in form.row.cells}
    for encoding in ("utf-8-sig", "cp932", "euc_jp", "utf-16-le", "utf-16-be"):
        other = raw.decode(encoding, "replace").split(form.delimiter)
        if encoding != form.encoding and len(wanted & {name.strip(' "') for name in other}) > len(wanted & set(head)):
            return problem("FL-CSV-002", line=1, place="byte 1", expected=form.encoding)
    if "\x00" in text:
        return problem("FL-CSV-002", line=1, place="byte 1", expected=form.encoding)
    return problem("FL-CSV-005", line=1, detail=detail)


def _broken(lines: Lines, last: int) -> Problem:
    """The quote that was never closed, at the line where it opens; a single monstrous field is too long."""
    first = last - len(lines.recent) + 1
    opened = _opening_quote("".join(lines.recent))
    if opened is None:
        return problem("FL-CSV-007", line=first, expected=f"{csv.field_size_limit()} 字")
    return problem("FL-CSV-003", line=first + len(_LINE_END.findall(opened)))


def _opening_quote(text: str) -> str | None:
    """The text before the last quote that opens a field of this record."""
    opened, at, quoted, fresh = None, 0, False, True
    while at < len(text):
        character = text[at]
        if quoted and character == '"' and text[at + 1 : at + 2] == '"':
            at += 1
        elif character == '"' and (quoted or fresh):
            opened = text[:at] if not quoted else opened
            quoted = not quoted
        fresh = not quoted and character in ",\t;|"
        at += 1
    return opened


_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\x00")
_MAYBE_DANGEROUS = re.compile(f"{SEP}[{re.escape(''.join(_DANGEROUS))}]").search
_GUARDED_KINDS = ("text", "alnum", "kana")


def lines_of(form: Delimited, written: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Bytes of records whose cells are checked; quotes where needed, a leading ``'`` where a spreadsheet would compute."""
    guarded = [at for at, cell in enumerate(form.row.cells) if cell.row.kind in _GUARDED_KINDS]
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=form.delimiter, lineterminator="\n" if form.newline == "lf" else "\r\n")
    if form.encoding == "utf-8-sig":
        yield b"\xef\xbb\xbf"
    if form.header:
        writer.writerow([cell.row.ja for cell in form.row.cells])
    rows = iter(written)
    while block := list(islice(rows, BLOCK_ROWS)):
        writer.writerows([_guarded(cells, guarded) if _MAYBE_DANGEROUS(SEP + SEP.join(cells)) else cells for cells in block])
        yield _taken(form, out, block)
    yield _taken(form, out, block)


def plain(text: str) -> str:
    """A text that a spreadsheet takes as text, whatever it begins with.

    >>> plain("=1+1"), plain("601")
    ("'=1+1", '601')
    """
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def _guarded(cells: Sequence[str], guarded: Sequence[int]) -> Sequence[str]:
    """The cells with a ``'`` before what a spreadsheet would compute."""
    if not any(cells[at].startswith(_DANGEROUS) for at in guarded):
        return cells
    return [f"'{cell}" if at in guarded and cell.startswith(_DANGEROUS) else cell for at, cell in enumerate(cells)]


def _taken(form: Delimited, out: io.StringIO, block: Iterable[Sequence[str]]) -> bytes:
    """The bytes gathered so far; the field at fault is looked for only when a character has no place in the encoding."""
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    try:
        return charset.encoded(text, form.encoding)
    except UnicodeEncodeError:
        for cells in block:
            refuse_unwritable(form.row, cells, form.encoding)
        raise
