"""Where a bill file stands in its stream: judged before it takes effect, noted when it does. Called by pipeline.intake.

The files of one profile and municipality follow each other by the number and the business day that their header states; a file
that states neither stands nowhere and is not held up.
"""

from __future__ import annotations

from typing import Any

from fundlink.pipeline.rooms import Rooms, Ticket
from fundlink.reconcile.sequence import Position, Verdict, judge_bill_file
from fundlink.store import bills, streams

_NOWHERE = Position(None, None)


def _position(ticket: Ticket) -> Position:
    stated = str(ticket.get("file_sequence") or "").strip()
    return Position(int(stated) if stated.isdecimal() else None, ticket.get("file_business_day"))


def _stream(ticket: Ticket) -> str:
    return f"{ticket['profile']}:{ticket['municipality_code']}"


def judge_place(rooms: Rooms, connection: Any, ticket: Ticket) -> Verdict:
    """The verdict on a file, while nobody else can accept another one of its municipality. Ticket: file_sequence, file_business_day."""
    given = _position(ticket)
    if given == _NOWHERE:
        return Verdict("")
    last = streams.last_bill_file(connection, _stream(ticket))
    return judge_bill_file(Position(*last) if last else None, given, today=rooms.today(), guards=rooms.calendar().guards)


def note_place(rooms: Rooms, connection: Any, ticket: Ticket, verdict: Verdict) -> None:
    """Note where an accepted file stands, and tell what is odd about it."""
    given = _position(ticket)
    if given == _NOWHERE:
        return
    values = {**given._asdict(), "stream": _stream(ticket), "sequence_order": verdict.order, "at": rooms.now()}
    streams.add_position(connection, int(ticket["file_id"]), values)
    if verdict.remark is not None:
        bills.stage_problems(connection, int(ticket["file_id"]), [verdict.remark])
