"""What is due now: shifts of the calendar profile become tasks with natural keys, the same ones in whichever worker looks.

Called by worker. Reads which municipalities there are; starts nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from fundlink.domain.calendar import Shift
from fundlink.domain.errors import ConfigurationError
from fundlink.jobs.tasks import Task
from fundlink.pipeline import Rooms
from fundlink.store import files, messages

PER_MUNICIPALITY = ("submit", "collect", "export")
"""Verbs that go municipality by municipality; the others are work on sets of all of them at once."""


def shifts_due(rooms: Rooms) -> list[Shift]:
    """The shifts that may start now. A calendar that cannot tell stops nothing: the other side may still refuse."""
    profile = rooms.calendar()
    try:
        return profile.due(rooms.clock())
    except ConfigurationError:
        return list(profile.schedule)


def tasks_due(rooms: Rooms, interval_s: float, taken: set[str]) -> Iterator[Task]:
    """The tasks of this moment whose turn nobody has: a worker that is behind is not given the same thing twice."""
    with rooms.store.read() as connection:
        codes = [str(row[0]) for row in files.municipalities(connection)]
        to_tell = {
            *messages.municipalities_with_pending(connection),
            *(one.municipality_code for one in messages.open_messages(connection)),
        }
    for shift in shifts_due(rooms):
        if shift.verb == "sweep":
            continue
        for code in codes if shift.verb in PER_MUNICIPALITY else [""]:
            if shift.verb == "submit" and code not in to_tell:
                continue  # most of the time most of them have nothing to say
            task = Task(shift.verb, slot(shift, interval_s), code, _ticket(shift.verb, code))
            if task.turn not in taken:
                taken.add(task.turn)
                yield task


def slot(shift: Shift, interval_s: float) -> str:
    """Which of its starts a shift has come to; the clock of the machine counts, a business clock may stand still."""
    length = max(float(shift.every_s), interval_s)
    return f"{length:g}-{int(time.time() // length)}"


def _ticket(verb: str, code: str) -> dict[str, object]:
    if verb == "reconcile":
        return {"day": None, "municipality": None}
    return {"municipality": code}
