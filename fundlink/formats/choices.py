"""Kinds with few values: codes, flags, constants; and what is not kept at all. Bound by kinds."""

# ruff: noqa: D102, ARG002 - the methods are those of Cell and documented there

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import islice
from random import Random
from typing import Any

from fundlink.formats import charset
from fundlink.formats.cells import Cell, Memo, Note, Unfit
from fundlink.formats.layout import Field

DEFAULT_CODES = {"fund_code": "fund_codes", "action": "actions"}
"""Lists of attributes whose row leaves ``codes`` open."""

SHOWN_CODES = 16


def codes_of(row: Field) -> str:
    """The list or inline map of a field."""
    return row.codes or DEFAULT_CODES.get(row.name, "")


def _some(codes: Iterable[str]) -> str:
    """The first codes that may stand, for people.

    >>> _some(["1", "9"])
    '1・9'
    """
    shown = list(islice((code for code in codes if code), SHOWN_CODES + 1))
    return "・".join(shown[:SHOWN_CODES]) + ("…" if len(shown) > SHOWN_CODES else "")


class CodeCell(Cell):
    """A code of a list, or theirs read as ours by an inline map."""

    def bind(self) -> None:
        self.ours = dict(self.setting.codes.get(codes_of(self.row), {}))
        self.theirs: dict[str, str] = {}
        for theirs, ours in self.ours.items():
            self.theirs.setdefault(ours, theirs)
        self.known = {self._key(theirs): ours for theirs, ours in self.ours.items()}
        if not self.row.required:
            self.known.setdefault(self._key(""), self.empty)

    def _key(self, theirs: str) -> str:
        """A code as it stands in the file: filled with spaces to its width in bytes."""
        if not self.flat:
            return theirs
        return theirs + " " * (self.width - len(charset.encoded_or_empty(theirs, self.setting.encoding)))

    def pattern(self) -> str:
        return "[^\\x1f]*"

    def quick(self) -> Callable[[str], Any] | None:
        return self.known.__getitem__

    def value(self, text: str, notes: list[Note]) -> str:
        bare = text.rstrip(" ") if self.flat else text
        if bare not in self.ours:
            raise Unfit("FL-CODE-001", expected=_some(self.ours))
        return self.ours[bare]

    def text(self, value: Any) -> str:
        if value not in self.theirs:
            raise Unfit("FL-CODE-001", expected=_some(self.theirs))
        return self.theirs[value]

    def quick_text(self) -> Callable[[Any], Any] | None:
        return Memo(self.write).__getitem__

    def fit(self, value: Any, rng: Random) -> Any:
        return value if value in self.theirs else rng.choice(list(self.theirs))

    def spoil(self) -> str:
        wrong = "?" * max(self.width, 1)
        return wrong if wrong not in self.ours else "!" * max(self.width, 1)


class Flag(Cell):
    """0 or 1."""

    spoilt = "7"

    def bind(self) -> None:
        self.empty = self.empty or "0"

    def pattern(self) -> str:
        return self.optional("[01]", " *")

    def quick(self) -> Callable[[str], Any] | None:
        return lambda text: text.strip(" ") or self.empty

    def value(self, text: str, notes: list[Note]) -> str:
        if text.strip(" ") not in ("0", "1"):
            raise Unfit("FL-VAL-002", expected="0 / 1")
        return text.strip(" ")

    def fit(self, value: Any, _rng: Random) -> Any:
        return value if value in ("0", "1") else "0"


class Const(Cell):
    """A constant; told by it, a record knows its kind."""

    def pattern(self) -> str:
        return re.escape(self.row.codes) + (" *" if self.flat else "")

    def read(self, text: str, notes: list[Note]) -> str:
        bare = text.rstrip(" ") if self.flat else text
        if bare != self.row.codes.rstrip(" "):
            raise Unfit("FL-VAL-002", expected=self.row.codes)
        return bare

    def write(self, value: Any) -> str:
        return self.row.codes

    def spoil(self) -> str:
        return "#" * len(self.row.codes)


class Unkept(Cell):
    """What is there but not kept: anything is read, an empty cell of its kind is written."""

    takes_anything = True

    def pattern(self) -> str:
        return "[^\\x1f]*"

    def read(self, text: str, notes: list[Note]) -> str:
        return text

    def write(self, value: Any) -> str:
        return str(value) if value else self.blank()

    def blank(self) -> str:
        kind, zero = self.row.kind, self.row.form == "zero"
        if kind == "date":
            return self.setting.empty_date if self.setting.empty_date is not None else "0" * self.width if self.flat else ""
        if self.flat:
            return ("0" if kind in ("yen", "year", "flag") or zero or (kind == "digit" and self.row.form != "plain") else " ") * self.width
        if self.setting.form == "xml" and self.row.required:
            return "1"
        return "0" if kind in ("yen", "flag") and self.row.required else ""
