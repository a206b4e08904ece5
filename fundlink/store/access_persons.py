"""Persons, their accounts, roles and scope: every query about who somebody is. Called by pipeline and desk; decides nothing.

Facts are appended; what counts is the newest row. Each change is numbered, so that a cache knows when it is stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.persons import folded
from fundlink.domain.scope import Scope, read_scope
from fundlink.store import bulk

_LOCK = "access"


class Known(NamedTuple):
    """A person as registered now. ``login`` is the account that was asked for, or the first one."""

    person_id: str
    name: str
    demo: int
    state: str
    roles: tuple[str, ...]
    scope: Scope
    account_id: int
    login: str

    @property
    def is_active(self) -> bool:
        """Not disabled."""
        return self.state == "active"


_NEWEST = "{0}.id = (SELECT MAX(x.id) FROM {1} x WHERE x.person_id = p.person_id)"
_SEEN = f"""
    SELECT p.person_id, p.name, p.demo, s.state, g.roles, g.municipalities, g.departments, a.id, a.login
    FROM person p JOIN person_state s ON s.person_id = p.person_id AND {_NEWEST.format("s", "person_state")}
    JOIN person_grant g ON g.person_id = p.person_id AND {_NEWEST.format("g", "person_grant")}
    JOIN account a ON a.person_id = p.person_id"""
_FIRST = "a.id = (SELECT MIN(x.id) FROM account x WHERE x.person_id = p.person_id)"


def by_login(connection: Connection, login: str) -> Known | None:
    """The person behind a login."""
    return _one(connection, "a.login = :login", login=folded(login))


def by_person(connection: Connection, person_id: str) -> Known | None:
    """The person with this 職員番号."""
    return _one(connection, f"p.person_id = :person AND {_FIRST}", person=person_id.strip())


def by_account(connection: Connection, account_id: int) -> Known | None:
    """The person behind an account."""
    return _one(connection, "a.id = :id", id=account_id)


def find(connection: Connection, name: str) -> Known | None:
    """The person named by a login, or by 職員番号."""
    return by_login(connection, name) or by_person(connection, name)


def _one(connection: Connection, condition: str, **values: Any) -> Known | None:
    found = bulk.rows(connection, f"{_SEEN} WHERE {condition}", **values)
    return _known(found[0]) if found else None


def _known(row: Any) -> Known:
    person_id, name, demo, state, roles, municipalities, departments, account_id, login = row
    held = tuple(role for role in str(roles).split(",") if role)
    return Known(person_id, name, int(demo), state, held, read_scope(municipalities, departments), int(account_id), login)


def everybody(connection: Connection) -> list[Known]:
    """Every account with its person, by person and login."""
    return [_known(row) for row in bulk.rows(connection, f"{_SEEN} ORDER BY p.person_id, a.id")]


def any_real(connection: Connection) -> bool:
    """Whether a person is registered who is not one of the demo's."""
    return bulk.scalar(connection, "SELECT 1 FROM person WHERE demo = 0 LIMIT 1") is not None


def any_demo(connection: Connection) -> bool:
    """Whether an active throw-away person is registered."""
    return any(person.demo and person.is_active for person in everybody(connection))


def hold_still(connection: Connection) -> None:
    """Until this transaction ends nobody's roles or state change; others may hold it too (PostgreSQL; SQLite has one writer anyway)."""
    if connection.dialect.name == "postgresql":
        bulk.run(connection, "SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 1))", name=_LOCK)


def begin_change(connection: Connection) -> None:
    """Until this transaction ends nobody else changes persons, and nobody acts on what they were."""
    bulk.hold(connection, _LOCK)


def note_change(connection: Connection, what: str, at: str) -> None:
    """Give the change a number."""
    bulk.insert_rows(connection, "access_change", ("what", "at"), [(what, at)])


def generation(connection: Connection) -> int:
    """The number of the newest change."""
    return bulk.newest_id(connection, "access_change")


def add_person(connection: Connection, values: tuple[str, str, int], *, by: str, at: str) -> None:
    """Register a person (職員番号, name, demo), active."""
    bulk.insert_rows(connection, "person", ("person_id", "name", "demo", "at"), [(*values, at)])
    add_state(connection, (values[0], "active", "registered"), by=by, at=at)


def name_of(connection: Connection, person_id: str) -> str | None:
    """The name of a registered person."""
    found = bulk.scalar(connection, "SELECT name FROM person WHERE person_id = :person", person=person_id)
    return None if found is None else str(found)


def add_state(connection: Connection, values: tuple[str, str, str], *, by: str, at: str) -> None:
    """A person (id, state, reason) is active or disabled from now on."""
    bulk.insert_rows(connection, "person_state", ("person_id", "state", "reason", '"by"', "at"), [(*values, by, at)])


def add_grant(connection: Connection, person_id: str, given: tuple[Sequence[str], Scope], *, by: tuple[str, str], at: str) -> None:
    """Roles and scope of a person from now on, by whom and approved by whom."""
    roles, scope = given
    columns = ("person_id", "roles", "municipalities", "departments", '"by"', "approved_by", "at")
    bulk.insert_rows(connection, "person_grant", columns, [(person_id, ",".join(roles), *scope.written(), *by, at)])


def add_account(connection: Connection, login: str, person_id: str, *, by: str, at: str) -> int | None:
    """A login for a person; its id, or None when the login is taken."""
    if bulk.scalar(connection, "SELECT 1 FROM account WHERE login = :login", login=folded(login)) is not None:
        return None
    bulk.insert_rows(connection, "account", ("login", "person_id", '"by"', "at"), [(folded(login), person_id, by, at)])
    return int(bulk.scalar(connection, "SELECT id FROM account WHERE login = :login", login=folded(login)))
