"""The acts of staff: each takes who does it and who approved it, checks the facts, acts in one transaction, and is audited.

Called by jobs. Beside the pipeline this is the only module that moves data between rooms.
"""

from __future__ import annotations

from typing import Any

from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.domain.values import is_municipality_code
from fundlink.pipeline.rooms import Rooms
from fundlink.store import audit, bills, files, lookup
from fundlink.store.lookup import BillView

_REISSUABLE = ("issued", "registered", "refused", "expired")


def find_bill(rooms: Rooms, name: str, municipality_code: str | None = None) -> BillView:
    """The bill named by its key (``~`` between the parts) or by its 連携キー; ProblemError FL-BIL-004 / 006."""
    with rooms.store.read() as connection:
        found = lookup.bill_by_key(connection, name)
        if found is not None:
            return found
        several = lookup.bills_by_core_key(connection, name, municipality_code)
    if len(several) > 1:
        raise ProblemError([problem("FL-BIL-006", count=len(several))])
    if not several:
        raise ProblemError([problem("FL-BIL-004")])
    return several[0]


def reissue(rooms: Rooms, name: str, who: str, approved_by: str) -> dict[str, Any]:
    """Give a bill a new eL number; the old slip is superseded and still recognised if it is paid."""
    _two_persons(who, approved_by)
    with rooms.store.together() as connection:
        bill = find_bill(rooms, name)
        rooms.store.serialise(connection, f"bills:{bill.municipality_code}")
        bill = find_bill(rooms, bill.bill_key)
        if bill.is_paid or bill.state not in _REISSUABLE:
            raise ProblemError([problem("FL-BIL-003", state="paid" if bill.is_paid else bill.state)])
        serial = bills.next_serials(rooms.store, connection, bill.municipality_code[:5], 1, 0)
        case_key = f"{bill.fund_code}{bill.levy_year:04d}{serial:013d}"
        number = rooms.confirmation_numbers(1)[0]
        count = bills.reissue(rooms.store, connection, bill.bill_id, (case_key, number), rooms.now())
        detail = {"approved_by": approved_by, "before": bill.case_key, "after": case_key, "issue_count": count}
        audit.append(rooms.store, connection, audit.Entry(who, "desk.reissue", f"bill:{bill.bill_key}", detail, rooms.now()))
    return {
        "bill_key": bill.bill_key, "issue_count": count, "institution_code": bill.institution_code, "case_key": case_key,
        "confirmation_number": number, "superseded_case_key": bill.case_key,
    }  # fmt: skip


def _two_persons(who: str, approved_by: str) -> None:
    if not who.strip() or not approved_by.strip():
        raise UsageError("実施者（--as）と承認者（--approved-by）を指定してください。")
    if who.strip() == approved_by.strip():
        raise UsageError("実施者と承認者は別の人でなければなりません。")


def add_municipality(rooms: Rooms, code: str, name: str) -> dict[str, Any]:
    """Register a municipality by its six-digit code."""
    if not is_municipality_code(code):
        raise ProblemError([problem("FL-CHK-001", field="code", ja="団体コード")])
    with rooms.store.write() as connection:
        added = files.add_municipality(connection, code, name, rooms.now())
        if added:
            audit.append(
                rooms.store, connection, audit.Entry("fundlink", "municipality.add", f"municipality:{code}", {"name": name}, rooms.now())
            )
    return {"code": code, "name": name, "added": added}


def municipalities(rooms: Rooms) -> dict[str, Any]:
    """Registered municipalities."""
    with rooms.store.read() as connection:
        found = files.municipalities(connection)
    return {"municipalities": [{"code": code, "name": name, "registered_at": at} for code, name, at in found]}
