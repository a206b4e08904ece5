"""Logging in and staying so: password and second factor, sessions that the server holds, the code before acts on money.

Called by cli and console. A session is a row under the digest of its id, looked up at every request together with its person, so
a person who is disabled is out at the next one. A refusal never says which part was wrong.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.access import lockout, passwords, roles, sealing, second_factor, tokens
from fundlink.desk.accounts import subject_of
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.scope import Scope
from fundlink.pipeline.rooms import Rooms
from fundlink.store import access_persons, access_sessions, audit
from fundlink.store.access_persons import Known
from fundlink.store.access_sessions import Session

SEEN_EVERY_S = 60
"""A session's last use is written no more often than this."""


class Limits(NamedTuple):
    """How long a session may rest, last, and act on money after a code, in seconds."""

    idle_s: int
    whole_s: int
    proved_s: int


class Proof(NamedTuple):
    """What somebody enters to log in, and where from."""

    login: str
    password: str
    code: str
    address: str


class Visitor(NamedTuple):
    """Who is at the console: the person behind a session, with what they may do now."""

    person: str
    login: str
    name: str
    roles: frozenset[str]
    scope: Scope
    session: str  # what people may see of it
    proved: bool  # entered a code lately
    demo: bool
    account_id: int


def permitted(visitor: Visitor | None, permission: str) -> bool:
    """Whether a visitor has a permission; nobody has none."""
    return visitor is not None and roles.may(visitor.roles, permission)


def log_in(rooms: Rooms, proof: Proof, limits: Limits) -> str:
    """A new session's id for a right login, password and code; ProblemError FL-AUTH-002 or 010. Slow on purpose: not on the event loop."""
    subject = subject_of(proof.login)
    with rooms.store.read() as connection:
        _wait(rooms, connection, (subject, proof.address))
        known = access_persons.by_login(connection, proof.login)
        stored = access_sessions.secret(connection, known.account_id, "password") if known else None
    fits = passwords.matches(proof.password, stored.secret if stored else None)
    with rooms.store.together() as connection:
        known = access_persons.by_login(connection, proof.login)  # as of now: a leaver may have been cut meanwhile
        if known is None or not fits or not _may_enter(rooms, known) or not _second(rooms, connection, known, proof.code):
            access_sessions.note_attempt(connection, subject, (proof.address, "failed"), rooms.now())
            _note(rooms, connection, ("" if known is None else known.person_id, "login.failed"), subject)
            refused = True
        else:
            access_sessions.note_attempt(connection, subject, (proof.address, "passed"), rooms.now())
            refused, session_id = False, _begin(rooms, connection, known, (proof.address, limits.whole_s))
            _note(rooms, connection, (known.person_id, "login"), known.login)
    if refused:
        raise ProblemError([problem("FL-AUTH-002")])
    return session_id


def _wait(rooms: Rooms, connection: Connection, tried: tuple[str, str]) -> None:
    subject, address = tried
    since = (rooms.clock() - dt.timedelta(seconds=lockout.ADDRESS_WINDOW_S)).isoformat(timespec="seconds")
    failed = access_sessions.failures(connection, subject)
    left = 0
    if failed.number:
        passed = (rooms.clock() - dt.datetime.fromisoformat(failed.last_at)).total_seconds()
        left = lockout.wait_s(failed.number) - int(passed)
    if address and access_sessions.failures_from(connection, address, since) >= lockout.ADDRESS_FREE:
        left = max(left, lockout.FIRST_S)
    if left > 0:
        raise ProblemError([problem("FL-AUTH-010", seconds=left)])


def _may_enter(rooms: Rooms, known: Known) -> bool:
    return known.is_active and not (known.demo and rooms.production)


def _second(rooms: Rooms, connection: Connection, known: Known, code: str) -> bool:
    """The second factor; the throw-away persons of the demo have none."""
    sealed = access_sessions.secret(connection, known.account_id, "second")
    if sealed is None:
        return bool(known.demo)
    secret = sealing.opened(rooms.sealing_key(), sealed.secret, _place(known.account_id))
    if secret is None:
        return False
    step = second_factor.used_step(secret, code, rooms.clock(), last_step=access_sessions.last_step(connection, known.account_id))
    return step is not None and access_sessions.use_step(connection, known.account_id, step)


def _place(account_id: int) -> str:
    return f"account_secret/second/{account_id}"


def _begin(rooms: Rooms, connection: Connection, known: Known, how: tuple[str, int]) -> str:
    address, whole_s = how
    session_id, now = tokens.new_secret(), rooms.now()
    until = (rooms.clock() + dt.timedelta(seconds=whole_s)).isoformat(timespec="seconds")
    digest = tokens.digest(session_id)
    access_sessions.add_session(connection, Session(digest, digest[:12], known.account_id, now, now, now, until, "", "", address))
    return session_id


def _note(rooms: Rooms, connection: Connection, act: tuple[str, str], detail: str) -> None:
    person, name = act
    audit.append(connection, audit.Entry(person or "?", name, f"person:{person or '?'}", {"of": detail}, rooms.now()))


def visitor_of(rooms: Rooms, session_id: str, limits: Limits) -> Visitor | None:
    """Who is behind a session id now; None when it is none, has ended, or its person may not enter any more."""
    now = rooms.clock()
    with rooms.store.read() as connection:
        session = access_sessions.session(connection, tokens.digest(session_id))
        known = access_persons.by_account(connection, session.account_id) if session else None
    if session is None or known is None or session.ended_at or not _may_enter(rooms, known):
        return None
    rest = (now - dt.datetime.fromisoformat(session.seen_at)).total_seconds()
    if rest > limits.idle_s or now >= dt.datetime.fromisoformat(session.until):
        return None
    if rest >= SEEN_EVERY_S:
        with rooms.store.write() as connection:
            access_sessions.see(connection, session.id_sha256, rooms.now())
    proved = (now - dt.datetime.fromisoformat(session.proved_at)).total_seconds() <= limits.proved_s
    return Visitor(
        known.person_id, known.login, known.name, frozenset(known.roles), known.scope, session.number, proved, bool(known.demo), known.account_id,
    )  # fmt: skip


def prove(rooms: Rooms, session_id: str, code: str) -> str:
    """A code before acts on money (a throw-away person enters the password): the session goes on under a new id."""
    digest = tokens.digest(session_id)
    with rooms.store.read() as connection:
        session = access_sessions.session(connection, digest)
        known = access_persons.by_account(connection, session.account_id) if session else None
        if session is None or known is None or session.ended_at:
            raise ProblemError([problem("FL-AUTH-001")])
        _wait(rooms, connection, (subject_of(known.login), ""))
        stored = access_sessions.secret(connection, known.account_id, "password")
    by_password = known.demo and passwords.matches(code, stored.secret if stored else None)
    with rooms.store.together() as connection:
        fits = by_password if known.demo else _second(rooms, connection, known, code)
        access_sessions.note_attempt(connection, subject_of(known.login), (session.address, "passed" if fits else "failed"), rooms.now())
        _note(rooms, connection, (known.person_id, "login.proved" if fits else "login.failed"), session.number)
        fresh = _moved(rooms, connection, session) if fits else ""
    if not fresh:
        raise ProblemError([problem("FL-AUTH-002")])
    return fresh


def _moved(rooms: Rooms, connection: Connection, session: Session) -> str:
    """The same session under a new id, with its end where it was."""
    fresh = tokens.new_secret()
    digest, now = tokens.digest(fresh), rooms.now()
    if not access_sessions.end_session(connection, session.id_sha256, "rotated", now):
        raise ProblemError([problem("FL-AUTH-001")])
    access_sessions.add_session(connection, session._replace(id_sha256=digest, number=digest[:12], seen_at=now, proved_at=now))
    return fresh


def log_out(rooms: Rooms, session_id: str) -> None:
    """End this session."""
    with rooms.store.together() as connection:
        session = access_sessions.session(connection, tokens.digest(session_id))
        known = access_persons.by_account(connection, session.account_id) if session else None
        if session and known and access_sessions.end_session(connection, session.id_sha256, "logout", rooms.now()):
            _note(rooms, connection, (known.person_id, "logout"), session.number)


def sessions(rooms: Rooms, visitor: Visitor) -> list[Session]:
    """The visitor's own sessions that have not ended."""
    with rooms.store.read() as connection:
        return access_sessions.sessions_of(connection, visitor.person)


def end_own(rooms: Rooms, visitor: Visitor, number: str) -> bool:
    """End one of the visitor's own sessions by what people see of it; False when there is none such."""
    with rooms.store.together() as connection:
        held = [session for session in access_sessions.sessions_of(connection, visitor.person) if session.number == number]
        for session in held:
            access_sessions.end_session(connection, session.id_sha256, "ended by its person", rooms.now())
            _note(rooms, connection, (visitor.person, "logout"), number)
    return bool(held)
