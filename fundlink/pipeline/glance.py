"""What a person sees first: the last business days of every municipality, a day by its witnesses, and the rows behind one fund.

Called by jobs for the console; reads only, and only what is kept as a sum or found by an index, however many bills there are.
The books of a day are not made here (``pipeline.days``), nor are cases (``desk.queue``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.pipeline import absence
from fundlink.pipeline.reconcile import day_json
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile.absence import Slot, Town, slots
from fundlink.reconcile.outcomes import PAYING
from fundlink.store import absence as store_absence
from fundlink.store import books, day_rows, files
from fundlink.store.day_rows import Place
from fundlink.store.days import DayRow

STRIP_DAYS = 10
PAGE = 50
DAYS_BACK = 366
"""How far back a day is shown of which nothing is known."""
_WORST_FIRST = ("missing", "difference", "late", "open", "expected", "tied", "closed")
"""A day is called by the worst thing about it; ``none`` when nothing is known of it and nothing is waited for."""


class Seen(NamedTuple):
    """What a strip of days is made from."""

    rows: list[DayRow]
    slots: list[Slot]


def morning(rooms: Rooms, only: Collection[str] | None = None) -> dict[str, Any]:
    """Every municipality (of ``only``): its last business days, the newest of them by its witnesses, the watermark; one state of the database."""
    calendar, today = rooms.calendar().calendar, rooms.today()
    last = calendar.previous_business_day(today)
    stretch = list(calendar.business_days(calendar.after(last, 1 - STRIP_DAYS), last))
    with rooms.store.read() as connection:
        names = {code: name for code, name, _ in files.municipalities(connection)}
        told = [
            _town(rooms, connection, (town, names[town.municipality_code]), stretch)
            for town in absence.towns(rooms, connection)
            if only is None or town.municipality_code in only
        ]
        waiting = [row._asdict() for row in day_rows.waiting_closes(connection) if only is None or row.municipality_code in only]
    return {"today": today, "last": last, "municipalities": told, "prepared": waiting}


def _town(rooms: Rooms, connection: Connection, of: tuple[Town, str], stretch: list[str]) -> dict[str, Any]:
    (town, name), code = of, of[0].municipality_code
    seen = _seen(rooms, connection, town, (stretch[0], stretch[-1]))
    return {
        "municipality_code": code,
        "name": name,
        "days": [_day(day, seen) for day in stretch],
        "yesterday": _witnessed(connection, code, stretch[-1], seen),
        "late": [absence.slot_json(slot) for slot in seen.slots if slot.state in ("late", "missing")],
        "watermark": absence.mark_json(absence.judged(rooms, connection, town, stretch[-1])),
    }


def _seen(rooms: Rooms, connection: Connection, town: Town, stretch: tuple[str, str]) -> Seen:
    arrivals = absence.arrivals_of(connection, town.municipality_code)
    found = slots(rooms.calendar(), town, arrivals, until=stretch[1], today=rooms.today(), first=stretch[0])
    return Seen(day_rows.between(connection, town.municipality_code, *stretch), found)


def _day(day: str, seen: Seen) -> dict[str, Any]:
    rows = [row for row in seen.rows if row.day == day]
    waited = [slot.state for slot in seen.slots if slot.business_day == day and slot.state in ("late", "missing")]
    return {
        "day": day,
        "state": state_of([*(row.state for row in rows), *waited]),
        "receipts_yen": sum(row.receipts_yen for row in rows),
        "difference_yen": sum(abs(row.difference_yen) for row in rows if row.state == "difference"),
        "differences": sorted({kind for row in rows for kind in row.differences}),
    }


def state_of(states: Iterable[str]) -> str:
    """The one word for a day.

    >>> state_of(["tied", "open", "tied"]), state_of(["closed", "tied"]), state_of([])
    ('open', 'tied', 'none')
    """
    found = set(states)
    return next((state for state in _WORST_FIRST if state in found), "none")


def _witnessed(connection: Connection, code: str, day: str, seen: Seen) -> dict[str, Any]:
    """A day by its four witnesses, in all and by fund."""
    rows = [row for row in seen.rows if row.day == day]
    outcomes = day_rows.outcomes_by_fund(connection, code, day)
    unread = {found[:2] for found in store_absence.open_quarantine(connection, code)}
    funds = [_fund(row, outcomes) for row in rows]
    return {
        "day": day, "state": state_of(row.state for row in rows), "funds": funds,
        "total": {name: sum(fund[name] for fund in funds) for name in _SUMS},
        "files": [
            {**absence.slot_json(slot), "unread": (slot.kind, day) in unread} for slot in seen.slots if slot.business_day == day
        ],
    }  # fmt: skip


_SUMS = ("receipts", "receipts_yen", "billed", "billed_yen", "held", "held_yen", "settled_yen", "fee_yen", "credited_yen", "difference_yen")


def _fund(row: DayRow, outcomes: list[tuple[str, str, int, int]]) -> dict[str, Any]:
    """``billed`` is what lies on a bill as it was asked for, ``held`` what waits until a person says whose it is."""
    own = [found[1:] for found in outcomes if found[0] == row.fund_code and found[1] != "withdrawn"]
    billed = [found for found in own if found[0] in PAYING]
    held = [found for found in own if found[0] not in PAYING]
    return {
        **day_json(row),
        "billed": sum(found[1] for found in billed), "billed_yen": sum(found[2] for found in billed),
        "held": sum(found[1] for found in held), "held_yen": sum(found[2] for found in held),
        "outcomes": [
            {"outcome": outcome, "transactions": count, "yen": yen}
            for fund, outcome, count, yen in outcomes if fund == row.fund_code
        ],
    }  # fmt: skip


def day_at_a_glance(rooms: Rooms, code: str, day: str) -> dict[str, Any]:
    """One municipality's day by its witnesses, the step of its close, and the open days before it.

    A day on which nothing came is a day too, also of a municipality that has just begun; FL-DAY-002 for one far back or yet to come.
    """
    with rooms.store.read() as connection:
        (town,) = absence.towns(rooms, connection, code)
        seen = _seen(rooms, connection, town, (day, day))
        if not seen.rows and not seen.slots and not _is_of_late(day, rooms.today()):
            raise ProblemError([problem("FL-DAY-002", place=day)])
        name = next(name for known, name, _ in files.municipalities(connection) if known == code)
        close = books.closed_at(connection, code, day)
        step = close if close is not None and close.day == day else books.newest_step(connection, code, day)
        return {
            "municipality_code": code, "name": name, **_witnessed(connection, code, day, seen),
            "step": "closed" if step is close and close else "behind" if close else step.step if step else "open",
            "close": None if step is None else {"step": step.step, "by": step.by, "at": step.at, "reason": step.reason, "books_sha256": step.books_sha256},
        }  # fmt: skip


def _is_of_late(day: str, today: str) -> bool:
    return 0 <= (dt.date.fromisoformat(today) - dt.date.fromisoformat(day)).days <= DAYS_BACK


def fund_rows(rooms: Rooms, place: Place, *, after: int = 0, every: bool = False, limit: int = PAGE, scope: Scope = EVERYWHERE) -> dict[str, Any]:  # fmt: skip
    """The rows behind one fund of a day: payments by a cursor, settlements with what pays them, credits."""
    with rooms.store.read() as connection:
        found = day_rows.payments(connection, place, after=after, limit=limit + 1, every=every, scope=scope) if place.fund_code else []
        settled = day_rows.settlements(connection, place)
        keys = [row.settlement_key for row in settled]
        code = place.municipality_code
        entries = day_rows.credits_of(connection, code, keys) if place.fund_code else day_rows.unnamed_credits(connection, code, place.day)
    return {
        "payments": [row._asdict() for row in found[:limit]],
        "next": found[limit - 1].receipt_id if len(found) > limit else None,
        "settlements": [row._asdict() for row in settled],
        "credits": [row._asdict() for row in entries],
    }
