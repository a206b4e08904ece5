"""The acts of staff: each takes who does it and who approved it, checks the facts, acts in one transaction, and is audited.

Called by jobs. Beside the pipeline this is the only package that moves data between rooms. Cases are in ``queue``, what is done
about them in ``acts``, what both look at in ``grounds``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.domain.states import FILE_EVENTS, in_japanese
from fundlink.domain.values import is_municipality_code
from fundlink.pipeline import absence, people
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile import suggestions
from fundlink.reconcile.explaining import compared, rejected
from fundlink.reconcile.outcomes import classify
from fundlink.reconcile.suggestions import Candidate, Payment, Suggestion
from fundlink.store import audit, bills, closing, explain, files, lookup
from fundlink.store.lookup import BillView

_WHY = {"paid": "納付済み", "changed": "変更済み", "reissued": "再発行済み"}
_REISSUABLE = ("issued", "registered", "refused", "expired")


def find_bill(rooms: Rooms, name: str, municipality_code: str | None = None, *, scope: Scope = EVERYWHERE) -> BillView:
    """The bill in scope named by its key (``~`` between the parts) or by its 連携キー; ProblemError FL-BIL-004 / 006."""
    with rooms.store.read() as connection:
        found = lookup.bill_by_key(connection, name)
        if found is not None and scope.covers(found.municipality_code, found.department_code):
            return found
        several = lookup.bills_by_core_key(connection, name, municipality_code, scope)
    if len(several) > 1:
        raise ProblemError([problem("FL-BIL-006", count=len(several))])
    if not several:
        raise ProblemError([problem("FL-BIL-004")])
    return several[0]


def reissue(rooms: Rooms, name: str, who: str, approved_by: str) -> dict[str, Any]:
    """Give a bill a new eL number; the old slip is superseded and still recognised if it is paid."""
    people.two_names(who, approved_by)
    with rooms.store.together() as connection:
        bill = find_bill(rooms, name)
        who, approved_by = people.two(rooms, connection, (who, approved_by), "reissue", bill.municipality_code)
        bills.hold(connection, bill.municipality_code)
        bill = find_bill(rooms, bill.bill_key)
        if bill.is_paid or bill.state not in _REISSUABLE:
            state = "paid" if bill.is_paid else bill.state
            raise ProblemError([problem("FL-BIL-003", state=in_japanese(state), state_en=state)])
        serial = bills.next_serials(connection, bill.municipality_code, 1, 0)
        case_key = f"{bill.fund_code}{bill.levy_year:04d}{serial:013d}"
        number = rooms.confirmation_numbers(1)[0]
        count = bills.reissue(connection, bill.bill_id, (case_key, number), rooms.now())
        detail = {"approved_by": approved_by, "before": bill.case_key, "after": case_key, "issue_count": count}
        audit.append(connection, audit.Entry(who, "desk.reissue", f"bill:{bill.bill_key}", detail, rooms.now()))
    return {
        "bill_key": bill.bill_key, "issue_count": count, "institution_code": bill.institution_code, "case_key": case_key,
        "confirmation_number": number, "superseded_case_key": bill.case_key,
    }  # fmt: skip


def waive(rooms: Rooms, ticket: dict[str, Any]) -> dict[str, Any]:
    """Declare that no (further) file of a kind comes for a business day; the watermark no longer waits for it."""
    names = (str(ticket["who"]), str(ticket["approved_by"]))
    people.two_names(*names)
    with rooms.store.together() as connection:
        who, approved_by = people.two(rooms, connection, names, "waive", str(ticket["municipality"]))
        return absence.waive(rooms, {**ticket, "who": who, "approved_by": approved_by})


def explain_payment(rooms: Rooms, transaction_key: str) -> dict[str, Any]:
    """Why a payment has its outcome: statements, rule, fields compared, rules rejected before it, and what else may have been meant."""
    with rooms.store.read() as connection:
        stated = explain.statements(connection, transaction_key)
        if not stated:
            raise ProblemError([problem("FL-RCP-004", place=transaction_key)])
        judged = explain.judged(connection, transaction_key)
        near = _meant(connection, stated[-1]) if not judged or judged[-1].outcome == "unknown_bill" else []
    told: dict[str, Any] = {"transaction_key": transaction_key, "statements": [row._asdict() for row in stated], "outcome": None}
    if judged:
        now = judged[-1]
        rule = classify(now.evidence)
        told |= {
            "outcome": now.outcome, "rule": rule.rule, "ja": rule.ja, "bill_key": now.bill_key, "at": now.at,
            "compared": compared(now.evidence), "rejected": rejected(now.evidence),
        }  # fmt: skip
    before = [{"outcome": row.outcome, "at": row.at} for row in judged[:-1]]
    return {**told, "before": before, "suggestions": [_suggested(one) for one in near]}


def _meant(connection: Any, stated: explain.Statement) -> list[Suggestion]:
    payment = Payment(stated.case_key, stated.confirmation_number, stated.fund_code, stated.amount_yen, stated.paid_on)
    near = explain.slips_among(connection, stated.institution_code, suggestions.near_keys(stated.case_key))
    return suggestions.rank(payment, (Candidate(*row) for row in near))


def _suggested(found: Suggestion) -> dict[str, Any]:
    slip = found.candidate
    return {
        "bill_key": slip.bill_key, "case_key": slip.case_key, "total_yen": slip.total_yen, "state": slip.state,
        "distance": found.distance, "reasons": list(found.reasons),
    }  # fmt: skip


def add_municipality(rooms: Rooms, code: str, name: str) -> dict[str, Any]:
    """Register a municipality by its six-digit code."""
    if not is_municipality_code(code):
        raise ProblemError([problem("FL-CHK-001", field="code", ja="団体コード")])
    with rooms.store.write() as connection:
        added = files.add_municipality(connection, code, name, rooms.now())
        if added:
            audit.append(connection, audit.Entry("fundlink", "municipality.add", f"municipality:{code}", {"name": name}, rooms.now()))
    return {"code": code, "name": name, "added": added}


def municipalities(rooms: Rooms) -> dict[str, Any]:
    """Registered municipalities."""
    with rooms.store.read() as connection:
        found = files.municipalities(connection)
    return {"municipalities": [{"code": code, "name": name, "registered_at": at} for code, name, at in found]}


def roll_back(rooms: Rooms, file_id: int, who: str, approved_by: str) -> dict[str, Any]:
    """Take back what a wrongly loaded file did, by compensating entries; refused as a whole when something later depends on it."""
    people.two_names(who, approved_by)
    with rooms.store.together() as connection:
        state = files.find_file(connection, file_id)
        if state is None:
            raise ProblemError([problem("FL-FIL-006", file_id=file_id)])
        who, approved_by = people.two(rooms, connection, (who, approved_by), "rollback", state.municipality_code)
        if state.event != "accepted":
            words = in_japanese(state.event, FILE_EVENTS)
            raise ProblemError([problem("FL-FIL-007", file_id=file_id, state=words, state_en=state.event)])
        rooms.store.serialise(connection, f"bills:{state.municipality_code}")
        closing.list_rows_of(connection, file_id)
        later = closing.what_depends_on_it(connection, file_id)
        if later:
            raise ProblemError([problem("FL-FIL-008", line=line, place=key, why=_WHY[why]) for line, key, why in later])
        revived = closing.slips_to_revive(connection)
        counts = closing.take_back(connection)
        closing.tell_gateway(connection)
        number_again(rooms, connection, revived)
        detail = {"approved_by": approved_by, **counts}
        summary = {**state.summary, "rolled_back": counts}
        files.add_event(connection, file_id, "rolled_back", at=rooms.now(), municipality_code=state.municipality_code, summary=summary)
        audit.append(connection, audit.Entry(who, "desk.rollback", f"file:{file_id}", detail, rooms.now()))
    return {"file_id": file_id, "file": state.name, "created": 0, "updated": 0, "cancelled": 0, **counts}


def number_again(rooms: Rooms, connection: Any, revived: Sequence[tuple[int, int, str, str, int]]) -> None:
    """Bills that can be paid again after the gateway was told to cancel their slip: (bill, next issue count, municipality, fund, levy year)."""
    rows = []
    for bill_id, issue_count, code, fund_code, levy_year in revived:
        serial = bills.next_serials(connection, code, 1, 0)
        number = rooms.confirmation_numbers(1)[0]
        rows.append((bill_id, issue_count, code, code[:5], f"{fund_code}{levy_year:04d}{serial:013d}", number, rooms.now()))
    closing.add_slips(connection, rows)
