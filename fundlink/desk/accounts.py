"""Persons and their accounts as administrators keep them: the first one, further ones, roles, leaving, reset, unlock, stock-taking.

Called by cli and console. Every change is one transaction with its audit entry; who changes roles is decided by pipeline.people.
A secret leaves this module once, in the answer to whoever asked for it; only its digest is kept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.access import roles as table
from fundlink.access import tokens
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.persons import folded
from fundlink.domain.problems import problem
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.domain.values import is_municipality_code
from fundlink.pipeline import people
from fundlink.pipeline.people import Needs
from fundlink.pipeline.rooms import Rooms
from fundlink.store import access_persons, access_sessions, audit
from fundlink.store.access_persons import Known

SETUP_HOURS = 72
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{2,39}").fullmatch
_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,29}").fullmatch


class NewAccount(NamedTuple):
    """A login for a person; roles and scope are theirs, so a second account of a known person takes none."""

    login: str
    person_id: str
    name: str
    roles: tuple[str, ...] = ()
    scope: Scope = EVERYWHERE


def first_admin(rooms: Rooms, new: NewAccount) -> dict[str, Any]:
    """Register the first administrator, once; FL-AUTH-008 afterwards. The set-up secret is told here and nowhere else."""
    check(new._replace(roles=("admin",)))
    with rooms.store.together() as connection:
        access_persons.begin_change(connection)
        if access_persons.any_real(connection):
            raise ProblemError([problem("FL-AUTH-008")])
        return _register(rooms, connection, new._replace(roles=("admin",), scope=EVERYWHERE), ("first-admin", ""))


def add(rooms: Rooms, new: NewAccount, who: str, approved_by: str) -> dict[str, Any]:
    """Register an account. Roles take two administrators; the one that is alone may register the second administrator only."""
    check(new)
    with rooms.store.together() as connection:
        access_persons.begin_change(connection)
        by = _administrators(rooms, connection, (who, approved_by), new)
        return _register(rooms, connection, new, by)


def check(new: NewAccount) -> None:
    """Raise UsageError (or FL-AUTH-005) for an account that cannot be."""
    if not _LOGIN(folded(new.login)) or not _PERSON(new.person_id) or not new.name.strip():
        raise UsageError("利用者名（英小文字・数字・._- の 3〜40 字）、職員番号（英数字とハイフン）、氏名を指定してください。")
    _roles_fit(new.roles)
    towns = new.scope.municipalities or ()
    if new.scope.municipalities == frozenset() or not all(map(is_municipality_code, towns)):
        raise UsageError("団体は、検査数字を含む 6 桁の団体コードで指定してください。")


def _roles_fit(roles: Sequence[str]) -> None:
    unknown = [role for role in roles if role not in table.HUMAN_ROLES]
    if unknown:
        raise UsageError("役割は " + "・".join(table.HUMAN_ROLES) + " のどれかです。")
    if table.exclusive(roles):
        raise ProblemError([problem("FL-AUTH-005")])


def is_second_administrator(rooms: Rooms, new: NewAccount) -> bool:
    """Whether this is the one account that an administrator registers alone, because there is no other one."""
    with rooms.store.read() as connection:
        return _alone(connection) and new.roles == ("admin",)


def _alone(connection: Connection) -> bool:
    return len({known.person_id for known in access_persons.everybody(connection) if _is_admin(known)}) == 1


def _administrators(rooms: Rooms, connection: Connection, names: tuple[str, str], new: NewAccount) -> tuple[str, str]:
    if _alone(connection) and new.roles == ("admin",) and not names[1].strip():
        return people.one(rooms, connection, names[0], Needs("users.prepare")), ""
    return people.two(rooms, connection, names, "users")


def _is_admin(known: Known) -> bool:
    return known.is_active and not known.demo and "admin" in known.roles


def _register(rooms: Rooms, connection: Connection, new: NewAccount, by: tuple[str, str]) -> dict[str, Any]:
    """Person where there is none, account, set-up secret. A login never equals another person's number: a name means one person."""
    at, name = rooms.now(), access_persons.name_of(connection, new.person_id)
    taken = access_persons.by_login(connection, new.person_id)
    other = access_persons.by_person(connection, new.login)
    if (taken and taken.person_id != new.person_id) or (other and other.person_id != new.person_id):
        raise ProblemError([problem("FL-AUTH-009", who=new.login)])
    if name is None:
        access_persons.add_person(connection, (new.person_id, new.name.strip(), 0), by=by[0], at=at)
        access_persons.add_grant(connection, new.person_id, (new.roles, new.scope), by=by, at=at)
    elif new.roles:
        raise UsageError("登録済みの職員です。役割は `fundlink users roles` で変えてください。")
    account_id = access_persons.add_account(connection, new.login, new.person_id, by=by[0], at=at)
    if account_id is None:
        raise ProblemError([problem("FL-AUTH-009", who=new.login)])
    secret, until = _new_setup(rooms, connection, account_id)
    _note(rooms, connection, (by, "users.add", new.person_id), {"login": folded(new.login), **_granted(new.roles, new.scope)})
    return {"login": folded(new.login), "person": new.person_id, "roles": list(new.roles), "setup_secret": secret, "setup_until": until}


def _granted(roles: Sequence[str], scope: Scope) -> dict[str, Any]:
    municipalities, departments = scope.written()
    return {"roles": list(roles), "municipalities": municipalities, "departments": departments}


def _new_setup(rooms: Rooms, connection: Connection, account_id: int) -> tuple[str, str]:
    """A set-up secret, good once and for three days; password and second factor are gone with it."""
    secret = tokens.new_secret()
    until = (rooms.clock() + dt.timedelta(hours=SETUP_HOURS)).isoformat(timespec="seconds")
    for kind, stored, end in (("setup", tokens.digest(secret), until), ("password", "", ""), ("second", "", "")):
        access_sessions.set_secret(connection, account_id, (kind, stored, end), rooms.now())
    return secret, until


def _note(rooms: Rooms, connection: Connection, act: tuple[tuple[str, str], str, str], detail: dict[str, Any]) -> None:
    (who, approved_by), name, person_id = act
    access_persons.note_change(connection, f"{name} {person_id}", rooms.now())
    told = {**detail, **({"approved_by": approved_by} if approved_by else {})}
    audit.append(connection, audit.Entry(who, name, f"person:{person_id}", told, rooms.now()))


def change_roles(rooms: Rooms, name: str, given: tuple[tuple[str, ...], Scope], names: tuple[str, str]) -> dict[str, Any]:
    """New roles and scope for a person, by two; nobody changes their own. Sessions end, so that the next one has the new rights."""
    roles, scope = given
    _roles_fit(roles)
    with rooms.store.together() as connection:
        access_persons.begin_change(connection)
        known = _found(connection, name)
        by = people.two(rooms, connection, names, "users")
        if known.person_id in by:
            raise ProblemError([problem("FL-4EY-001")])
        _keeps_an_administrator(connection, known, leaves="admin" not in roles)
        access_persons.add_grant(connection, known.person_id, (roles, scope), by=by, at=rooms.now())
        access_sessions.end_sessions_of(connection, known.person_id, "roles", rooms.now())
        before = _granted(known.roles, known.scope)
        _note(rooms, connection, (by, "users.roles", known.person_id), {"before": before, "after": _granted(roles, scope)})
    return {"person": known.person_id, "before": before, **_granted(roles, scope)}


def _found(connection: Connection, name: str) -> Known:
    known = access_persons.find(connection, name)
    if known is None:
        raise ProblemError([problem("FL-AUTH-009", who=name.strip())])
    return known


def _keeps_an_administrator(connection: Connection, known: Known, *, leaves: bool) -> None:
    """The last administrator stays: nobody could register anybody any more."""
    others = {one.person_id for one in access_persons.everybody(connection) if _is_admin(one)} - {known.person_id}
    if leaves and _is_admin(known) and not others:
        raise UsageError("最後の管理者です。先に別の管理者を登録してください。")


def disable(rooms: Rooms, name: str, reason: str, who: str) -> dict[str, Any]:
    """Cut a leaver at once: every account of the person, every session, everything not yet approved. One administrator is enough."""
    if not reason.strip():
        raise UsageError("理由を書いてください。")
    with rooms.store.together() as connection:
        access_persons.begin_change(connection)
        known = _found(connection, name)
        by = people.one(rooms, connection, who, Needs("users.prepare"))
        _keeps_an_administrator(connection, known, leaves=True)
        access_persons.add_state(connection, (known.person_id, "disabled", reason.strip()), by=by, at=rooms.now())
        ended = access_sessions.end_sessions_of(connection, known.person_id, "disabled", rooms.now())
        _note(rooms, connection, ((by, ""), "users.disable", known.person_id), {"reason": reason.strip(), "sessions_ended": ended})
    return {"person": known.person_id, "state": "disabled", "sessions_ended": ended}


def reset(rooms: Rooms, name: str, names: tuple[str, str]) -> dict[str, Any]:
    """A new set-up secret after a lost password or second factor, by two persons; a disabled person is active again."""
    with rooms.store.together() as connection:
        access_persons.begin_change(connection)
        known = _found(connection, name)
        by = people.two(rooms, connection, names, "users")
        if known.person_id in by:
            raise ProblemError([problem("FL-4EY-001")])
        if not known.is_active:
            access_persons.add_state(connection, (known.person_id, "active", "reset"), by=by[0], at=rooms.now())
        ended = access_sessions.end_sessions_of(connection, known.person_id, "reset", rooms.now())
        secret, until = _new_setup(rooms, connection, known.account_id)
        _note(rooms, connection, (by, "users.reset", known.person_id), {"login": known.login, "sessions_ended": ended})
    return {"login": known.login, "person": known.person_id, "setup_secret": secret, "setup_until": until, "sessions_ended": ended}


def unlock(rooms: Rooms, name: str, who: str) -> dict[str, Any]:
    """Forget the failures of a login."""
    with rooms.store.together() as connection:
        known = _found(connection, name)
        by = people.one(rooms, connection, who, Needs("users.prepare"))
        forgotten = access_sessions.failures(connection, subject_of(known.login)).number
        access_sessions.note_attempt(connection, subject_of(known.login), ("", "unlocked"), rooms.now())
        audit.append(connection, audit.Entry(by, "users.unlock", f"person:{known.person_id}", {"failures": forgotten}, rooms.now()))
    return {"login": known.login, "failures": forgotten}


def subject_of(login: str) -> str:
    """What failures of a login are counted under; what was typed may be a password, so it is a digest."""
    return hashlib.sha256(f"login:{folded(login)}".encode()).hexdigest()[:32]


def names(rooms: Rooms) -> dict[str, str]:
    """The name of every person by staff number: a page names who did what."""
    with rooms.store.read() as connection:
        return {known.person_id: known.name for known in access_persons.everybody(connection)}


def listed(rooms: Rooms) -> dict[str, Any]:
    """Every account with its person, roles and scope."""
    with rooms.store.read() as connection:
        found = access_persons.everybody(connection)
    return {"users": [_shown(known) for known in found]}


def _shown(known: Known) -> dict[str, Any]:
    return {
        "login": known.login, "person": known.person_id, "name": known.name, "state": known.state, "demo": bool(known.demo),
        **_granted(known.roles, known.scope),
    }  # fmt: skip


def stock(rooms: Rooms) -> dict[str, Any]:
    """Stock-taking (棚卸): every account with when it was last used, and what should be looked at."""
    with rooms.store.read() as connection:
        found = access_persons.everybody(connection)
        secrets, last = access_sessions.secrets_of_all(connection), access_sessions.last_logins(connection)
    before = (rooms.clock() - dt.timedelta(days=90)).isoformat(timespec="seconds")
    rows = []
    for known in found:
        used = last.get(known.account_id, "")
        second = (known.account_id, "second") in secrets
        marks = {
            "never_used": known.is_active and not used, "unused_90_days": known.is_active and "" < used < before,
            "no_second_factor": known.is_active and not second, "no_role": known.is_active and not known.roles, "demo": bool(known.demo),
            "disabled_with_roles": not known.is_active and bool(known.roles),
        }  # fmt: skip
        rows.append(
            {**_shown(known), "last_login_at": used, "second_factor": second, "look_at": [name for name, is_so in marks.items() if is_so]}
        )
    return {"at": rooms.now(), "users": rows, "to_look_at": sum(bool(row["look_at"]) for row in rows)}
