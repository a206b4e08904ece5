"""Steps that every demo tells: taking the files of the core systems, telling the gateway, changes, and what came of it.

Called by play, month and crowd. Knows nothing of days; a step done before is told again and changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from fundlink.connectors import core_files
from fundlink.demo import bills as made
from fundlink.demo.plan import Plan, Say
from fundlink.jobs import Jobs
from fundlink.pipeline import Rooms
from fundlink.store import days, outcomes


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


def difference(rooms: Rooms, plan: Plan, books: dict[str, Any]) -> dict[str, Any]:
    """Whether what we believe of a municipality is what the books of the other side say, to the yen."""
    with rooms.store.read() as connection:
        counts = outcomes.count_outcomes(connection, None, plan.municipality_code)
        states = days.newest(connection, None, plan.municipality_code)
    found = {name: [count, yen] for name, count, yen in counts}
    expected = {name: [count, books["outcomes_yen"][name]] for name, count in books["outcomes"].items()}
    return {"ok": found == expected and all(day.state == "tied" for day in states), "outcomes": found, "expected": expected}


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
