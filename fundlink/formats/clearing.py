"""消込 (clearing): what is handed back to the core system, an entry a payment and stage. Read through ``specs``."""

from __future__ import annotations

from random import Random
from typing import Any

from fundlink.domain.records import ClearingEntry
from fundlink.formats import billing
from fundlink.formats.catalogue import Attribute, Spec
from fundlink.formats.payment import slip_keys
from fundlink.formats.receipt import CHANNELS

_OPTIONAL = {"charge_yen", "reminder_fee_yen", "late_charge_yen"}
ATTRIBUTES = (
    Attribute("entry_number", "消込連番", "number", 0),
    Attribute("stage", "消込段階", default="1"),
    Attribute("outcome", "照合結果"),
    Attribute("transaction_key", "取引番号"),
    Attribute("channel", "納付チャネル"),
    Attribute("paid_yen", "収納額", "yen", 0),
    Attribute("charge_paid_yen", "料額収納額", "yen", 0),
    Attribute("reminder_fee_paid_yen", "督促手数料収納額", "yen", 0),
    Attribute("late_charge_paid_yen", "延滞金収納額", "yen", 0),
    Attribute("paid_on", "領収日", "date", None),
    Attribute("booked_on", "収入日", "date", None),
    Attribute("settled_on", "払込日", "date", None),
    Attribute("institution_code", "共通納税機関コード", exact=5),
    Attribute("case_key", "案件特定キー", exact=20),
    Attribute("confirmation_number", "確認番号", exact=6),
    # a receipt without a bill has no bill attributes at all
    *(attribute._replace(default=None if attribute.name in _OPTIONAL else attribute.default) for attribute in billing.ATTRIBUTES),
)


def invent(rng: Random, number: int) -> dict[str, Any]:
    """Made-up values of one entry."""
    bill = billing.invent(rng, number)
    paid = {
        "charge_paid_yen": bill["charge_yen"],
        "reminder_fee_paid_yen": bill["reminder_fee_yen"],
        "late_charge_paid_yen": bill["late_charge_yen"],
    }
    return {
        **bill,
        **slip_keys(rng, number),
        **paid,
        "entry_number": number + 1,
        "stage": rng.choice(("0", "1", "9")),
        "outcome": rng.choice(("matched", "duplicate_payment", "amount_mismatch")),
        "transaction_key": f"T{number:015d}",
        "channel": rng.choice(CHANNELS),
        "paid_yen": sum(paid.values()),
        "paid_on": bill["due_on"],
        "booked_on": bill["payable_until"],
        "settled_on": "2027-05-06",
    }


SPEC = Spec(
    kind="clearing",
    ja="消込",
    record=ClearingEntry,
    attributes=ATTRIBUTES,
    invent=invent,
    totals=(
        ("paid_yen",),
        ("charge_paid_yen", "reminder_fee_paid_yen", "late_charge_paid_yen"),
        ("charge_yen", "reminder_fee_yen", "late_charge_yen"),
    ),
)
