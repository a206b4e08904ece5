"""What a cell of a layout is: one field bound to its attribute and to what its message settles.

The base of all kinds. ``pattern`` describes cells that are right beyond doubt; everything else goes through ``read``, which says what
is wrong (``Unfit``) or doubtful (a note). Never looks at another field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar

from fundlink.formats import charset
from fundlink.formats.catalogue import Attribute
from fundlink.formats.layout import Field

Note = tuple[str, tuple[tuple[str, str | int], ...]]


was_damaged = re.compile(r"[0-9](\.[0-9]+)?[eE]\+[0-9]{1,3}").fullmatch


BLANKS = " \u3000"


class Unfit(ValueError):  # noqa: N818 - it is a finding that travels one step, not an error of the program
    """A cell that cannot be taken, with the problem code and the words of its sentence."""

    def __init__(self, code: str, **args: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.words = args


@dataclass(frozen=True)
class Setting:
    """What a message of a profile settles for all its cells."""

    form: str = "delimited"
    encoding: str = "utf-8"
    era: str = "5"
    empty_date: str | None = None
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def flat(self) -> bool:
        """True for fixed-length records."""
        return self.form == "fixed"


class Cell:
    """One field bound to its attribute and setting."""

    spoilt = "\u0001"
    takes_anything: ClassVar[bool] = False

    def __init__(self, row: Field, attribute: Attribute | None, setting: Setting) -> None:
        self.row = row
        self.attribute = attribute
        self.setting = setting
        self.flat = setting.flat
        self.width = row.width
        self.exact = attribute.exact if attribute else 0
        self.empty: Any = attribute.default if attribute else ""
        self.bind()

    def bind(self) -> None:
        """What a kind works out once."""

    def pattern(self) -> str:
        """Expression of cells that need no second look; never matches U+001F."""
        raise NotImplementedError

    def optional(self, expression: str, blank: str = "") -> str:
        """The expression, or also nothing when the field may be empty."""
        return expression if self.row.required else f"(?:{expression}|{blank})"

    def quick(self) -> Callable[[str], Any] | None:
        """Value of a cell that matched; None when it is the text itself. A KeyError or ValueError (so also Unfit) sends the row to ``read``."""
        return None

    def is_absent(self, text: str) -> bool:
        """True when the cell says nothing."""
        return not (text.strip(BLANKS) if self.flat else text)

    def read(self, text: str, notes: list[Note]) -> Any:
        """The value, or Unfit; doubts are added to ``notes``."""
        if charset.has_control(text):
            raise Unfit("FL-CHR-001")
        if self.is_absent(text):
            if self.row.required:
                raise Unfit("FL-VAL-001")
            return self.empty
        return self.value(text, notes)

    def value(self, text: str, notes: list[Note]) -> Any:
        """The value of a cell that says something."""
        raise NotImplementedError

    def write(self, value: Any) -> str:
        """The cell of a value; Unfit when the field cannot hold it."""
        return self.blank() if value is None or value == "" else self.text(value)

    def quick_text(self) -> Callable[[Any], Any] | None:
        """The cell of a value in the ordinary case; None when it is the value itself.

        It may be wrong where the pattern refuses what comes out, or what comes out is no text: such a row is written by ``write``.
        A KeyError never leaves it, Unfit may.
        """
        return self.write

    def blank(self) -> str:
        """The cell of no value."""
        return ""

    def text(self, value: Any) -> str:
        """The cell of a value that is there."""
        return str(value)

    def fit(self, value: Any, _rng: Random) -> Any:
        """A sample value brought into what the field can hold."""
        return value

    def spoil(self) -> str:
        """A cell that is wrong."""
        return self.spoilt.ljust(self.width) if self.flat else self.spoilt


class Memo(dict[Any, str]):
    """Texts of values written so far, for kinds with few of them: a file has few days, years and codes."""

    def __init__(self, write: Callable[[Any], str]) -> None:
        super().__init__()
        self.write = write

    def __missing__(self, value: Any) -> str:
        text = self.write(value)
        if len(self) > _REMEMBERED:
            self.clear()
        self[value] = text
        return text


_REMEMBERED = 4096
