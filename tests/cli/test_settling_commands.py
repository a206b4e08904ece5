"""Bank files by hand and by drop folder, and the commands that explain and decide what pays a settlement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fundlink.domain.errors import ProblemError
from fundlink.domain.records import BankCreditRecord
from tests.builders import CODE, DAY, World, bills
from tests.cli.conftest import Run
from tests.cli.test_commands import write_bills
from tests.reconcile.test_settling_road import TRANSFER, begin, days, key, line, sound, standing

HEAD = "照会口座,番号,勘定日,起算日,出金金額,入金金額,小切手区分,残高,取引区分,明細区分,金融機関名,支店名,摘要"


def statement(path: Path, *rows: str) -> Path:
    """A CSV of the bank as a person saves it."""
    path.write_bytes("".join('"' + line.replace(",", '","') + '"\r\n' for line in (HEAD, *rows)).encode("cp932"))
    return path


def entry(number: int, yen: int, day: str = "令和8年11月26日") -> str:
    return f"本店 普通 1234567,{number},{day},,,{yen},,,振込,,,,ﾁﾎｳｾﾞｲｷﾖｳﾄﾞｳｷｺｳ"


def test_a_csv_of_the_bank_ties_the_day(world: World) -> None:
    begin(world, {"601": 1001, "602": 500})
    world.settle([line("601", 998, 3), line("602", 497, 3)])
    told = world.jobs.intake_bank(statement(world.folder / "bank.csv", entry(1, 1495), entry(2, 7)), "bank-csv", CODE)
    assert (told["read"], told["bank_credits"], told["duplicates"], told["quarantined"], told["problems"]) == (2, 2, 0, False, [])
    found = days(world)
    assert (found[DAY, "601"][2], found[DAY, "602"][2]) == ("tied", "tied")
    assert found[TRANSFER, ""] == (7, 0, "difference", "credit_without_settlement")
    again = world.jobs.intake_bank(world.folder / "bank.csv", "bank-csv", CODE)
    assert (again["bank_credits"], again["quarantined"], again["problems"][0]["code"]) == (0, False, "FL-DUP-002")
    assert again["duplicate_of"] is not None
    longer = world.jobs.intake_bank(statement(world.folder / "more.csv", entry(1, 1495), entry(2, 7), entry(3, 9)), "bank-csv", CODE)
    assert (longer["bank_credits"], longer["duplicates"]) == (1, 2)
    sound(world)


def test_a_bank_file_with_one_bad_row_changes_nothing_and_may_come_again(world: World) -> None:
    world.intake(bills(1))
    path = statement(world.folder / "bank.csv", entry(1, 500), entry(2, 500, "令和8年11月31日"))
    for _ in range(2):
        told = world.jobs.intake_bank(path, "bank-csv", CODE)
        assert (told["quarantined"], [one["code"] for one in told["problems"]]) == (True, ["FL-DATE-001"])
    assert world.sql("SELECT COUNT(*) FROM bank_credit") == [(0,)]
    assert world.sql("SELECT state, COUNT(*) FROM received_file WHERE source = 'bank' GROUP BY state") == [("quarantined", 2)]
    assert world.jobs.collect(retry=True)["quarantined"] == 0  # a person hands it in again
    assert world.jobs.intake_bank(statement(path, entry(1, 500), entry(2, 500)), "bank-csv", CODE)["bank_credits"] == 2


def test_a_zengin_file_comes_by_hand_too(world: World) -> None:
    world.intake(bills(1))
    message = world.jobs.rooms.profile("bank-zengin-03").message("bank_credit")
    record = BankCreditRecord("0001-001-1-1234567890", "00000001", "2026-10-06", "2026-10-06", 5, "1", "0", "", "", "", "")
    path = world.folder / "zengin.txt"
    path.write_bytes(b"".join(message.writer([record], message.sample_header(1))))
    assert world.jobs.intake_bank(path, "bank-zengin-03", CODE)["bank_credits"] == 1
    path.write_bytes(b"".join(message.writer([record._replace(booked_on="2026-11-06")], message.sample_header(1))))
    assert [one["code"] for one in world.jobs.intake_bank(path, "bank-zengin-03", CODE)["problems"]] == ["FL-BNK-002"]


@pytest.mark.parametrize(
    ("profile", "code", "told"), [("standard", CODE, "FL-BNK-003"), ("bank-csv", "131016", "FL-MUN-003"), ("none", CODE, "FL-PRF-001")]
)
def test_what_cannot_be_taken(world: World, profile: str, code: str, told: str) -> None:
    world.intake(bills(1))
    with pytest.raises(ProblemError) as refused:
        world.jobs.intake_bank(statement(world.folder / "bank.csv", entry(1, 5)), profile, code)
    assert [one.code for one in refused.value.problems] == [told]
    assert world.sql("SELECT COUNT(*) FROM received_file") == [(0,)]


def test_the_worker_takes_bank_files_from_a_drop_folder(world: World) -> None:
    world.intake(bills(1))
    folder = world.jobs.rooms.folder / "drop" / "bank-csv" / CODE
    folder.mkdir(parents=True)
    for name, row in (("good.csv", entry(1, 500)), ("bad.csv", "x,,,,,,,,,,,,")):
        statement(folder / name, row)
        (folder / f"{name}.done").touch()
    told: dict[str, Any] = world.jobs.round()
    assert [(one["file"]["name"], one["quarantined"]) for one in told["intake_bank"]] == [("bad.csv", True), ("good.csv", False)]
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == ["done/good.csv", "error/bad.csv"]
    assert world.sql("SELECT COUNT(*) FROM bank_credit") == [(1,)]


def test_the_commands(run: Run, home: Path, tmp_path: Path) -> None:
    assert run("intake", write_bills(tmp_path / "b.csv")).code == 0
    said = run("intake-bank", statement(tmp_path / "bank.csv", entry(1, 500)), "--municipality", CODE, "--json")
    assert (said.code, said.json["bank_credits"], said.json["files"][0]["profile"]) == (0, 1, "bank-csv")
    assert "入金 0 件" not in run("intake-bank", statement(tmp_path / "more.csv", entry(2, 5)), "--municipality", CODE).out
    assert run("intake-bank", statement(tmp_path / "bad.csv", "x,,,,,,,,,,,,"), "--municipality", CODE).code == 1
    assert run("intake-bank", tmp_path / "bank.csv", "--municipality", "12").code == 2
    assert run("explain-settlement", "--json").json == {"settlements": []}
    assert "払込はありません" in run("explain-settlement").out
    unknown = run("explain-settlement", "S1", "--json")
    assert (unknown.code, unknown.json["problems"][0]["code"]) == (1, "FL-SET-102")
    for verb in (("accept-settlement", "S1", "--suggestion", "x"), ("withdraw-settlement", "S1")):
        said = run(*verb, "--reason", "r", "--as", "a", "--approved-by", "b", "--json")
        assert (said.code, said.json["problems"][0]["code"]) == (1, "FL-SET-102")
        assert run(*verb, "--reason", "r", "--as", "a", "--approved-by", "a").code == 2


def test_the_words_of_an_explanation(world: World) -> None:
    from fundlink.cli.settling import _explained, _listed

    begin(world, {"601": 500})
    world.settle([line("601", 497, 3), line("602", 500)])
    world.jobs.intake_bank(statement(world.folder / "bank.csv", entry(1, 500)), "bank-csv", CODE)
    world.jobs.reconcile()
    listed = list(_listed(world.jobs.open_settlements()))
    assert [one.split("  ")[-1] for one in listed] == ["合う組合せ 1", "合う組合せ 1"]
    told = world.jobs.explain_settlement(key("601"))
    words = list(_explained(told))
    assert words[0] == f"払込 {key('601')}（第 1 版）  営業日 {DAY}  601  送金日 {TRANSFER}  払込 500 円 − 手数料 3 円 = 497 円"
    assert words[1:3] == ["清算されていません。", "候補（よく合う順。自動では決めません）:"]
    name = told["suggestions"][0]["suggestion"]
    assert words[3].startswith(f"  [{name}] {key('601')} 500 = 入金 {TRANSFER}#1 500（手数料 3 円は別払い）  金額が 1 円まで合う")
    world.jobs.accept_settlement(key("601"), name, reason="銀行に照会した", who="甲", approved_by="乙")
    words = list(_explained(world.jobs.explain_settlement(key("601"))))
    assert words[2] == "規則 SE-09: 2 人の確認で決めた組合せ  甲（承認 乙）理由: 銀行に照会した"
    world.settle([line("601", 490, 10, edition=2)])
    world.jobs.reconcile()
    words = list(_explained(world.jobs.explain_settlement(key("601"))))
    assert [rule for rule, _ in standing(world)] == ["SE-09"]  # gross is the same: the decision still holds
    world.settle([line("601", 490, edition=3)])
    world.jobs.reconcile()
    words = list(_explained(world.jobs.explain_settlement(key("601"))))
    assert words[1].startswith("前の清算: ")
    assert words[1].endswith("取下げ: 払込通知の新しい版が届いた）")
