"""What a demo plays: how many bills, which seed and scenario, in which made-up municipality and on which business day.

Used by play, month, crowd and the steps they share. It is written into the data folder, so that the same call again is the same demo.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fundlink.connectors import core_files
from fundlink.demo import bills as made
from fundlink.domain.values import municipality_check_digit
from fundlink.jobs import Jobs
from fundlink.pipeline import Rooms
from fundlink.store import files

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What one demo plays: remembered in the data folder, so that a second call is the same one."""

    bills: int
    seed: int
    scenario: str
    municipality_code: str
    day: str

    @property
    def institution_code(self) -> str:
        """First five digits of the municipality code."""
        return self.municipality_code[:5]

    def shares(self) -> list[tuple[made.Fund, int]]:
        """How many bills each fund has."""
        counts = [round(self.bills * fund.share) for fund in made.FUNDS[:-1]]
        return list(zip(made.FUNDS, [*counts, self.bills - sum(counts)], strict=True))

    def bases(self) -> tuple[str, dt.date, int]:
        """What all made-up bills rest on: municipality, business day, seed."""
        return self.municipality_code, dt.date.fromisoformat(self.day), self.seed

    def folder(self, jobs: Jobs) -> Path:
        """Where the files of the core systems lie."""
        return self.place(jobs.rooms)

    def place(self, rooms: Rooms) -> Path:
        """The same, by the rooms."""
        return rooms.folder / "demo" / self.municipality_code


def remembered(rooms: Rooms, asked: tuple[int, int, str], day: str) -> Plan:
    """The remembered plan of this very demo, or a new one in a made-up municipality nobody has bills in.

    ``asked``: how many bills, the seed, the scenario.
    """
    bills, seed, scenario = asked
    path = rooms.folder / "demo" / f"plan-{scenario}-{seed}-{bills}.json"
    with rooms.store.read() as connection:
        taken = {code for code, _, _ in files.municipalities(connection)}
    if path.exists():
        plan = Plan(**json.loads(path.read_text()))
        if plan.municipality_code in taken:
            return plan
    used = {json.loads(other.read_text())["municipality_code"] for other in path.parent.glob("plan-*.json")}
    code = next(code for code in invented_codes() if code not in taken and code not in used)
    plan = Plan(bills, seed, scenario, code, day)
    core_files.put(path, [json.dumps(plan.__dict__).encode()])
    return plan


def invented_codes() -> Iterator[str]:
    """Codes of municipalities that do not exist: there is no prefecture 99."""
    for number in range(99_001, 100_000):
        yield f"{number}{municipality_check_digit(str(number))}"


def business_day_before(day: dt.date) -> dt.date:
    """The business day before a day."""
    import jpholiday  # noqa: PLC0415  (only the demo asks)

    day -= dt.timedelta(days=1)
    while day.weekday() >= 5 or jpholiday.is_holiday(day) or (day.month, day.day) in _YEAR_END:
        day -= dt.timedelta(days=1)
    return day


_YEAR_END = {(12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)}
