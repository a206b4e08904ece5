"""Made-up bills of three funds, in three shapes of core system, with the mess that real files have.

Called by play. Names, numbers and the municipality are invented; the layouts are the shipped profiles, so a change of a layout
changes these files too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from fundlink.domain.records import BillingRecord
from fundlink.formats.profiles import Profile

_FAMILY = ("見本", "佐藤", "髙橋", "山﨑", "渡邊", "十文字", "能登", "表", "伊藤", "小林")
_GIVEN = ("太郎", "花子", "一", "美咲", "健", "さくら", "陽子", "翔")
_KANA = ("ﾐﾎﾝ", "ｻﾄｳ", "ﾀｶﾊｼ", "ﾔﾏｻﾞｷ", "ﾜﾀﾅﾍﾞ", "ｼﾞﾕｳﾓﾝｼﾞ", "ﾉﾄ", "ｵﾓﾃ", "ｲﾄｳ", "ｺﾊﾞﾔｼ")


class Fund(NamedTuple):
    """One fund of the demo: its profile, its share of the bills, how an amount is drawn."""

    fund_code: str
    ja: str
    profile: str
    share: float
    amount: Callable[[Random], int]


FUNDS: tuple[Fund, ...] = (
    Fund("601", "国民健康保険料", "standard", 0.70, lambda rng: rng.randrange(12, 820) * 100),
    Fund("602", "介護保険料", "core-standard", 0.25, lambda rng: rng.randrange(18, 160) * 100),
    Fund("611", "道路占用料", "host-fixed", 0.05, lambda rng: rng.randrange(100, 900_000)),
)


class Sample(NamedTuple):
    """One file of the demo and what a reader must find in it."""

    name: str
    profile: str
    ja: str
    body: bytes
    good: int


def make_bills(fund: Fund, count: int, municipality_code: str, day: dt.date, seed: int) -> list[BillingRecord]:
    """``count`` bills of a fund around a business day; the same arguments give the same bills."""
    rng = Random(f"{seed}:{fund.fund_code}")  # noqa: S311  (made-up data)
    return [_bill(fund, number, municipality_code, day, rng) for number in range(1, count + 1)]


def _bill(fund: Fund, number: int, municipality_code: str, day: dt.date, rng: Random) -> BillingRecord:
    # three in a hundred are long past their limit, so that late payments can happen
    due = day - dt.timedelta(days=rng.randrange(60, 80)) if rng.random() < 0.03 else day + dt.timedelta(days=rng.randrange(-20, 25))
    year = day.year - (day.month < 4)
    who = rng.randrange(len(_FAMILY))
    return BillingRecord(
        municipality_code=municipality_code, fund_code=fund.fund_code, levy_year=year, relevant_year=year - (rng.random() < 0.05),
        fiscal_year=year, notice_number=f"{fund.fund_code}{number:013d}", installment=f"{rng.randrange(1, 11):02d}", subject_code="",
        child_number="", addressee_number=f"{rng.randrange(10**9, 10**10)}", department_code="000", charge_yen=fund.amount(rng),
        reminder_fee_yen=100 if rng.random() < 0.04 else 0, late_charge_yen=rng.randrange(10, 90) * 100 if rng.random() < 0.02 else 0,
        due_on=due.isoformat(), payable_until=(due + dt.timedelta(days=40)).isoformat(),
        payer_name=f"{_FAMILY[who]}　{rng.choice(_GIVEN)}", payer_kana=_KANA[who], payer_postal_code="9990001",
        payer_address="見本県見本市表町１－２－３", action="1", core_key=f"K{fund.fund_code}-{number:08d}",
    )  # fmt: skip


def write_sample(fund: Fund, bills: list[BillingRecord], profile: Profile, day: dt.date) -> Sample:
    """The bills as the fund's core system would write them, with mess added where the form allows it."""
    message = profile.message("billing")
    rows = [bill._replace(payer_name="●" + bill.payer_name[1:]) if number % 997 == 5 else bill for number, bill in enumerate(bills)]
    header = {
        "municipality_code": bills[0].municipality_code, "file_created_on": day.isoformat(), "file_business_day": day.isoformat(),
        "file_sequence": "1", "record_count": len(rows), "total_yen": sum(bill.total_yen for bill in rows),
    }  # fmt: skip
    body = b"".join(message.writer(rows, header))
    if message.form == "delimited":
        body = b"".join(_with_mess(body))
    return Sample(
        f"{fund.fund_code}-{profile.name}.{'csv' if message.form == 'delimited' else 'txt'}", profile.name, fund.ja, body, len(bills)
    )


def _with_mess(body: bytes) -> Iterator[bytes]:
    """Rows as they really come: amounts with commas, dates that do not exist, damage by a spreadsheet, repeats."""
    lines = body.splitlines(keepends=True)
    yield from lines
    end = b"\r\n" if lines[0].endswith(b"\r\n") else b"\n"
    sample = lines[1 : 1 + 6]
    header = lines[0].decode("utf-8-sig").strip().split(",")
    for name, spoil in _SPOILS:
        at = next((place for place, title in enumerate(header) if title in name), None)
        if at is None or len(sample) < 2:
            continue
        cells = sample[0].decode().rstrip("\r\n").split(",")
        cells[_notice(header)] = f"9{at:015d}"
        cells[at] = spoil
        yield ",".join(cells).encode() + end
    if len(sample) >= 2:
        yield sample[1]  # the same row once more: counted once


_NOTICE = ("通知書番号",)
_SPOILS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("料額", "収納額(料額)", "税額(料額)"), '"12,300"'),
    (("納期限",), "2026-02-30"),
    (("通知書番号",), "1.23E+15"),
    (("公金種目コード", "業務詳細(科目)コード", "業務詳細コード"), "ZZ"),
    (("団体コード", "市区町村コード"), "131011"),
)


def _notice(header: list[str]) -> int:
    return next(place for place, title in enumerate(header) if title in _NOTICE)


def changes(bills: list[BillingRecord], seed: int) -> tuple[list[BillingRecord], list[BillingRecord], list[BillingRecord]]:
    """What the core system says a day later: (changed amounts, cancellations, bills to re-issue), all different bills."""
    rng = Random(f"{seed}:changes")  # noqa: S311  (made-up data)
    share = max(4, len(bills) // 100)
    chosen = rng.sample(bills, min(len(bills) // 2, 3 * share))
    size = len(chosen) // 3
    updated = [bill._replace(charge_yen=max(100, bill.charge_yen - 100), payer_name=bill.payer_name) for bill in chosen[:size]]
    cancelled = [bill._replace(action="9") for bill in chosen[size : 2 * size]]
    return updated, cancelled, chosen[2 * size :]
