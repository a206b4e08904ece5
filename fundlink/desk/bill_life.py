"""The life of one bill as staff read it: seven stations with their days, and all that stands behind them. Reads only; called by jobs.

No payer is in it: name and address are another act (``payers``), because looking at them is an entry in the trail.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.desk import find_bill, grounds
from fundlink.desk.queue import act_words
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.pipeline.printing import payload_of
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile.outcomes import PAYING
from fundlink.store import acts, bill_life, cases, day_rows
from fundlink.store.bill_life import Content, MoveLine, PaymentLine, StepLine
from fundlink.store.day_rows import Place
from fundlink.store.lookup import BillView

STATIONS = ("assessed", "issued", "registered", "paid", "settled", "credited", "cleared")
"""What happens to a bill when nothing goes wrong, in its order. Clearing does not wait for the money."""
EXITS = ("cancelled", "superseded", "refused", "expired", "unknown")
_LIVE = ("registered", "paid", "settled", "cleared")


class _Facts(NamedTuple):
    """What the stations are told from."""

    contents: list[Content]
    steps: list[StepLine]
    payments: list[PaymentLine]
    moves: list[MoveLine]
    slips: list[bill_life.SlipLine]


def life(rooms: Rooms, name: str, *, scope: Scope = EVERYWHERE) -> dict[str, Any]:
    """One bill in scope, by its key or 連携キー: what it is, its stations, contents, slips, payments, messages, acts and cases."""
    bill = find_bill(rooms, name, scope=scope)
    with rooms.store.read() as connection:
        facts = _facts(connection, bill.bill_id)
        messages = bill_life.messages(connection, bill.bill_id)
        money = _money(connection, bill, facts)
        told = _acts(connection, bill, facts)
        open_cases = cases.find_all(connection, _case_names(facts, [row.message_id for row in messages]), grounds.confirm_before(rooms))
        debt = grounds.debts(connection, [bill.bill_key]).get(bill.bill_key)
    return {
        "bill": {**bill._asdict(), "state": bill.state}, "outstanding_yen": None if debt is None else debt.outstanding_yen,
        "payload": payload_of(rooms, bill), "printable": _is_printable(rooms, bill),
        "stations": _stations(bill, facts, money), "exits": _exits(bill, facts.steps),
        "contents": [row._asdict() for row in facts.contents], "slips": [row._asdict() for row in facts.slips],
        "payments": [row._asdict() for row in facts.payments], "moves": [row._asdict() for row in facts.moves],
        "messages": [row._asdict() for row in messages], "money": money, "acts": [act_words(act) for act in told],
        "cases": [row._asdict() for row in open_cases],
    }  # fmt: skip


def _facts(connection: Connection, bill_id: int) -> _Facts:
    return _Facts(
        bill_life.contents(connection, bill_id), bill_life.steps(connection, bill_id), bill_life.payments(connection, bill_id),
        bill_life.moves(connection, bill_id), bill_life.slips(connection, bill_id),
    )  # fmt: skip


def _is_printable(rooms: Rooms, bill: BillView) -> bool:
    """Whether there is a slip to print; a missing character or a file that is gone shows only when it is tried."""
    open_still = bill.payable_until is not None and bill.payable_until >= rooms.today()
    return not bill.is_paid and bill.state == "registered" and bill.total_yen > 0 and open_still


def _stations(bill: BillView, facts: _Facts, money: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each station with the day on which it was reached (None: not yet, or not any more)."""
    standing = _first_paying(facts.payments, bill.bill_id)
    moved = [move for move in facts.moves if move.to_account in ("collected", "written_off")]
    paid_on = standing.paid_on if standing else moved[0].day if moved and bill.is_paid else None
    pays = standing is not None or paid_on is not None
    days = {
        "assessed": facts.contents[0].at[:10], "issued": facts.slips[0].issued_at[:10] if facts.slips else None,
        "registered": _step(facts.steps, "registered", facts.slips), "paid": paid_on,
        "settled": next((row["transfer_on"] for row in money), None) if pays else None,
        "credited": next((row["credited_on"] for row in money if row["credited_on"]), None) if pays else None,
        "cleared": _step(facts.steps, "cleared", facts.slips) if pays else None,
    }  # fmt: skip
    return [{"station": name, "on": days[name]} for name in STATIONS]


def _first_paying(payments: Iterable[PaymentLine], bill_id: int) -> PaymentLine | None:
    """The payment that the bill is paid by."""
    return next((row for row in payments if row.outcome in PAYING and row.bill_id == bill_id), None)


def _step(steps: Sequence[StepLine], state: str, slips: Sequence[bill_life.SlipLine]) -> str | None:
    """The day on which its newest slip came to a state; an earlier one where that slip was paid."""
    newest = max((slip.issue_count for slip in slips), default=0)
    own = [step for step in steps if step.state == state and step.issue_count == newest]
    among = own or [step for step in steps if step.state == state and _is_alive(slips, step.issue_count)]
    return among[-1].at[:10] if among else None


def _is_alive(slips: Sequence[bill_life.SlipLine], issue_count: int) -> bool:
    return any(slip.issue_count == issue_count and slip.state in _LIVE for slip in slips)


def _exits(bill: BillView, steps: Sequence[StepLine]) -> list[dict[str, Any]]:
    """Where the line was left: a bill that was cancelled, slips that were replaced, refused, or ran out."""
    found = [{"state": step.state, "on": step.at[:10], "issue_count": step.issue_count} for step in steps if step.state in EXITS]
    told = any(row["state"] == "cancelled" for row in found)
    if bill.effect == "cancelled" and not told:  # the core system said so, and the gateway has not answered yet
        found.append({"state": "cancelled", "on": None, "issue_count": bill.issue_count or 0})
    return found


def _money(connection: Connection, bill: BillView, facts: _Facts) -> list[dict[str, Any]]:
    """The settlements of the day and fund of the payment that counts, and when their money came on the account."""
    standing = _first_paying(facts.payments, bill.bill_id)
    if standing is None:
        return []
    place = Place(bill.municipality_code, standing.booked_on, standing.fund_code)
    found = day_rows.settlements(connection, place)
    told = []
    for row in found:
        settled = day_rows.credits_of(connection, bill.municipality_code, [row.settlement_key]) if row.rule else []
        told.append({
            "settlement_key": row.settlement_key, "transfer_on": row.transfer_on, "rule": row.rule,
            "credited_on": max((credit.booked_on for credit in settled), default=None),
        })  # fmt: skip
    return told


def _case_names(facts: _Facts, messages: Iterable[str]) -> list[str]:
    """Names that a case about this bill may have."""
    keys = {row.transaction_key for row in facts.payments} | {row.transaction_key for row in facts.moves if row.transaction_key}
    names = [f"{kind}:{key}" for key in sorted(keys) for kind in ("transaction", "cancellation", "preliminary")]
    names += [f"conflict:{row.revision_id}" for row in facts.contents if row.effect == "conflict"]
    return [*names, *(f"message:{name}" for name in messages)]


def _acts(connection: Connection, bill: BillView, facts: _Facts) -> list[acts.ActRow]:
    """Acts on the bill, on its payments and conflicts, and those that moved yen on it; oldest first."""
    named = acts.of_subjects(connection, [f"bill:{bill.bill_key}", *_case_names(facts, ())])
    known = {act.act_id for act in named}
    others = (acts.find(connection, number) for number in sorted({move.act_id for move in facts.moves} - known))
    return sorted([*named, *(act for act in others if act is not None)], key=lambda act: act.act_id)
