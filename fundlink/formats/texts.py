"""Kinds that are read by people: free text and kana. Bound by kinds."""

# ruff: noqa: D102 - the methods are those of Cell and documented there

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Any, ClassVar

from fundlink.formats import charset
from fundlink.formats.cells import BLANKS, Cell, Note, Unfit


class Text(Cell):
    """Free text; the width counts characters or bytes of the encoding."""

    characters: ClassVar[str] = charset.PLAIN

    def bind(self) -> None:
        self.in_bytes = self.flat or self.row.unit == "byte"

    def pattern(self) -> str:
        least = 1 if self.row.required else 0
        if self.flat:
            return self.body() + ("+" if least else "*")
        longest: int | str = self.width or ""
        if self.in_bytes and self.width:
            longest = max(self.width // (2 if self.setting.encoding == "cp932" else 4), least)
        return f"{self.body()}{{{least},{longest}}}"

    def body(self) -> str:
        """One character that needs no second look."""
        return self.characters

    def quick(self) -> Callable[[str], Any] | None:
        if self.flat:
            if self.row.required:
                return self._required
            return lambda text: text.rstrip(BLANKS) or self.empty
        return None if self.empty == "" else (lambda text: text or self.empty)

    @staticmethod
    def _required(text: str) -> str:
        bare = text.rstrip(BLANKS)
        if not bare:
            raise ValueError(text)
        return bare

    def read(self, text: str, notes: list[Note]) -> Any:
        # a line break inside quotes and a tab are text, not damage; in a fixed-length record they are damage
        if charset.has_control(text) if self.flat else charset.has_control_in_line(text):
            raise Unfit("FL-CHR-001")
        if self.is_absent(text):
            if self.row.required:
                raise Unfit("FL-VAL-001")
            return self.empty
        return self.value(text, notes)

    def value(self, text: str, notes: list[Note]) -> str:
        bare = text.rstrip(BLANKS) if self.flat else text
        if charset.has_bidi(bare) or charset.is_invisible(bare):
            raise Unfit("FL-CHR-003")
        self.measure(bare)
        if charset.has_doubtful(bare):
            notes.append(("FL-CHR-002", ()))
        return bare

    def quick_text(self) -> Callable[[Any], Any] | None:
        return None

    def measure(self, text: str) -> None:
        """Unfit when the text is wider than its field."""
        if not self.width:
            return
        size = len(text)
        if self.in_bytes:
            try:
                size = len(charset.encoded(text, self.setting.encoding))
            except UnicodeEncodeError as error:
                raise Unfit("FL-CHR-004", expected=self.setting.encoding) from error
        if size > self.width:
            raise Unfit("FL-VAL-003", expected=f"{self.width} {'バイト' if self.in_bytes else '字'}")

    def fit(self, value: Any, _rng: Random) -> Any:
        text = str(value)
        while text:
            try:
                self.measure(text)
            except Unfit:
                text = text[:-1]
            else:
                break
        return text.rstrip(BLANKS)


class Kana(Text):
    """A name in kana; letters, digits and signs may stand in it."""

    def bind(self) -> None:
        super().bind()
        self.outside = re.compile(f"[^{charset.KANA[self.row.form]}]").search

    def body(self) -> str:
        return f"[{charset.KANA[self.row.form]}{' ' if self.flat else ''}]"

    def value(self, text: str, notes: list[Note]) -> str:
        bare = super().value(text, notes)
        if self.outside(bare):
            notes.append(("FL-FIX-003" if self.flat else "FL-CHR-005", ()))
        return bare

    def quick_text(self) -> Callable[[Any], Any] | None:
        return self.write if self.row.form in ("half", "full") else None

    def text(self, value: Any) -> str:
        if self.row.form == "half":
            return charset.half_width(str(value))
        return charset.full_width(str(value)) if self.row.form == "full" else str(value)

    def fit(self, value: Any, _rng: Random) -> Any:
        return super().fit(self.text(value), _rng)
