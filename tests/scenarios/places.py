"""Where each scenario plays: many share one database and even one municipality, none may see the others.

Used by the stage. A municipality is shared by scenarios in funds of their own, as long as no notice of one says anything about
the days of another; whoever closes days, takes files back or has credits without a reference gets a municipality alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fundlink.domain.values import municipality_check_digit
from tests.scenarios.tables import Scenario, iso

FUNDS = ("601", "602", "603", "611", "612", "613", "621", "631", "632", "641", "651", "652", "661", "699")
_ALONE = ("close", "rollback", "again", "lose", "unpaid", "stale")


class Place(NamedTuple):
    """A scenario's own corner: municipality, number, and its funds and business days as they are called there."""

    code: str
    serial: int
    funds: dict[str, str]
    days: dict[str, str]
    is_alone: bool

    @property
    def institution(self) -> str:
        """First five digits of the municipality code."""
        return self.code[:5]

    def day(self, told: str) -> str:
        """The business day that the table calls so."""
        return self.days.get(iso(told), iso(told))


class _Room(NamedTuple):
    code: str
    members: list[Scenario]
    taken: list[str]


def assign(scenarios: Iterable[Scenario]) -> dict[str, Place]:
    """A place for every scenario, by name."""
    codes, free = _codes(), _days()
    shared: list[_Room] = []
    places: dict[str, Place] = {}
    for serial, scenario in enumerate(scenarios, 1):
        room = _Room(next(codes), [], []) if _is_alone(scenario) else _room_for(scenario, shared, codes)
        left = [fund for fund in FUNDS if fund not in room.taken]
        funds = dict(zip(scenario.funds, left, strict=False))
        room.members.append(scenario)
        room.taken.extend(funds.values())
        days = dict(zip(sorted(_business_days(scenario)), free, strict=False)) if scenario.closes else {}
        places[scenario.name] = Place(room.code, serial, funds, days, _is_alone(scenario))
    return places


def _codes() -> Iterator[str]:
    """Codes of municipalities that do not exist: there is no prefecture 99."""
    for number in range(99_001, 100_000):
        yield f"{number}{municipality_check_digit(str(number))}"


def _days() -> Iterator[str]:
    """Business days that only one closing scenario uses: a close is of one day in all municipalities at once."""
    day = dt.date(2026, 4, 1)
    while True:
        yield day.isoformat()
        day += dt.timedelta(days=1)


def _is_alone(scenario: Scenario) -> bool:
    acts = any(event.verb in _ALONE for event in scenario.events)
    nameless = any(event.verb == "credit" and "for" not in event.more for event in scenario.events)
    return scenario.alone or acts or nameless


def _room_for(scenario: Scenario, rooms: list[_Room], codes: Iterator[str]) -> _Room:
    for room in rooms:
        fits = len(room.taken) + len(scenario.funds) <= len(FUNDS)
        if fits and all(_apart(scenario, other) and _apart(other, scenario) for other in room.members):
            return room
    rooms.append(_Room(next(codes), [], []))
    return rooms[-1]


def _apart(one: Scenario, other: Scenario) -> bool:
    """Whether no notice of ``other`` is silent about a day on which ``one`` waits for one."""
    return not (_paid_days(one) & _noticed_days(other)) - _noticed_days(one)


def _paid_days(scenario: Scenario) -> set[str]:
    return {event.more["booked"] for event in scenario.events if event.verb in ("pay", "prelim", "back")}


def _noticed_days(scenario: Scenario) -> set[str]:
    return {iso(event.about[1]) for event in scenario.events if event.verb == "settle"}


def _business_days(scenario: Scenario) -> set[str]:
    closed = {iso(event.about[0]) for event in scenario.events if event.verb == "close"}
    return _paid_days(scenario) | _noticed_days(scenario) | closed
