"""Kinds that name something: digits, and printable ASCII. Text, so leading zeros are kept. Bound by kinds."""

# ruff: noqa: D102, ARG002 - the methods are those of Cell and documented there

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Any

from fundlink.domain.values import addressee_check_digit, is_municipality_code, municipality_check_digit
from fundlink.formats import charset
from fundlink.formats.cells import Cell, Memo, Note, Unfit, was_damaged

_WAS_A_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch


class Digit(Cell):
    """Digits that are an identifier: text, leading zeros kept."""

    def bind(self) -> None:
        # a spreadsheet eats leading zeros: an identifier of one width that comes shorter is damaged, unless the row says "plain"
        self.width = self.width or self.exact
        self.fixed_width = self.flat or self.row.form == "zero" or (self.row.form == "" and 0 < self.width == self.exact)
        self.refits = self.exact > 0 and (self.width != self.exact or not self.fixed_width)

    def pattern(self) -> str:
        digits = f"[0-9]{{{self.width}}}" if self.fixed_width else f"[0-9]{{1,{self.width or ''}}}"
        return self.optional(digits, f" {{{self.width}}}" if self.flat else "")

    def quick(self) -> Callable[[str], Any] | None:
        if self.row.name == "municipality_code":
            return _Municipalities(self).__getitem__
        if self.refits:
            return self._quick
        empty, nothing = self.empty, " " * self.width
        if self.flat and not self.row.required:
            zeros = "0" * self.width if self.row.form == "zero" else nothing
            return lambda text: empty if text in (zeros, nothing) else text
        return None if self.row.required or empty == "" else (lambda text: text or empty)

    def _quick(self, text: str) -> str:
        return self.empty if self.is_absent(text) else self.canonical(text)

    def is_absent(self, text: str) -> bool:
        if super().is_absent(text):
            return True
        zeros = self.flat and self.row.form == "zero" and not self.row.required
        return zeros and not text.strip("0")

    def value(self, text: str, notes: list[Note]) -> str:
        if not (text.isascii() and text.isdigit()):
            damaged = not self.flat and _WAS_A_NUMBER(text.strip())
            raise Unfit("FL-CSV-006" if damaged else "FL-FIX-007" if self.flat else "FL-VAL-002", expected="数字 / digits")
        if self.width and len(text) > self.width:
            raise Unfit("FL-VAL-003", expected=f"{self.width} 桁")
        if self.fixed_width and len(text) < self.width:
            raise Unfit("FL-CSV-006")
        return self.canonical(text)

    def canonical(self, text: str) -> str:
        """The identifier in its one width."""
        if self.row.name == "municipality_code":
            return _municipality(text)
        if not self.exact or len(text) == self.exact:
            return text
        if len(text) > self.exact and text[: -self.exact].strip("0"):
            raise Unfit("FL-VAL-003", expected=f"{self.exact} 桁")
        return text[-self.exact :].zfill(self.exact)

    def blank(self) -> str:
        if not self.flat:
            return ""
        return "0" * self.width if self.row.form == "zero" else " " * self.width

    def text(self, value: Any) -> str:
        digits = str(value)
        if self.row.name == "municipality_code" and self.width == 5:
            return digits[:5]
        if self.width and len(digits) > self.width and self.exact:
            return digits.removeprefix("0" * (len(digits) - self.width))
        zeros = self.row.form == "zero" or (self.flat and self.exact > 0)
        return digits.zfill(self.width) if zeros else digits

    def quick_text(self) -> Callable[[Any], Any] | None:
        if self.row.name == "municipality_code":
            return Memo(self.write).__getitem__
        # a value of another width does not match the pattern, so zeros are added and cut off in the thorough way
        return self.write if self.flat else None

    def fit(self, value: Any, _rng: Random) -> Any:
        digits = re.sub("[^0-9]", "1", str(value))
        if self.exact:
            return digits
        wide = self.width or len(digits)
        fitted = digits[-wide:].rjust(wide, "0") if self.fixed_width else digits[-wide:]
        return fitted[:-1] + addressee_check_digit(fitted[:-1]) if self.row.name == "addressee_number" else fitted

    def spoil(self) -> str:
        if self.row.name == "municipality_code" and self.width == 6:
            return "131017"
        return "X" * max(self.width, 1)


class _Municipalities(dict[str, str]):
    """Codes seen so far that passed their check digit."""

    def __init__(self, cell: Digit) -> None:
        super().__init__()
        self.cell = cell

    def __missing__(self, text: str) -> str:
        found = str(self.cell.read(text, []))
        if len(self) > 4096:
            self.clear()
        self[text] = found
        return found


def _municipality(text: str) -> str:
    """Six digits with a right check digit; five digits get theirs."""
    if len(text) == 5:
        return text + municipality_check_digit(text)
    if len(text) < 5:
        raise Unfit("FL-CSV-006")
    if not is_municipality_code(text):
        raise Unfit("FL-CHK-001")
    return text


class Alnum(Cell):
    """Printable ASCII: keys and numbers with letters."""

    def bind(self) -> None:
        # the parts of a bill key are joined by "~" in a URL
        self.letters = "!-}" if self.row.name in ("notice_number", "subject_code") else "!-~"

    def pattern(self) -> str:
        if self.flat:
            return f"[{self.letters}][ {self.letters}]*" if self.row.required else f"(?:[{self.letters}][ {self.letters}]*| *)"
        return f"(?![0-9.]*[0-9][eE.])[{self.letters}]{{{1 if self.row.required else 0},{self.width or ''}}}"

    def quick(self) -> Callable[[str], Any] | None:
        if self.flat or self.empty != "":
            empty = self.empty
            return lambda text: text.rstrip(" ") or empty
        return None

    def value(self, text: str, notes: list[Note]) -> str:
        bare = text.rstrip(" ") if self.flat or self.row.form == "space" else text
        if was_damaged(bare) and not self.flat:
            raise Unfit("FL-CSV-006")
        if not re.fullmatch(f"[{self.letters}](?:[ {self.letters}]*[{self.letters}])?", bare):
            raise Unfit("FL-CHR-003" if charset.has_bidi(bare) else "FL-VAL-002", expected="半角英数字 / ASCII")
        if self.width and len(bare) > self.width:
            raise Unfit("FL-VAL-003", expected=f"{self.width} 桁")
        return bare

    def quick_text(self) -> Callable[[Any], Any] | None:
        return None

    def fit(self, value: Any, _rng: Random) -> Any:
        return str(value)[-self.width :] if self.width else str(value)

    def spoil(self) -> str:
        return super().spoil() if self.flat else "漢"
