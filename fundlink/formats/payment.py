"""納付書情報 (payment): slips to register, update or cancel at the gateway. Read through ``specs``."""

from __future__ import annotations

from random import Random
from typing import Any

from fundlink.domain.records import PaymentRecord
from fundlink.formats.billing import invent as invent_bill
from fundlink.formats.billing import limit_not_before_due
from fundlink.formats.catalogue import Attribute, Spec, Terms

ATTRIBUTES = (
    Attribute("operation", "処理区分"),
    Attribute("institution_code", "共通納税機関コード", exact=5),
    Attribute("case_key", "案件特定キー", exact=20),
    Attribute("confirmation_number", "確認番号", exact=6),
    Attribute("fund_code", "税目・料金番号", exact=3),
    Attribute("office_code", "課所コード", default="000", exact=3),
    Attribute("levy_year", "賦課年度", "year", None),
    Attribute("relevant_year", "相当年度", "year", None),
    Attribute("fiscal_year", "会計年度", "year", None),
    Attribute("installment", "期別", default="00", exact=2),
    Attribute("amount_yen", "金額", "yen", 0),
    Attribute("due_on", "納期限", "date", None),
    Attribute("payable_until", "支払期限", "date", None),
    Attribute("replaced_by", "差替後案件特定キー", exact=20),
)
DUE, PAYABLE = 11, 12


def sound(values: list[Any], _terms: Terms) -> bool:
    """True when the dates stand in their order."""
    due, limit = values[DUE], values[PAYABLE]
    return due is None or limit is None or bool(limit >= due)


def slip_keys(rng: Random, number: int) -> dict[str, Any]:
    """Made-up parts of an eL number."""
    return {
        "institution_code": "13101",
        "case_key": f"{rng.randrange(10**8):08d}{number:012d}",
        "confirmation_number": f"{rng.randrange(10**6):06d}",
    }


def invent(rng: Random, number: int) -> dict[str, Any]:
    """Made-up values of one slip."""
    bill = invent_bill(rng, number)
    operation = rng.choice(("register", "register", "update", "cancel"))
    return {
        **{
            name: bill[name]
            for name in ("fund_code", "levy_year", "relevant_year", "fiscal_year", "installment", "due_on", "payable_until")
        },
        **slip_keys(rng, number),
        "operation": operation,
        "office_code": bill["department_code"],
        "amount_yen": bill["charge_yen"],
        "replaced_by": f"{rng.randrange(10**20):020d}" if operation == "cancel" else "",
    }


SPEC = Spec(
    kind="payment",
    ja="納付書情報",
    record=PaymentRecord,
    attributes=ATTRIBUTES,
    invent=invent,
    rules={"limit_not_before_due": limit_not_before_due},
    complete=sound,
    totals=(("amount_yen",),),
)
