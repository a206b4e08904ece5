"""Who is logged in and which login waits after failures, as administrators see it; ending the session of somebody else.

Called by console. One administrator is enough: what is taken away here can be had again by logging in, and no role changes.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from fundlink.access import lockout
from fundlink.desk.accounts import subject_of
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.pipeline import people
from fundlink.pipeline.people import Needs
from fundlink.pipeline.rooms import Rooms
from fundlink.store import access_persons, access_sessions, audit


def open_now(rooms: Rooms, idle_s: int) -> list[dict[str, Any]]:
    """Every session that would still be let in: whose, since when, from where. The id itself is told to nobody."""
    rested = rooms.clock() - dt.timedelta(seconds=idle_s)
    with rooms.store.read() as connection:
        found = access_sessions.open_sessions(connection, rooms.now())
        owners = {known.account_id: known for known in access_persons.everybody(connection)}
    return [
        {
            "number": session.number, "login": owners[session.account_id].login, "person": owners[session.account_id].person_id,
            "began_at": session.began_at, "seen_at": session.seen_at, "address": session.address,
        }
        for session in found
        if session.account_id in owners and dt.datetime.fromisoformat(session.seen_at) >= rested
    ]  # fmt: skip


def waiting(rooms: Rooms) -> list[dict[str, Any]]:
    """Logins that have to wait after failures, with the seconds that are left."""
    with rooms.store.read() as connection:
        failed = access_sessions.failures_of_all(connection, lockout.FREE)
        owners = access_persons.everybody(connection) if failed else []
    told = []
    for known in owners:
        found = failed.get(subject_of(known.login))
        if found is not None:
            passed = (rooms.clock() - dt.datetime.fromisoformat(found.last_at)).total_seconds()
            left = max(0, lockout.wait_s(found.number) - int(passed))
            told.append({"login": known.login, "person": known.person_id, "failures": found.number, "seconds": left})
    return told


def end(rooms: Rooms, number: str, who: str) -> dict[str, Any]:
    """End a session by what people see of it; FL-VER-002 when it has ended."""
    with rooms.store.together() as connection:
        by = people.one(rooms, connection, who, Needs("users.prepare"))
        held = [session for session in access_sessions.open_sessions(connection, rooms.now()) if number and session.number == number]
        owners = {known.account_id: known for known in access_persons.everybody(connection)}
        ended = sum(access_sessions.end_session(connection, one.id_sha256, "ended by an administrator", rooms.now()) for one in held)
        if not ended:
            raise ProblemError([problem("FL-VER-002")])
        person = owners[held[0].account_id].person_id
        audit.append(connection, audit.Entry(by, "users.session.end", f"person:{person}", {"session": number}, rooms.now()))
    return {"person": person, "session": number, "ended": ended}
