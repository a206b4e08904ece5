"""The demo of a month: thirty business days with every kind of trouble, each closed when it ties, each other one explained.

Called by play for the scenario ``month-end``. The business clock goes from day to day by itself, in the past: the last paper has
arrived before today. The same seed tells the same; a second call finds the month played and only tells it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from fundlink.connectors import core_files
from fundlink.demo.other_side import OtherSide
from fundlink.demo.plan import Plan, Say, business_day_before
from fundlink.demo.staff import PATIENCE, Staff
from fundlink.demo.steps import change, counted, take_in, tell_gateway
from fundlink.jobs import Jobs
from fundlink.pipeline import Rooms

SCENARIO = "month-end"
DAYS = 30
AFTER = 14
"""Business days after the month in which the last papers come: money three days later, corrections six, and three for their money."""
TOKYO = dt.timezone(dt.timedelta(hours=9))

KINDS = {
    "receipt_without_settlement": "収納に払込がない",
    "settlement_without_receipt": "払込に収納がない",
    "settlement_without_credit": "払込の入金がない",
    "credit_without_settlement": "入金に払込がない",
    "amount_difference": "額が合わない",
    "revised_after_close": "締めた後に変わった",
}
_SUMS = ("receipts", "receipts_yen", "settled_yen", "fee_yen", "credited_yen")
_THEIRS = {"fee_yen": "kept_fee_yen"}
"""What the books of the other side call it, where it is another word."""


class Month(NamedTuple):
    """What a month is played with."""

    rooms: Rooms
    other: OtherSide
    plan: Plan
    say: Say


class _Clock:
    """Business time of the demo: it stands on the day that is played."""

    def __init__(self, day: str) -> None:
        self.day = day

    def __call__(self) -> dt.datetime:
        return dt.datetime.fromisoformat(f"{self.day}T20:00:00").replace(tzinfo=TOKYO)


def first_day(today: dt.date) -> dt.date:
    """The first of the thirty days."""
    for _ in range(DAYS + AFTER):
        today = business_day_before(today)
    return today


def days_of(first: str, count: int) -> list[str]:
    """So many business days from the first."""
    day, found = dt.date.fromisoformat(first), [first]
    while len(found) < count:
        day += dt.timedelta(days=1)
        if business_day_before(day + dt.timedelta(days=1)) == day:
            found.append(day.isoformat())
    return found


def play_month(month: Month) -> dict[str, Any]:
    """Play what is not played yet, compare with the books of the other side; the JSON of the command."""
    plan, say = month.plan, month.say
    calendar = days_of(plan.day, DAYS + AFTER)
    clock = _Clock(calendar[0])
    jobs = Jobs(dataclasses.replace(month.rooms, clock=clock), owned=True)
    say(
        f"fundlink デモ: 見本団体 {plan.municipality_code}（架空）  {calendar[0]} から {DAYS} 営業日  請求 {plan.bills:,} 件  種 {plan.seed}"
    )
    played = plan.folder(jobs) / "month-played.json"
    if played.exists():
        clock.day = calendar[-1]
        say("この月は演じ終わっています。結果だけを示します。")
    else:
        take_in(jobs, plan, say)
        tell_gateway(jobs, say, "2. 送信 submit: 納付書情報をゲートウェイに登録")
        change(jobs, plan, say)
        say("4. 月の始まり: 送信・納付・受信・突合・引渡し・締めを一日ずつ")
        overridden: list[dict[str, Any]] = []
        for number, day in enumerate(calendar):
            clock.day = day
            overridden += _one_day(jobs, month, calendar, number)
        core_files.put(played, [json.dumps({"last": calendar[-1], "overridden": overridden}, ensure_ascii=False).encode()])
    return _told(jobs, month, calendar[:DAYS], json.loads(played.read_text())["overridden"])


def _one_day(jobs: Jobs, month: Month, calendar: Sequence[str], number: int) -> list[dict[str, Any]]:
    """One business day of both sides; the days that were closed with a reason."""
    plan, other, day = month.plan, month.other, calendar[number]
    staff = Staff(jobs, plan.municipality_code)
    for _attempt in range(6):  # a lost answer is inquired about by the next run
        if not jobs.submit()["unknown"]:
            break
    paid: dict[str, Any] = {"payments": 0, "payments_yen": 0}
    if number < DAYS:
        paid = other.play(plan.scenario, plan.seed, institution_code=plan.institution_code, day=day)
    closed = other.close_day(day, plan.institution_code)
    got = jobs.collect()
    rows = jobs.reconcile(municipality=plan.municipality_code)["days"]
    done = [*staff.settle(day), *(staff.decide() if number == DAYS - 1 else [])]
    if done:
        rows = jobs.reconcile(municipality=plan.municipality_code)["days"]
    jobs.export(jobs.rooms.folder / "outbox" / "core")
    shut, overridden = staff.close(rows, frozenset(calendar[: max(0, number - PATIENCE + 1)]))
    if number < DAYS or got["settlements"] or got["bank_credits"]:
        month.say(
            f"   {day}: 納付 {paid['payments']:,} 件 {paid['payments_yen']:,} 円  向こうのファイル {len(closed['files'])}  "
            f"受信 収納 {got['receipts']:,}・払込 {got['settlements']}・入金 {got['bank_credits']}  締めた日 {'、'.join(shut) or 'なし'}"
        )
    for act in done:
        month.say(f"      {act}")
    return overridden


def _told(jobs: Jobs, month: Month, calendar: Sequence[str], overridden: list[dict[str, Any]]) -> dict[str, Any]:
    plan, say = month.plan, month.say
    result = jobs.reconcile(municipality=plan.municipality_code)
    books = month.other.books(plan.institution_code)
    theirs = {(row["day"], row["fund_code"]): row for row in books["days"]}
    explained = [_explained(row, theirs) for row in result["days"] if row["state"] != "closed"]
    differs = [*_differing(result["days"], theirs), *_differing_outcomes(result, books)]
    open_days = sorted({row["day"] for row in explained})
    closed = [day for day in calendar if day not in open_days]
    credited = sum(row["credited_yen"] for row in result["days"])
    for one in overridden:
        for row in one["differences"]:
            row["expected_yen"] = theirs.get((one["day"], row["fund_code"]), {}).get("difference_yen", 0)
    as_told = all(row["yen"] == row["expected_yen"] for one in overridden for row in one["differences"])
    ok = not open_days and not differs and as_told
    say(f"結果: {len(calendar)} 営業日のうち {len(closed)} 日を締めました。うち理由を付けて締めた日 {len(overridden)} 日。")
    for one in overridden:
        for row in one["differences"]:
            say(f"   {one['day']} {row['fund_code']}: 差 {row['yen']:,} 円（模擬の帳簿 {row['expected_yen']:,} 円）  {row['why']}")
    for row in explained:
        say(f"   締まらない {row['day']} {row['fund_code'] or '---'}: {row['why']}")
    say(f"模擬の帳簿と: {'件数・円まで同じです。' if ok else '合いません。'}  違う行 {len(differs)}")
    return {
        "ok": ok, **counted(jobs.rooms, plan), "outcomes": result["outcomes"], "expected": books["outcomes"],
        "yen": sum(result["outcomes_yen"].values()), "outcomes_yen": result["outcomes_yen"], "expected_yen": books["outcomes_yen"],
        "days": result["days"], "expected_days": books["days"], "closed": closed, "overridden": overridden, "explained": explained, "differs": differs,
        "credited_yen": credited, "municipality_code": plan.municipality_code, "day": plan.day, "scenario": plan.scenario,
        "seed": plan.seed, "home": str(jobs.rooms.folder),
    }  # fmt: skip


def _explained(row: dict[str, Any], theirs: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    """Why a day and fund is not closed: its kinds of difference, and what went wrong on the other side that day."""
    known = theirs.get((row["day"], row["fund_code"]), {})
    kinds = "、".join(KINDS.get(kind, kind) for kind in row["differences"])
    if row["state"] == "tied":
        why = "一致していますが、前の日が締まるのを待っています"
    elif row["state"] == "open":
        why = "まだ相手の知らせを待っています"
    else:
        why = f"{kinds}（差 {row['difference_yen']:,} 円）"
    trouble = known.get("ja", "")
    return {
        "day": row["day"], "fund_code": row["fund_code"], "state": row["state"], "differences": row["differences"],
        "difference_yen": row["difference_yen"], "why": f"{why}: {trouble}" if trouble else why, "course": known.get("course", ""),
        "expected_state": known.get("state", ""), "expected_difference_yen": known.get("difference_yen", 0),
    }  # fmt: skip


def _differing(ours: Sequence[dict[str, Any]], theirs: dict[tuple[str, str], dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of days where the sums are not those of the books."""
    mine = {(row["day"], row["fund_code"]): row for row in ours if row["fund_code"]}
    found = []
    for key in sorted(mine.keys() | theirs.keys()):
        for name in _SUMS:
            pair = mine.get(key, {}).get(name, 0), theirs.get(key, {}).get(_THEIRS.get(name, name), 0)
            if pair[0] != pair[1]:
                course = theirs.get(key, {}).get("course", "")
                found.append({"day": key[0], "fund_code": key[1], "what": name, "ours": pair[0], "theirs": pair[1], "course": course})
    return found


def _differing_outcomes(result: dict[str, Any], books: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"day": "", "fund_code": "", "what": f"{kind} {name}", "ours": result[kind].get(name, 0), "theirs": books[kind].get(name, 0), "course": ""}
        for kind in ("outcomes", "outcomes_yen")
        for name in sorted(result[kind].keys() | books[kind].keys())
        if result[kind].get(name, 0) != books[kind].get(name, 0)
    ]  # fmt: skip
