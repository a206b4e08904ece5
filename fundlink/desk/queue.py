"""The queue of cases as staff see it: what waits, why, since when, who looks after it, what may be done. Called by jobs and api."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from fundlink.desk import grounds
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.pipeline import people
from fundlink.pipeline.people import Needs
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile.case_kinds import KINDS, NEXT_BY_REASON, kind_of, reason_words
from fundlink.reconcile.verbs import BY_NAME, is_at_hand, verbs_for
from fundlink.store import acts, audit, case_departments, cases
from fundlink.store.acts import ActRow
from fundlink.store.cases import CaseRow

PAGE = 100


def page(rooms: Rooms, filters: Mapping[str, str | None], after: tuple[str, str] | None = None, limit: int = PAGE, *, scope: Scope = EVERYWHERE) -> dict[str, Any]:  # fmt: skip
    """Open cases in scope, oldest first: ``cases``, and ``next`` (since, name) where there are more. ``filters``: kind, without (a kind), and those of store.cases.FILTERS."""
    kind = filters.get("kind")
    if kind is not None and kind not in [known.name for known in KINDS]:
        raise UsageError(f"案件の種類は {'・'.join(known.name for known in KINDS)} のどれかです。")
    with rooms.store.read() as connection:
        found = cases.page(connection, filters, after=after, limit=limit + 1, confirm_before=grounds.confirm_before(rooms), scope=scope)
        told = acts.of_subjects(connection, [row.name for row in found[:limit]])
    by_case: dict[str, list[ActRow]] = {}
    for act in told:
        by_case.setdefault(act.subject, []).append(act)
    last = found[limit - 1] if len(found) > limit else None
    return {
        "cases": [case_words(row, by_case.get(row.name, []), rooms.today()) for row in found[:limit]],
        "next": None if last is None else (last.since, last.name),
    }


def case_words(row: CaseRow, told: list[ActRow], today: str) -> dict[str, Any]:
    """One case as it is shown."""
    kind = kind_of(row.name)
    assert kind is not None
    waiting = next((act.act_id for act in told if not act.event), None)
    until = max((_until(act) for act in told if act.verb == "wait" and act.event == "carried_out"), default="")
    return {
        "case": row.name, "kind": row.kind, "kind_ja": kind.ja, "municipality_code": row.municipality_code, "fund_code": row.fund_code,
        "since": row.since, "age_days": (dt.date.fromisoformat(today) - dt.date.fromisoformat(row.since[:10])).days,
        "reason": row.reason, "reason_ja": reason_words(row.reason), "yen": row.yen, "owner": row.owner,
        "waits_until": until if until > today else None, "pending_act": waiting,
        "next": f"処理 {waiting} の承認を待つ" if waiting else NEXT_BY_REASON.get(row.reason, kind.next_step),
        "verbs": [verb.verb for verb in verbs_for(row.kind)],
    }  # fmt: skip


def _until(act: ActRow) -> str:
    return str(json.loads(act.content)["until"])


def show(rooms: Rooms, name: str, *, scope: Scope = EVERYWHERE) -> dict[str, Any]:
    """One case in scope with the facts it rests on, every act on it and the verbs it allows; ``open`` False when it is settled."""
    kind = kind_of(name)
    with rooms.store.read() as connection:
        row = cases.find(connection, kind.name, name, grounds.confirm_before(rooms)) if kind else None
        told = acts.of_subjects(connection, [name])
        towns = {*([row.municipality_code] if row else []), *(act.municipality_code for act in told)}
        if not all(scope.covers(code) for code in towns) or not is_of_scope(connection, name, scope):
            raise ProblemError([problem("FL-ACT-005", place=name)])
        if row is None and not told and (kind is None or kind.name not in ("bill", "act")):
            raise ProblemError([problem("FL-ACT-005", place=name)])
        standing = row is not None or (kind is not None and kind.name in ("bill", "act"))
        ground = grounds.look(rooms, connection, name) if standing else None
    assert kind is not None
    return {
        **(case_words(row, told, rooms.today()) if row else {"case": name, "kind": kind.name, "kind_ja": kind.ja}),
        "open": row is not None,
        "facts": json.loads(ground.words()) if ground else None,
        "verbs": [
            {"verb": verb.verb, "ja": verb.ja, "needs": verb.needs, "now": is_at_hand(verb, kind.name, ground.facts)}
            for verb in verbs_for(kind.name)
        ]
        if ground
        else [],
        "acts": [act_words(act) for act in told],
    }


def department_of(connection: Connection, name: str) -> str | None:
    """The department whose bill a case (or what an act acted on) is about; None for what is of the municipality as a whole."""
    kind, _, key = name.partition(":")
    if kind == "act":
        act = acts.find(connection, int(key)) if key.isascii() and key.isdigit() else None
        return department_of(connection, act.subject) if act else None
    return case_departments.departments_of(connection, [name]).get(name)


def is_of_scope(connection: Connection, name: str, scope: Scope) -> bool:
    """Whether a case lies within the departments of a scope; who sees all of them sees what is of none too."""
    return scope.departments is None or department_of(connection, name) in scope.departments


def check_bills(rooms: Rooms, connection: Connection, who: str, needs: Needs, bill_keys: Iterable[str]) -> None:
    """FL-AUTH-003 where an act lays yen on a bill, or takes it off one, of a department that this person does not see."""
    of = case_departments.departments_of(connection, [f"bill:{key}" for key in sorted({key for key in bill_keys if key})])
    for department in sorted(set(of.values())):
        people.one(rooms, connection, who, needs._replace(department_code=department))


def act_words(act: ActRow) -> dict[str, Any]:
    """An act as it is shown: what was prepared, by whom, and what became of it."""
    content = json.loads(act.content)
    return {
        "act_id": act.act_id, "verb": act.verb, "verb_ja": BY_NAME[act.verb].ja, "case": act.subject, "reason": act.reason,
        "prepared_by": act.prepared_by, "prepared_at": act.prepared_at, "sha256": act.content_sha256,
        "state": act.event or "prepared", "by": act.event_by, "note": act.note, "at": act.event_at,
        "moves": content["moves"], "until": content.get("until", ""), "code": content.get("code", ""),
        "before": json.loads(act.before), "after": json.loads(act.after),
    }  # fmt: skip


def assign(rooms: Rooms, name: str, owner: str, who: str) -> dict[str, Any]:
    """Give an open case to somebody, or back with an empty owner."""
    return assign_all(rooms, [name], owner, who)[0]


def assign_all(rooms: Rooms, names: Sequence[str], owner: str, who: str) -> list[dict[str, Any]]:
    """Give open cases to somebody, all of them or none. A page of the queue at most."""
    if not who.strip():
        raise UsageError("実施者（--as）を指定してください。")
    told = []
    with rooms.store.write() as connection:
        found = {row.name: row for row in cases.find_all(connection, names, grounds.confirm_before(rooms))} if names else {}
        of = case_departments.departments_of(connection, names)
        for name in names:
            if name not in found:
                raise ProblemError([problem("FL-ACT-005", place=name)])
            row = found[name]
            person = people.one(rooms, connection, who, Needs("cases.assign", row.municipality_code, of.get(name)))
            cases.assign(connection, name, owner.strip(), by=person, at=rooms.now())
            detail = {"owner": owner.strip(), "before": row.owner}
            audit.append(connection, audit.Entry(person, "case.assign", f"case:{name}", detail, rooms.now()))
            told.append({"case": name, "owner": owner.strip(), "before": row.owner})
    return told


def counts(rooms: Rooms, municipality_code: str | None = None, *, kind: str | None = None, without: str | None = None, scope: Scope = EVERYWHERE) -> dict[str, int]:  # fmt: skip
    """Open cases in scope by kind, of all municipalities or one; of one kind only, or without one."""
    with rooms.store.read() as connection:
        return cases.count(
            connection, grounds.confirm_before(rooms), kinds=(kind, without), municipality_code=municipality_code, scope=scope
        )


def waiting(rooms: Rooms, *, scope: Scope = EVERYWHERE) -> list[dict[str, Any]]:
    """Acts in scope that were prepared and that nobody has approved, refused or withdrawn, oldest first."""
    with rooms.store.read() as connection:
        found = [act for act in acts.waiting(connection) if scope.covers(act.municipality_code)]
        if scope.departments is not None:
            of = case_departments.departments_of(connection, [act.subject for act in found])
            found = [act for act in found if of.get(act.subject) in scope.departments]
    return [{**act_words(act), "municipality_code": act.municipality_code} for act in found]
