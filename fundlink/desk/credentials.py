"""Setting up an account and changing its password: what its person does, with the set-up secret or while logged in. Called by cli and console."""

from __future__ import annotations

import hmac
from typing import NamedTuple

from fundlink.access import passwords, sealing, second_factor, tokens
from fundlink.desk.accounts import subject_of
from fundlink.desk.login import Visitor, _place, _wait
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.pipeline.rooms import Rooms
from fundlink.store import access_persons, access_sessions, audit
from fundlink.store.access_persons import Known


class Setup(NamedTuple):
    """What a person enters to set an account up."""

    login: str
    secret: str
    password: str


class Enrolment(NamedTuple):
    """A second factor that waits for its first code."""

    secret: str
    address: str


def check_setup(rooms: Rooms, given: Setup) -> Known:
    """The person whose set-up secret this is; ProblemError FL-AUTH-006, 010 or 013."""
    with rooms.store.read() as connection:
        _wait(rooms, connection, (subject_of(given.login), ""))
        known = access_persons.by_login(connection, given.login)
        stored = access_sessions.secret(connection, known.account_id, "setup") if known else None
    fits = hmac.compare_digest(stored.secret if stored else "", tokens.digest(given.secret.strip()))
    if known is None or stored is None or not fits or not known.is_active or stored.until < rooms.now():
        with rooms.store.write() as connection:
            access_sessions.note_attempt(connection, subject_of(given.login), ("", "failed"), rooms.now())
        raise ProblemError([problem("FL-AUTH-013")])
    refuse_weak(known, given.password)
    return known


def refuse_weak(known: Known, password: str) -> None:
    """FL-AUTH-006 with every reason."""
    wrong = passwords.faults(password, (known.login, known.person_id, *known.name.split()))
    if wrong:
        raise ProblemError([problem("FL-AUTH-006", detail=" ".join(wrong))])


def begin_enrolment(login: str) -> Enrolment:
    """A new second factor; it counts only when a code of it was entered."""
    secret = second_factor.new_secret()
    return Enrolment(secret, second_factor.address(secret, login))


def set_up(rooms: Rooms, given: Setup, secret: str, code: str) -> Known:
    """Password and second factor at once, with the set-up secret, which is used up by it; FL-AUTH-002 for a wrong code."""
    known = check_setup(rooms, given)
    step = second_factor.used_step(secret, code, rooms.clock(), last_step=0)
    if step is None:
        raise ProblemError([problem("FL-AUTH-002")])
    hashed, now = passwords.hashed(given.password), rooms.now()
    sealed = sealing.seal(rooms.sealing_key(), secret, _place(known.account_id))
    with rooms.store.together() as connection:
        access_persons.begin_change(connection)
        if access_sessions.secret(connection, known.account_id, "setup") is None:
            raise ProblemError([problem("FL-AUTH-013")])  # somebody was quicker
        for kind, stored in (("setup", ""), ("password", hashed), ("second", sealed)):
            access_sessions.set_secret(connection, known.account_id, (kind, stored, ""), now)
        access_sessions.use_step(connection, known.account_id, step)
        access_sessions.note_attempt(connection, subject_of(known.login), ("", "passed"), now)
        audit.append(connection, audit.Entry(known.person_id, "users.set_up", f"person:{known.person_id}", {"login": known.login}, now))
    return known


def change_password(rooms: Rooms, visitor: Visitor, old: str, new: str) -> int:
    """A new password for the visitor's account; their other sessions end. How many ended."""
    with rooms.store.read() as connection:
        _wait(rooms, connection, (subject_of(visitor.login), ""))
        known = access_persons.by_account(connection, visitor.account_id)
        stored = access_sessions.secret(connection, visitor.account_id, "password")
    if known is None or not passwords.matches(old, stored.secret if stored else None):
        with rooms.store.write() as connection:
            access_sessions.note_attempt(connection, subject_of(visitor.login), ("", "failed"), rooms.now())
        raise ProblemError([problem("FL-AUTH-002")])
    refuse_weak(known, new)
    hashed, now = passwords.hashed(new), rooms.now()
    with rooms.store.together() as connection:
        access_sessions.set_secret(connection, known.account_id, ("password", hashed, ""), now)
        others = [one for one in access_sessions.sessions_of(connection, known.person_id) if one.number != visitor.session]
        for one in others:
            access_sessions.end_session(connection, one.id_sha256, "password", now)
        audit.append(connection, audit.Entry(known.person_id, "users.password", f"person:{known.person_id}", {"ended": len(others)}, now))
    return len(others)


def address_of(secret: str, login: str) -> str:
    """What an authenticator reads, for a factor whose first code was wrong."""
    return second_factor.address(secret, login)
