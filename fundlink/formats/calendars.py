"""Calendar profiles: a folder with ``calendar.toml`` and three tables (holidays, expected files, age limits). Read, check, load.

Called by bootstrap. A profile with a fault stops with every fault, file and line. It knows no business data and no clock.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fundlink.domain.calendar import (
    LAST_WEEKDAYS,
    WEEKDAYS,
    WHEN,
    AgeLimit,
    Calendar,
    CalendarProfile,
    ExpectedFile,
    Guards,
    Service,
    Shift,
)
from fundlink.domain.errors import ConfigurationError
from fundlink.domain.problems import problem
from fundlink.domain.values import is_municipality_code, iso_date
from fundlink.safe_xml import SCHEMAS

FILE = "calendar.toml"
HOLIDAYS = ("day", "ja", "kind")
EXPECTED = ("municipality_code", "kind", "ja", "lag_days", "grace_days", "blocks", "since", "until", "source")
LIMITS = ("subject", "state", "ja", "limit_days", "unit", "next_ja")
SCHEDULE = ("verb", "ja", "every_s", "when", "source")
VERBS = ("submit", "collect", "reconcile", "export", "sweep")
KINDS = ("receipt", "settlement", "bank_credit")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")
_NUMBER = re.compile(r"\d{1,4}")
_SECONDS = re.compile(r"\d{1,6}")
_GUARDS = Guards(oldest_days=200, late_days=100, ahead_days=100)
Row = dict[str, str]


def load_calendar(folder: Path, subjects: Sequence[tuple[str, str]]) -> CalendarProfile:
    """The calendar profile of a folder. ``subjects``: (subject, state) pairs a limit may name. ConfigurationError with every fault."""
    reading = _Reading(folder)
    told = reading.toml()
    about = reading.table(told, "calendar")
    calendar = Calendar(
        name=str(about.get("name", folder.name)),
        weekly_closed=frozenset(WEEKDAYS.index(name) for name in reading.words(about, "weekly_closed", WEEKDAYS)),
        yearly_closed=tuple(reading.season(pair, "yearly_closed") for pair in about.get("yearly_closed", [])),
        closed=frozenset(reading.days(about, "closed")),
        opened=frozenset(reading.days(about, "opened")),
        **reading.holidays(str(about.get("holidays", "holidays.csv"))),
        service=tuple(reading.service(window) for window in told.get("service", [])),
    )
    expected = tuple(_expected(row) for row in reading.rows(str(about.get("expected", "expected.csv")), EXPECTED, _check_expected))
    known = set(subjects)

    def check(row: Row) -> str:
        return _check_limit(row, known)

    limits = tuple(_limit(row) for row in reading.rows(str(about.get("limits", "limits.csv")), LIMITS, check))
    guards = reading.guards(told)
    # a calendar of one's own need not say when what runs
    shifts = reading if "schedule" in about else _Reading(SCHEMAS / "calendars" / "standard")
    schedule = tuple(_shift(row) for row in shifts.rows(str(about.get("schedule", "schedule.csv")), SCHEDULE, _check_shift))
    if reading.faults:
        raise ConfigurationError([problem("FL-CAL-001", place=place, detail=detail) for place, detail in reading.faults])
    return CalendarProfile(calendar, str(about.get("label", "")), str(about.get("edition", "")), expected, limits, guards, schedule)


class _Reading:
    """One look through a folder; faults are collected as (place, what)."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.faults = folder, list[tuple[str, str]]()

    def wrong(self, place: str, detail: str) -> None:
        self.faults.append((place, detail))

    def toml(self) -> dict[str, Any]:
        try:
            return tomllib.loads((self.folder / FILE).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            self.wrong(FILE, getattr(error, "strerror", None) or str(error))
            return {}

    def table(self, told: dict[str, Any], name: str) -> dict[str, Any]:
        found = told.get(name)
        if not isinstance(found, dict):
            self.wrong(FILE, f"[{name}] がありません")
            return {}
        return found

    def words(self, about: dict[str, Any], name: str, allowed: Sequence[str]) -> list[str]:
        given = about.get(name, [])
        for word in given:
            if word not in allowed:
                self.wrong(FILE, f"{name} = {word}（使える値: {', '.join(allowed)}）")
        return [word for word in given if word in allowed]

    def days(self, about: dict[str, Any], name: str) -> list[str]:
        given = [str(day) for day in about.get(name, [])]
        for day in given:
            if iso_date(day) is None:
                self.wrong(FILE, f"{name} = {day}（YYYY-MM-DD）")
        return given

    def season(self, pair: Any, name: str) -> tuple[str, str]:
        if not isinstance(pair, list) or len(pair) != 2 or any(iso_date(f"2028-{part}") is None for part in pair):
            self.wrong(FILE, f'{name} = {pair}（["MM-DD", "MM-DD"]）')
            return ("12-31", "12-31")
        return str(pair[0]), str(pair[1])

    def service(self, window: dict[str, Any]) -> Service:
        times = [str(window.get(name, "")) for name in ("opens", "closes")]
        if not all(_TIME.fullmatch(time) for time in times) or times[0] >= times[1]:
            self.wrong(FILE, f"service: opens = {times[0]}、closes = {times[1]}（HH:MM、24:00 まで）")
        season = self.season(window["season"], "season") if "season" in window else None
        return Service(frozenset(self.words(window, "days", (*WEEKDAYS, *LAST_WEEKDAYS))), times[0], times[1], season)

    def guards(self, told: dict[str, Any]) -> Guards:
        given = {**_GUARDS._asdict(), **told.get("guards", {})}
        if set(given) != set(Guards._fields) or not all(isinstance(days, int) and days >= 0 for days in given.values()):
            self.wrong(FILE, f"[guards] {given}（{', '.join(Guards._fields)}、0 以上の日数）")
            return _GUARDS
        found = Guards(**given)
        if found.ahead_days > found.late_days:
            self.wrong(FILE, f"[guards] ahead_days = {found.ahead_days} は late_days = {found.late_days} 以下にします")
        return found

    def holidays(self, name: str) -> dict[str, Any]:
        """Holidays by day and the years they cover: those from the first to the last row, none left out between."""
        found = {row["day"]: row["ja"] for row in self.rows(name, HOLIDAYS, _check_holiday)}
        years = {int(day[:4]) for day in found}
        if not years:
            self.wrong(name, "祝日がありません")
            return {"holidays": {}, "years": (1, 9999)}
        missing = set(range(min(years), max(years) + 1)) - years
        if missing:
            self.wrong(name, f"{min(missing)} 年の祝日がありません")
        return {"holidays": found, "years": (min(years), max(years))}

    def rows(self, name: str, columns: Sequence[str], check: Callable[[Row], str]) -> Iterator[Row]:
        """The right rows of a table; every other one is a fault with its line."""
        try:
            lines = (self.folder / name).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            self.wrong(name, getattr(error, "strerror", None) or "UTF-8 ではありません")
            return
        table = csv.reader(lines)
        head = next(table, [])
        if tuple(head) != tuple(columns):
            self.wrong(f"{name}:1", f"列は {','.join(columns)} です")
            return
        for cells in table:
            row = dict(zip(columns, cells, strict=False))
            fault = f"項目が {len(columns)} 個ありません" if len(cells) != len(columns) else check(row)
            if fault:
                self.wrong(f"{name}:{table.line_num}", fault)
            else:
                yield row


def _check_holiday(row: Row) -> str:
    return "" if iso_date(row["day"]) and row["ja"] else f"day = {row['day']}（YYYY-MM-DD と名前）"


def _check_expected(row: Row) -> str:
    code = row["municipality_code"]
    if code != "*" and not is_municipality_code(code):
        return f"municipality_code = {code}（* か 6 桁の団体コード）"
    if row["kind"] not in KINDS:
        return f"kind = {row['kind']}（使える値: {', '.join(KINDS)}）"
    if not all(_NUMBER.fullmatch(row[name]) for name in ("lag_days", "grace_days")):
        return "lag_days と grace_days は 0 以上の日数です"
    if row["blocks"] not in ("yes", "no"):
        return f"blocks = {row['blocks']}（yes か no）"
    return "" if all(not row[name] or iso_date(row[name]) for name in ("since", "until")) else "since と until は YYYY-MM-DD です"


def _expected(row: Row) -> ExpectedFile:
    return ExpectedFile(
        row["municipality_code"], row["kind"], row["ja"], int(row["lag_days"]), int(row["grace_days"]), row["blocks"] == "yes",
        row["since"], row["until"],
    )  # fmt: skip


def _check_limit(row: Row, known: set[tuple[str, str]]) -> str:
    if (row["subject"], row["state"]) not in known:
        return f"{row['subject']},{row['state']} は知らない対象です"
    if not _NUMBER.fullmatch(row["limit_days"]) or row["unit"] not in ("business", "calendar"):
        return "limit_days は 0 以上の日数、unit は business か calendar です"
    return "" if row["ja"] and row["next_ja"] else "ja と next_ja が要ります"


def _limit(row: Row) -> AgeLimit:
    return AgeLimit(row["subject"], row["state"], row["ja"], int(row["limit_days"]), row["unit"], row["next_ja"])


def _check_shift(row: Row) -> str:
    if row["verb"] not in VERBS:
        return f"verb = {row['verb']}（使える値: {', '.join(VERBS)}）"
    if row["when"] not in WHEN:
        return f"when = {row['when']}（使える値: {', '.join(WHEN)}）"
    return "" if _SECONDS.fullmatch(row["every_s"]) else f"every_s = {row['every_s']}（秒数）"


def _shift(row: Row) -> Shift:
    return Shift(row["verb"], row["ja"], int(row["every_s"]), row["when"])
