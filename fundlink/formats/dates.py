"""The date and year forms of real files, to ISO text and back.

Called by kinds. Never guesses a day: what is no calendar day in its form raises ValueError.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata

from fundlink.domain.values import ERA_DIGITS, wareki_date, wareki_parts

PATTERNS = {
    "iso": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "ymd": "[0-9]{8}",
    "wareki7": "[0-9]{7}",
    "wareki6": "[0-9]{6}",
    "wareki": "[MTSHR][0-9]{1,2}\\.[0-9]{2}\\.[0-9]{2}",
    "written": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
}
EXAMPLES = {
    "iso": "2026-06-30",
    "ymd": "20260630",
    "wareki7": "5080630",
    "wareki6": "080630",
    "wareki": "R8.06.30",
    "written": "2026-06-30",
}
WIDTHS = {10: "iso", 8: "ymd", 7: "wareki7", 6: "wareki6"}
"""Form of a date whose row leaves it open, by its width."""

_EMPTY = frozenset(("", "0000-00-00", "00000000", "99999999", "9999-99-99"))
_ERA_LETTERS = {"3": "S", "4": "H", "5": "R"}
_ERA_YEAR_ZERO = {"3": 1925, "4": 1988, "5": 2018}
_WESTERN = re.compile("([0-9]{4})[年./-]([0-9]{1,2})[月./-]([0-9]{1,2})日?")
_FREE = re.compile("(昭和|平成|令和|昭|平|令|[SHR])(元|[0-9]{1,2})[年./-]([0-9]{1,2})[月./-]([0-9]{1,2})日?")


def is_empty(form: str, text: str) -> bool:
    """True when a cell means "no date".

    >>> is_empty("iso", "0000-00-00"), is_empty("wareki7", "0000000"), is_empty("iso", "2026-06-30")
    (True, True, False)
    """
    bare = text.strip(" \u3000")
    return bare in _EMPTY or (form in WIDTHS.values() and len(bare) == len(EXAMPLES[form]) and set(bare) in ({"0"}, {"9"}))


def read_day(form: str, text: str, era: str) -> str:
    """ISO text of a day; raises ValueError when there is no such day in this form.

    >>> read_day("wareki7", "5080630", "5"), read_day("wareki", "令和 8年 6月30日", "5"), read_day("wareki", "R元.5.1", "5")
    ('2026-06-30', '2026-06-30', '2019-05-01')
    >>> read_day("written", "２０２６/6/30", "5"), read_day("written", "令和8年6月30日", "5"), read_day("written", "2026-06-30", "5")
    ('2026-06-30', '2026-06-30', '2026-06-30')
    """
    if form == "written":
        found = _read_western(text) or _read_wareki(text)
    else:
        found = _read_wareki(text) if form == "wareki" else _read_digits(form, text, era)
    if found is None or not 1900 <= found.year < 2200:
        raise ValueError(form)
    return found.isoformat()


def _read_digits(form: str, text: str, era: str) -> dt.date | None:
    if not re.fullmatch(PATTERNS[form], text):
        raise ValueError(form)
    if form in ("iso", "ymd"):
        bare = text.replace("-", "")
        return dt.date(int(bare[:4]), int(bare[4:6]), int(bare[6:]))
    digits = text if form == "wareki7" else era + text
    return wareki_date(digits[0], int(digits[1:3]), int(digits[3:5]), int(digits[5:]))


def _read_western(text: str) -> dt.date | None:
    """A day as people write it, the year with its four digits in front: there is no other way to read it."""
    found = _WESTERN.fullmatch(re.sub(r"\s", "", unicodedata.normalize("NFKC", text)))
    return dt.date(int(found[1]), int(found[2]), int(found[3])) if found else None


def _read_wareki(text: str) -> dt.date | None:
    found = _FREE.fullmatch(re.sub(r"\s", "", unicodedata.normalize("NFKC", text)))
    if found is None:
        return None
    year = 1 if found[2] == "元" else int(found[2])
    return wareki_date(ERA_DIGITS[found[1]], year, int(found[3]), int(found[4]))


def write_day(form: str, iso: str, era: str) -> str:
    """A day in its form; raises ValueError when the form cannot say it.

    >>> write_day("wareki", "2026-06-30", "5"), write_day("wareki6", "2026-06-30", "5")
    ('R8.06.30', '080630')
    """
    day = dt.date.fromisoformat(iso)
    if form in ("iso", "written"):
        return iso
    if form == "ymd":
        return iso.replace("-", "")
    parts = wareki_parts(day)
    if parts is None or (form == "wareki6" and parts[0] != era):
        raise ValueError(form)
    digit, year = parts
    if form == "wareki":
        return f"{_ERA_LETTERS[digit]}{year}.{day:%m.%d}"
    return f"{digit if form == 'wareki7' else ''}{year:02d}{day:%m%d}"


def read_year(text: str, era: str) -> int:
    """Western year of an era year: ``8``, ``08``, ``508`` (era digit first), ``R8``, ``令和8``, ``元``.

    >>> read_year("08", "5"), read_year("508", "4"), read_year("令和元", "5")
    (2026, 2026, 2019)
    """
    found = re.fullmatch("(昭和|平成|令和|昭|平|令|[SHR])?(元|[0-9]{1,3})年?(?:度)?", unicodedata.normalize("NFKC", text).strip())
    if found is None:
        raise ValueError(text)
    digits = "1" if found[2] == "元" else found[2]
    digit = ERA_DIGITS[found[1]] if found[1] else era
    if len(digits) == 3:
        digit, digits = digits[0], digits[1:]
    if digit not in _ERA_YEAR_ZERO or int(digits) == 0:
        raise ValueError(text)
    return _ERA_YEAR_ZERO[digit] + int(digits)


def write_year(year: int, era: str, width: int, *, lettered: bool = False) -> str:
    """Era year of a western year in ``width`` digits; from three on the era stands in front, as its digit or as its letter.

    >>> write_year(2026, "5", 2), write_year(2018, "5", 3), write_year(2026, "5", 3, lettered=True)
    ('08', '430', 'R8')
    """
    if width >= 3:
        if year <= _ERA_YEAR_ZERO["3"]:
            raise ValueError(year)
        era = next(digit for digit in ("5", "4", "3") if year > _ERA_YEAR_ZERO[digit])
        number = year - _ERA_YEAR_ZERO[era]
        return f"{_ERA_LETTERS[era]}{number}" if lettered else f"{era}{number:02d}"
    if not 0 < year - _ERA_YEAR_ZERO[era] < 100:
        raise ValueError(year)
    return f"{year - _ERA_YEAR_ZERO[era]:0{max(width, 1)}d}"
