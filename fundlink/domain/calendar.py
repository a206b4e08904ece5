"""Business days, service hours, and what a calendar profile expects: rules only; the data come from ``schemas/calendars``.

Called by reconcile and pipeline, built by formats.calendars. Days are ISO text. Never asks a clock, never reads a file; a year
for which the profile holds no holidays stops the call (ConfigurationError), because a wrong business day is worse than none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fundlink.domain.errors import ConfigurationError
from fundlink.domain.problems import problem

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LAST_WEEKDAYS = tuple(f"last-{name}" for name in WEEKDAYS)
_ONE = dt.timedelta(days=1)


class Service(NamedTuple):
    """A window of service hours. ``days`` are weekday names or ``last-sat`` (of a month); ``season`` two ``MM-DD``, both included."""

    days: frozenset[str]
    opens: str  # HH:MM
    closes: str  # HH:MM, up to 24:00; not included
    season: tuple[str, str] | None = None


class ExpectedFile(NamedTuple):
    """One kind of file that is expected for every business day. ``municipality_code`` ``*`` = all that have no row of their own."""

    municipality_code: str
    kind: str  # receipt | settlement | bank_credit
    ja: str
    lag_days: int  # business days after its own day on which it should have come
    grace_days: int  # business days after that during which it is late, not missing
    blocks: bool  # no unpaid list before it is in
    since: str  # first business day, or "" = since the municipality began
    until: str  # last business day, or ""


class AgeLimit(NamedTuple):
    """How long something may stand in a state. ``limit_days`` are business or calendar days (``unit``)."""

    subject: str
    state: str
    ja: str
    limit_days: int
    unit: str  # business | calendar
    next_ja: str


class Shift(NamedTuple):
    """When a verb runs by itself. ``every_s``: seconds between its starts, 0 = every round of the worker."""

    verb: str
    ja: str
    every_s: int
    when: str  # one of WHEN


WHEN = ("always", "service", "business_day", "month_end")
"""always; in service hours; on business days; on the last business day of a month, in service hours."""


class Guards(NamedTuple):
    """How old a file may be, or how far ahead, before it is taken for a wrong one; calendar days.

    ``ahead_days`` must not be more than ``late_days``: a file of the far future would make all others old.
    """

    oldest_days: int
    late_days: int
    ahead_days: int


@dataclass(frozen=True)
class Calendar:
    """Which days are business days, and when the other side serves. ``years``: first and last year the holidays are known for."""

    name: str
    weekly_closed: frozenset[int] = frozenset({5, 6})
    yearly_closed: tuple[tuple[str, str], ...] = ()
    holidays: Mapping[str, str] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()
    years: tuple[int, int] = (1, 9999)
    service: tuple[Service, ...] = ()

    def why_closed(self, day: str) -> str:
        """The reason why a day is no business day, in Japanese; ``""`` on a business day.

        >>> Calendar("x").why_closed("2026-11-21"), Calendar("x").why_closed("2026-11-20")
        ('土曜日', '')
        """
        date = dt.date.fromisoformat(day)
        if not self.years[0] <= date.year <= self.years[1]:
            raise ConfigurationError([problem("FL-CAL-002", name=self.name, year=date.year)])
        if day in self.opened:
            return ""
        if day in self.closed:
            return "臨時休業日"
        if day in self.holidays:
            return self.holidays[day]
        if any(in_season(day[5:], season) for season in self.yearly_closed):
            return "年末年始など毎年の休業日"
        return f"{'月火水木金土日'[date.weekday()]}曜日" if date.weekday() in self.weekly_closed else ""

    def is_business_day(self, day: str) -> bool:
        """Whether business is done on a day."""
        return not self.why_closed(day)

    def after(self, day: str, count: int) -> str:
        """The ``count``-th business day after a day, or before it when negative; the day itself for 0.

        >>> Calendar("x").after("2026-11-20", 1), Calendar("x").after("2026-11-22", -1), Calendar("x").after("2026-11-22", 0)
        ('2026-11-23', '2026-11-20', '2026-11-22')
        """
        date, step = dt.date.fromisoformat(day), _ONE if count > 0 else -_ONE
        for _ in range(abs(count)):
            date += step
            while not self.is_business_day(date.isoformat()):
                date += step
        return date.isoformat()

    def next_business_day(self, day: str) -> str:
        """The first business day after a day."""
        return self.after(day, 1)

    def previous_business_day(self, day: str) -> str:
        """The last business day before a day."""
        return self.after(day, -1)

    def on_or_after(self, day: str) -> str:
        """The day itself if it is a business day, otherwise the next one."""
        return day if self.is_business_day(day) else self.next_business_day(day)

    def business_days(self, first: str, last: str) -> Iterator[str]:
        """Every business day from ``first`` to ``last``, both included."""
        date, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
        while date <= end:
            if self.is_business_day(day := date.isoformat()):
                yield day
            date += _ONE

    def is_open(self, moment: dt.datetime) -> bool:
        """Whether the other side serves at a local moment. Public holidays and yearly closed days have no service hours.

        Service on weekends is a matter of the windows alone: the weekly closed days are for business, not for service.
        """
        day, hour = moment.date().isoformat(), f"{moment:%H:%M}"
        if day in self.closed or day in self.holidays or any(in_season(day[5:], season) for season in self.yearly_closed):
            return False
        names = {WEEKDAYS[moment.weekday()]}
        if (moment.date() + 7 * _ONE).month != moment.month:
            names.add(LAST_WEEKDAYS[moment.weekday()])
        return any(
            window.days & names and window.opens <= hour < window.closes and (window.season is None or in_season(day[5:], window.season))
            for window in self.service
        )


def in_season(month_day: str, season: tuple[str, str]) -> bool:
    """Whether ``MM-DD`` lies in a season that may run over the turn of the year.

    >>> in_season("12-31", ("12-29", "01-03")), in_season("01-04", ("12-29", "01-03")), in_season("02-01", ("01-15", "03-15"))
    (True, False, True)
    """
    first, last = season
    return first <= month_day <= last if first <= last else month_day >= first or month_day <= last


@dataclass(frozen=True)
class CalendarProfile:
    """A calendar with what is expected by it, how long things may wait, and how old a file may be."""

    calendar: Calendar
    label: str
    edition: str
    expected: tuple[ExpectedFile, ...]
    limits: tuple[AgeLimit, ...]
    guards: Guards
    schedule: tuple[Shift, ...] = ()

    def due(self, moment: dt.datetime) -> list[Shift]:
        """What may start at a local moment, in the order of the table. Commands do not ask: they run at any hour."""
        return [shift for shift in self.schedule if self._is_on(shift.when, moment)]

    def _is_on(self, when: str, moment: dt.datetime) -> bool:
        day = moment.date().isoformat()
        if when == "service":
            return self.calendar.is_open(moment)
        if when == "business_day":
            return self.calendar.is_business_day(day)
        if when == "month_end":
            last = self.calendar.is_business_day(day) and self.calendar.next_business_day(day)[:7] != day[:7]
            return last and self.calendar.is_open(moment)
        return True

    def expected_of(self, municipality_code: str) -> list[ExpectedFile]:
        """The rows that hold for a municipality: its own, and those of ``*`` for kinds it has none of."""
        own = [row for row in self.expected if row.municipality_code == municipality_code]
        kinds = {row.kind for row in own}
        return [*own, *(row for row in self.expected if row.municipality_code == "*" and row.kind not in kinds)]

    def over_limit_before(self, limit: AgeLimit, today: str) -> str:
        """What has stood in a state since a day before this one is over the limit."""
        if limit.unit == "business":
            return self.calendar.after(today, -limit.limit_days)
        return (dt.date.fromisoformat(today) - dt.timedelta(days=limit.limit_days)).isoformat()
