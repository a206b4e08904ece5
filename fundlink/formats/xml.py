"""XML messages of the gateway: read from verified bytes by streaming, written as canonical XML from one template a record.

Called by message. Parsing and XSD validation are safe_xml's; what is written is exclusive C14N of itself, so a digest may be taken
over the bytes. It never sees a signature and never decides whether one is right.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree

from fundlink import safe_xml
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.formats.cells import Cell, Unfit
from fundlink.formats.controls import Tally, control_of
from fundlink.formats.fixed_shape import cell_place, read_control_record
from fundlink.formats.reading import Reader, Sourced
from fundlink.formats.rows import Row
from fundlink.formats.writing import checker, first_and_rest

_COMPILING = threading.Lock()
VERSION = "1"


@lru_cache(maxsize=32)
def schema(path: Path) -> etree.XMLSchema:
    """The compiled schema; one at a time, because libxml2 does not like two first compilations at once."""
    with _COMPILING:
        return safe_xml.load_schema(path, catalogue=path.parent)


class XmlForm:
    """Reads and writes the XML of one message."""

    def __init__(self, message: Any) -> None:
        self.given = message.declared
        self.row: Row = message.row
        self.spec = message.spec
        self.header: list[Cell] = message.cells("header")
        self.elements = {cell: _tag(cell) for cell in (*self.header, *self.row.cells)}
        self.record = self.row.cells[0].row.path.partition("/")[0]
        self.control_cells = [cell for cell in self.header if cell.row.kind in ("count", "sum")]
        data = [cell.row for cell in self.row.cells]
        self.controls = [control_of(cell.row, self.spec, data) for cell in self.control_cells]

    def source(self, stream: BinaryIO, reader: Reader) -> Sourced:
        """Records with their cells; the totals of the Header are held against them at the end."""
        held = stream if stream.seekable() else io.BytesIO(stream.read())
        try:
            yield from self._walk(held, reader)
        except safe_xml.UnsafeXml as unsafe:
            raise ProblemError([self._told(unsafe, held)]) from unsafe

    def _walk(self, stream: BinaryIO, reader: Reader) -> Sourced:
        namespace = f"{{{self.given.namespace}}}"
        places = {namespace + self.elements[cell]: at for at, cell in enumerate(self.row.cells)}
        tags = (f"{namespace}Header", namespace + self.record)
        tally, taker, number, empty = Tally(self.controls), self.row.taker(), 0, [""] * self.row.count
        values: dict[str, Any] = {}
        orders: dict[int, list[int]] = {}
        for element in safe_xml.iterparse(stream, tag=tags, schema=schema(self.given.xsd)):
            if element.tag == tags[0]:
                values = self._read_header(element, namespace)
                reader.header.update(values)
                taker = self.row.taker(values)
                continue
            number += 1
            order = orders.get(len(element)) or self._order(element, places, orders)
            cells = empty.copy()
            for at, child in zip(order, element, strict=True):
                cells[at] = child.text or ""
            self._count(tally, cells, number)
            reader.placing = partial(self._placed, number)
            yield number, cells, taker
        self._agree(tally, values)

    def _order(self, element: etree._Element, places: Mapping[str, int], orders: dict[int, list[int]]) -> list[int]:
        """The places of the elements of a record, by their names.

        The schema has one order, so they are the same in every record with all elements, and in every one with none of the optional
        ones: these two are remembered by their number of elements.
        """
        found = [places[str(child.tag)] for child in element]
        required = [at for at, cell in enumerate(self.row.cells) if cell.row.required]
        if found in (list(range(self.row.count)), required):
            orders[len(found)] = found
        return found

    def _read_header(self, element: etree._Element, namespace: str) -> dict[str, Any]:
        texts = {str(child.tag).removeprefix(namespace): child.text or "" for child in element}
        values, problems = read_control_record(self.header, [texts.get(self.elements[cell], "") for cell in self.header], 0)
        if problems:
            places = {cell.row.name: f"/{self.given.root}/{cell.row.path}" for cell in self.header}
            raise ProblemError([found._replace(line=None, place=places[str(found.field)]) for found in problems])
        return values

    def _count(self, tally: Tally, cells: Sequence[str], number: int) -> None:
        place = tally.add(cells)
        if place is not None:
            cell = self.row.cells[place]
            found = problem("FL-AMT-001", line=number, **cell_place(cell))
            raise ProblemError([self._placed(number, found)])

    def _placed(self, number: int, found: Problem) -> Problem:
        if found.field not in self.row.index:
            return found._replace(place=f"/{self.given.root}/{self.record}[{number}]")
        element = self.elements[self.row.cells[self.row.index[str(found.field)]]]
        return found._replace(place=f"/{self.given.root}/{self.record}[{number}]/{element}")

    def _agree(self, tally: Tally, values: Mapping[str, Any]) -> None:
        for cell, actual in zip(self.control_cells, tally.values, strict=True):
            stated = values[cell.row.name]
            if stated != actual:
                place = f"/{self.given.root}/{cell.row.path}"
                raise ProblemError([problem("FL-SEM-001", expected=stated, actual=actual, place=place, **cell_place(cell))])

    def _told(self, unsafe: safe_xml.UnsafeXml, stream: BinaryIO) -> Problem:
        """The problem of XML that was refused; a message of a newer version is named as such."""
        if unsafe.code not in ("FL-XML-007", "FL-XML-012"):
            return problem(unsafe.code, line=unsafe.line, place=unsafe.place)
        stream.seek(0)
        raw = stream.read()
        newer = self._version(raw)
        if newer:
            return problem("FL-VER-001", place=f"/{self.given.root}", actual=newer)
        return problem(unsafe.code, line=unsafe.line, place=unsafe.place, detail=self._reason(raw, unsafe.place))

    def _version(self, raw: bytes) -> str:
        """The version a message claims when it is not ours; empty when it is ours or none of this family."""
        root = safe_xml.parse(raw)
        namespace = etree.QName(root).namespace or ""
        family = self.given.namespace.rpartition(":")[0]
        if namespace != self.given.namespace:
            return namespace if namespace.rpartition(":")[0] == family and family else ""
        version = root.get("version") or VERSION
        return "" if version == VERSION else f"version {version}"[:80]

    def _reason(self, raw: bytes, place: str | None) -> str:
        """Why the schema refuses a document, in the words of a second validator; loaded only when there is something to explain."""
        import xmlschema  # noqa: PLC0415 - slow to import and needed for faults only

        validator = xmlschema.XMLSchema(self.given.xsd.read_text(encoding="utf-8"), defuse="always", allow="none")
        found = next(iter(validator.iter_errors(io.BytesIO(raw))), None)
        reason = re.sub(r"\s+", " ", str(found.reason)) if found is not None and found.reason else ""
        return f"{place or ''} {reason}".strip()[:200]

    def check(self, raw: bytes) -> list[Problem]:
        """What the schema says about a message; empty when it is valid."""
        tags = (f"{{{self.given.namespace}}}{self.record}",)
        held = io.BytesIO(raw)
        try:
            for _element in safe_xml.iterparse(held, tag=tags, schema=schema(self.given.xsd)):
                pass
        except safe_xml.UnsafeXml as unsafe:
            return [self._told(unsafe, held)]
        return []

    def written(self, records: Iterable[Any], header: Mapping[str, Any]) -> Iterator[bytes]:
        """Canonical XML. Count and total stand before the records: they are given, or the records are gathered first."""
        first, rest = first_and_rest(records)
        tally = Tally(self.controls)
        given = dict(header)
        for cell in self.header:
            if first is not None and cell.row.name in first._fields and cell.row.kept:
                given.setdefault(cell.row.name, getattr(first, cell.row.name))
        data = self._data(rest, given, tally)
        if any(given.get(cell.row.name) is None for cell in self.control_cells):
            data = iter(list(data))
            given.update({cell.row.name: value for cell, value in zip(self.control_cells, tally.values, strict=True)})
        yield f'<{self.given.root} xmlns="{self.given.namespace}" version="{VERSION}">'.encode()
        yield self._written_header(given)
        yield from data
        for cell, actual in zip(self.control_cells, tally.values, strict=True):
            if int(given[cell.row.name]) != actual:
                raise ProblemError([problem("FL-SEM-001", expected=int(given[cell.row.name]), actual=actual, **cell_place(cell))])
        yield f"</{self.given.root}>".encode()

    def _written_header(self, given: Mapping[str, Any]) -> bytes:
        texts, wrong = [], []
        for cell in self.header:
            try:
                text = cell.write(given.get(cell.row.name))
                cell.read(text, [])
                texts.append(_wrapped(cell)(escape(text)))
            except Unfit as unfit:
                wrong.append(problem(unfit.code, **cell_place(cell), **unfit.words))
        if wrong:
            raise ProblemError(wrong)
        return f"<Header>{''.join(texts)}</Header>".encode()

    def _data(self, records: Iterable[Any], given: Mapping[str, Any], tally: Tally) -> Iterator[bytes]:
        """The records, some hundreds a block."""
        parts = (f"<{_tag(cell)}>%s</{_tag(cell)}>" if cell.row.required else "%s" for cell in self.row.cells)
        template = f"<{self.record}>{''.join(parts)}</{self.record}>"
        optional = [(at, _wrapped(cell)) for at, cell in enumerate(self.row.cells) if not cell.row.required]
        wordy = [at for at, cell in enumerate(self.row.cells) if cell.row.kind not in _PLAIN_KINDS]
        block: list[str] = []
        cells_of, names = checker(self.row, given), self.spec.record._fields
        held = [(names.index(name), name, given[name]) for name in given if name in names and name not in self.row.index]
        for number, record in enumerate(records, 1):
            for at, name, value in held:
                if record[at] != value and record[at] not in ("", None):
                    raise ProblemError([problem("FL-VAL-002", field=name, ja=self.spec.named[name].ja, expected=str(value))])
            cells = cells_of(record, number)
            tally.add(cells)
            for at in wordy:
                if _SPECIAL(cells[at]):
                    cells[at] = escape(cells[at])
            for at, wrap in optional:
                cells[at] = wrap(cells[at])
            block.append(template % tuple(cells))
            if len(block) == 500:
                yield "".join(block).encode()
                block.clear()
        yield "".join(block).encode()


_PLAIN_KINDS = ("digit", "yen", "date", "year", "count", "sum", "flag")
"""Kinds whose cells are digits, signs and letters that XML takes as they are."""
_SPECIAL = re.compile("[&<>\r]").search


def escape(text: str) -> str:
    """Only what canonical XML escapes in text.

    >>> escape('a&b<c>"d"')
    'a&amp;b&lt;c&gt;"d"'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")


def _tag(cell: Cell) -> str:
    return cell.row.path.partition("/")[2]


def _wrapped(cell: Cell) -> Callable[[str], str]:
    """An element with its text; an optional one without text is left out."""
    tag = _tag(cell)
    return lambda text: f"<{tag}>{text}</{tag}>" if text or cell.row.required else ""
