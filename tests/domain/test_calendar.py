"""Business days and service hours of the shipped calendar, against another source of holidays and against the law's own rules."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import jpholiday
import pytest

from fundlink.domain.calendar import Calendar, CalendarProfile
from fundlink.domain.errors import ConfigurationError
from fundlink.formats.calendars import load_calendar
from fundlink.store.ageing import SUBJECTS

FOLDER = Path(__file__).parents[2] / "schemas" / "calendars" / "standard"


@pytest.fixture(scope="module")
def profile() -> CalendarProfile:
    return load_calendar(FOLDER, SUBJECTS)


@pytest.fixture(scope="module")
def calendar(profile: CalendarProfile) -> Calendar:
    return profile.calendar


def _days(first: int, last: int) -> list[dt.date]:
    begin = dt.date(first, 1, 1)
    return [begin + dt.timedelta(days=n) for n in range((dt.date(last + 1, 1, 1) - begin).days)]


def test_the_holidays_are_those_of_another_source(calendar: Calendar) -> None:
    assert calendar.years == (2025, 2028)
    assert set(calendar.holidays) == {day.isoformat() for day in _days(*calendar.years) if jpholiday.is_holiday(day)}


def test_the_holidays_follow_the_law(calendar: Calendar) -> None:
    """A holiday on a Sunday moves to the next day that is none; a day between two holidays is one; equinoxes by their formula."""
    own = {day for day, ja in calendar.holidays.items() if ja not in ("振替休日", "国民の休日")}
    moved, between = set(), set()
    for day in map(dt.date.fromisoformat, sorted(own)):
        if day.weekday() == 6:
            target = day + dt.timedelta(days=1)
            while target.isoformat() in own:
                target += dt.timedelta(days=1)
            moved.add(target.isoformat())
        middle, other = day + dt.timedelta(days=1), day + dt.timedelta(days=2)
        if other.isoformat() in own and middle.isoformat() not in own | moved:
            between.add(middle.isoformat())
    assert {day for day, ja in calendar.holidays.items() if ja == "振替休日"} == moved
    assert {day for day, ja in calendar.holidays.items() if ja == "国民の休日"} == between == {"2026-09-22"}
    for year in range(2025, 2029):
        since = year - 1980
        spring, autumn = int(20.8431 + 0.242194 * since - since // 4), int(23.2488 + 0.242194 * since - since // 4)
        assert calendar.holidays[f"{year}-03-{spring:02d}"] == "春分の日"
        assert calendar.holidays[f"{year}-09-{autumn:02d}"] == "秋分の日"


def test_business_days_are_those_of_the_other_side(calendar: Calendar) -> None:
    from mock_eltax import clock

    for day in _days(2025, 2028):
        assert calendar.is_business_day(day.isoformat()) == clock.is_business_day(day), day


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        ("2026-11-20", 1, "2026-11-24"),  # a weekend and a holiday lie between
        ("2026-11-24", -1, "2026-11-20"),
        ("2026-11-21", 1, "2026-11-24"),
        ("2026-11-22", -1, "2026-11-20"),
        ("2026-12-28", 1, "2027-01-04"),  # year end
        ("2027-01-04", -1, "2026-12-28"),
        ("2026-09-18", 1, "2026-09-24"),  # the day between two holidays
        ("2026-05-01", 1, "2026-05-07"),  # a substitute holiday
        ("2026-11-20", 4, "2026-11-27"),
        ("2026-11-21", 0, "2026-11-21"),
    ],
)
def test_business_days_are_counted(calendar: Calendar, day: str, count: int, expected: str) -> None:
    assert calendar.after(day, count) == expected


def test_next_previous_and_nearest(calendar: Calendar) -> None:
    assert calendar.next_business_day("2026-11-20") == "2026-11-24"
    assert calendar.previous_business_day("2026-11-24") == "2026-11-20"
    assert (calendar.on_or_after("2026-11-21"), calendar.on_or_after("2026-11-20")) == ("2026-11-24", "2026-11-20")
    assert list(calendar.business_days("2026-11-19", "2026-11-25")) == ["2026-11-19", "2026-11-20", "2026-11-24", "2026-11-25"]
    assert list(calendar.business_days("2026-11-21", "2026-11-23")) == []


def test_extra_days_win() -> None:
    calendar = Calendar(
        "x", holidays={"2026-11-23": "勤労感謝の日"}, closed=frozenset({"2026-11-24"}), opened=frozenset({"2026-11-22", "2026-11-23"})
    )
    assert [calendar.is_business_day(f"2026-11-{day}") for day in (21, 22, 23, 24, 25)] == [False, True, True, False, True]
    assert (calendar.why_closed("2026-11-24"), calendar.why_closed("2026-11-21")) == ("臨時休業日", "土曜日")


def test_a_year_without_holidays_is_no_year_of_business_days(calendar: Calendar) -> None:
    for act in (
        lambda: calendar.is_business_day("2029-01-04"),
        lambda: calendar.after("2028-12-28", 1),
        lambda: calendar.after("2025-01-06", -5),
    ):
        with pytest.raises(ConfigurationError) as refused:
            act()
        assert [told.code for told in refused.value.problems] == ["FL-CAL-002"]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-24T08:29", False),
        ("2026-11-24T08:30", True),
        ("2026-11-24T23:59", True),
        ("2026-11-23T12:00", False),  # a public holiday
        ("2026-11-21T12:00", False),  # a Saturday, not the last one
        ("2026-11-28T12:00", True),  # the last Saturday of the month
        ("2026-11-29T12:00", True),
        ("2027-01-16T12:00", True),  # a Saturday of the busy season
        ("2027-03-20T12:00", False),
        ("2026-12-30T12:00", False),
    ],
)
def test_service_hours(calendar: Calendar, moment: str, expected: bool) -> None:
    assert calendar.is_open(dt.datetime.fromisoformat(moment)) is expected


def test_rows_of_a_municipality_replace_those_of_all(profile: CalendarProfile) -> None:
    from dataclasses import replace

    own = profile.expected[0]._replace(municipality_code="990019", lag_days=3)
    found = replace(profile, expected=(*profile.expected, own))
    assert [(row.kind, row.lag_days) for row in found.expected_of("990019")] == [("receipt", 3), ("settlement", 1), ("bank_credit", 4)]
    assert [row.lag_days for row in found.expected_of("990027")] == [1, 1, 4]
