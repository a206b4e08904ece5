"""Settle: which bank credits pay which settlements. A step of reconcile, before the days are judged.

Looks only at municipalities for which something came, and there at what is not settled for good. What was found before and is
no answer any more (a newer edition, a credit taken back, a second answer) is withdrawn; what stays is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.pipeline.rooms import Rooms, Ticket
from fundlink.reconcile import settling, settling_words
from fundlink.reconcile.settling import Credit, Found, Group, Settlement
from fundlink.reconcile.settling_words import Given
from fundlink.store import audit, settlings
from fundlink.store.settlings import Fresh, Line, OpenCredit, OpenSettlement, Standing, Withdrawal

_Key = tuple[str, str, tuple[tuple[str, int], ...], tuple[int, ...]]


class Looked(NamedTuple):
    """The open facts of one municipality and what was found in them."""

    given: Given
    editions: dict[str, int]
    found: Found


def settle(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Find the groups of every municipality that something came for; record what is new, withdraw what is no more."""
    told = {"found": 0, "withdrawn": 0}
    with rooms.store.write() as connection:
        rooms.store.serialise(connection, "settling")
        at = rooms.now()
        for code in settlings.touched(connection):
            found, withdrawn = _settle(connection, code, at)
            told = {"found": told["found"] + found, "withdrawn": told["withdrawn"] + withdrawn}
        settlings.move_marks(connection, at)
        if any(told.values()):
            audit.append(connection, audit.Entry("fundlink", "reconcile.settle", "settlements", told, at))
    return {"settled": told}


def _settle(connection: Connection, code: str, at: str) -> tuple[int, int]:
    broken = _broken(connection, code)
    settlings.withdraw(connection, code, broken, at)
    seen = look(connection, code)
    before = {_key_of(one): one for one in settlings.standing(connection, code)}
    now = {_key(group, seen.given): group for group in seen.found.groups}
    gone = [Withdrawal(one.id, _why(one, seen)) for key, one in before.items() if key not in now]
    fresh = [fresh_of(group, seen) for key, group in now.items() if key not in before]
    settlings.withdraw(connection, code, gone, at)
    settlings.record(connection, code, fresh, at)
    return len(fresh), len(broken) + len(gone)


def _broken(connection: Connection, code: str) -> list[Withdrawal]:
    """Fixed settlings whose own facts have changed."""
    broken = dict.fromkeys(settlings.outdated(connection, code), "new_edition")
    came = settlings.open_credits(connection, code)
    fixed = {one.id: one.fixed_in for one in came if one.fixed_in is not None}
    if fixed:
        taken_back = {number for group in settling.pair([_credit(one) for one in came]) for number in group.credits}
        broken |= {fixed[number]: "credit_cancelled" for number in sorted(taken_back & set(fixed))}
    return [Withdrawal(ident, why) for ident, why in broken.items()]


def look(connection: Connection, code: str) -> Looked:
    """The open settlements and credits of a municipality, and what pays what among them. Reads only."""
    listed = settlings.open_settlements(connection, code)
    due, came = [_settlement(one) for one in listed], [_credit(one) for one in settlings.open_credits(connection, code)]
    given = Given({one.key: one for one in due}, {one.number: one for one in came})
    return Looked(given, {one.key: one.edition for one in listed}, settling.find(due, came))


def _settlement(one: OpenSettlement) -> Settlement:
    return Settlement(one.key, one.business_day, one.transfer_on, one.gross_yen, one.fee_yen, one.net_yen)


def _credit(one: OpenCredit) -> Credit:
    return Credit(
        one.id, one.booked_on, one.yen, one.reference, one.remitter, one.account, one.inquiry_number, one.cancels, one.fixed_in is not None
    )


def fresh_of(group: Group, seen: Looked) -> Fresh:
    """A group as the store records it."""
    due = [Line(key, seen.editions[key], None, yen) for key, yen in _due(group, seen.given)]
    came = [Line("", 0, number, seen.given.credits[number].yen) for number in group.credits]
    return Fresh(group.rule, group.fee, settling_words.equation(group, seen.given), [*due, *came])


def _due(group: Group, given: Given) -> Sequence[tuple[str, int]]:
    return [(key, settling_words.target(given.settlements[key], group.fee)) for key in group.settlements]


def _key(group: Group, given: Given) -> _Key:
    return group.rule, group.fee, tuple(sorted(_due(group, given))), tuple(sorted(group.credits))


def _key_of(one: Standing) -> _Key:
    due = sorted((line.settlement_key, line.yen) for line in one.lines if line.settlement_key)
    return one.rule, one.fee, tuple(due), tuple(sorted(line.credit_id for line in one.lines if line.credit_id is not None))


def _why(one: Standing, seen: Looked) -> str:
    """Why a settling is no answer any more."""
    for line in one.lines:
        settlement = seen.given.settlements.get(line.settlement_key)
        if line.settlement_key and (settlement is None or settling_words.target(settlement, one.fee) != line.yen):
            return "new_edition"
    taken_back = {number for group in seen.found.groups if group.rule == "SE-01" for number in group.credits}
    return "credit_cancelled" if any(line.credit_id in taken_back for line in one.lines) and one.rule != "SE-01" else "other_answer"


def group_json(group: Group, given: Given) -> dict[str, Any]:
    """A group that is not recorded, as commands show it."""
    return {
        "equation": settling_words.equation(group, given), "fee": group.fee,
        "settlements": [{"settlement_key": key, "yen": yen} for key, yen in _due(group, given)],
        "credits": [
            {"booked_on": one.booked_on, "inquiry_number": one.inquiry_number, "yen": one.yen, "reference": one.reference}
            for one in (given.credits[number] for number in group.credits)
        ],
    }  # fmt: skip
