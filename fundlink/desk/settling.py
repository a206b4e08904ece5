"""Settlements for people: why one is settled or not, what may pay it, and the decision of two persons.

Called by jobs. A decision is recorded as a settling like those that rules find, with both names and the reason; only a group
that adds up to the yen can be chosen.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection

from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.pipeline import people
from fundlink.pipeline.rooms import Rooms
from fundlink.pipeline.settle import Looked, fresh_of, group_json, look
from fundlink.reconcile import settling_words
from fundlink.reconcile.settling import carried
from fundlink.store import audit, settlings, settlings_told
from fundlink.store.settlings import Decision, OpenSettlement, Withdrawal
from fundlink.store.settlings_told import Told


def explain_settlement(rooms: Rooms, key: str) -> dict[str, Any]:
    """The settling of a settlement with its equation; or, without one, suggestions, best first. ProblemError FL-SET-102."""
    with rooms.store.read() as connection:
        code, settlement = _settlement(connection, key)
        history = [_told(connection, one) for one in settlings_told.settlings_of(connection, code, key)]
        now = next((one for one in history if one["withdrawn"] is None), None)
        seen = None if now else look(connection, code)
        late_fee = None if seen is None else _late_fee(connection, code, settlement, seen)
    told: dict[str, Any] = {
        "settlement_key": key, "municipality_code": code, **{n: v for n, v in settlement._asdict().items() if n != "key"},
        "state": "settled" if now else "open", "settling": now, "before": [one for one in history if one is not now],
        "suggestions": [], "search_complete": True, "late_fee": late_fee,
    }  # fmt: skip
    return told if seen is None else {**told, **_suggestions(key, seen)}


def _settlement(connection: Connection, key: str) -> tuple[str, OpenSettlement]:
    found = settlings_told.settlement(connection, key)
    if found is None:
        raise ProblemError([problem("FL-SET-102", place=key)])
    return found


def _late_fee(connection: Connection, code: str, settlement: OpenSettlement, seen: Looked) -> dict[str, Any] | None:
    """The fee of an earlier settlement that came gross, when this one is short by just that: for a person to judge, nothing is matched."""
    came = [credit for credit in seen.given.credits.values() if credit.reference == settlement.key]
    earlier = settlings_told.came_gross(connection, code, settlement.fund_code, before=settlement.transfer_on) if came else None
    credited = sum(credit.yen for credit in came)
    if earlier is None or settlement.net_yen - credited != earlier[2]:
        return None
    key, day, fee_yen = earlier
    return {
        "settlement_key": key, "business_day": day, "fee_yen": fee_yen,
        "equation": f"{settlement.key} {settlement.net_yen:,} − {key} の手数料 {fee_yen:,} = 入金 {credited:,}",
    }  # fmt: skip


def _told(connection: Connection, one: Told) -> dict[str, Any]:
    lines = settlings_told.lines_of(connection, one.id)
    yen = {line.credit_id: line.yen for line in lines if line.credit_id is not None}
    withdrawn = None if one.withdrawn is None else dict(zip(("at", "reason", "by"), one.withdrawn, strict=True))
    return {
        "id": one.id, "rule": one.rule, "ja": settling_words.in_words(one.rule), "equation": one.equation, "fee": one.fee, "at": one.at,
        **one.decision._asdict(), "fixed": one.fixed, "withdrawn": withdrawn,
        "settlements": [{"settlement_key": line.settlement_key, "edition": line.edition, "yen": line.yen} for line in lines if line.settlement_key],
        "credits": [entry._asdict() for entry in settlings_told.entries(connection, list(yen))],
    }  # fmt: skip


def _suggestions(key: str, seen: Looked) -> dict[str, Any]:
    found = [
        {"suggestion": one.name, **group_json(one.group, seen.given), "difference_yen": one.difference_yen, "reasons": list(one.reasons)}
        for one in settling_words.suggest(key, seen.found, seen.given)
    ]
    group = next((group for group in seen.found.groups if key in group.settlements), None)
    waiting = group_json(group, seen.given) if group else None  # found, and recorded by the next reconcile
    carries = list(carried(group, dict(seen.given.settlements), dict(seen.given.credits))) if group else []
    return {
        "suggestions": found, "search_complete": key not in seen.found.exhausted, "found_since": waiting,
        "carried": [{"settlement_key": name, "short_yen": yen} for name, yen in carries],
    }  # fmt: skip


def open_settlements(rooms: Rooms) -> dict[str, Any]:
    """Settlements that nothing settles, of all municipalities: key, day, fund, transfer date, yen, how many answers fit."""
    told: list[dict[str, Any]] = []
    with rooms.store.read() as connection:
        for code in settlings_told.municipalities(connection):
            listed, seen = settlings.open_settlements(connection, code), look(connection, code)
            settled = {key for group in seen.found.groups for key in group.settlements}
            told += [_open_json(code, one, seen) for one in listed if one.net_yen and one.key not in settled]
    return {"settlements": told}


def _open_json(code: str, one: OpenSettlement, seen: Looked) -> dict[str, Any]:
    answers = sum(one.key in group.settlements for group in seen.found.answers)
    return {
        "settlement_key": one.key, "municipality_code": code, "business_day": one.business_day, "fund_code": one.fund_code,
        "transfer_on": one.transfer_on, "gross_yen": one.gross_yen, "fee_yen": one.fee_yen, "net_yen": one.net_yen, "answers": answers,
        "search_complete": one.key not in seen.found.exhausted,
    }  # fmt: skip


def accept_settlement(rooms: Rooms, key: str, suggestion: str, *, reason: str, who: str, approved_by: str) -> dict[str, Any]:
    """Two persons choose a suggestion by its name, both named in one call."""
    _named(reason, who, approved_by)
    with rooms.store.together() as connection:
        return settle(rooms, connection, (key, suggestion), _decision(rooms, connection, key, (who, approved_by, reason)))


def settle(rooms: Rooms, connection: Connection, chosen_for: tuple[str, str], decision: Decision) -> dict[str, Any]:
    """Settle by a suggestion (settlement key, its name); ProblemError FL-SET-103 when it is none (any more), 104 when it does not add up."""
    key, suggestion = chosen_for
    rooms.store.serialise(connection, "settling")
    code, _settlement_now = _settlement(connection, key)
    seen = look(connection, code)
    offered = settling_words.suggest(key, seen.found, seen.given)
    chosen = next((one for one in offered if one.name == suggestion), None)
    if chosen is None:
        raise ProblemError([problem("FL-SET-103", place=key)])
    if chosen.difference_yen:
        raise ProblemError([problem("FL-SET-104", place=key, difference=chosen.difference_yen)])
    at = rooms.now()
    overlap = [
        one.id for one in settlings.standing(connection, code)
        if {line.settlement_key or line.credit_id for line in one.lines} & chosen.group.items
    ]  # fmt: skip
    settlings.withdraw(connection, code, [Withdrawal(ident, "by_hand") for ident in overlap], at)
    ident = settlings.record(connection, code, [fresh_of(chosen.group, seen)], at, decision=decision)[0]
    equation = settling_words.equation(chosen.group, seen.given)
    detail = {
        "approved_by": decision.approved_by, "reason": decision.reason, "before": {"withdrawn": overlap, "answers": len(offered)},
        "after": {"settling": ident, "equation": equation},
    }  # fmt: skip
    audit.append(connection, audit.Entry(decision.decided_by, "desk.settle", f"settlement:{key}", detail, at))
    return {"settlement_key": key, "settling": ident, "equation": equation, "settlements": list(chosen.group.settlements)}


def withdraw_settlement(rooms: Rooms, key: str, *, reason: str, who: str, approved_by: str) -> dict[str, Any]:
    """Two persons take back what two persons chose, both named in one call."""
    _named(reason, who, approved_by)
    with rooms.store.together() as connection:
        return unsettle(rooms, connection, key, _decision(rooms, connection, key, (who, approved_by, reason)))


def unsettle(rooms: Rooms, connection: Connection, key: str, decision: Decision) -> dict[str, Any]:
    """Take back what two persons chose; ProblemError FL-SET-105 when there is no such choice, 106 when its day is closed."""
    rooms.store.serialise(connection, "settling")
    code, _settlement_now = _settlement(connection, key)
    held = [one for one in settlings_told.settlings_of(connection, code, key) if one.withdrawn is None and one.decision.decided_by]
    if not held:
        raise ProblemError([problem("FL-SET-105", place=key)])
    closed = settlings_told.closed_days(connection, held[0].id)
    if closed:
        raise ProblemError([problem("FL-SET-106", place=key, detail="、".join(closed))])
    at = rooms.now()
    settlings.withdraw(connection, code, [Withdrawal(held[0].id, "by_hand")], at, decision=decision)
    before = {"settling": held[0].id, "equation": held[0].equation}
    detail = {"approved_by": decision.approved_by, "reason": decision.reason, "before": before, "after": {}}
    audit.append(connection, audit.Entry(decision.decided_by, "desk.unsettle", f"settlement:{key}", detail, at))
    return {"settlement_key": key, "settling": held[0].id, "equation": held[0].equation}


def municipality_of(connection: Connection, key: str) -> str:
    """Whose settlement it is; FL-SET-102 when there is none."""
    return _settlement(connection, key)[0]


def _decision(rooms: Rooms, connection: Connection, key: str, told: tuple[str, str, str]) -> Decision:
    who, approved_by, reason = told
    names = people.at_once(rooms, connection, (who, approved_by), "settle", municipality_of(connection, key))
    return Decision(*names, reason)


def _named(reason: str, who: str, approved_by: str) -> None:
    if not who.strip() or not approved_by.strip() or not reason.strip():
        raise UsageError("実施者（--as）・承認者（--approved-by）・理由（--reason）を指定してください。")
    people.two_names(who, approved_by)
