"""The demo: every verb on made-up bills, told step by step, compared at the end with the mock's own books to the yen.

Called by the ``demo`` command. Its data stay in the data folder; the same call again changes nothing and tells the same.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from fundlink import bootstrap, desk
from fundlink.config import Settings
from fundlink.connectors import core_files
from fundlink.demo import bills as made
from fundlink.demo.other_side import OtherSide, running
from fundlink.desk import throwaway
from fundlink.domain.errors import ConfigurationError
from fundlink.domain.problems import problem
from fundlink.domain.values import municipality_check_digit
from fundlink.jobs import Jobs
from fundlink.pipeline import Rooms
from fundlink.pipeline.rooms import Progress
from fundlink.reconcile.outcomes import RULES
from fundlink.store import days, files, outcomes

Say = Callable[[str], None]
_NAMES = {rule.outcome: rule.ja for rule in RULES}


@dataclass(frozen=True)
class Plan:
    """What one demo plays: remembered in the data folder, so that a second call is the same one."""

    bills: int
    seed: int
    scenario: str
    municipality_code: str
    day: str

    @property
    def institution_code(self) -> str:
        """First five digits of the municipality code."""
        return self.municipality_code[:5]

    def shares(self) -> list[tuple[made.Fund, int]]:
        """How many bills each fund has."""
        counts = [round(self.bills * fund.share) for fund in made.FUNDS[:-1]]
        return list(zip(made.FUNDS, [*counts, self.bills - sum(counts)], strict=True))

    def bases(self) -> tuple[str, dt.date, int]:
        """What all made-up bills rest on: municipality, business day, seed."""
        return self.municipality_code, dt.date.fromisoformat(self.day), self.seed

    def folder(self, jobs: Jobs) -> Path:
        """Where the files of the core systems lie."""
        return self.place(jobs.rooms)

    def place(self, rooms: Rooms) -> Path:
        """The same, by the rooms."""
        return rooms.folder / "demo" / self.municipality_code


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
                from fundlink.demo import month  # noqa: PLC0415  (it builds on what stands here)

                throwaway.refuse_among_real_ones(rooms)
                if scenario == month.SCENARIO:
                    plan = _plan(rooms, (bills, seed, scenario), month.first_day(rooms.clock().date()).isoformat())
                    return _with_accounts(rooms, (say, settings.console), month.play_month(month.Month(rooms, other, plan, say)))
                plan = _plan(rooms, (bills, seed, scenario), business_day_before(rooms.clock().date()).isoformat())
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


def _plan(rooms: Rooms, asked: tuple[int, int, str], day: str) -> Plan:
    """The remembered plan of this very demo, or a new one in a made-up municipality nobody has bills in.

    ``asked``: how many bills, the seed, the scenario.
    """
    bills, seed, scenario = asked
    path = rooms.folder / "demo" / f"plan-{scenario}-{seed}-{bills}.json"
    with rooms.store.read() as connection:
        taken = {code for code, _, _ in files.municipalities(connection)}
    if path.exists():
        plan = Plan(**json.loads(path.read_text()))
        if plan.municipality_code in taken:
            return plan
    used = {json.loads(other.read_text())["municipality_code"] for other in path.parent.glob("plan-*.json")}
    code = next(code for code in invented_codes() if code not in taken and code not in used)
    plan = Plan(bills, seed, scenario, code, day)
    core_files.put(path, [json.dumps(plan.__dict__).encode()])
    return plan


def invented_codes() -> Iterator[str]:
    """Codes of municipalities that do not exist: there is no prefecture 99."""
    for number in range(99_001, 100_000):
        yield f"{number}{municipality_check_digit(str(number))}"


def business_day_before(day: dt.date) -> dt.date:
    """The business day before a day."""
    import jpholiday  # noqa: PLC0415  (only the demo asks)

    day -= dt.timedelta(days=1)
    while day.weekday() >= 5 or jpholiday.is_holiday(day) or (day.month, day.day) in _YEAR_END:
        day -= dt.timedelta(days=1)
    return day


_YEAR_END = {(12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)}


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


def _files(jobs: Jobs, plan: Plan) -> Iterator[tuple[made.Fund, Path]]:
    """Write the files of the core systems and give them one by one."""
    for fund, count in plan.shares():
        profile = jobs.rooms.profile(fund.profile)
        path = plan.folder(jobs) / f"{fund.fund_code}-{fund.profile}.{'txt' if profile.message('billing').form == 'fixed' else 'csv'}"
        core_files.put(path, made.file_of(fund, count, plan.bases(), profile=profile))
        yield fund, path


def take_in(jobs: Jobs, plan: Plan, say: Say) -> None:
    """Take the files of the three core systems."""
    say("1. 取込 intake: 3 つの基幹システムのファイルを、それぞれの形のまま")
    for fund, path in _files(jobs, plan):
        _told(say, jobs.intake(path, fund.profile, municipality=plan.municipality_code), f"{fund.ja}（{path.name}）")


def _told(say: Say, result: dict[str, Any], name: str) -> None:
    if result["duplicate_of"] is not None:
        say(f"   {name}: 取込済み（受付 {result['duplicate_of']}）")
        return
    say(
        f"   {name}: 読込 {result['read']:,}  受入 {result['accepted']:,}（追加 {result['created']:,} 更新 {result['updated']:,} "
        f"取消 {result['cancelled']:,}）{result['accepted_yen']:,} 円  拒否 {result['rejected']:,}"
    )
    for one in [told for told in result["problems"] if told["severity"] == "error"][:3]:
        say(f"     例 {one['line']} 行目「{one['ja']}」{one['message']} → {one['next']}")


def tell_gateway(jobs: Jobs, say: Say, title: str) -> None:
    """Submit until no outcome is unknown."""
    say(title)
    for _attempt in range(6):  # a lost answer is inquired about by the next run
        result = jobs.submit()
        say(
            f"   電文 {result['messages']:,} 通  納付書 {result['slips']:,} 件: 受付 {result['registered']:,}  不可 {result['refused']:,}  結果不明 {result['unknown']:,}"
        )
        if not result["unknown"]:
            return


def change(jobs: Jobs, plan: Plan, say: Say) -> None:
    """A day later: amounts change, bills are cancelled, slips are re-issued; the first file comes once more by mistake."""
    say("3. 変更: 更正・取消・再発行、そして同じファイルの二度渡し")
    fund, count = plan.shares()[0]
    updated, cancelled, reissued = made.changes(fund, count, plan.bases())
    message = jobs.rooms.profile(fund.profile).message("billing")
    path = plan.folder(jobs) / f"{fund.fund_code}-changes.csv"
    core_files.put(path, message.writer([*updated, *cancelled], {}))
    _told(say, jobs.intake(path, fund.profile, municipality=plan.municipality_code), f"{fund.ja}の異動（{path.name}）")
    again = path.with_name(f"{fund.fund_code}-{fund.profile}.csv")
    _told(say, jobs.intake(again, fund.profile, municipality=plan.municipality_code), f"{again.name} をもう一度")
    marker = path.with_name("reissued.json")
    done = json.loads(marker.read_text()) if marker.exists() else []
    for bill in reissued[len(done) :]:
        done.append(jobs.reissue(bill.bill_key, "見本 担当", "見本 係長")["case_key"])
        core_files.put(marker, [json.dumps(done).encode()])
    say(f"   再発行 {len(done):,} 件（前の納付書は差替えになり、払われても見分けられる）")


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
        "次に: `fundlink verify`（約束の検査）、`fundlink serve`（API と画面）、`fundlink mock`（支払サイトの模擬。eL番号を入れて払ってみる）"
    )
    return {
        "ok": ok, **numbers, "outcomes": reconciled["outcomes"], "expected": books["outcomes"],
        "yen": sum(reconciled["outcomes_yen"].values()), "outcomes_yen": reconciled["outcomes_yen"], "expected_yen": books["outcomes_yen"],
        "days": reconciled["days"], "expected_days": books["days"], "municipality_code": plan.municipality_code, "day": plan.day,
        "scenario": plan.scenario, "seed": plan.seed, "home": str(jobs.rooms.folder),
    }  # fmt: skip


def difference(rooms: Rooms, plan: Plan, books: dict[str, Any]) -> dict[str, Any]:
    """Whether what we believe of a municipality is what the books of the other side say, to the yen."""
    with rooms.store.read() as connection:
        counts = outcomes.count_outcomes(connection, None, plan.municipality_code)
        states = days.newest(connection, None, plan.municipality_code)
    found = {name: [count, yen] for name, count, yen in counts}
    expected = {name: [count, books["outcomes_yen"][name]] for name, count in books["outcomes"].items()}
    return {"ok": found == expected and all(day.state == "tied" for day in states), "outcomes": found, "expected": expected}


_DAY_KEYS = ("day", "municipality_code", "fund_code", "receipts", "receipts_yen", "settled_yen", "fee_yen", "credited_yen")


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def counted(rooms: Rooms, plan: Plan) -> dict[str, int]:
    """Bills, slips and receipts of the demo's municipality as stored."""
    with rooms.store.read() as connection:
        return {
            name: int(
                connection.scalar(
                    sa.text(f"SELECT COUNT(*) FROM {table} WHERE municipality_code = :code"), {"code": plan.municipality_code}
                )
                or 0
            )
            for name, table in (("bills", "bill"), ("slips", "slip"), ("receipts", "receipt"))
        }
