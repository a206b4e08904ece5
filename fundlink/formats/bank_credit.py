"""入金 (bank_credit): entries on the account of the municipality, as its designated bank reports them. Read through ``specs``.

The account stands in the header record in four parts; a record carries them joined by ``-``. A statement may have one column
for money in and one for money out instead of an amount and a direction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from fundlink.domain.records import BankCreditRecord
from fundlink.formats.catalogue import Attribute, Breach, Spec, Terms

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
    Attribute("balance", "残高"),
)
EXTRAS = (
    Attribute("bank_code", "銀行コード"),
    Attribute("branch_code", "支店コード"),
    Attribute("account_type", "預金種目"),
    Attribute("account_number", "口座番号"),
    Attribute("short_amount_yen", "金額（10桁）", "yen", 0),
    Attribute("paid_in_yen", "入金金額", "yen", 0),
    Attribute("paid_out_yen", "出金金額", "yen", 0),
    Attribute("period_from", "勘定日自", "date", None),
    Attribute("period_to", "勘定日至", "date", None),
)
ACCOUNT, BOOKED, VALUE, AMOUNT, DIRECTION, PARTS, SHORT, IN, OUT, FROM, TO = 0, 2, 3, 4, 5, slice(12, 16), 16, 17, 18, 19, 20
IN_DIRECTION, OUT_DIRECTION = "1", "2"


def join_parts(values: list[Any], _terms: Terms) -> bool:
    """The account of four parts; form B has two amounts of which the unused one is zero; so have statements with two columns.

    Where a bank states no value date, it is the booking date.
    """
    if not values[ACCOUNT] and values[PARTS.start]:
        values[ACCOUNT] = "-".join(values[PARTS])
    values[AMOUNT] += values[SHORT]
    if values[IN] or values[OUT]:
        values[AMOUNT] = values[IN] or values[OUT]
        values[DIRECTION] = IN_DIRECTION if values[IN] else OUT_DIRECTION
    booked, first, last = values[BOOKED], values[FROM], values[TO]
    values[VALUE] = values[VALUE] or booked
    return not ((values[IN] and values[OUT]) or (first and booked and booked < first) or (last and booked and booked > last))


def one_amount(values: Mapping[str, Any]) -> Breach | None:
    """Money comes in or goes out, not both in one row."""
    return Breach("FL-BNK-004", "paid_out_yen") if values["paid_in_yen"] and values["paid_out_yen"] else None


def inside_period(values: Mapping[str, Any]) -> Breach | None:
    """The booking date lies in the period that the header states."""
    booked, first, last = values["booked_on"], values["period_from"], values["period_to"]
    if not booked or ((not first or first <= booked) and (not last or booked <= last)):
        return None
    return Breach("FL-BNK-002", "booked_on", (("expected", f"{first or ''}～{last or ''}"),))


def _amount_of(direction: str) -> Callable[[Any], int | None]:
    return lambda record: record.amount_yen if record.direction == direction else None


def invent(rng: Random, number: int) -> dict[str, Any]:
    """Made-up values of one entry."""
    amount_yen, direction = rng.randrange(1, 10**9), rng.choice(("1", "1", "1", "2"))
    return {
        "account": "0001-001-1-1234567890",
        "bank_code": "0001",
        "branch_code": "001",
        "account_type": "1",
        "account_number": "1234567890",
        "inquiry_number": f"{number + 1:08d}",
        "booked_on": "2026-10-06",
        "value_on": "2026-10-06",
        "amount_yen": amount_yen,
        "short_amount_yen": 0,
        "paid_in_yen": amount_yen if direction == IN_DIRECTION else 0,
        "paid_out_yen": amount_yen if direction == OUT_DIRECTION else 0,
        "direction": direction,
        "cancelled": rng.choice(("0", "0", "0", "1")),
        "remitter_code": f"{rng.randrange(1, 10**10):010d}",
        "remitter_name": rng.choice(("ﾁﾎｳｾﾞｲｷﾖｳﾄﾞｳｷｺｳ", "ﾁﾕｳｵｳｷﾞﾝｺｳ(ｶ")),
        "reference": f"13101{rng.randrange(10**8):08d}",
        "summary": "ｺｳｷﾝﾉｳﾌ",
        "balance": "",
    }


SPEC = Spec(
    kind="bank_credit",
    ja="入金",
    record=BankCreditRecord,
    attributes=ATTRIBUTES,
    extras=EXTRAS,
    invent=invent,
    complete=join_parts,
    derived={"paid_in_yen": _amount_of(IN_DIRECTION), "paid_out_yen": _amount_of(OUT_DIRECTION)},
    inputs={"one_amount": one_amount, "inside_period": inside_period},
    totals=(("amount_yen", "short_amount_yen"), ("paid_in_yen", "paid_out_yen")),
    parts={"amount_yen": ("amount_yen", "short_amount_yen")},
    balanced=True,
)
