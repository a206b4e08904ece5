"""How bills, slips and clearing entries look as JSON. Used by the routes that read; derives the QR payload, stores nothing."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fundlink.domain.records import ClearingEntry
from fundlink.pipeline import Rooms
from fundlink.pipeline.export import clearing_entry
from fundlink.pipeline.printing import payload_of
from fundlink.store.clearings import Entry
from fundlink.store.lookup import BillView

BILL_FIELDS = (
    "bill_key", "core_key", "municipality_code", "fund_code", "levy_year", "relevant_year", "fiscal_year", "notice_number", "installment",
    "subject_code", "child_number", "addressee_number", "department_code", "charge_yen", "reminder_fee_yen", "late_charge_yen",
    "total_yen", "due_on", "payable_until",
)  # fmt: skip
EL_NUMBER = ("institution_code", "case_key", "confirmation_number", "fund_code")
ENTRY_FIELDS = tuple(name for name in ClearingEntry._fields if not name.startswith("payer_") and name != "action")


def bill_json(rooms: Rooms, bill: BillView) -> dict[str, Any]:
    """A bill with its current content, its newest eL number and the payload of its QR."""
    number = {name: getattr(bill, name) for name in EL_NUMBER} if bill.slip_id is not None else None
    return {
        **{name: getattr(bill, name) for name in BILL_FIELDS},
        "state": bill.state,
        "is_paid": bool(bill.is_paid),
        "el_number": number,
        "issue_count": bill.issue_count,
        "qr_payload": payload_of(rooms, bill),
    }


def entry_json(entry: Entry) -> dict[str, Any]:
    """A clearing entry as the feed shows it: no payer, as fundlink keeps none."""
    record = clearing_entry(entry)
    return {name: getattr(record, name) for name in ENTRY_FIELDS}


def bill_address(bill_key: str) -> str:
    """Where a bill is found."""
    return f"/v1/bills/{quote(bill_key, safe='~')}"
