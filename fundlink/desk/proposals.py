"""Settling by hand in two steps: one person proposes a suggestion, another one accepts it, each when it suits them.

Called by jobs. What accepting does is ``settling.accept_settlement``, which looks at everything anew; a proposal changes nothing.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection

from fundlink.desk.settling import accept_settlement, explain_settlement
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.persons import same_person
from fundlink.domain.problems import problem
from fundlink.pipeline import people
from fundlink.pipeline.people import Needs
from fundlink.pipeline.rooms import Rooms
from fundlink.store import access_persons, audit, proposals
from fundlink.store.proposals import Proposal


def standing(rooms: Rooms, key: str) -> dict[str, Any] | None:
    """The proposal that waits for a settlement, if any."""
    with rooms.store.read() as connection:
        found = proposals.standing(connection, key)
    return found._asdict() if found else None


def waiting(rooms: Rooms) -> list[dict[str, Any]]:
    """Every proposal that waits for another person."""
    with rooms.store.read() as connection:
        return [found._asdict() for found in proposals.waiting(connection)]


def propose(rooms: Rooms, key: str, suggestion: str, *, reason: str, who: str) -> dict[str, Any]:
    """Propose one of the suggestions that add up. FL-SET-103 when it is none, 104 when it does not add up."""
    if not who.strip() or not reason.strip():
        raise UsageError("候補を選んだ理由を書いてください。")
    with rooms.store.together() as connection:
        rooms.store.serialise(connection, "settling")
        told = explain_settlement(rooms, key)
        who = people.one(rooms, connection, who, Needs("settle.prepare", told["municipality_code"]))
        chosen = next((one for one in told["suggestions"] if one["suggestion"] == suggestion), None)
        if chosen is None:
            raise ProblemError([problem("FL-SET-103", place=key)])
        if chosen["difference_yen"]:
            raise ProblemError([problem("FL-SET-104", place=key, difference=chosen["difference_yen"])])
        row = Proposal(0, told["municipality_code"], key, suggestion, chosen["equation"], reason.strip(), who, rooms.now())
        proposals.add(connection, row)
        detail = {"suggestion": suggestion, "equation": row.equation, "reason": row.reason}
        audit.append(connection, audit.Entry(row.proposed_by, "desk.settle.propose", f"settlement:{key}", detail, rooms.now()))
    return {"settlement_key": key, "suggestion": suggestion, "equation": row.equation}


def accept(rooms: Rooms, key: str, proposal: str, *, who: str) -> dict[str, Any]:
    """Accept the proposal with that id, as it was seen; FL-SET-107 when it does not stand any more."""
    with rooms.store.together() as connection:
        rooms.store.serialise(connection, "settling")
        found = proposals.standing(connection, key)
        if found is None or str(found.id) != proposal:
            raise ProblemError([problem("FL-SET-107", place=key)])
        return accept_settlement(rooms, key, found.suggestion, reason=found.reason, who=found.proposed_by, approved_by=who.strip())


def drop(rooms: Rooms, key: str, *, who: str) -> dict[str, Any]:
    """Take the proposal off the table: its author changed their mind, or another person says no."""
    with rooms.store.together() as connection:
        rooms.store.serialise(connection, "settling")
        found = proposals.standing(connection, key)
        if found is None:
            raise ProblemError([problem("FL-SET-107", place=key)])
        who = people.one(rooms, connection, who, Needs(_needed(connection, found, who), found.municipality_code))
        proposals.add(connection, found._replace(suggestion="", equation="", reason="", proposed_by=who, at=rooms.now()))
        detail = {"suggestion": found.suggestion, "proposed_by": found.proposed_by}
        audit.append(connection, audit.Entry(who, "desk.settle.drop", f"settlement:{key}", detail, rooms.now()))
    return {"settlement_key": key, "suggestion": found.suggestion}


def _needed(connection: Connection, found: Proposal, who: str) -> str:
    """Its author may take it back under any of their accounts; everybody else refuses it as one who may approve."""
    known = access_persons.find(connection, who)
    mine = same_person(found.proposed_by, known.person_id if known else who)
    return "settle.prepare" if mine else "settle.approve"
