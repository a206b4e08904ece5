"""収納 (receipt): statements that payers paid, preliminary, confirmed or cancelled. Read through ``specs``."""

from __future__ import annotations

from random import Random
from typing import Any

from fundlink.domain.records import ReceiptRecord
from fundlink.formats.billing import invent as invent_bill
from fundlink.formats.catalogue import Attribute, Spec
from fundlink.formats.payment import slip_keys

ATTRIBUTES = (
    Attribute("transaction_key", "取引番号"),
    Attribute("stage", "速報・確報・取消"),
    Attribute("institution_code", "共通納税機関コード", exact=5),
    Attribute("case_key", "案件特定キー", exact=20),
    Attribute("confirmation_number", "確認番号", exact=6),
    Attribute("fund_code", "税目・料金番号", exact=3),
    Attribute("channel", "納付チャネル"),
    Attribute("amount_yen", "金額", "yen", 0),
    Attribute("paid_on", "領収日", "date", None),
    Attribute("booked_on", "収入日", "date", None),
)
CHANNELS = ("counter", "card", "internet_banking", "direct_debit", "pay_easy", "app")


def invent(rng: Random, number: int) -> dict[str, Any]:
    """Made-up values of one receipt."""
    bill = invent_bill(rng, number)
    return {
        **slip_keys(rng, number),
        "transaction_key": f"T{number:015d}",
        "stage": rng.choice(("preliminary", "confirmed", "cancelled")),
        "fund_code": bill["fund_code"],
        "channel": rng.choice(CHANNELS),
        "amount_yen": bill["charge_yen"],
        "paid_on": bill["due_on"],
        "booked_on": bill["payable_until"],
    }


SPEC = Spec(kind="receipt", ja="収納", record=ReceiptRecord, attributes=ATTRIBUTES, invent=invent, totals=(("amount_yen",),))
