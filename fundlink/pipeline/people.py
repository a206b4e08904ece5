"""Who may do this: the one function that decides for the API, the console and the command line alike.

Called by pipeline, desk, api and console. As soon as a real person is registered (and always in production) a name must be that
of an active account with the permission and the municipality in scope, and what is recorded is the person, not the login.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.access import roles
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.persons import same_person
from fundlink.domain.problems import problem
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.pipeline.rooms import Rooms
from fundlink.store import access_persons
from fundlink.store.access_persons import Known

ANY_DEPARTMENT = "*"
"""Where whose bills it is about shows only later and is asked for then, row by row."""


class Needs(NamedTuple):
    """What somebody must have: a permission, the municipality it is about ("" for all of them), and whose bill it is about.

    What is of no single department (a day, a settlement, a file) takes somebody whose scope is not limited to some of them.
    """

    permission: str
    municipality_code: str = ""
    department_code: str | None = None


def two_names(who: str, approved_by: str) -> None:
    """UsageError unless two different names are given; whether they are two persons is told by ``two``."""
    if not who.strip() or not approved_by.strip():
        raise UsageError("実施者（--as）と承認者（--approved-by）を指定してください。")
    if same_person(who, approved_by):
        raise UsageError("実施者と承認者は別の人でなければなりません。")


def one(rooms: Rooms, connection: Connection, who: str, needs: Needs) -> str:
    """The person who may do it, as recorded; ProblemError FL-AUTH-003, 004 or 007. Holds until the transaction ends."""
    access_persons.hold_still(connection)
    return _decided(rooms, connection, who, needs, access_persons.find(connection, who))


def _decided(rooms: Rooms, connection: Connection, who: str, needs: Needs, found: Known | None) -> str:
    if found is None:
        if rooms.production or access_persons.any_real(connection):
            raise ProblemError([problem("FL-AUTH-004", who=who.strip())])
        return who.strip()
    _check(rooms, found, needs)
    return found.person_id


def _check(rooms: Rooms, found: Known, needs: Needs) -> None:
    if found.demo and rooms.production:
        raise ProblemError([problem("FL-AUTH-007", detail=found.person_id)])
    if not found.is_active:
        raise ProblemError([problem("FL-AUTH-004", who=found.login)])
    if not roles.may(found.roles, needs.permission) or not _covers(found.scope, needs):
        raise ProblemError([problem("FL-AUTH-003")])


def _covers(scope: Scope, needs: Needs) -> bool:
    if not needs.municipality_code:
        return scope == EVERYWHERE
    ours = scope.departments is None or needs.department_code in (ANY_DEPARTMENT, *scope.departments)
    return ours and scope.covers(needs.municipality_code)


def two(
    rooms: Rooms,
    connection: Connection,
    names: tuple[str, str],
    pair: str,
    municipality_code: str = "",
    *,
    department_code: str | None = None,
) -> tuple[str, str]:
    """Who prepares and who approves, as recorded: two persons, each active with the role at this instant; else ProblemError."""
    two_names(*names)
    first = one(rooms, connection, names[0], Needs(f"{pair}.prepare", municipality_code, department_code))
    return first, another(rooms, connection, (first, names[1]), pair, municipality_code, department_code=department_code)


def at_once(
    rooms: Rooms,
    connection: Connection,
    names: tuple[str, str],
    pair: str,
    municipality_code: str = "",
    *,
    department_code: str | None = None,
) -> tuple[str, str]:
    """``two`` for an act whose both persons are named in one call. FL-4EY-003 where persons are accounts: there each one acts for themselves."""
    persons = two(rooms, connection, names, pair, municipality_code, department_code=department_code)
    if is_held_to_accounts(rooms, connection):
        raise ProblemError([problem("FL-4EY-003")])
    return persons


def another(
    rooms: Rooms,
    connection: Connection,
    names: tuple[str, str],
    pair: str,
    municipality_code: str = "",
    *,
    department_code: str | None = None,
) -> str:
    """The person who approves what the first one of ``names`` prepared; FL-4EY-001 for the same one, also by another account.

    Who prepared it must stand for it still: what a person left behind who may not do it any more is prepared again by another.
    """
    second = one(rooms, connection, names[1], Needs(f"{pair}.approve", municipality_code, department_code))
    if same_person(names[0], second):
        raise ProblemError([problem("FL-4EY-001")])
    needs = Needs(f"{pair}.prepare", municipality_code, department_code)
    _decided(rooms, connection, names[0], needs, access_persons.by_person(connection, names[0]))
    return second


def is_held_to_accounts(rooms: Rooms, connection: Connection) -> bool:
    """Whether a name must be that of an account."""
    return rooms.production or access_persons.any_real(connection)
