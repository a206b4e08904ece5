"""The mock's clock and calendar: now, today, business days, days of the Japanese era.

Called by every module that needs a date. Never used for anything that stands in the books: those dates come from the business day.
"""

import os
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache

import jpholiday

TOKYO = timezone(timedelta(hours=9), "JST")
ERAS = ((date(2019, 5, 1), 2018), (date(1989, 1, 8), 1988), (date(1926, 12, 25), 1925))
"""First day of an era and the number to subtract from the western year (令和, 平成, 昭和)."""


def now() -> datetime:
    """The one business clock: FUNDLINK_NOW when set, otherwise the system's, in Tokyo."""
    fixed = os.environ.get("FUNDLINK_NOW")
    moment = datetime.fromisoformat(fixed) if fixed else datetime.now(TOKYO)
    return moment.replace(tzinfo=TOKYO) if moment.tzinfo is None else moment.astimezone(TOKYO)


def instant() -> str:
    """Now in the form of the schemas: seconds and an offset."""
    return now().isoformat(timespec="seconds")


@lru_cache(maxsize=4096)
def is_business_day(day: date) -> bool:
    """No weekends, no public holidays, no 29 December to 3 January."""
    year_end = (day.month, day.day) >= (12, 29) or (day.month, day.day) <= (1, 3)
    return day.weekday() < 5 and not year_end and not jpholiday.is_holiday(day)


def business_days_later(day: date, count: int) -> date:
    """The count-th business day after the day; a negative count goes back."""
    step = timedelta(days=1 if count > 0 else -1)
    for _ in range(abs(count)):
        day += step
        while not is_business_day(day):
            day += step
    return day


def default_day() -> date:
    """The day that a call without a day means: the business day before today."""
    return business_days_later(now().date(), -1)


@lru_cache(maxsize=4096)
def shifted(day: str, days: int) -> str:
    """An ISO date moved by some days; cached because scenarios ask for few dates very often."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def era_ymd(day: date) -> str:
    """YYMMDD of the era without its digit, as bank records write dates: 2026-11-30 is 081130."""
    offset = next(offset for first, offset in ERAS if day >= first)
    return f"{day.year - offset:02d}{day.month:02d}{day.day:02d}"
