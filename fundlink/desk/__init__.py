"""The acts of staff: each takes who does it and who approved it, checks the facts, acts in one transaction, and is audited.

Called by jobs. Beside the pipeline this is the only package that moves data between rooms. Cases are in ``queue``, what is done
about them in ``acts``, what both look at in ``grounds``; what two persons do outside of cases is proposed in ``proposals``.
"""

from __future__ import annotations

from typing import Any

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.domain.values import is_municipality_code
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile import suggestions
from fundlink.reconcile.explaining import compared, rejected
from fundlink.reconcile.outcomes import classify
from fundlink.reconcile.suggestions import Candidate, Payment, Suggestion
from fundlink.store import audit, case_departments, explain, files, lookup
from fundlink.store.lookup import BillView


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


def explain_payment(rooms: Rooms, transaction_key: str, *, scope: Scope = EVERYWHERE) -> dict[str, Any]:
    """Why a payment in scope has its outcome: statements, rule, fields compared, rules rejected before it, and what else may have been meant."""
    with rooms.store.read() as connection:
        stated = explain.statements(connection, transaction_key)
        name = f"transaction:{transaction_key}"
        within = scope.departments is None or case_departments.departments_of(connection, [name]).get(name) in scope.departments
        if not stated or not scope.covers(stated[-1].municipality_code) or not within:
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
