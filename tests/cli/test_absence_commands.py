"""The commands about what has not come: Japanese tables, JSON, exit codes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.builders import CODE, DAY, World, bills
from tests.builders import world as build_world
from tests.cli.conftest import Run


@pytest.fixture
def town(run: Run, tmp_path: Path) -> World:
    """Three bills due on DAY in the home that the commands use."""
    early = build_world(tmp_path).at("2026-11-20T09:00:00")
    early.intake(bills(3, due_on=DAY, payable_until="2026-12-30"))
    early.jobs.submit()
    return early


def test_no_list_until_all_is_in_and_then_exactly_the_unpaid(run: Run, town: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ask = ("unpaid", "--until", DAY, "--municipality", CODE, "--out", out)
    refused = run(*ask, "--json")
    assert (refused.code, [told["code"] for told in refused.json["problems"]]) == (1, ["FL-WTM-001"])
    assert not out.exists()
    assert "2026-11-20 の収納ファイルが届いていません（予定、予定は 2026-11-24）" in run(*ask).err
    said = run("watermark", "--until", DAY)
    assert (said.code, "まだです" in said.out, "FL-WTM-001" in said.out) == (1, True, True)
    town.receive([town.paid(1, "T1")])
    assert run("watermark", "--until", DAY, "--json").json["municipalities"][0]["reasons"][0]["code"] == "FL-WTM-002"
    run("reconcile")
    said = run("watermark", "--until", DAY, "--json")
    assert (said.code, said.json["ok"], said.json["municipalities"][0]["complete_until"]) == (0, True, DAY)
    given = run(*ask, "--json")
    assert (given.code, given.json["bills"], given.json["yen"]) == (0, 2, 2005)
    path = out / f"unpaid-{CODE}-601-20261120.csv"
    assert given.json["files"] == [{"fund_code": "601", "path": str(path), "bills": 2, "yen": 2005}]
    with path.open(encoding="utf-8-sig", newline="") as stream:
        assert [row["連携キー"] for row in csv.DictReader(stream)] == ["K2", "K3"]
    assert "未納: 2 件 2,005 円" in run(*ask).out
    assert run("verify", "--json").json["ok"] is True


def test_expected_files_as_a_table(run: Run, town: World) -> None:
    lines = run("expected", "--until", DAY).out.splitlines()
    assert lines == [
        "2026-11-20 まで: 受信済み 0  予定 3  遅れ 0  未着 0  到着しない 0",
        f"2026-11-20 {CODE} 収納: 予定  予定日 2026-11-24",
        f"2026-11-20 {CODE} 払込通知: 予定  予定日 2026-11-24",
        f"2026-11-20 {CODE} 入金明細: 予定  予定日 2026-11-27",
    ]
    town.receive([])
    assert run("expected", "--day", DAY, "--json").json["counts"] == {"in": 1, "expected": 2, "late": 0, "missing": 0, "waived": 0}


def test_a_waiver_and_what_waits(run: Run, town: World) -> None:
    people = ("--as", "a", "--approved-by", "b", "--reason", "相手の休業")
    assert run("waive", DAY, "--municipality", CODE, *people, "--json").json["file"] is True
    assert run("waive", DAY, "--municipality", CODE, *people, "--json").json["problems"][0]["code"] == "FL-WTM-006"
    assert run("watermark", "--until", DAY).code == 0
    assert run("ageing").out == "長く止まっているものはありません。\n"


def test_old_things_are_told_with_what_to_do(run: Run, town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNDLINK_NOW", "2027-01-04T09:00:00+09:00")
    said = run("ageing", "--municipality", CODE)
    assert "支払期限を過ぎて未納の納付書: 3 件 3,006 円（限度 0 日）" in said.out
    assert said.out.count("2026-12-30 から") == 3


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["expected", "--day", "2026-02-30"], 2),
        (["watermark", "--until", "soon"], 2),
        (["unpaid", "--until", DAY, "--municipality", CODE], 2),
        (["unpaid", "--until", DAY, "--municipality", CODE, "--out", "out"], 1),
        (["watermark", "--municipality", "123456"], 1),
        (["waive", DAY, "--municipality", CODE, "--as", "a", "--approved-by", "a", "--reason", "r"], 2),
        (["waive", DAY, "--municipality", CODE, "--as", "a", "--approved-by", "b", "--reason", "r", "--kind", "x"], 2),
    ],
)
def test_a_mistake_is_one_line(run: Run, arguments: list[str], code: int) -> None:
    said = run(*arguments, "--json")
    assert said.code == code
    assert isinstance(said.json, dict)


def test_a_calendar_of_ones_own(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNDLINK_CALENDAR", str(tmp_path / "nowhere"))
    said = run("expected", "--json")
    assert (said.code, said.json["problems"][0]["code"]) == (78, "FL-CAL-001")
    monkeypatch.delenv("FUNDLINK_CALENDAR")
    monkeypatch.setenv("FUNDLINK_NOW", "2035-01-04T09:00:00+09:00")
    assert run("watermark", "--json").json["problems"][0]["code"] == "FL-CAL-002"
