"""Accounts, roles and resets in two steps: one administrator prepares, another one approves, and it is carried out as it was prepared.

Called by console and cli. What may be done and by whom is decided by desk.accounts when it is carried out; the end of a proposal and what it
does are one transaction, so that it is done once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Connection

from fundlink.desk import accounts
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.persons import same_person
from fundlink.domain.problems import problem
from fundlink.domain.scope import Scope, read_scope
from fundlink.pipeline import people
from fundlink.pipeline.people import Needs
from fundlink.pipeline.rooms import Rooms
from fundlink.store import access_persons, access_proposals, audit
from fundlink.store.access_proposals import Proposed

KINDS = ("add", "roles", "reset")


def content(name: str, roles: Sequence[str] = (), scope: Scope | None = None, *, person: str = "", full_name: str = "") -> dict[str, Any]:
    """What a proposal says: the login (or person), roles and scope, and of a new account its 職員番号 and name."""
    municipalities, departments = (scope or Scope()).written()
    return {"login": name.strip(), "person": person.strip(), "name": full_name.strip(), "roles": list(roles), "municipalities": municipalities, "departments": departments}  # fmt: skip


def asked(rooms: Rooms, kind: str, said: dict[str, Any], who: str) -> dict[str, Any]:
    """What one administrator asks for: prepared for another one, or done, where there is no other one yet to ask."""
    if kind == "add" and accounts.is_second_administrator(rooms, _new(said)):
        return accounts.add(rooms, _new(said), who, "")
    return {"proposal_id": prepare(rooms, kind, said, who), "kind": kind, **said}


def prepare(rooms: Rooms, kind: str, said: dict[str, Any], who: str) -> int:
    """One administrator prepares; the number of the proposal."""
    if kind not in KINDS or not said["login"]:
        raise UsageError("利用者名を指定してください。")
    with rooms.store.together() as connection:
        access_persons.begin_change(connection)
        by = people.one(rooms, connection, who, Needs("users.prepare"))
        if kind == "add":
            accounts.check(_new(said))
        elif access_persons.find(connection, said["login"]) is None:
            raise ProblemError([problem("FL-AUTH-009", who=said["login"])])
        number = access_proposals.add(connection, (kind, json.dumps(said, ensure_ascii=False, sort_keys=True), by, rooms.now()))
        audit.append(connection, audit.Entry(by, f"users.{kind}.prepare", f"login:{said['login']}", said, rooms.now()))
        return number


def waiting(rooms: Rooms) -> list[dict[str, Any]]:
    """What waits for another administrator."""
    with rooms.store.read() as connection:
        return [{**row._asdict(), "content": json.loads(row.content)} for row in access_proposals.waiting(connection)]


def approve(rooms: Rooms, proposal_id: int, who: str) -> dict[str, Any]:
    """Another administrator approves: it is done, and a set-up secret is in this answer and nowhere else."""
    with rooms.store.together() as connection:
        access_persons.begin_change(connection)
        found = _one(connection, proposal_id)
        by = people.one(rooms, connection, who, Needs("users.approve"))
        if same_person(found.prepared_by, by):
            raise ProblemError([problem("FL-4EY-001")])
        access_proposals.end(connection, proposal_id, ("approved", by, rooms.now()))
        return _done(rooms, found.kind, json.loads(found.content), (found.prepared_by, by))


def _done(rooms: Rooms, kind: str, said: dict[str, Any], names: tuple[str, str]) -> dict[str, Any]:
    if kind == "add":
        return accounts.add(rooms, _new(said), *names)
    if kind == "reset":
        return accounts.reset(rooms, said["login"], names)
    return accounts.change_roles(
        rooms, said["login"], (tuple(said["roles"]), read_scope(said["municipalities"], said["departments"])), names
    )


def drop(rooms: Rooms, proposal_id: int, who: str) -> None:
    """Who prepared it takes it back, or another administrator says no."""
    with rooms.store.together() as connection:
        access_persons.begin_change(connection)
        found = _one(connection, proposal_id)
        by = people.one(rooms, connection, who, Needs("users.prepare"))
        access_proposals.end(connection, proposal_id, ("dropped", by, rooms.now()))
        audit.append(connection, audit.Entry(by, f"users.{found.kind}.drop", f"proposal:{proposal_id}", {}, rooms.now()))


def _new(said: dict[str, Any]) -> accounts.NewAccount:
    scope = read_scope(said["municipalities"], said["departments"])
    return accounts.NewAccount(said["login"], said["person"], said["name"], tuple(said["roles"]), scope)


def _one(connection: Connection, proposal_id: int) -> Proposed:
    found = next((row for row in access_proposals.waiting(connection) if row.proposal_id == proposal_id), None)
    if found is None:
        raise ProblemError([problem("FL-VER-002")])
    return found
