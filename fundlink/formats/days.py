"""Kinds of the calendar: days and years. Bound by kinds; the forms are those of dates."""

# ruff: noqa: D102, ARG002 - the methods are those of Cell and documented there

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fundlink.formats import dates
from fundlink.formats.cells import BLANKS, Cell, Memo, Note, Unfit

_SERIAL_DAY = re.compile("[3-6][0-9]{4}").fullmatch


class Date(Cell):
    """A day in one of the forms of dates.py; the value is ISO text or None."""

    def bind(self) -> None:
        self.empty = None
        self.form = self.row.form or (dates.WIDTHS.get(self.width, "iso") if self.flat else "iso")

    def pattern(self) -> str:
        shape = dates.PATTERNS[self.form]
        if self.flat:
            return f"{shape} *" if self.form == "wareki" else shape
        return self.optional(shape)

    def quick(self) -> Callable[[str], Any] | None:
        return _Days(self).__getitem__

    def is_absent(self, text: str) -> bool:
        return dates.is_empty(self.form, text)

    def value(self, text: str, notes: list[Note]) -> str:
        bare = text.strip(BLANKS)
        try:
            return dates.read_day(self.form, bare, self.setting.era)
        except ValueError as error:
            damaged = not self.flat and self.form in ("iso", "wareki", "written") and _SERIAL_DAY(bare)
            raise Unfit("FL-CSV-006" if damaged else "FL-DATE-001") from error

    def blank(self) -> str:
        if self.setting.empty_date is not None:
            return self.setting.empty_date
        return "0" * self.width if self.flat and self.form != "wareki" else ""

    def text(self, value: Any) -> str:
        try:
            return dates.write_day(self.form, str(value), self.setting.era)
        except ValueError as error:
            raise Unfit("FL-DATE-001") from error

    def quick_text(self) -> Callable[[Any], Any] | None:
        return Memo(self.write).__getitem__

    def spoil(self) -> str:
        wrong = {
            "iso": "2026-02-30",
            "ymd": "20260230",
            "wareki7": "5080230",
            "wareki6": "080230",
            "wareki": "R8.02.30",
            "written": "2026/2/30",
        }
        return wrong[self.form].ljust(self.width) if self.flat else wrong[self.form]


class _Days(dict[str, str | None]):
    """Days seen so far: a file has few of them."""

    def __init__(self, cell: Date) -> None:
        super().__init__()
        self.cell = cell

    def __missing__(self, text: str) -> str | None:
        found: str | None = self.cell.read(text, [])
        self[text] = found
        return found


class _PlainYears(dict[str, int | None]):
    """Western years seen so far; the expression has looked at them before."""

    def __init__(self, cell: Year) -> None:
        super().__init__()
        if not cell.row.required:
            self[""] = None

    def __missing__(self, text: str) -> int:
        found = self[text] = int(text)
        return found


class _Years(dict[str, int | None]):
    """Years seen so far, of an era or of a flat record: a file has few of them."""

    def __init__(self, cell: Year) -> None:
        super().__init__()
        self.cell = cell

    def __missing__(self, text: str) -> int | None:
        found: int | None = self.cell.read(text, [])
        self[text] = found
        return found


class Year(Cell):
    """A year, western or of the profile's era; the value is a western ``int``."""

    def bind(self) -> None:
        self.empty = None
        self.wareki = self.row.form == "wareki"
        self.width = self.row.width or (2 if self.wareki else 4)
        # a sheet that counts characters means R8, one that counts digits means 508; both are read
        self.lettered = self.wareki and self.width >= 3 and self.row.unit in ("char", "byte")

    def pattern(self) -> str:
        if self.lettered:
            digits = f"[0-9]{{{self.width}}}" if self.flat else f"[0-9]{{1,{self.width}}}"
            return self.optional(f"(?:[SHR][0-9]{{1,2}}{' *' if self.flat else ''}|{digits})", " *" if self.flat else "")
        if self.flat:
            return f"[0-9]{{{self.width}}}"
        return self.optional(f"[0-9]{{1,{self.width}}}" if self.wareki else "(?:19|20|21)[0-9]{2}")

    def quick(self) -> Callable[[str], Any] | None:
        if not self.wareki and not self.flat:
            return _PlainYears(self).__getitem__
        return _Years(self).__getitem__

    def is_absent(self, text: str) -> bool:
        return super().is_absent(text) or (self.flat and not self.row.required and not text.strip("0"))

    def value(self, text: str, notes: list[Note]) -> int:
        bare = text.strip(BLANKS) if self.flat else text
        try:
            year = dates.read_year(bare, self.setting.era) if self.wareki else int(bare if re.fullmatch("[0-9]{4}", bare) else "")
        except ValueError as error:
            raise Unfit("FL-VAL-002", expected=self._example()) from error
        if not 1900 <= year < 2200:
            raise Unfit("FL-VAL-002", expected=self._example())
        return year

    def _example(self) -> str:
        if not self.wareki:
            return "西暦4桁 / 2026"
        return f"和暦年 {'R8' if self.lettered else '508' if self.width >= 3 else '08'}"

    def blank(self) -> str:
        return "0" * self.width if self.flat and not self.lettered else ""

    def text(self, value: Any) -> str:
        try:
            return (
                dates.write_year(int(value), self.setting.era, self.width, lettered=self.lettered) if self.wareki else f"{int(value):04d}"
            )
        except ValueError as error:
            raise Unfit("FL-VAL-002", expected=self._example()) from error

    def quick_text(self) -> Callable[[Any], Any] | None:
        return Memo(self.write).__getitem__

    def spoil(self) -> str:
        return "X" * self.width
