"""To which fiscal year money belongs: the bill's 会計年度, 現年度 or 滞納繰越, 出納整理期間, and years that are closed.

Called by reconcile.books and pipeline. Pure: every date is handed in. An ordinary account takes money of a year until 31 May
of the next one (出納整理期間: April and May); a public enterprise (公営企業) ends with the year, on 31 March.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from fundlink.domain import values

CURRENT, CARRIED_OVER = "current", "carried_over"


class Attribution(NamedTuple):
    """The fiscal year that takes the money, and whether as its own (``current``) or as arrears (``carried_over``)."""

    fiscal_year: int
    year_kind: str


def closes_on(fiscal_year: int, *, enterprise: bool) -> str:
    """The last day on which a year takes an entry.

    >>> closes_on(2026, enterprise=False), closes_on(2026, enterprise=True)
    ('2027-05-31', '2027-03-31')
    """
    return f"{fiscal_year + 1:04d}-{'03' if enterprise else '05'}-31"


def is_open(fiscal_year: int, on: str, *, enterprise: bool) -> bool:
    """Whether a year takes an entry on a day; a year that has not begun yet does."""
    return on <= closes_on(fiscal_year, enterprise=enterprise)


def year_of(day: str) -> int:
    """The fiscal year (April to March) a day lies in."""
    return values.fiscal_year(dt.date.fromisoformat(day))


def attribute(bill_year: int | None, value_on: str, entered_on: str, *, enterprise: bool = False) -> Attribution:
    """The year of money that came in on ``value_on`` and is written into the books of ``entered_on``.

    A bill of an earlier year counts in its own year while that is open, later as arrears of the year the money came in. Where no
    bill is known the calendar decides. What is written after its year has closed goes to the year it is written in.

    >>> attribute(2025, "2026-05-29", "2026-05-29"), attribute(2025, "2026-06-01", "2026-06-01")
    (Attribution(fiscal_year=2025, year_kind='current'), Attribution(fiscal_year=2026, year_kind='carried_over'))
    >>> attribute(2025, "2026-04-01", "2026-04-01", enterprise=True)
    Attribution(fiscal_year=2026, year_kind='carried_over')
    >>> attribute(2025, "2026-05-29", "2026-06-02")
    Attribution(fiscal_year=2026, year_kind='carried_over')
    >>> attribute(None, "2026-03-31", "2026-03-31"), attribute(None, "2026-03-31", "2026-06-02")
    (Attribution(fiscal_year=2025, year_kind='current'), Attribution(fiscal_year=2026, year_kind='current'))
    """
    came = year_of(value_on)
    year = came if bill_year is None else bill_year
    found = Attribution(year, CURRENT) if is_open(year, value_on, enterprise=enterprise) else Attribution(came, CARRIED_OVER)
    if is_open(found.fiscal_year, entered_on, enterprise=enterprise):
        return found
    return Attribution(year_of(entered_on), CURRENT if bill_year is None else CARRIED_OVER)
