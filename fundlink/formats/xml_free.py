"""XML of core systems: elements and attributes wherever the layout's ``path`` says, without a schema of its own.

Called by message for xml layouts that name no ``xsd``. The paths are the schema: the element that all data fields share is the
record, and an element or attribute that no path names quarantines the file, so nothing is dropped in silence. Read by streaming
through safe_xml; written with the same paths. It never sees gateway messages, whose contract is their XSD.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
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
from fundlink.formats.xml_paths import Branch, Paths, plan

_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_CONTROL = ("header", "trailer", "end")


class FreeXmlForm:
    """Reads and writes the XML of one message by its paths alone."""

    def __init__(self, message: Any) -> None:
        self.given = message.declared
        self.row: Row = message.row
        self.spec = message.spec
        self.control: list[Cell] = [cell for kind in _CONTROL for cell in message.cells(kind)]
        data = [cell.row for cell in self.row.cells]
        self.paths: Paths = plan([*data, *(cell.row for cell in self.control)], self.given.root)
        self.root = self.paths.root or self.given.kind.title()
        self.sums = [cell for cell in self.control if cell.row.kind in ("count", "sum")]
        self.controls = [control_of(cell.row, self.spec, data) for cell in self.sums]
        self.data_leaves = {self.paths.of(cell.row): at for at, cell in enumerate(self.row.cells)}
        self.control_leaves = {self.paths.of(cell.row): at for at, cell in enumerate(self.control)}

    def source(self, stream: BinaryIO, reader: Reader) -> Sourced:
        """Records with their cells; counts and sums are held against them at the end."""
        held = stream if stream.seekable() else io.BytesIO(stream.read())
        try:
            yield from _Walk(self, reader).rows(held)
        except safe_xml.UnsafeXml as unsafe:
            raise ProblemError([problem(unsafe.code, line=unsafe.line, place=unsafe.place)]) from unsafe

    def written(self, records: Iterable[Any], header: Mapping[str, Any]) -> Iterator[bytes]:
        """The bytes of a file; counts and sums are given, or the records are gathered first."""
        first, rest = first_and_rest(records)
        given = dict(header)
        for cell in self.control:
            if first is not None and cell.row.name in first._fields and cell.row.kept:
                given.setdefault(cell.row.name, getattr(first, cell.row.name))
        tally = Tally(self.controls)
        data = self._data(rest, given, tally)
        early = [(at, cell.row.name) for at, cell in enumerate(self.sums) if cell.row.record == "header"]
        if any(given.get(name) is None for _, name in early):
            data = iter(list(data))
            given.update({name: tally.values[at] for at, name in early})
        name = f' xmlns="{self.given.namespace}"' if self.given.namespace else ""
        outer = self.paths.record[:-1]
        yield f'<?xml version="1.0" encoding="UTF-8"?>\n<{self.root}{name}>\n'.encode()
        yield self._written_control(("header",), given)
        yield "".join(f"<{tag}>" for tag in outer).encode()
        yield from data
        yield "".join(f"</{tag}>" for tag in reversed(outer)).encode()
        given = {cell.row.name: value for cell, value in zip(self.sums, tally.values, strict=True)} | given
        yield self._written_control(("trailer", "end"), given)
        self._agree(given, tally)
        yield f"</{self.root}>\n".encode()

    def _agree(self, given: Mapping[str, Any], tally: Tally) -> None:
        for cell, actual in zip(self.sums, tally.values, strict=True):
            if int(given[cell.row.name]) != actual:
                raise ProblemError([problem("FL-SEM-001", expected=int(given[cell.row.name]), actual=actual, **cell_place(cell))])

    def _data(self, records: Iterable[Any], given: Mapping[str, Any], tally: Tally) -> Iterator[bytes]:
        branch = Branch(self.paths.record[-1], required=True)
        for at, cell in enumerate(self.row.cells):
            branch.add(self.paths.below_record(cell.row), at, cell.row.required)
        cells_of = checker(self.row, given)
        for number, record in enumerate(records, 1):
            cells = cells_of(record, number)
            tally.add(cells)
            yield (branch.written(cells) + "\n").encode()

    def _written_control(self, kinds: tuple[str, ...], given: Mapping[str, Any]) -> bytes:
        top, texts, wrong = Branch("", required=False), [], []
        for at, cell in enumerate(self.control):
            texts.append("")
            if cell.row.record not in kinds:
                continue
            top.add(self.paths.of(cell.row), at, cell.row.required)
            try:
                texts[at] = cell.write(given.get(cell.row.name))
                cell.read(texts[at], [])
            except Unfit as unfit:
                wrong.append(problem(unfit.code, **cell_place(cell), **unfit.words))
        if wrong:
            raise ProblemError(wrong)
        return "".join(f"{child.written(texts)}\n" for child in top.children.values()).encode()


class _Walk:
    """One pass over one document."""

    def __init__(self, form: FreeXmlForm, reader: Reader) -> None:
        self.form, self.reader = form, reader
        self.record = form.paths.record
        self.tally = Tally(form.controls)
        self.number = 0
        self.cells: list[str] | None = None  # of the record that is open
        self.texts = [""] * len(form.control)
        self.seen: set[tuple[str, ...]] = set()
        self.taker = form.row.taker()

    def rows(self, stream: BinaryIO) -> Sourced:
        """Every record; what no path names is refused where it stands."""
        at: tuple[str, ...] = ()
        for opens, element in safe_xml.walk(stream):
            if opens:
                at = (*at, self._name(element))
                self._open(at[1:], element)
                continue
            self._close(at[1:], element)
            if at[1:] == self.record and self.cells is not None:
                self.reader.placing = partial(self._placed, self.number)
                yield self.number, self.cells, self.taker
                self.cells = None
            at = at[:-1]
        self._agree()

    def _name(self, element: etree._Element) -> str:
        name = etree.QName(element)
        if (name.namespace or "") != self.form.given.namespace:
            raise self._foreign(element, name.localname)
        return name.localname

    def _open(self, path: tuple[str, ...], element: etree._Element) -> None:
        paths = self.form.paths
        if not path and paths.root not in ("", etree.QName(element).localname):
            raise self._foreign(element, etree.QName(element).localname)
        if path not in paths.known:
            raise self._foreign(element, "/".join(path))
        if path == self.record:
            self._begin()
        for name, value in element.attrib.items():
            leaf = (*path, "@" + str(name))
            if leaf in self.form.data_leaves or leaf in self.form.control_leaves:
                self._take(leaf, str(value), element)
            elif path and not str(name).startswith(_XSI):  # the root may carry a version or a schema location
                raise self._foreign(element, "/".join(leaf))

    def _begin(self) -> None:
        """The first record ends the header: what it holds is true of every record."""
        if not self.number:
            values = self._control(("header",))
            self.reader.header.update({name: value for name, value in values.items() if not name.startswith("_")})
            self.taker = self.form.row.taker(values)
        self.number += 1
        self.cells = [""] * self.form.row.count
        self.seen = {leaf for leaf in self.seen if leaf in self.form.control_leaves}

    def _close(self, path: tuple[str, ...], element: etree._Element) -> None:
        if path in self.form.data_leaves or path in self.form.control_leaves:
            self._take(path, element.text or "", element)
        elif (element.text or "").strip():
            raise self._foreign(element, "/".join(path))
        if path == self.record and self.cells is not None:
            self._count(self.cells)

    def _take(self, leaf: tuple[str, ...], text: str, element: etree._Element) -> None:
        """The text of a field; one that stands twice is not what the layout says."""
        if leaf in self.seen:
            raise self._foreign(element, "/".join(leaf))
        self.seen.add(leaf)
        if leaf in self.form.data_leaves:
            assert self.cells is not None, "a data field stands inside its record"
            self.cells[self.form.data_leaves[leaf]] = text
        else:
            self.texts[self.form.control_leaves[leaf]] = text

    def _foreign(self, element: Any, path: str) -> safe_xml.UnsafeXml:
        return safe_xml.UnsafeXml("FL-XML-007", element.sourceline, f"/{self.form.root}/{path}"[:200])

    def _count(self, cells: list[str]) -> None:
        place = self.tally.add(cells)
        if place is not None:
            raise ProblemError(
                [self._placed(self.number, problem("FL-AMT-001", line=self.number, **cell_place(self.form.row.cells[place])))]
            )

    def _placed(self, number: int, found: Problem) -> Problem:
        form = self.form
        below = form.paths.below_record(form.row.cells[form.row.index[found.field]].row) if found.field in form.row.index else ()
        return found._replace(place="/".join(("", form.root, *self.record)) + f"[{number}]" + "".join(f"/{step}" for step in below))

    def _control(self, kinds: tuple[str, ...]) -> dict[str, Any]:
        """Values of control fields; a fault in one is a fault of the file."""
        chosen = [(cell, text) for cell, text in zip(self.form.control, self.texts, strict=True) if cell.row.record in kinds]
        values, problems = read_control_record([cell for cell, _ in chosen], [text for _, text in chosen], 0)
        if problems:
            places = {cell.row.name: self._place(cell) for cell, _ in chosen}
            raise ProblemError([found._replace(line=None, place=places[str(found.field)]) for found in problems])
        return values

    def _place(self, cell: Cell) -> str:
        return "/".join(("", self.form.root, *self.form.paths.of(cell.row)))

    def _agree(self) -> None:
        if not self.number:
            raise ProblemError([problem("FL-CSV-001")])
        values = self._control(_CONTROL)
        for cell, actual in zip(self.form.sums, self.tally.values, strict=True):
            if values[cell.row.name] != actual:
                told = problem("FL-SEM-001", expected=values[cell.row.name], actual=actual, place=self._place(cell), **cell_place(cell))
                raise ProblemError([told])
