"""close, day and paper as commands: words, exit codes, one JSON object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.books.days import NEXT, settled
from tests.builders import CODE, DAY, World, bill, world
from tests.cli.conftest import Run


@pytest.fixture
def tied(tmp_path: Path, home: Path) -> Iterator[World]:
    """The home of the commands, filled with a day that ties and one that does not."""
    found = world(tmp_path)
    found.intake([bill(1), bill(2), bill(3, due_on=DAY)])
    found.jobs.submit()
    found.receive([found.paid(1, "T1"), found.paid(2, "T2", booked_on=NEXT)])
    found.jobs.reconcile()
    settled(found, 1001)
    yield found
    found.jobs.rooms.close()


def test_two_persons_close_a_day_in_two_steps(run: Run, tied: World) -> None:
    said = run("close", "prepare", DAY, "--as", "佐藤")
    assert said.code == 0
    assert "一致" in said.out
    assert "601 000 2026年度 現年度 収納: 1 件 1,001 円（2026-11-20）" in said.out
    said = run("close", "approve", DAY, "--as", "佐藤")
    assert said.code == 1
    assert "FL-DAY-012" in said.out
    rehearsed = run("close", "approve", DAY, "--as", "鈴木", "--dry-run", "--json").json
    said = run("close", "approve", DAY, "--as", "鈴木", "--json")
    assert said.code == 0
    assert said.json == rehearsed
    assert said.json["closed"] == [{"municipality_code": CODE, "fund_code": "601", "receipts_yen": 1001}]


def test_one_call_closes_and_a_reason_overrides(run: Run, tied: World) -> None:
    assert run("close", DAY, "--as", "a", "--approved-by", "b").code == 0
    assert run("close", NEXT, "--as", "a", "--approved-by", "b").code == 1
    said = run("close", NEXT, "--as", "a", "--approved-by", "b", "--override", "払込の通知待ち")
    assert (said.code, said.out.splitlines()[0]) == (0, f"{NEXT}: 締めた公金種目 1  締め済み 0  締められない 0")


@pytest.mark.parametrize(
    "words",
    [
        ("close", DAY, "--as", "a"), ("close", "2026-11-31", "--as", "a", "--approved-by", "b"), ("close", "undo", DAY, "--as", "a"),
        ("close", "prepare", "--as", "a"), ("close", "prepare", DAY, "--as", "a", "--approved-by", "b"),
        ("close", "approve", DAY, "--as", "a", "--override", "x"), ("close", DAY, NEXT, "--as", "a", "--approved-by", "b"), ("day", "x"),
        ("paper", "day-sheet", "--out", "x.csv"), ("paper", "day-sheet", "--day", DAY, "--form", "pdf", "--out", "x"),
        ("paper", "month-sheet", "--month", "2026-13", "--out", "x"), ("paper", "nothing", "--day", DAY, "--out", "x"),
    ],
)  # fmt: skip
def test_wrong_usage_is_told_in_one_line(run: Run, words: tuple[str, ...]) -> None:
    said = run(*words)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)


def test_what_came_after_the_close_is_shown(run: Run, tied: World) -> None:
    run("close", DAY, "--as", "a", "--approved-by", "b")
    assert "締めたあとに分かったことはありません" in run("day", DAY, "--diff").out
    tied.receive([tied.paid(3, "T3")])
    tied.jobs.reconcile()
    said = run("day", DAY, "--diff")
    assert "追加 T3: なし → 収納 1,003 円（次に締める日 の帳簿で訂正）" in said.out
    assert run("day", DAY, "--diff", "--json").json["municipalities"][0]["diff"]["added"][0]["transaction_key"] == "T3"
    assert run("reconcile", "--dry-run", "--json").json == run("reconcile", "--json").json


def test_a_paper_is_written_to_a_file(run: Run, tied: World, tmp_path: Path) -> None:
    out = tmp_path / "sheet.json"
    said = run("paper", "day-sheet", "--day", DAY, "--form", "json", "--out", out)
    assert said.code == 0
    assert f"日計表 {DAY} {CODE}: 1 行" in said.out
    assert "注: 未締め" in said.out
    assert json.loads(out.read_text("utf-8"))["foot"]["total_yen"] == 1001
    told = run("paper", "unpaid", "--day", DAY, "--out", tmp_path / "u.csv", "--json").json
    assert (told["rows"], told["foot"]["unpaid_yen"]) == (1, 1003)
