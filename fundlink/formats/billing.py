"""請求 (billing): attributes, rules and sample values of what a core system hands over.

Read through ``specs``. The rules are always on; a layout may name one in its ``need`` column.
"""

from __future__ import annotations

import datetime as dt
from random import Random
from typing import Any

from fundlink.domain.records import BillingRecord
from fundlink.domain.values import MAX_TOTAL_YEN, addressee_check_digit, municipality_check_digit
from fundlink.formats.catalogue import Attribute, Breach, Rule, Spec, Terms

ATTRIBUTES = (
    Attribute("municipality_code", "団体コード", exact=6),
    Attribute("fund_code", "公金種目コード", exact=3),
    Attribute("levy_year", "賦課年度", "year", None),
    Attribute("relevant_year", "相当年度", "year", None),
    Attribute("fiscal_year", "会計年度", "year", None),
    Attribute("notice_number", "通知書番号"),
    Attribute("installment", "期別", default="00", exact=2),
    Attribute("subject_code", "科目コード"),
    Attribute("child_number", "児童宛名番号"),
    Attribute("addressee_number", "宛名番号"),
    Attribute("department_code", "課所コード", default="000", exact=3),
    Attribute("charge_yen", "料額", "yen", 0),
    Attribute("reminder_fee_yen", "督促手数料", "yen", 0),
    Attribute("late_charge_yen", "延滞金", "yen", 0),
    Attribute("due_on", "納期限", "date", None),
    Attribute("payable_until", "支払期限", "date", None),
    Attribute("payer_name", "氏名"),
    Attribute("payer_kana", "カナ氏名"),
    Attribute("payer_postal_code", "郵便番号", exact=7),
    Attribute("payer_address", "住所"),
    Attribute("action", "異動区分", default="1"),
    Attribute("core_key", "連携キー"),
)

LEVY, RELEVANT, FISCAL, CHARGE, REMINDER, LATE, DUE, PAYABLE = 2, 3, 4, 11, 12, 13, 14, 15
"""Places in a list of values: this runs once a row, so it does not look names up."""


def fill_years_and_limit(values: list[Any], terms: Terms) -> bool:
    """相当年度 and 会計年度 are the 賦課年度 unless said otherwise; the payment limit follows the due date."""
    levy, due = values[LEVY], values[DUE]
    if values[RELEVANT] is None:
        values[RELEVANT] = levy
    if values[FISCAL] is None:
        values[FISCAL] = levy
    total: int = values[CHARGE] + values[REMINDER] + values[LATE]
    if due is None:
        return total == 0
    if values[PAYABLE] is None:
        values[PAYABLE] = terms.limits[due]
    return total <= MAX_TOTAL_YEN and values[PAYABLE] >= due


def total_in_range(record: Any) -> Breach | None:
    """料 + 督促 + 延滞 has at most 11 digits, the amount field of a slip."""
    if record.charge_yen + record.reminder_fee_yen + record.late_charge_yen > MAX_TOTAL_YEN:
        return Breach("FL-AMT-002", "charge_yen", (("expected", MAX_TOTAL_YEN),))
    return None


def due_on_when_total(record: Any) -> Breach | None:
    """A bill with money on it needs its due date."""
    if record.due_on is None and record.charge_yen + record.reminder_fee_yen + record.late_charge_yen > 0:
        return Breach("FL-DATE-002", "due_on")
    return None


def limit_not_before_due(record: Any) -> Breach | None:
    """The payment limit is the due date or later."""
    if record.due_on is not None and record.payable_until is not None and record.payable_until < record.due_on:
        return Breach("FL-DATE-003", "payable_until")
    return None


RULES: dict[str, Rule] = {
    "total_in_range": total_in_range,
    "due_on_when_total": due_on_when_total,
    "limit_not_before_due": limit_not_before_due,
}

_LOW = [2 * (n % 10) + 3 * (n // 10 % 10) + 4 * (n // 100) for n in range(1000)]
_HIGH = [5 * (n % 10) + 6 * (n // 10 % 10) + 7 * (n // 100) for n in range(1000)]
"""Weighted sums of three digits: the weights 2 to 7 repeat from the right."""


def passes_addressee_check(number: str) -> bool:
    """``is_addressee_number`` for digits, several times as fast: it runs once a row.

    >>> passes_addressee_check("12345674"), passes_addressee_check("12345675")
    (True, False)
    """
    if len(number) < 2:
        return False
    rest, total = int(number[:-1]), 0
    while rest:
        total += _LOW[rest % 1000] + _HIGH[rest // 1000 % 1000]
        rest //= 1_000_000
    return number[-1] == "00987654321"[total % 11]


NAMES = (
    ("千代田　花子", "ﾁﾖﾀﾞ ﾊﾅｺ"),
    ("表　能一", "ｵﾓﾃ ﾉｳｲﾁ"),
    ("ソラ道路株式会社", "ｿﾗﾄﾞｳﾛ(ｶ"),
    ("十和田　太郎", "ﾄﾜﾀﾞ ﾀﾛｳ"),
    ("髙橋　さくら", "ﾀｶﾊｼ ｻｸﾗ"),
)
FUNDS = ("601", "602", "603", "611", "631", "651")


def invent(rng: Random, number: int) -> dict[str, Any]:
    """Made-up values of one row; the number keeps keys apart."""
    year = rng.choice((2025, 2026))
    due = dt.date(2026, 6, 30) + dt.timedelta(days=rng.randrange(270))
    addressee = f"{rng.randrange(10**13):013d}0"
    name, kana = rng.choice(NAMES)
    return {
        "municipality_code": "13101" + municipality_check_digit("13101"),
        "fund_code": rng.choice(FUNDS),
        "levy_year": year,
        "relevant_year": year - rng.choice((0, 0, 0, 1)),
        "fiscal_year": year,
        "notice_number": f"{rng.randrange(10**6):06d}{number:010d}",
        "installment": f"{rng.randrange(1, 13):02d}",
        "subject_code": rng.choice(("21", "23", "A1")),
        "child_number": f"{rng.randrange(1, 10**15):015d}",
        "addressee_number": addressee + addressee_check_digit(addressee),
        "department_code": rng.choice(("000", "120", "305")),
        "charge_yen": rng.randrange(1, 200_000) * 100,
        "reminder_fee_yen": rng.choice((0, 0, 80, 100)),
        "late_charge_yen": rng.choice((0, 0, 1_200)),
        "due_on": due.isoformat(),
        "payable_until": (due + dt.timedelta(days=rng.randrange(10, 60))).isoformat(),
        "payer_name": name,
        "payer_kana": kana,
        "payer_postal_code": f"{rng.randrange(10**7):07d}",
        "payer_address": rng.choice(
            ("東京都千代田区丸の内一丁目１番１号", "福島県郡山市ソ－１２３　能登荘", "大阪府大阪市北区中之島1-3-20")
        ),
        "action": "1",
        "core_key": f"K{number:012d}",
    }


SPEC = Spec(
    kind="billing",
    ja="請求",
    record=BillingRecord,
    attributes=ATTRIBUTES,
    invent=invent,
    rules=RULES,
    complete=fill_years_and_limit,
    totals=(("charge_yen", "reminder_fee_yen", "late_charge_yen"),),
    required=("municipality_code", "fund_code", "levy_year", "notice_number", "installment", "charge_yen", "due_on"),
    warn={"addressee_number": ("FL-CHK-002", passes_addressee_check)},
)
