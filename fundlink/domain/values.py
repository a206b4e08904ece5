"""Checked numbers of the trade: each is one small verb set (check digit, validity, parts) taught by doctests.

Called by every room. Standard library only; never raises on wrong *input* (that is a Problem), only on wrong programs.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import NamedTuple

MAX_TOTAL_YEN = 99_999_999_999
"""The amount field of an eL-QR has 11 digits, so no slip can be larger (yen)."""

_ERA_FIRST_DAY = {"3": dt.date(1926, 12, 25), "4": dt.date(1989, 1, 8), "5": dt.date(2019, 5, 1)}
_ERA_LAST_DAY = {"3": dt.date(1989, 1, 7), "4": dt.date(2019, 4, 30), "5": dt.date.max}
ERA_DIGITS = {"昭和": "3", "平成": "4", "令和": "5", "昭": "3", "平": "4", "令": "5", "S": "3", "H": "4", "R": "5"}
"""Era name, short name or letter to the era digit used by 7-digit wareki dates."""


class ELNumber(NamedTuple):
    """The four printed keys of a slip: 5 + 20 + 6 + 3 digits, all text."""

    institution_code: str
    case_key: str
    confirmation_number: str
    fund_code: str


@lru_cache(maxsize=4096)
def municipality_check_digit(first_five: str) -> str:
    """Check digit of 全国地方公共団体コード: weights 6..2, modulus 11.

    >>> municipality_check_digit("13101"), municipality_check_digit("01101"), municipality_check_digit("01100")
    ('6', '1', '2')
    """
    remainder = sum(int(digit) * weight for digit, weight in zip(first_five, (6, 5, 4, 3, 2), strict=True)) % 11
    return str((11 - remainder) % 10)


def is_municipality_code(code: str) -> bool:
    """True for six digits whose last one is the check digit.

    >>> is_municipality_code("131016"), is_municipality_code("131017"), is_municipality_code("13101")
    (True, False, False)
    """
    return len(code) == 6 and code.isascii() and code.isdigit() and municipality_check_digit(code[:5]) == code[5]


def addressee_check_digit(body: str) -> str:
    """Check digit of newly issued 宛名番号: weights 2..7 from the right, modulus 11, remainder 0 and 1 give 0.

    >>> addressee_check_digit("1234567")
    '4'
    """
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(body)))
    remainder = total % 11
    return "0" if remainder <= 1 else str(11 - remainder)


def is_addressee_number(number: str) -> bool:
    """True when the last digit is the check digit of the rest; old numbers need not pass, so this only warns."""
    return number.isascii() and number.isdigit() and len(number) > 1 and addressee_check_digit(number[:-1]) == number[-1]


@lru_cache(maxsize=65536)
def iso_date(text: str) -> dt.date | None:
    """The calendar day of ``YYYY-MM-DD``, or None when there is no such day.

    >>> iso_date("2026-06-30"), iso_date("2026-02-30"), iso_date("2026-6-30")
    (datetime.date(2026, 6, 30), None, None)
    """
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


@lru_cache(maxsize=65536)
def wareki_date(era_digit: str, year: int, month: int, day: int) -> dt.date | None:
    """The calendar day of an era date, or None when the day does not exist or lies outside its era.

    >>> wareki_date("5", 8, 6, 30), wareki_date("4", 38, 1, 1), wareki_date("5", 1, 4, 30)
    (datetime.date(2026, 6, 30), None, None)
    """
    first = _ERA_FIRST_DAY.get(era_digit)
    if first is None or year < 1:
        return None
    try:
        found = dt.date(first.year + year - 1, month, day)
    except ValueError:
        return None
    return found if first <= found <= _ERA_LAST_DAY[era_digit] else None


def wareki_parts(day: dt.date) -> tuple[str, int] | None:
    """Era digit and year of the era for a day, or None before 昭和.

    >>> wareki_parts(dt.date(2026, 6, 30)), wareki_parts(dt.date(2019, 4, 30))
    (('5', 8), ('4', 31))
    """
    for digit in ("5", "4", "3"):
        if day >= _ERA_FIRST_DAY[digit]:
            return digit, day.year - _ERA_FIRST_DAY[digit].year + 1
    return None


def fiscal_year(day: dt.date) -> int:
    """The Japanese fiscal year (April to March) a day lies in.

    >>> fiscal_year(dt.date(2026, 3, 31)), fiscal_year(dt.date(2026, 4, 1))
    (2025, 2026)
    """
    return day.year - (day.month < 4)
