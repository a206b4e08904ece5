"""Writes one fixed-length file: header, data, trailer, end, with counts and sums worked out on the way.

Called by fixed. A count or sum in a header record stands before the data, so the caller gives it and it is held against the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.formats import charset
from fundlink.formats.cells import Cell, Unfit
from fundlink.formats.controls import Tally
from fundlink.formats.fixed_reader import signed
from fundlink.formats.fixed_shape import CONTROL_RECORDS, NEWLINES, FixedPlan, cell_place
from fundlink.formats.writing import checker, first_and_rest


class FixedWriter:
    """Writes one group of records."""

    def __init__(self, plan: FixedPlan, header: Mapping[str, Any]) -> None:
        self.plan = plan
        self.header = dict(header)
        self.newline = NEWLINES.get(plan.newline, b"\r\n")
        self.tallies = [Tally(data.controls) for data in plan.data]
        self.count = 0

    def go(self, records: Iterable[Any]) -> Iterator[bytes]:
        """The bytes of the file."""
        first, rest = first_and_rest(records)
        self._inherit(first)
        cells = self.plan.control_cells
        data = self._data(rest)
        waiting = [cell for cell in cells if cell.row.record == "header"]
        if any(self._promised(cell) is None for cell in waiting):
            data = iter(list(data))  # the caller did not say what stands in the file: gather first
        promised = {id(cell): self._promised(cell) for cell in waiting}
        promised = {key: self._actual_of(key) if value is None else value for key, value in promised.items()}
        if "header" in self.plan.shapes:
            yield self._control_record("header", promised)
        yield from data
        actual = {id(cell): self._actual(at) for at, cell in enumerate(cells)}
        for cell in cells:
            if promised.get(id(cell), actual[id(cell)]) != actual[id(cell)]:
                stated = promised[id(cell)]
                raise ProblemError([problem("FL-CTL-001", expected=stated, actual=actual[id(cell)], **cell_place(cell))])
        self._close_balance()
        for record in ("trailer", "end"):
            if record in self.plan.shapes:
                yield self._control_record(record, actual)

    def _inherit(self, first: Any) -> None:
        """What the caller left open and every record carries is taken from the first one."""
        for record in CONTROL_RECORDS:
            for cell in self.plan.shapes[record].cells if record in self.plan.shapes else ():
                if cell.row.kept and first is not None and cell.row.name in first._fields:
                    self.header.setdefault(cell.row.name, getattr(first, cell.row.name))

    def _promised(self, cell: Cell) -> int | None:
        given = self.header.get("record_count" if cell.row.kind == "count" else "total_yen")
        return None if given is None else int(given)

    def _actual_of(self, key: int) -> int:
        return next(self._actual(at) for at, cell in enumerate(self.plan.control_cells) if id(cell) == key)

    def _data(self, records: Iterable[Any]) -> Iterator[bytes]:
        # the main layout first; a record that does not fit it may fit a variant
        order = [len(self.plan.data) - 1, *range(len(self.plan.data) - 1)]
        names = self.plan.spec.record._fields
        index = self.plan.data[-1].row.index
        cells_of = [checker(data.row, self.header) for data in self.plan.data]
        held = [name for name in self.header if name in names and name not in index]
        for record in records:
            self.count += 1
            self._held(record, held)
            for at in order:
                data = self.plan.data[at]
                try:
                    cells = cells_of[at](record, self.count)
                except ProblemError:
                    if at != order[-1]:
                        continue
                    raise
                self.tallies[at].add(cells)
                yield self._bytes(data.shape.cells, cells)
                break

    def _held(self, record: Any, names: Sequence[str]) -> None:
        """A header attribute holds for every record, so every record must agree with it."""
        for name in names:
            if getattr(record, name) not in (self.header[name], "", None):
                ja = self.plan.spec.named[name].ja
                raise ProblemError([problem("FL-VAL-002", line=self.count, field=name, ja=ja, expected=str(self.header[name]))])

    def _tallied(self, at: int) -> int:
        return sum(tally.values[at] for tally in self.tallies)

    def _close_balance(self) -> None:
        if self.plan.spec.balanced and "opening_balance_yen" in self.header and "closing_balance_yen" not in self.header:
            closing = signed(self.header, "opening") + self._tallied(-2) - self._tallied(-1)
            self.header["closing_balance_yen"] = abs(closing)
            self.header["closing_sign"] = "2" if closing < 0 else "1"

    def _actual(self, at: int) -> int:
        scope = self.plan.data[-1].controls[at].scope
        if scope == "all":
            return self.count + sum(record in self.plan.shapes for record in CONTROL_RECORDS)
        return 1 if scope == "groups" else self._tallied(at)

    def _control_record(self, record: str, values: Mapping[int, int | None]) -> bytes:
        texts, wrong = [], []
        shape = self.plan.shapes[record]
        for cell in shape.cells:
            value = values.get(id(cell), self.header.get(cell.row.name) if cell.row.kept else None)
            try:
                text = cell.write(value)
                cell.read(text.ljust(cell.row.width), [])
                texts.append(text)
            except Unfit as unfit:
                wrong.append(problem(unfit.code, **cell_place(cell), **unfit.words))
        if wrong:
            raise ProblemError(wrong)
        return self._bytes(shape.cells, texts)

    def _bytes(self, cells: Sequence[Cell], texts: Sequence[str]) -> bytes:
        """The record: every text padded with spaces to the width of its field in bytes."""
        found = []
        for cell, text in zip(cells, texts, strict=True):
            try:
                raw = text.encode("ascii") if text.isascii() else charset.encoded(text, self.plan.encoding)
            except UnicodeEncodeError as error:
                unmappable = problem("FL-CHR-004", line=self.count or None, expected=self.plan.encoding, **cell_place(cell))
                raise ProblemError([unmappable]) from error
            if len(raw) > cell.row.width:
                raise ProblemError(
                    [problem("FL-VAL-003", line=self.count or None, expected=f"{cell.row.width} バイト", **cell_place(cell))]
                )
            found.append(raw.ljust(cell.row.width))
        return b"".join(found) + self.newline
