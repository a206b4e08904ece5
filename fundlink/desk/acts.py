"""Acts on cases: one person prepares, another approves, and what is carried out is byte for byte what was prepared.

Called by jobs. An act changes nothing until it is approved; then its moves, the steps of slips, the entries for core systems,
its own event and its audit entry are one transaction.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink import safe_xml
from fundlink.desk import find_bill, grounds
from fundlink.desk.carrying_out import carry_out
from fundlink.desk.grounds import Ground, canonical
from fundlink.desk.queue import act_words, check_bills, department_of, is_of_scope
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.persons import same_person
from fundlink.domain.problems import problem
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.domain.values import iso_date
from fundlink.formats.codelists import read_code_list
from fundlink.pipeline import people
from fundlink.pipeline.people import Needs
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile import verbs
from fundlink.reconcile.accounts import Move, balanced
from fundlink.reconcile.offsetting import DEFAULT_ORDER, ORDERS, spread
from fundlink.reconcile.verbs import BY_NAME, TARGETS, Wanted
from fundlink.store import acts, audit, bills, closing
from fundlink.store.acts import ActRow

_STATES = {"": "承認待ち", "carried_out": "実施済み", "refused": "却下", "withdrawn": "取りやめ"}


class Asked(NamedTuple):
    """What somebody wants to be done about a case. Bills are named by key or 連携キー."""

    verb: str
    case: str
    who: str
    reason: str
    bill: str = ""
    parts: tuple[tuple[str, int], ...] = ()
    yen: int | None = None
    code: str = ""
    until: str = ""
    order: str = DEFAULT_ORDER
    payer: str = ""


def prepare(rooms: Rooms, asked: Asked) -> dict[str, Any]:
    """Store an act for another person to approve: its id, before and after. Nothing else is changed."""
    _understood(asked)
    with rooms.store.together() as connection:
        rooms.store.serialise(connection, "acts")
        _reconciled(connection)
        pending = next((act for act in acts.of_subjects(connection, [asked.case]) if not act.event), None)
        if pending is not None:
            raise ProblemError([problem("FL-ACT-014", act_id=pending.act_id)])
        ground, wanted = _asked_of(rooms, connection, asked)
        needs = Needs("act.prepare", ground.municipality_code, department_of(connection, asked.case))
        asked = asked._replace(who=people.one(rooms, connection, asked.who, needs))
        plan = verbs.plan(ground.kind, ground.facts, wanted)
        if plan.problems:
            raise ProblemError(plan.problems)
        check_bills(rooms, connection, asked.who, needs, (move.bill_key for move in plan.moves if move.bill_key))
        content = canonical(_content(rooms, ground, asked, plan.moves))
        values = {
            "verb": asked.verb, "municipality_code": ground.municipality_code, "subject": asked.case, "content": content,
            "content_sha256": _sha256(content), "reason": asked.reason.strip(), "before": ground.words(),
            "prepared_by": asked.who.strip(), "prepared_at": rooms.now(),
        }  # fmt: skip
        act_id = acts.add(connection, values)
        detail = {"verb": asked.verb, "case": asked.case, "sha256": values["content_sha256"], "yen": sum(move.yen for move in plan.moves)}
        audit.append(connection, audit.Entry(asked.who.strip(), "act.prepare", f"act:{act_id}", detail, rooms.now()))
        found = acts.find(connection, act_id)
    assert found is not None
    return {**act_words(found), "after": _expected(ground, plan.moves)}


def _understood(asked: Asked) -> None:
    verb = BY_NAME.get(asked.verb)
    if verb is None:
        raise UsageError(f"処理は {'・'.join(row.verb for row in verbs.VERBS)} のどれかです。")
    if not asked.who.strip() or not asked.reason.strip():
        raise UsageError("準備する人（--as）と理由（--reason）を指定してください。")
    told = {"bill": asked.bill, "parts": asked.parts, "code": asked.code, "until": asked.until}
    if verb.needs and not told[verb.needs]:
        option = {"bill": "--bill 請求", "parts": "--to 請求=金額（くり返し）", "code": "--code 理由コード", "until": "--until YYYY-MM-DD"}
        raise UsageError(f"「{verb.ja}」には {option[verb.needs]} が要ります。")
    if (asked.until and iso_date(asked.until) is None) or asked.order not in ORDERS or (asked.yen is not None and asked.yen <= 0):
        raise UsageError("--until は YYYY-MM-DD、--order は " + "・".join(ORDERS) + "、--yen は 1 円以上で指定してください。")


def _reconciled(connection: Connection) -> None:
    waiting = closing.receipts_without_outcome(connection)
    if waiting:
        raise ProblemError([problem("FL-ACT-015", count=waiting)])


def _asked_of(rooms: Rooms, connection: Connection, asked: Asked) -> tuple[Ground, Wanted]:
    """The case with every bill that was named, and the request with bill keys and yen in place of names and defaults."""
    ground = grounds.look(rooms, connection, asked.case)
    named = tuple((name if name in TARGETS else _key(rooms, ground, name), yen) for name, yen in asked.parts)
    if asked.verb == "attach":
        whole = sum(payment.balances["suspense"] for payment in ground.facts.payments.values())
        named = ((_key(rooms, ground, asked.bill), whole if asked.yen is None else asked.yen),)
    if asked.verb == "offset" and not named:
        named = _oldest_first(connection, ground, asked)
    keys = [key for key, _ in named if key not in TARGETS]
    if keys:
        ground = grounds.look(rooms, connection, asked.case, bill_keys=keys)
    codes = _write_off_codes() if asked.verb == "write_off" else ()
    return ground, Wanted(asked.verb, rooms.today(), asked.yen, named, asked.code, codes, asked.until)


def _key(rooms: Rooms, ground: Ground, name: str) -> str:
    return find_bill(rooms, name, ground.municipality_code).bill_key


def _oldest_first(connection: Connection, ground: Ground, asked: Asked) -> tuple[tuple[str, int], ...]:
    """The bills of the payer that the overpayment pays, in the order asked for."""
    parts: tuple[tuple[str, int], ...] = ()
    for key, payment in ground.facts.payments.items():
        payer = asked.payer or ground.rows[key].addressee_number or ""
        debts = grounds.debts_of_payer(connection, payment.municipality_code, payment.fund_code, payer)
        there = payment.balances["overpaid"]
        parts += spread(there if asked.yen is None else min(asked.yen, there), debts, asked.order)
    return parts


def _write_off_codes() -> tuple[str, ...]:
    return tuple(row.code for row in read_code_list(safe_xml.SCHEMAS / "codes" / "write_off_reasons.csv"))


def _content(rooms: Rooms, ground: Ground, asked: Asked, moves: tuple[Move, ...]) -> dict[str, Any]:
    """Everything that will be carried out. The day of the books is that of the approval."""
    return {
        "verb": asked.verb, "case": asked.case, "municipality_code": ground.municipality_code, "reason": asked.reason.strip(),
        "moves": [_move_words(rooms, ground, move) for move in moves], "bills": sorted(ground.facts.debts),
        "grounds": {key: payment.outcome_id for key, payment in ground.facts.payments.items()},
        **({"until": asked.until} if asked.verb == "wait" else {}), **({"code": asked.code} if asked.verb == "write_off" else {}),
        **({"credit": {name: ground.facts.credit[name] for name in ("credit_id", "stands_for")}} if ground.facts.credit else {}),
    }  # fmt: skip


def _move_words(rooms: Rooms, ground: Ground, move: Move) -> dict[str, Any]:
    row, debt = ground.rows.get(move.transaction_key), ground.facts.debts.get(move.bill_key or "")
    value_on = row.booked_on if row else rooms.today()
    year = debt.fiscal_year if debt else row.fiscal_year if row and row.fiscal_year is not None else _year_of(value_on)
    fund = row.fund_code if row else debt.fund_code if debt else ""
    return {**move._asdict(), "value_on": value_on, "fund_code": fund, "fiscal_year": year}


def _year_of(day: str) -> int:
    """The accounting year (April to March) that a day lies in."""
    found = dt.date.fromisoformat(day)
    return found.year if found.month >= 4 else found.year - 1


def _expected(ground: Ground, moves: tuple[Move, ...]) -> dict[str, Any]:
    """What the balances will be, for the two persons who look at it."""
    after = {
        key: balanced(payment.balances, [m for m in moves if m.transaction_key == key]) for key, payment in ground.facts.payments.items()
    }
    left = {
        key: debt.outstanding_yen - sum(_paid(move) for move in moves if move.bill_key == key) for key, debt in ground.facts.debts.items()
    }
    return {
        "payments": {key: {"balances": {account: yen for account, yen in held.items() if yen}} for key, held in after.items()},
        "bills": {key: {"outstanding_yen": yen} for key, yen in left.items()},
    }


def _paid(move: Move) -> int:
    settles = ("collected", "written_off")
    return (move.yen if move.to_account in settles else 0) - (move.yen if move.from_account in settles else 0)


def look(rooms: Rooms, act_id: int, *, scope: Scope = EVERYWHERE) -> dict[str, Any]:
    """An act in scope with what it makes of the balances; ``changed`` when the facts are no longer those it was prepared from."""
    with rooms.store.read() as connection:
        act = acts.find(connection, act_id)
        if act is None or not scope.covers(act.municipality_code) or not is_of_scope(connection, act.subject, scope):
            raise ProblemError([problem("FL-ACT-001", act_id=act_id)])
        told = {**act_words(act), "municipality_code": act.municipality_code, "changed": False}
        if not act.event:
            told["changed"] = _words_now(rooms, connection, act, json.loads(act.content)) != act.before
            if not told["changed"]:
                ground = grounds.look(rooms, connection, act.subject, bill_keys=json.loads(act.content)["bills"])
                told["after"] = _expected(ground, grounds.moves_of(act))
        return {**told, "reversed": acts.is_reversed(connection, act_id)}


def approve(rooms: Rooms, act_id: int, who: str, *, sha256: str = "") -> dict[str, Any]:
    """Carry out what another person prepared, or refuse with a reason: nothing half. ``sha256``: of the content that was looked at."""
    with rooms.store.together() as connection:
        act = _waiting(rooms, connection, act_id, who)
        if same_person(act.prepared_by, who):
            raise ProblemError([problem("FL-ACT-003")])
        if sha256 and sha256 != act.content_sha256:
            raise ProblemError([problem("FL-VER-002")])
        of = department_of(connection, act.subject)
        who = people.another(rooms, connection, (act.prepared_by, who), "act", act.municipality_code, department_code=of)
        if _sha256(act.content) != act.content_sha256:
            raise ProblemError([problem("FL-ACT-017", act_id=act_id)])
        # one order of locks for everybody: reconcile, bills, states of slips, entries, audit
        rooms.store.serialise(connection, "reconcile")
        bills.hold(connection, act.municipality_code)
        bills.hold_states(connection)
        rooms.store.serialise(connection, "export")
        _reconciled(connection)
        content = json.loads(act.content)
        check_bills(rooms, connection, who, Needs("act.approve", act.municipality_code), (move["bill_key"] for move in content["moves"]))
        if _words_now(rooms, connection, act, content) != act.before:
            raise ProblemError([problem("FL-ACT-004", place=act.subject)])
        day = carry_out(rooms, connection, act, content)
        after = _after(connection, content)
        _conclude(rooms, connection, act, ("carried_out", who, "", canonical({**after, "day": day})))
        found = acts.find(connection, act_id)
    assert found is not None
    return act_words(found)


def _words_now(rooms: Rooms, connection: Connection, act: ActRow, content: dict[str, Any]) -> str:
    """The facts as they are now, in the words of ``before``; '' when the case is gone."""
    try:
        return grounds.look(rooms, connection, act.subject, bill_keys=content["bills"]).words()
    except ProblemError:
        return ""


def _waiting(rooms: Rooms, connection: Connection, act_id: int, who: str) -> ActRow:
    if not who.strip():
        raise UsageError("実施者（--as）を指定してください。")
    rooms.store.serialise(connection, "acts")
    act = acts.find(connection, act_id)
    if act is None:
        raise ProblemError([problem("FL-ACT-001", act_id=act_id)])
    if act.event:
        raise ProblemError([problem("FL-ACT-002", act_id=act_id, state=_STATES[act.event], state_en=act.event)])
    return act


def _sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _conclude(rooms: Rooms, connection: Connection, act: ActRow, event: tuple[str, str, str, str]) -> None:
    """The newest thing that became of an act (event, who, note, after), and its entry in the trail."""
    name, who, note, after = event
    acts.add_event(connection, act.act_id, {"event": name, "by": who.strip(), "note": note, "after": after, "at": rooms.now()})
    detail = {"verb": act.verb, "case": act.subject, "prepared_by": act.prepared_by, "sha256": act.content_sha256, "note": note}
    audit.append(connection, audit.Entry(who.strip(), f"act.{name}", f"act:{act.act_id}", detail, rooms.now()))


def _after(connection: Connection, content: dict[str, Any]) -> dict[str, Any]:
    payments = grounds.payments(connection, content["grounds"])
    debts = grounds.debts(connection, content["bills"])
    return {
        "payments": {
            key: {"balances": {account: yen for account, yen in found.balances.items() if yen}} for key, found in payments.items()
        },
        "bills": {key: grounds.debt_words(debt) for key, debt in debts.items()},
    }


def refuse(rooms: Rooms, act_id: int, who: str, note: str) -> dict[str, Any]:
    """Another person says no; the case stays open."""
    return _end(rooms, act_id, who, ("refused", note))


def withdraw(rooms: Rooms, act_id: int, who: str, note: str = "") -> dict[str, Any]:
    """Who prepared an act takes it back before it was approved."""
    return _end(rooms, act_id, who, ("withdrawn", note))


def _end(rooms: Rooms, act_id: int, who: str, event: tuple[str, str]) -> dict[str, Any]:
    with rooms.store.together() as connection:
        act = _waiting(rooms, connection, act_id, who)
        name, note = event
        step = "act.refuse" if name == "refused" else "act.prepare"
        if name == "refused" and same_person(act.prepared_by, who):
            raise ProblemError([problem("FL-ACT-003")])
        who = people.one(rooms, connection, who, Needs(step, act.municipality_code, department_of(connection, act.subject)))
        if name == "refused" and same_person(act.prepared_by, who):
            raise ProblemError([problem("FL-4EY-001")])
        if name == "withdrawn" and not same_person(act.prepared_by, who):
            raise ProblemError([problem("FL-ACT-019", place=f"act:{act_id}")])
        _conclude(rooms, connection, act, (name, who, note.strip(), "{}"))
        found = acts.find(connection, act_id)
    assert found is not None
    return act_words(found)
