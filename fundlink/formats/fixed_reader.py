"""Walks through one fixed-length file: order of records, header attributes, control values of each group and of the file.

Called by fixed. Every control value is recomputed; one that does not agree quarantines the file (ProblemError).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.formats.cells import Cell
from fundlink.formats.controls import Control, Tally
from fundlink.formats.fixed_records import Raw, Records
from fundlink.formats.fixed_shape import FixedPlan, cell_place, read_control_record
from fundlink.formats.reading import Balance, Reader, Sourced
from fundlink.formats.rows import Taker

_NAMES = {"header": "ヘッダー", "data": "データ", "trailer": "トレーラー", "end": "エンド", "": "ファイルの終わり"}


class Stated(NamedTuple):
    """A control value as a record states it; ``at`` is its place in the plan."""

    at: int
    record: str
    line: int
    value: int


class Walk:
    """One walk through one file."""

    def __init__(self, plan: FixedPlan, records: Records, reader: Reader) -> None:
        self.plan = plan
        self.records = records
        self.reader = reader
        self.raws: Iterator[Raw] = iter(records)
        self.last = ""  # kind of the record before; "" at the beginning
        self.numbers = dict.fromkeys(plan.shapes, 0)
        self.tallies = [Tally(data.controls) for data in plan.data]
        self.file = [0] * len(plan.data[-1].controls)
        self.stated: list[Stated] = []
        self.given: dict[str, Any] = {}
        self.takers = self._takers()
        reader.problems = records.warnings

    def _takers(self) -> list[Taker]:
        """The data rows with what the header of this group holds for them."""
        return [data.row.taker(self.given) for data in self.plan.data]

    def __iter__(self) -> Sourced:
        data, watch, number = self.plan.data, bool(self.plan.data[-1].controls), 0
        for number, kind, content in self._raws():
            if kind != self.last or kind != "data":
                self._step(kind, number, content)
            if kind != "data":
                continue
            at = 0 if len(data) == 1 else next(at for at, shape in enumerate(data) if shape.test is None or shape.test(content))
            cells = data[at].shape.split(content)
            if watch:
                self._count(at, cells, number)
            yield number, cells, self.takers[at]
        self._step("", number + 1, b"")

    def _step(self, kind: str, number: int, content: bytes) -> None:
        """A record that is not just one more data record; ``""`` is the end of the file."""
        self._in_order(kind, number)
        if kind in ("header", "end", ""):
            self._close_group()
        if kind in ("header", "trailer", "end"):
            self.numbers[kind] += 1
            self._control_record(kind, number, content)
        if kind == "trailer":
            self._close_group()
        if kind == "":
            self._agree_all(self.file, number - 1)
        self.last = kind

    def _in_order(self, kind: str, number: int) -> None:
        """FL-FIX-005 when a record is missing or follows the end, FL-FIX-006 when it only stands elsewhere."""
        has = self.plan.shapes.keys().__contains__
        if self.last == "end" and kind:
            self._wrong("FL-FIX-005", number, f"エンドの後に{_NAMES[kind]}")
        if not self.last and kind != "header" and has("header"):
            self._missing("header", number)
        in_group = self.last in ("header", "data") and has("trailer")
        if in_group and kind in ("end", ""):
            self._missing("trailer", number)
        if not kind and has("end") and self.last != "end":
            self._missing("end", number)
        no_header = kind in ("data", "trailer") and self.last == "trailer" and has("header")
        if no_header or (in_group and kind == "header") or (kind == "trailer" and self.last == "trailer"):
            self._wrong("FL-FIX-006", number, f"{_NAMES[self.last]}の次に{_NAMES[kind]}")

    def _missing(self, kind: str, number: int) -> None:
        """A record that stands later in the file is out of order, not missing."""
        try:
            later = any(raw.kind == kind for raw in self.raws)
        except ProblemError:
            later = False
        self._wrong("FL-FIX-006" if later else "FL-FIX-005", number, f"{_NAMES[kind]}がありません")

    @staticmethod
    def _wrong(code: str, number: int, detail: str) -> None:
        raise ProblemError([problem(code, line=number, detail=detail)])

    def _count(self, at: int, cells: list[str], number: int) -> None:
        """Add a data record as written to the tallies; an amount that cannot be read makes every total worthless."""
        place = self.tallies[at].add(cells)
        if place is None:
            return
        other = self.records.other_length()
        if other is not None:
            raise ProblemError([other])
        wrong = [found for found in self.takers[at].examine(cells, number).problems if found.severity == "error"]
        shown = self.plan.data[at].row.cells[place]
        raise ProblemError(
            [*wrong, problem("FL-CTL-001", line=number, expected="金額の合計", actual="読めない金額あり", **cell_place(shown))]
        )

    def _control_record(self, kind: str, number: int, content: bytes) -> None:
        """Attributes and stated values of a header, trailer or end record; a fault in it is a fault of the file."""
        shape = self.plan.shapes[kind]
        values, problems = read_control_record(shape.cells, shape.split(content), number)
        if problems:
            raise ProblemError(problems)
        self.reader.header.update({name: value for name, value in values.items() if not name.startswith("_")})
        if kind == "header":
            self.given = values
            self.takers = self._takers()
        if kind == "trailer":
            self._not_before_its_data(number)
            self._balance(values, number)
        for at, cell in enumerate(self.plan.control_cells):
            if cell.row.record == kind:
                self.stated.append(Stated(at, kind, number, values[cell.row.name]))

    def _not_before_its_data(self, number: int) -> None:
        """An empty group whose data follow their trailer is a matter of order, whatever the trailer states."""
        following = next(self.raws, None) if self.last == "header" else None
        if following is not None:
            self.raws = chain((following,), self.raws)
            if following.kind == "data":
                self._wrong("FL-FIX-006", number, "データの前にトレーラー")

    def _raws(self) -> Iterator[Raw]:
        """The records, also those that were looked at before their turn."""
        while (raw := next(self.raws, None)) is not None:
            yield raw

    def _balance(self, trailer: Mapping[str, Any], number: int) -> None:
        """Opening balance + in - out = closing balance."""
        if not self.plan.spec.balanced or "opening_balance_yen" not in self.given or "closing_balance_yen" not in trailer:
            return
        moved = self._group()[-2:]
        opening = signed(self.given, "opening")
        closing = signed(trailer, "closing")
        if opening + moved[0] - moved[1] != closing:
            raise ProblemError([problem("FL-BNK-001", line=number, expected=closing, actual=opening + moved[0] - moved[1])])
        account = "-".join(str(self.given.get(name) or "") for name in ("bank_code", "branch_code", "account_type", "account_number"))
        days = self.given.get("period_from"), self.given.get("period_to")
        self.reader.balances.append(Balance(account, *days, opening, closing))

    def _group(self) -> list[int]:
        """Tallies of the group, over all layouts of the data record."""
        return [sum(values) for values in zip(*(tally.values for tally in self.tallies), strict=True)]

    def _close_group(self) -> None:
        group = self._group()
        self._agree_all(group, None)
        self.file = [have + more for have, more in zip(self.file, group, strict=True)]
        self.tallies = [Tally(data.controls) for data in self.plan.data]

    def _agree_all(self, actual: list[int], last: int | None) -> None:
        """Hold stated values against the group (``last`` is None) or, at the end of the file, against the file."""
        waiting = []
        for stated in self.stated:
            control = self.plan.data[-1].controls[stated.at]
            if (stated.record == "end" or control.scope != "data") is (last is None):
                waiting.append(stated)
            else:
                self._agree(stated, self._actual(control, actual[stated.at], last))
        self.stated = waiting

    def _actual(self, control: Control, tallied: int, last: int | None) -> int:
        if control.scope == "all":
            return last or 0
        return max(self.numbers.get("header", 0), self.numbers.get("trailer", 0)) if control.scope == "groups" else tallied

    def _agree(self, stated: Stated, actual: int) -> None:
        if stated.value == actual:
            return
        cell: Cell = self.plan.control_cells[stated.at]
        wrapped = cell.row.kind == "count" and actual % 10**cell.width == stated.value
        code = "FL-CTL-002" if wrapped else "FL-CTL-001"
        raise ProblemError([problem(code, line=stated.line, expected=stated.value, actual=actual, **cell_place(cell))])


def signed(values: Mapping[str, Any], which: str) -> int:
    """A balance with its 貸越区分: 1 plus, 2 minus."""
    amount = int(values[f"{which}_balance_yen"] or 0)
    return -amount if values.get(f"{which}_sign") == "2" else amount
