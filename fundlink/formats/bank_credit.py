"""入金 (bank_credit): entries on the account of the municipality, as its designated bank reports them. Read through ``specs``.

The account stands in the header record in four parts; a record carries them joined by ``-``.
"""

from __future__ import annotations

from random import Random
from typing import Any

from fundlink.domain.records import BankCreditRecord
from fundlink.formats.catalogue import Attribute, Spec, Terms

ATTRIBUTES = (
    Attribute("account", "口座"),
    Attribute("inquiry_number", "照会番号"),
    Attribute("booked_on", "勘定日", "date", None),
    Attribute("value_on", "起算日", "date", None),
    Attribute("amount_yen", "金額", "yen", 0),
    Attribute("direction", "入払区分", default="1"),
    Attribute("cancelled", "取消区分", default="0"),
    Attribute("remitter_code", "振込依頼人コード"),
    Attribute("remitter_name", "振込依頼人名"),
    Attribute("reference", "EDI情報"),
    Attribute("summary", "摘要"),
)
EXTRAS = (
    Attribute("bank_code", "銀行コード"),
    Attribute("branch_code", "支店コード"),
    Attribute("account_type", "預金種目"),
    Attribute("account_number", "口座番号"),
    Attribute("short_amount_yen", "金額（10桁）", "yen", 0),
)
ACCOUNT, AMOUNT, PARTS, SHORT = 0, 4, slice(11, 15), 15


def join_parts(values: list[Any], _terms: Terms) -> bool:
    """The account of four parts; form B has two amounts of which the unused one is zero."""
    if not values[ACCOUNT] and values[11]:
        values[ACCOUNT] = "-".join(values[PARTS])
    values[AMOUNT] += values[SHORT]
    return True


def invent(rng: Random, number: int) -> dict[str, Any]:
    """Made-up values of one entry."""
    return {
        "bank_code": "0001",
        "branch_code": "001",
        "account_type": "1",
        "account_number": "1234567890",
        "inquiry_number": f"{number + 1:08d}",
        "booked_on": "2026-10-06",
        "value_on": "2026-10-06",
        "amount_yen": rng.randrange(1, 10**9),
        "short_amount_yen": 0,
        "direction": rng.choice(("1", "1", "1", "2")),
        "cancelled": rng.choice(("0", "0", "0", "1")),
        "remitter_code": f"{rng.randrange(1, 10**10):010d}",
        "remitter_name": rng.choice(("ﾁﾎｳｾﾞｲｷﾖｳﾄﾞｳｷｺｳ", "ﾁﾕｳｵｳｷﾞﾝｺｳ(ｶ")),
        "reference": f"13101{rng.randrange(10**8):08d}",
        "summary": "ｺｳｷﾝﾉｳﾌ",
    }


SPEC = Spec(
    kind="bank_credit",
    ja="入金",
    record=BankCreditRecord,
    attributes=ATTRIBUTES,
    extras=EXTRAS,
    invent=invent,
    complete=join_parts,
    totals=(("amount_yen", "short_amount_yen"),),
    parts={"amount_yen": ("amount_yen", "short_amount_yen")},
    balanced=True,
)
