"""What each route asks for: one row a route, by its name in the description. Read by callers; a route without a row is refused to everybody."""

from __future__ import annotations

OPEN = "open"
"""Anybody who can reach the machine: tells nothing about the data."""

PERMISSION: dict[str, str] = {
    "healthz": OPEN,
    "readyz": OPEN,
    "metrics": OPEN,
    "profiles": "profiles.read",
    "intake_sent": "bills.write",
    "intakes": "files.read",
    "intake": "files.read",
    "intake_result": "files.read",
    "bill_put": "bills.write",
    "bill_cancel": "bills.write",
    "bill_reissue": "reissue.prepare",
    "bills": "bills.read",
    "bill": "bills.read",
    "bill_qr_png": "bills.read",
    "bill_qr_svg": "bills.read",
    "bill_slip_pdf": "payers.read",
    "clearings": "clearings.read",
    "days": "days.read",
    "day": "days.read",
    "cases": "cases.read",
    "proposals": "cases.read",
    "proposal": "cases.read",
}
