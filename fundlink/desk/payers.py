"""Who a bill is for: name and address on a page or on a printed slip. Each look is an entry in the trail, made before it is given out.

Called by jobs, for the console, the API and the command line alike. Payers are held in no table: they are read from the kept file.
What is entered is who looked at which bill and when, never a word of what was seen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.pipeline import people, printing
from fundlink.pipeline.people import Needs
from fundlink.pipeline.rooms import Rooms
from fundlink.store import audit
from fundlink.store.lookup import BillView

PERMISSION = "payers.read"


class Looker(NamedTuple):
    """Who looks. ``is_person``: a name that must be allowed to; else a machine with its key, or whoever runs the command."""

    name: str
    is_person: bool = True


def payer_of(rooms: Rooms, bill: BillView, looker: Looker) -> dict[str, str]:
    """Name, kana, postal code and address as the core system wrote them last; FL-SLP-003 where that row cannot be read any more."""
    record = printing.payer_record(rooms, bill)
    if record is None:
        raise ProblemError([problem("FL-SLP-003", place=bill.bill_key)])
    note(rooms, looker, "payer.view", bill)
    return {name: getattr(record, name) for name in printing.PAYER}


def slip_of(rooms: Rooms, bill: BillView, looker: Looker) -> bytes:
    """The payment slip of a bill as PDF."""
    printed = printing.print_one(rooms, bill)
    note(rooms, looker, "slip.print", bill)
    return printed


def note(rooms: Rooms, looker: Looker, act: str, bill: BillView) -> None:
    """Enter a look at one bill; ProblemError where this person may not."""
    with rooms.store.write() as connection:
        who = _who(rooms, connection, looker, Needs(PERMISSION, bill.municipality_code, bill.department_code))
        detail = {"version": bill.version_id, "issue_count": bill.issue_count}
        audit.append(connection, audit.Entry(who, act, f"bill:{bill.bill_key}", detail, rooms.now()))


def note_many(rooms: Rooms, looker: Looker, asked: printing.Asked, detail: dict[str, Any]) -> None:
    """Enter one printed file of many slips."""
    with rooms.store.write() as connection:
        who = _who(rooms, connection, looker, Needs(PERMISSION, asked.municipality or ""))
        subject = f"fund:{asked.municipality}~{asked.fund_code}"
        audit.append(connection, audit.Entry(who, "slip.print", subject, detail, rooms.now()))


def _who(rooms: Rooms, connection: Any, looker: Looker, needs: Needs) -> str:
    return people.one(rooms, connection, looker.name, needs) if looker.is_person else looker.name
