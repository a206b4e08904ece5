"""One person proposes, another one approves, each when it suits them: the one road of everything in ``deeds``.

Called by jobs. A proposal changes nothing. What will be is found by doing it and taking it back; what is approved is the digest of
all that was shown; when it is done, the ground must be as it was and the answer must be the one that was approved, or nothing happens.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.desk.deeds import BY_KIND, DEEDS, Deed, Order, deed_of
from fundlink.desk.grounds import canonical
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.persons import same_person
from fundlink.domain.problems import problem
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.pipeline import people
from fundlink.pipeline.people import Needs
from fundlink.pipeline.rooms import Rooms
from fundlink.store import access_persons, audit, case_departments, proposals
from fundlink.store.proposals import Proposed

_STATES = {"": "承認待ち", "carried_out": "実施済み", "refused": "却下", "withdrawn": "取下げ"}
OF_A_BILL = "reissue"
"""The one kind of deed that is about a single bill."""
_NOBODY = ("", "")


class Wanted(NamedTuple):
    """What somebody wants to be done: a kind of deed, what it is done to, with what, and why."""

    kind: str
    subject: str
    who: str
    reason: str = ""
    asked: dict[str, Any] = {}  # noqa: RUF012  (never changed)


def waiver(asked: dict[str, Any], who: str, reason: str) -> Wanted:
    """That a file is waited for no more; ``asked``: day, municipality and kind of file, which together are the subject."""
    return Wanted("waive", f"{asked['municipality']}:{asked['kind']}:{asked['day']}", who, reason, asked)


def propose(rooms: Rooms, wanted: Wanted) -> dict[str, Any]:
    """Keep what one person proposes, as both persons will see it. Nothing else is changed."""
    deed = deed_of(wanted.kind)
    if not wanted.who.strip():
        raise UsageError("準備する人（--as）を指定してください。")
    if deed.needs_reason and not wanted.reason.strip():
        raise UsageError("理由を書いてください。")
    with rooms.store.together() as connection:
        rooms.store.serialise(connection, "proposals")
        ground = deed.ground(rooms, connection, wanted.subject, wanted.asked)
        who = people.one(
            rooms,
            connection,
            wanted.who,
            Needs(f"{deed.pair}.prepare", ground.municipality_code, _department(connection, deed.kind, ground.subject)),
        )
        waiting = (proposals.standing(connection, other.kind, ground.subject) for other in DEEDS if other.pair == deed.pair)
        standing = next((found for found in waiting if found is not None), None)
        if standing is not None:  # also the other of two deeds of which one undoes the other's sense
            raise ProblemError([problem("FL-PRP-003", proposal_id=standing.proposal_id)])
        order = Order(ground.subject, wanted.asked, wanted.reason.strip(), _NOBODY)
        content = canonical(
            {
                "kind": deed.kind, "subject": order.subject, "municipality_code": ground.municipality_code, "asked": order.asked,
                "reason": order.reason, "before": ground.before, "after": _rehearsed(rooms, connection, deed, order),
            }
        )  # fmt: skip
        values = {
            "kind": deed.kind, "municipality_code": ground.municipality_code, "subject": order.subject, "content": content,
            "content_sha256": _sha256(content), "prepared_by": who, "prepared_at": rooms.now(),
        }  # fmt: skip
        proposal_id = proposals.add(connection, values)
        _note(
            rooms,
            connection,
            (who, f"desk.{deed.kind}.propose", proposal_id),
            {"subject": order.subject, "sha256": values["content_sha256"]},
        )
        return _words(_found(connection, proposal_id))


def _rehearsed(rooms: Rooms, connection: Connection, deed: Deed, order: Order) -> dict[str, Any]:
    """What doing it would answer: it is done, looked at and taken back, with its entries in the trail."""
    point = connection.begin_nested()
    try:
        done = deed.do(rooms, connection, order)
    finally:
        point.rollback()
    return _shown(deed, done)


def _shown(deed: Deed, done: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(canonical({name: done[name] for name in deed.told}))
    return found


def look(rooms: Rooms, proposal_id: int, *, scope: Scope = EVERYWHERE) -> dict[str, Any]:
    """One proposal in scope; ``changed`` when what it rests on is not as it was."""
    with rooms.store.read() as connection:
        found = _found(connection, proposal_id)
        if not _seen(connection, [found], scope):
            raise ProblemError([problem("FL-PRP-001", proposal_id=proposal_id)])
        return {**_words(found), "changed": not found.event and not _stands(rooms, connection, found)}


def waiting(rooms: Rooms, *, scope: Scope = EVERYWHERE, kind: str | None = None) -> list[dict[str, Any]]:
    """Every proposal in scope that waits for another person, oldest first."""
    with rooms.store.read() as connection:
        rows = [found for found in proposals.waiting(connection, scope) if kind in (None, found.kind)]
        return [_words(found) for found in _seen(connection, rows, scope)]


def _department(connection: Connection, kind: str, subject: str) -> str | None:
    """The department whose bill a deed is done to; None for what is of the municipality as a whole."""
    return case_departments.departments_of(connection, [f"bill:{subject}"]).get(f"bill:{subject}") if kind == OF_A_BILL else None


def _needed(connection: Connection, found: Proposed, step: str) -> Needs:
    return Needs(f"{BY_KIND[found.kind].pair}.{step}", found.municipality_code, _department(connection, found.kind, found.subject))


def _seen(connection: Connection, rows: list[Proposed], scope: Scope) -> list[Proposed]:
    """Those in scope, in one look."""
    inside = [found for found in rows if scope.covers(found.municipality_code)]
    if scope.departments is None:
        return inside
    of = case_departments.departments_of(connection, [f"bill:{found.subject}" for found in inside if found.kind == OF_A_BILL])
    return [found for found in inside if of.get(f"bill:{found.subject}") in scope.departments]


def standing(rooms: Rooms, kind: str, subject: str) -> dict[str, Any] | None:
    """The proposal of a kind that waits for a subject, if any."""
    with rooms.store.read() as connection:
        found = proposals.standing(connection, kind, subject)
    return _words(found) if found else None


def stream_of(rooms: Rooms, proposal_id: int) -> str:
    """The stream in which a proposal is carried out."""
    with rooms.store.read() as connection:
        return deed_of(_found(connection, proposal_id).kind).stream


def approve(rooms: Rooms, proposal_id: int, who: str, *, sha256: str = "") -> dict[str, Any]:
    """Do what another person proposed, or refuse with a reason: nothing half. ``sha256``: of the content that was looked at."""
    with rooms.store.together() as connection:
        found = _waiting(rooms, connection, proposal_id, who)
        deed = BY_KIND[found.kind]
        if sha256 and sha256 != found.content_sha256:
            raise ProblemError([problem("FL-VER-002")])
        _by_another(connection, found, who)
        of = _department(connection, found.kind, found.subject)
        by = people.another(rooms, connection, (found.prepared_by, who), deed.pair, found.municipality_code, department_code=of)
        if _sha256(found.content) != found.content_sha256:
            raise ProblemError([problem("FL-PRP-006", proposal_id=proposal_id)])
        if not _stands(rooms, connection, found):
            raise ProblemError([problem("FL-PRP-004", place=found.subject)])
        content = json.loads(found.content)
        done = deed.do(rooms, connection, Order(found.subject, content["asked"], content["reason"], (found.prepared_by, by)))
        if _shown(deed, done) != content["after"]:
            raise ProblemError([problem("FL-PRP-004", place=found.subject)])
        _conclude(rooms, connection, found, ("carried_out", by, "", done))
        return {**_words(_found(connection, proposal_id)), "done": done}


def _by_another(connection: Connection, found: Proposed, who: str) -> None:
    """FL-4EY-001 for the person who proposed it, under any of their names."""
    known = access_persons.find(connection, who)
    if same_person(found.prepared_by, known.person_id if known else who):
        raise ProblemError([problem("FL-4EY-001")])


def _stands(rooms: Rooms, connection: Connection, found: Proposed) -> bool:
    """Whether the ground is as it was when it was proposed."""
    content = json.loads(found.content)
    try:
        ground = BY_KIND[found.kind].ground(rooms, connection, found.subject, content["asked"])
    except ProblemError:
        return False
    return bool(json.loads(canonical(ground.before)) == content["before"])


def refuse(rooms: Rooms, proposal_id: int, who: str, note: str) -> dict[str, Any]:
    """Another person says no, and why."""
    if not note.strip():
        raise UsageError("却下の理由を書いてください。")
    with rooms.store.together() as connection:
        found = _waiting(rooms, connection, proposal_id, who)
        _by_another(connection, found, who)
        by = people.one(rooms, connection, who, _needed(connection, found, "approve"))
        _conclude(rooms, connection, found, ("refused", by, note.strip(), {}))
        return _words(_found(connection, proposal_id))


def withdraw(rooms: Rooms, proposal_id: int, who: str, note: str = "") -> dict[str, Any]:
    """Who proposed it takes it back, under any of their accounts."""
    with rooms.store.together() as connection:
        found = _waiting(rooms, connection, proposal_id, who)
        by = people.one(rooms, connection, who, _needed(connection, found, "prepare"))
        if not same_person(found.prepared_by, by):
            raise ProblemError([problem("FL-PRP-005")])
        _conclude(rooms, connection, found, ("withdrawn", by, note.strip(), {}))
        return _words(_found(connection, proposal_id))


def _found(connection: Connection, proposal_id: int) -> Proposed:
    found = proposals.find(connection, proposal_id)
    if found is None:
        raise ProblemError([problem("FL-PRP-001", proposal_id=proposal_id)])
    return found


def _waiting(rooms: Rooms, connection: Connection, proposal_id: int, who: str) -> Proposed:
    if not who.strip():
        raise UsageError("実施者（--as）を指定してください。")
    rooms.store.serialise(connection, "proposals")
    found = _found(connection, proposal_id)
    if found.event:
        raise ProblemError([problem("FL-PRP-002", proposal_id=proposal_id, state=_STATES[found.event], state_en=found.event)])
    return found


def _conclude(rooms: Rooms, connection: Connection, found: Proposed, told: tuple[str, str, str, dict[str, Any]]) -> None:
    """The end of a proposal, and its entry in the trail."""
    event, by, note, done = told
    proposals.end(connection, found.proposal_id, (event, by, note, canonical(done), rooms.now()))
    word = {"carried_out": "approve", "refused": "refuse", "withdrawn": "withdraw"}[event]
    detail = {"subject": found.subject, "prepared_by": found.prepared_by, "sha256": found.content_sha256, "note": note}
    _note(rooms, connection, (by, f"desk.{found.kind}.{word}", found.proposal_id), detail)


def _note(rooms: Rooms, connection: Connection, told: tuple[str, str, int], detail: dict[str, Any]) -> None:
    who, act, proposal_id = told
    audit.append(connection, audit.Entry(who, act, f"proposal:{proposal_id}", detail, rooms.now()))


def _words(found: Proposed) -> dict[str, Any]:
    """A proposal as it is shown."""
    deed, content = BY_KIND[found.kind], json.loads(found.content)
    return {
        "proposal_id": found.proposal_id, "kind": found.kind, "kind_ja": deed.ja, "kind_en": deed.en, "pair": deed.pair,
        "municipality_code": found.municipality_code, "subject": found.subject, "reason": content["reason"], "asked": content["asked"],
        "before": content["before"], "after": content["after"], "sha256": found.content_sha256, "state": found.event or "prepared",
        "state_ja": _STATES[found.event], "prepared_by": found.prepared_by, "prepared_at": found.prepared_at, "by": found.by,
        "note": found.note, "at": found.at,
    }  # fmt: skip


def _sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
