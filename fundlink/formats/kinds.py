"""The kinds of a layout: one small class each says what a cell looks like, how it is read, written, sampled and spoiled.

Called by rows (compile, examine, write), samples and the book. ``pattern`` describes cells that are right beyond doubt; everything
else goes through ``read``, which says what is wrong (``Unfit``) or doubtful (a note). Never looks at another field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar

from fundlink.domain.values import MAX_TOTAL_YEN, addressee_check_digit, is_municipality_code, municipality_check_digit
from fundlink.formats import charset, dates
from fundlink.formats.catalogue import Attribute
from fundlink.formats.layout import Field

Note = tuple[str, tuple[tuple[str, str | int], ...]]
_DAMAGED = re.compile(r"[0-9](\.[0-9]+)?[eE]\+[0-9]{1,3}").fullmatch
_WAS_A_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch
_SERIAL_DAY = re.compile("[3-6][0-9]{4}").fullmatch
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
        if self.flat or self.refits:
            return self._quick
        empty = self.empty
        return None if empty == "" or self.row.required else (lambda text: text or empty)

    def _quick(self, text: str) -> str:
        return self.empty if self.is_absent(text) else self.canonical(text)  # type: ignore[no-any-return]

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
        return lambda text: int(text) if text else empty

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

    def fit(self, value: Any, _rng: Random) -> Any:
        return int(str(value or 0)[-self.width :])

    def spoil(self) -> str:
        return self.spoilt[-self.width :].rjust(self.width) if self.flat else self.spoilt


class Yen(Number):
    """Amounts: digits only, whole yen."""

    wrong = "FL-AMT-001"
    large = "FL-AMT-002"

    def most(self) -> str | int:
        return MAX_TOTAL_YEN if self.width >= 11 else 10**self.width - 1


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
        if _DAMAGED(bare) and not self.flat:
            raise Unfit("FL-CSV-006")
        if not re.fullmatch(f"[{self.letters}](?:[ {self.letters}]*[{self.letters}])?", bare):
            raise Unfit("FL-CHR-003" if charset.has_bidi(bare) else "FL-VAL-002", expected="半角英数字 / ASCII")
        if self.width and len(bare) > self.width:
            raise Unfit("FL-VAL-003", expected=f"{self.width} 桁")
        return bare

    def fit(self, value: Any, _rng: Random) -> Any:
        return str(value)[-self.width :] if self.width else str(value)

    def spoil(self) -> str:
        return super().spoil() if self.flat else "漢"


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

    def text(self, value: Any) -> str:
        if self.row.form == "half":
            return charset.half_width(str(value))
        return charset.full_width(str(value)) if self.row.form == "full" else str(value)

    def fit(self, value: Any, _rng: Random) -> Any:
        return super().fit(self.text(value), _rng)


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
            damaged = not self.flat and self.form in ("iso", "wareki") and _SERIAL_DAY(bare)
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

    def spoil(self) -> str:
        wrong = {"iso": "2026-02-30", "ymd": "20260230", "wareki7": "5080230", "wareki6": "080230", "wareki": "R8.02.30"}
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


class Year(Cell):
    """A year, western or of the profile's era; the value is a western ``int``."""

    def bind(self) -> None:
        self.empty = None
        self.wareki = self.row.form == "wareki"
        self.width = self.row.width or (2 if self.wareki else 4)

    def pattern(self) -> str:
        if self.flat:
            return f"[0-9]{{{self.width}}}"
        return self.optional(f"[0-9]{{1,{self.width}}}" if self.wareki else "(?:19|20|21)[0-9]{2}")

    def quick(self) -> Callable[[str], Any] | None:
        if not self.wareki and not self.flat:
            return int if self.row.required else (lambda text: int(text) if text else None)
        return lambda text: self.read(text, [])

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
        return "和暦年 08" if self.wareki else "西暦4桁 / 2026"

    def blank(self) -> str:
        return "0" * self.width if self.flat else ""

    def text(self, value: Any) -> str:
        try:
            return dates.write_year(int(value), self.setting.era, self.width) if self.wareki else f"{int(value):04d}"
        except ValueError as error:
            raise Unfit("FL-VAL-002", expected=self._example()) from error

    def spoil(self) -> str:
        return "X" * self.width


DEFAULT_CODES = {"fund_code": "fund_codes", "action": "actions"}
"""Lists of attributes whose row leaves ``codes`` open."""


def codes_of(row: Field) -> str:
    """The list or inline map of a field."""
    return row.codes or DEFAULT_CODES.get(row.name, "")


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
        return theirs.ljust(self.width) if self.flat else theirs

    def pattern(self) -> str:
        return "[^\\x1f]*"

    def quick(self) -> Callable[[str], Any] | None:
        return self.known.__getitem__

    def value(self, text: str, notes: list[Note]) -> str:
        bare = text.rstrip(" ") if self.flat else text
        if bare not in self.ours:
            raise Unfit("FL-CODE-001", expected=self.row.codes if "=" not in self.row.codes else "・".join(self.ours)[:80])
        return self.ours[bare]

    def text(self, value: Any) -> str:
        if value not in self.theirs:
            raise Unfit("FL-CODE-001", expected=self.row.codes)
        return self.theirs[value]

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
        return "".join("8" if letter != "8" else "7" for letter in self.row.codes)


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


class Control(Number):
    """A count or sum of a control record: always filled with zeros in flat files."""

    spoilt = "X"


CLASSES: dict[str, type[Cell]] = {
    "digit": Digit,
    "alnum": Alnum,
    "text": Text,
    "kana": Kana,
    "yen": Yen,
    "date": Date,
    "year": Year,
    "code": CodeCell,
    "flag": Flag,
    "const": Const,
    "count": Control,
    "sum": Control,
    "filler": Unkept,
}

KINDS_OF_TYPE: dict[str, tuple[str, ...]] = {
    "text": ("digit", "alnum", "text", "kana", "code", "flag"),
    "yen": ("yen", "digit"),
    "number": ("digit", "yen"),
    "year": ("year", "digit"),
    "date": ("date",),
}
"""Kinds that can carry an attribute of a type; a layout that says otherwise is at fault."""


def bind(row: Field, attribute: Attribute | None, setting: Setting) -> Cell:
    """The cell of a field. The attribute's type decides where a sheet writes ``digit`` for an amount or a year."""
    if row.kind in ("const", "count", "sum"):
        return CLASSES[row.kind](row, attribute, setting)
    if row.name.startswith("_") or attribute is None or row.kind == "filler":
        return Unkept(row, None, setting)
    if attribute.type in ("yen", "number", "year"):
        return {"yen": Yen, "number": Number, "year": Year}[attribute.type](row, attribute, setting)
    if row.kind in ("digit", "alnum") and codes_of(row) in setting.codes:
        return CodeCell(row, attribute, setting)
    return CLASSES[row.kind](row, attribute, setting)
