"""The demo: every verb on made-up bills, told step by step, compared at the end with the mock's own books to the yen.

Called by the ``demo`` command. Its data stay in the data folder; the same call again changes nothing and tells the same.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

from fundlink import bootstrap, desk
from fundlink.config import Settings
from fundlink.demo import month
from fundlink.demo.other_side import OtherSide, running
from fundlink.demo.plan import Plan, Say, business_day_before, remembered
from fundlink.demo.steps import change, counted, take_in, tell_gateway
from fundlink.desk import throwaway
from fundlink.domain.errors import ConfigurationError
from fundlink.domain.problems import problem
from fundlink.jobs import Jobs
from fundlink.pipeline import Rooms
from fundlink.pipeline.rooms import Progress
from fundlink.reconcile.outcomes import RULES

_NAMES = {rule.outcome: rule.ja for rule in RULES}


def play(settings: Settings, *, bills: int, seed: int, scenario: str, say: Say, progress: Progress | None = None) -> dict[str, Any]:
    """The whole road in one call; the JSON of the command."""
    if settings.environment == "production":
        raise ConfigurationError([problem("FL-CFG-002", detail="demo / FUNDLINK_ENVIRONMENT=production")])
    settings = settings.model_copy(update={"seed": seed})
    folder = settings.folder
    folder.mkdir(parents=True, exist_ok=True)
    ours = "gateway_url" not in settings.model_fields_set
    with running(folder / "mock", seed=seed, scenario=scenario) if ours else nullcontext(settings.gateway_url) as url:
        rooms = bootstrap.build(settings.model_copy(update={"gateway_url": url}), progress=progress)
        other = OtherSide(url)
        try:
            with bootstrap.owner(rooms):
                throwaway.refuse_among_real_ones(rooms)
                if scenario == month.SCENARIO:
                    plan = remembered(rooms, (bills, seed, scenario), month.first_day(rooms.clock().date()).isoformat())
                    return _with_accounts(rooms, (say, settings.console), month.play_month(month.Month(rooms, other, plan, say)))
                plan = remembered(rooms, (bills, seed, scenario), business_day_before(rooms.clock().date()).isoformat())
                return _with_accounts(rooms, (say, settings.console), _play(Jobs(rooms, owned=True), other, plan, say))
        finally:
            other.close()
            rooms.close()


def _with_accounts(rooms: Rooms, telling: tuple[Say, str], told: dict[str, Any]) -> dict[str, Any]:
    """The throw-away persons to log in as: passwords for the person who looks, never in what a program prints."""
    (say, console), made = telling, throwaway.accounts(rooms)
    for line in (*throwaway.words(made), *throwaway.tour(made, console)):
        say(line)
    shown = [{name: value for name, value in one.items() if name != "password"} for one in made]
    return {**told, "accounts": shown}


def _play(jobs: Jobs, other: OtherSide, plan: Plan, say: Say) -> dict[str, Any]:
    say(
        f"fundlink デモ: 見本団体 {plan.municipality_code}（架空）  営業日 {plan.day}  請求 {plan.bills:,} 件  筋書き {plan.scenario}  種 {plan.seed}"
    )
    desk.add_municipality(jobs.rooms, plan.municipality_code, "見本市（架空）")
    take_in(jobs, plan, say)
    tell_gateway(jobs, say, "2. 送信 submit: 納付書情報をゲートウェイに登録")
    change(jobs, plan, say)
    tell_gateway(jobs, say, "   再び送信 submit: 変更・取消・再発行をゲートウェイに伝える")
    _pay(other, plan, say)
    _collect(jobs, say)
    reconciled = _reconcile(jobs, plan, say)
    _export(jobs, say)
    return _compare(jobs, other, plan, reconciled, say)


def _pay(other: OtherSide, plan: Plan, say: Say) -> None:
    say("4. 向こう側（模擬）: 納付者が払い、営業日が締まる")
    played = other.play(plan.scenario, plan.seed, institution_code=plan.institution_code, day=plan.day)
    closed = other.close_day(plan.day, plan.institution_code)
    say(f"   納付 {played['payments']:,} 件 {played['payments_yen']:,} 円  → 収納・払込通知・入金明細 {len(closed['files'])} ファイル")


def _collect(jobs: Jobs, say: Say) -> None:
    result = jobs.collect()
    say("5. 受信 collect: 署名を確かめ、様式を確かめ、合計を確かめて保管")
    say(
        f"   収納 {result['receipts']:,} 件  払込 {result['settlements']:,} 件  入金 {result['bank_credits']:,} 件  再送 {result['duplicates']:,}  隔離 {result['quarantined']:,}"
    )


def _reconcile(jobs: Jobs, plan: Plan, say: Say) -> dict[str, Any]:
    result = jobs.reconcile(municipality=plan.municipality_code)
    say("6. 突合 reconcile: 1 つの表で判定し、日ごとに円まで合わせる")
    for name, count in result["outcomes"].items():
        say(f"   {_NAMES.get(name, name)}: {count:,} 件 {result['outcomes_yen'][name]:,} 円")
    for day in result["days"]:
        mark = {"tied": "一致", "open": "未了", "difference": "不一致"}.get(day["state"], day["state"])
        say(
            f"   {day['day']} {day['fund_code']}: 収納 {day['receipts_yen']:,} = 払込 {day['settled_yen']:,} = 手数料 {day['fee_yen']:,} + 入金 {day['credited_yen']:,} 円 … {mark}"
        )
    return result


def _export(jobs: Jobs, say: Say) -> None:
    result = jobs.export(jobs.rooms.folder / "outbox" / "core")
    say("7. 引渡し export: 消込と納付書発行情報を、来た形のまま基幹システムへ")
    say(f"   ファイル {result['files']} 個  消込 {result['entries']:,} 件 {result['yen']:,} 円  納付書発行 {result['slips']:,} 件")


def _compare(jobs: Jobs, other: OtherSide, plan: Plan, reconciled: dict[str, Any], say: Say) -> dict[str, Any]:
    """Our outcomes against the books of the other side, name by name and yen by yen."""
    books = other.books(plan.institution_code)
    days = [{name: value for name, value in day.items() if name in _DAY_KEYS} for day in reconciled["days"]]
    same = reconciled["outcomes"] == books["outcomes"] and reconciled["outcomes_yen"] == books["outcomes_yen"]
    theirs = [
        {name: value for name, value in {**day, "municipality_code": plan.municipality_code}.items() if name in _DAY_KEYS}
        for day in books["days"]
    ]
    ties = all(day["state"] == "tied" for day in reconciled["days"])
    numbers = counted(jobs.rooms, plan)
    ok = same and ties and _sorted(days) == _sorted(theirs)
    say(f"結果: {'すべて一致しました（模擬の帳簿と件数・円まで同じ）。' if ok else '一致しません。'}")
    say(f"データ: {jobs.rooms.folder}  消込ファイル: {jobs.rooms.folder / 'outbox' / 'core'}  送受信した電文: outbox/ と inbox/")
    say(
        f"次に: まず `export FUNDLINK_HOME={jobs.rooms.folder}`（このデータを使うため。`make demo` のあとの fundlink は .venv/bin/fundlink）"
    )
    say(
        "      `fundlink verify`（約束の検査）、`fundlink serve`（API と画面）、`fundlink mock`（支払サイトの模擬。eL番号を入れて払ってみる）"
    )
    return {
        "ok": ok, **numbers, "outcomes": reconciled["outcomes"], "expected": books["outcomes"],
        "yen": sum(reconciled["outcomes_yen"].values()), "outcomes_yen": reconciled["outcomes_yen"], "expected_yen": books["outcomes_yen"],
        "days": reconciled["days"], "expected_days": books["days"], "municipality_code": plan.municipality_code, "day": plan.day,
        "scenario": plan.scenario, "seed": plan.seed, "home": str(jobs.rooms.folder),
    }  # fmt: skip


_DAY_KEYS = ("day", "municipality_code", "fund_code", "receipts", "receipts_yen", "settled_yen", "fee_yen", "credited_yen")


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)
