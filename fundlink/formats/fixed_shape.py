"""What the layout of a fixed-length file compiles to: the shapes of its records and its control values.

Read by fixed_records (cutting), fixed_reader (walking) and fixed_writer. Holds no state of a file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from fundlink.domain.problems import Problem, problem
from fundlink.formats.cells import Cell, Unfit
from fundlink.formats.controls import Control, control_of
from fundlink.formats.rows import SEP, Row, Undecoded, read_cell
from fundlink.formats.selection import parse_when

RECORDS = ("header", "data", "trailer", "end")
CONTROL_RECORDS = ("header", "trailer", "end")
NEWLINES = {"crlf": b"\r\n", "lf": b"\n", "none": b""}


class Shape:
    """One kind of flat record: its bytes, its cells, its control values."""

    def __init__(self, record: str, cells: Sequence[Cell], encoding: str) -> None:
        self.record = record
        self.cells = cells
        self.encoding = encoding
        self.struct = struct.Struct("".join(f"{cell.row.width}s" for cell in cells))
        self.length = self.struct.size
        self.lead = b""
        if cells and cells[0].row.kind == "const":
            self.lead = cells[0].row.codes.encode(encoding).ljust(cells[0].row.width)
        self.leads = self._leading_constants()

    def _leading_constants(self) -> bytes:
        found = b""
        for cell in self.cells:
            if cell.row.kind != "const":
                break
            found += cell.row.codes.encode(self.encoding).ljust(cell.row.width)
        return found

    def split(self, record: bytes) -> list[str]:
        """The cells of a record; bytes that are no text become marked cells."""
        cut = self.struct.unpack(record)
        try:
            cells = b"\x1f".join(cut).decode(self.encoding).split(SEP)
            if len(cells) == len(cut):
                return cells
        except UnicodeDecodeError:
            pass
        return [self._text(raw, cell) for raw, cell in zip(cut, self.cells, strict=True)]

    def _text(self, raw: bytes, cell: Cell) -> str:
        try:
            return raw.decode(self.encoding)
        except UnicodeDecodeError as error:
            if cell.row.kind in ("digit", "yen", "count", "sum"):
                return Undecoded.at("FL-FIX-007")
            # the first byte of a character without its second: the edge of the field went through it
            return Undecoded.at("FL-FIX-002" if error.end >= len(raw) else "FL-CSV-002")


class DataShape(NamedTuple):
    """One layout of the data record: the main one, or a variant told by ``test``. Controls follow the order of the plan."""

    test: Callable[[bytes], bool] | None
    shape: Shape
    row: Row
    controls: list[Control]


class FixedPlan:
    """The compiled layouts of one message."""

    def __init__(self, message: Any) -> None:
        self.spec = message.spec
        self.newline: str = message.declared.newline
        self.padded: bool = message.declared.padded
        self.encoding = "cp932" if message.encoding == "cp932" else "utf-8"
        shapes = ((record, message.cells(record)) for record in RECORDS)
        self.shapes = {record: Shape(record, cells, self.encoding) for record, cells in shapes if cells}
        self.by_run = len({shape.lead for shape in self.shapes.values()}) < len(self.shapes)
        cells = [cell for record in CONTROL_RECORDS if record in self.shapes for cell in self.shapes[record].cells]
        self.control_cells = [cell for cell in cells if cell.row.kind in ("count", "sum")]
        self.data = [
            *(self._data(message, message.cells("data", fields), when) for when, fields in message.variants),
            self._data(message, message.cells("data"), ""),
        ]

    def _data(self, message: Any, cells: Sequence[Cell], when: str) -> DataShape:
        row = Row(self.spec, cells, message.terms)
        data = [cell.row for cell in cells]
        controls = [control_of(cell.row, self.spec, data) for cell in self.control_cells]
        if self.spec.balanced and "direction" in row.index:
            # money in and money out, in this order, after the controls of the layout
            amounts = tuple(row.index[name] for name in self.spec.parts["amount_yen"] if name in row.index)
            controls += [Control(True, "data", amounts, (row.index["direction"], "1", equal), "") for equal in (True, False)]
        return DataShape(parse_when(when), Shape("data", cells, self.encoding), row, controls)

    def kind_of(self, head: bytes) -> str | None:
        """The kind of the record that begins with these bytes."""
        for record, shape in self.shapes.items():
            lead = shape.leads if self.by_run else shape.lead
            if lead and head.startswith(lead):
                return record
        return "data" if "data" in self.shapes and not self.shapes["data"].lead else None


def read_control_record(cells: Iterable[Cell], texts: Iterable[str], line: int) -> tuple[dict[str, Any], list[Problem]]:
    """Values of a header, trailer or end record and what is wrong with it."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for cell, text in zip(cells, texts, strict=True):
        try:
            value = read_cell(cell, text, [])
        except Unfit as unfit:
            problems.append(problem(unfit.code, line=line, **cell_place(cell), **unfit.words))
            continue
        if cell.row.kept or cell.row.kind in ("count", "sum"):
            values[cell.row.name] = value
    return values, problems


def cell_place(cell: Cell) -> dict[str, Any]:
    """Column, name and Japanese name of a field, as a problem tells them."""
    return {"column": cell.row.number, "field": cell.row.name, "ja": cell.row.ja}
