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


def bill(fund: Fund, number: int, plan: tuple[str, dt.date, int]) -> BillingRecord:
    """The ``number``-th bill of a fund in a plan (municipality code, business day, seed); always the same one."""
    municipality_code, day, seed = plan
    rng = Random(f"{seed}:{fund.fund_code}:{number}")  # noqa: S311  (made-up data)
    # three in a hundred are long past their limit, so that late payments can happen
    due = day - dt.timedelta(days=rng.randrange(60, 80)) if rng.random() < 0.03 else day + dt.timedelta(days=rng.randrange(-20, 25))
    year = day.year - (day.month < 4)
    who = rng.randrange(len(_FAMILY))
    name = _FAMILY[who] if number % 997 != 5 else "●" + _FAMILY[who][1:]
    return BillingRecord(
        municipality_code=municipality_code, fund_code=fund.fund_code, levy_year=year, relevant_year=year - (rng.random() < 0.05),
        fiscal_year=year, notice_number=f"{fund.fund_code}{number:013d}", installment=f"{rng.randrange(1, 11):02d}", subject_code="",
        child_number="", addressee_number=f"{rng.randrange(10**9, 10**10)}", department_code="000", charge_yen=fund.amount(rng),
        reminder_fee_yen=100 if rng.random() < 0.04 else 0, late_charge_yen=rng.randrange(10, 90) * 100 if rng.random() < 0.02 else 0,
        due_on=due.isoformat(), payable_until=(due + dt.timedelta(days=40)).isoformat(),
        payer_name=f"{name}　{rng.choice(_GIVEN)}", payer_kana=_KANA[who], payer_postal_code="9990001",
        payer_address="見本県見本市表町１－２－３", action="1", core_key=f"K{fund.fund_code}-{number:08d}",
    )  # fmt: skip


def file_of(fund: Fund, count: int, plan: tuple[str, dt.date, int], *, profile: Profile) -> Iterator[bytes]:
    """The first ``count`` bills as the fund's core system would write them, with mess added where the form allows it."""
    message = profile.message("billing")
    day = plan[1].isoformat()
    total = sum(bill(fund, number, plan).total_yen for number in range(1, count + 1)) if message.form == "fixed" else 0
    header = {
        "municipality_code": plan[0], "file_created_on": day, "file_business_day": day, "file_sequence": "1",
        "record_count": count, "total_yen": total,
    }  # fmt: skip
    written = message.writer((bill(fund, number, plan) for number in range(1, count + 1)), header)
    return _with_mess(written) if message.form == "delimited" else written


def _with_mess(written: Iterator[bytes]) -> Iterator[bytes]:
    """Rows as they really come: amounts with commas, dates that do not exist, damage by a spreadsheet, repeats."""
    first = b""
    for piece in written:
        if first.count(b"\n") < 4:
            first += piece
        yield piece
    lines = first.splitlines(keepends=True)
    end = b"\r\n" if lines[0].endswith(b"\r\n") else b"\n"
    header = lines[0].decode("utf-8-sig").strip().split(",")
    for names, spoil in _SPOILS:
        at = next((place for place, title in enumerate(header) if title in names), None)
        if at is None:
            continue
        cells = lines[1].decode().rstrip("\r\n").split(",")
        cells[header.index("通知書番号")] = f"9{at:015d}"
        cells[at] = spoil
        yield ",".join(cells).encode() + end
    yield lines[2]  # the same row once more: counted once


_SPOILS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("料額", "収納額(料額)", "税額(料額)"), '"12,300"'),
    (("納期限",), "2026-02-30"),
    (("通知書番号",), "1.23E+15"),
    (("公金種目コード", "業務詳細(科目)コード", "業務詳細コード"), "ZZ"),
    (("団体コード", "市区町村コード"), "131011"),
)


def changes(fund: Fund, count: int, plan: tuple[str, dt.date, int]) -> tuple[list[BillingRecord], list[BillingRecord], list[BillingRecord]]:
    """What the core system says a day later: (changed amounts, cancellations, bills to re-issue), all different bills."""
    rng = Random(f"{plan[2]}:changes")  # noqa: S311  (made-up data)
    share = max(4, count // 100)
    chosen = [bill(fund, number, plan) for number in rng.sample(range(1, count + 1), min(count // 2, 3 * share))]
    size = len(chosen) // 3
    updated = [row._replace(charge_yen=max(100, row.charge_yen - 100)) for row in chosen[:size]]
    cancelled = [row._replace(action="9") for row in chosen[size : 2 * size]]
    return updated, cancelled, chosen[2 * size :]
