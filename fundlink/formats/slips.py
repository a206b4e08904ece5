"""納付書発行情報 (slips): issued slips with their eL numbers, handed to the core system. Read through ``specs``."""

from __future__ import annotations

from random import Random
from typing import Any

from fundlink.domain.records import SlipRecord
from fundlink.formats import billing
from fundlink.formats.catalogue import Attribute, Spec, Terms
from fundlink.formats.payment import slip_keys

ATTRIBUTES = (
    *billing.ATTRIBUTES,
    Attribute("institution_code", "共通納税機関コード", exact=5),
    Attribute("case_key", "案件特定キー", exact=20),
    Attribute("confirmation_number", "確認番号", exact=6),
    Attribute("issue_count", "発行回数", "number", 1),
    Attribute("issue_serial", "発行連番", "number", 1),
    Attribute("slip_yen", "納付書金額", "yen", None),
    Attribute("qr_payload", "QRコード情報"),
)
SLIP_YEN = 27


def fill_slip_yen(values: list[Any], terms: Terms) -> bool:
    """The amount on the slip is 料 + 督促 + 延滞 unless the file says it."""
    if values[SLIP_YEN] is None:
        values[SLIP_YEN] = values[billing.CHARGE] + values[billing.REMINDER] + values[billing.LATE]
    return billing.fill_years_and_limit(values, terms)


def el_number(record: Any) -> str:
    """The four printed keys in one: 5 + 20 + 6 + 3 digits."""
    return f"{record.institution_code}{record.case_key}{record.confirmation_number}{record.fund_code}"


def invent(rng: Random, number: int) -> dict[str, Any]:
    """Made-up values of one slip."""
    bill = billing.invent(rng, number)
    return {
        **bill,
        **slip_keys(rng, number),
        "issue_count": rng.randrange(1, 4),
        "issue_serial": 1,
        "slip_yen": bill["charge_yen"] + bill["reminder_fee_yen"] + bill["late_charge_yen"],
        "qr_payload": "".join(rng.choices("0123456789", k=255)),
    }


SPEC = Spec(
    kind="slips",
    ja="納付書発行情報",
    record=SlipRecord,
    attributes=ATTRIBUTES,
    invent=invent,
    derived={"el_number": el_number, "el_fund_code": lambda record: record.fund_code},
    rules=billing.RULES,
    complete=fill_slip_yen,
    totals=(("slip_yen",), ("charge_yen", "reminder_fee_yen", "late_charge_yen")),
)
