"""Kinds that count: whole numbers, yen, and the counts and sums of control records. Bound by kinds."""

# ruff: noqa: D102, ARG002 - the methods are those of Cell and documented there

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, ClassVar

from fundlink.domain.values import MAX_TOTAL_YEN
from fundlink.formats.cells import Cell, Note, Unfit

SEEN = 1024
"""Values a field remembers at most."""


class Number(Cell):
    """Non-negative whole numbers: counters of a record."""

    wrong: ClassVar[str] = "FL-VAL-002"
    large: ClassVar[str] = "FL-VAL-003"
    spoilt = "1,000"

    def bind(self) -> None:
        self.width = self.row.width or 11
        self.filled = self.flat or self.row.form == "zero"

    def pattern(self) -> str:
        if self.flat:
            return self.optional(f"[0-9]{{{self.width}}}", f" {{{self.width}}}")
        shape = f"[0-9]{{1,{self.width}}}" if self.filled else f"(?:0|[1-9][0-9]{{0,{self.width - 1}}})"
        return self.optional(shape)

    def quick(self) -> Callable[[str], Any] | None:
        if self.row.required:
            return int
        empty = self.empty
        if self.flat:
            return lambda text: empty if text.isspace() else int(text)
        return _Amounts(empty).__getitem__

    def value(self, text: str, notes: list[Note]) -> int:
        if not (text.isascii() and text.isdigit()):
            raise Unfit("FL-FIX-007" if self.flat else self.wrong, expected="数字 / digits")
        if not self.filled and text[0] == "0" and text != "0":
            raise Unfit(self.wrong, expected="先頭の0なし / no leading zeros")
        if len(text) > self.width:
            raise Unfit(self.large, expected=self.most())
        return int(text)

    def most(self) -> str | int:
        """The largest value, as the sentence says it."""
        return f"{self.width} 桁"

    def blank(self) -> str:
        return "0" * self.width if self.flat else ""

    def text(self, value: Any) -> str:
        if not isinstance(value, int) or value < 0 or len(str(value)) > self.width:
            raise Unfit(self.large, expected=self.most())
        return f"{value:0{self.width}d}" if self.filled else str(value)

    def quick_text(self) -> Callable[[Any], Any] | None:
        return self.write if self.filled else _plain

    def fit(self, value: Any, _rng: Random) -> Any:
        return int(str(value or 0)[-self.width :])

    def spoil(self) -> str:
        return ",".rjust(self.width, "1") if self.flat else self.spoilt


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


class _Amounts(dict[str, int]):
    """Amounts seen so far of a field that is mostly empty."""

    def __init__(self, empty: int) -> None:
        super().__init__({"": empty})
        self.empty = empty

    def __missing__(self, text: str) -> int:
        if len(self) > SEEN:
            self.clear()
        found = self[text] = int(text) if text else self.empty
        return found


class Yen(Number):
    """Amounts: digits only, whole yen."""

    wrong = "FL-AMT-001"
    large = "FL-AMT-002"

    def most(self) -> str | int:
        return MAX_TOTAL_YEN if self.width >= 11 else 10**self.width - 1


class Control(Number):
    """A count or sum of a control record: always filled with zeros in flat files."""

    spoilt = "X"
