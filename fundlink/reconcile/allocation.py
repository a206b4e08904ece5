"""How one payment is spread over 料, 督促手数料 and 延滞金 of its bill. Called by pipeline.export and api; pure."""

from __future__ import annotations

from typing import NamedTuple


class Allocation(NamedTuple):
    """Parts of a payment, yen; they always add up to what was paid."""

    charge_yen: int
    reminder_fee_yen: int
    late_charge_yen: int


def allocate(paid_yen: int, *, charge_yen: int, reminder_fee_yen: int, late_charge_yen: int) -> Allocation:
    """The charge first, then the reminder fee, then the late charge; what is left over stands with the charge.

    >>> bill = {"charge_yen": 1000, "reminder_fee_yen": 80, "late_charge_yen": 100}
    >>> allocate(1180, **bill), allocate(1050, **bill), allocate(1200, **bill)
    (Allocation(charge_yen=1000, reminder_fee_yen=80, late_charge_yen=100), Allocation(charge_yen=1000, reminder_fee_yen=50, late_charge_yen=0), Allocation(charge_yen=1020, reminder_fee_yen=80, late_charge_yen=100))
    """  # fmt: skip
    charge = min(paid_yen, charge_yen)
    reminder = min(paid_yen - charge, reminder_fee_yen)
    late = min(paid_yen - charge - reminder, late_charge_yen)
    return Allocation(paid_yen - reminder - late, reminder, late)
