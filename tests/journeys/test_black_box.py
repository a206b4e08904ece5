"""What a sceptical outsider found: numbers, files and words that must hold when something is wrong. Never looks into a room."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

import pytest

from tests.builders import CODE, World, bill, bills
from tests.journeys.test_unseen_profile_road import with_profiles

OTHER = "131016"


def standard(world: World, *records: Any) -> bytes:
    """A file of the standard profile."""
    return b"".join(world.jobs.rooms.profile("standard").message("billing").writer(list(records), {}))


def result_rows(told: dict[str, Any]) -> list[dict[str, str]]:
    """The row-result file of an intake."""
    return list(csv.DictReader(io.StringIO(Path(told["result_file"]).read_text("utf-8-sig"))))


def balanced(told: dict[str, Any]) -> bool:
    """read = accepted + rejected."""
    return bool(told["read"] == told["accepted"] + told["rejected"])


def test_numbers_of_a_quarantined_file_balance(world: World) -> None:
    foreign = world.intake_bytes(standard(world, bill(1)), municipality=OTHER)
    assert (foreign["quarantined"], [told["code"] for told in foreign["problems"]]) == (True, ["FL-MUN-001"])
    assert balanced(foreign)
    rooms = world.jobs.rooms
    late = world.intake_bytes(standard(world, *bills(rooms.chunk_rows + 5)) + b"\xff\xff\r\n", name="late.csv")
    assert late["quarantined"]
    assert balanced(late)


def test_the_row_result_file_of_a_quarantined_file_says_why(world: World) -> None:
    body = standard(world, bill(1), bill(2)) + b"\xff\r\n"
    told = world.intake_bytes(body)
    assert [(row["行"], row["結果"], row["コード"]) for row in result_rows(told)] == [("4", "9", "FL-CSV-002")]


@pytest.mark.parametrize("name", [b"x\xff.csv", b"a\nb\x1b[31m.csv"])
def test_a_name_that_is_no_text_is_kept_readable(world: World, name: bytes) -> None:
    path = Path(os.fsdecode(os.path.join(os.fsencode(world.folder), name)))  # noqa: PTH118 - bytes, no Path
    path.write_bytes(standard(world, bill(1)))
    told = world.jobs.intake(path, "standard")
    assert told["created"] == 1
    assert told["file"]["name"].isprintable()


BILLING = """record,no,name,ja,kind,form,width,unit,need,codes,path,source
data,1,municipality_code,団体コード,digit,plain,6,digit,required,,,
data,2,fund_code,科目,code,,2,char,required,1=601;2=602,,
data,3,levy_year,賦課年度,year,western,4,digit,required,,,
data,4,notice_number,通知書番号,alnum,,20,char,required,,,
data,5,installment,期別,digit,plain,2,digit,required,,,
data,6,charge_yen,料額,yen,plain,9,digit,required,,,
data,7,due_on,納期限,date,iso,10,char,required,,,
"""
NARROW = """record,no,name,ja,kind,form,width,unit,need,codes,path,source
data,1,fund_code,科目,code,,2,char,required,1=601,,
data,2,notice_number,通知書番号,alnum,,20,char,required,,,
data,3,paid_yen,収納額,yen,plain,9,digit,required,,,
data,4,entry_number,連番,digit,plain,12,digit,required,,,
"""
TOML = """[profile]
name = "narrow"
label = "足りない様式"
edition = "1"
[billing]
form = "delimited"
layout = "billing.csv"
encoding = "utf-8"
newline = "lf"
header = false
delimiter = ","
[clearing]
form = "delimited"
layout = "clearing.csv"
encoding = "utf-8"
newline = "lf"
header = true
delimiter = ","
"""


def test_an_entry_that_its_profile_cannot_write_holds_up_nobody_else(world: World, tmp_path: Path) -> None:
    world = with_profiles(world, narrow={"profile": TOML, "billing": BILLING, "clearing": NARROW})
    line = f"{CODE},{{}},2026,{bill(9).notice_number},01,1009,2026-11-30\n"
    world.intake_bytes(line.format(2).encode(), profile="narrow", name="n.csv")
    world.intake(bills(2))
    world.jobs.submit()
    [(case_key, confirmation)] = world.sql("SELECT s.case_key, s.confirmation_number FROM slip s WHERE s.case_key LIKE '602%'")
    world.receive([world.paid(1, "T1"), world.paid(2, "T2")])
    narrow = world.paid(1, "T9")._replace(case_key=case_key, confirmation_number=confirmation, fund_code="602", amount_yen=1009)
    world.receive([narrow])
    world.jobs.reconcile()
    told = world.jobs.export(tmp_path / "out")
    assert [path.name.split("-")[2] for path in map(Path, told["paths"]) if path.name.startswith("clearing")] == ["standard"]
    assert (told["entries"], told["yen"]) == (2, 2003)
    [found] = told["problems"]
    assert (found["code"], found["field"], found["ja"]) == ("FL-EXP-001", "fund_code", "科目")
    assert "narrow" in found["message"]
    assert "T9" in found["message"]
    world = with_profiles(world, narrow={"clearing": NARROW.replace("1=601", "1=601;2=602")})
    again = world.jobs.export(tmp_path / "out")
    assert (again["entries"], again["yen"], again["problems"]) == (1, 1009, [])
    assert Path(again["paths"][0]).read_text("utf-8").splitlines()[1].startswith(f"2,{bill(9).notice_number},1009,")


def test_a_payment_of_a_bill_brought_to_zero_was_paid_after_cancel(world: World) -> None:
    """A total of 0 cancels the slip at the gateway; the other side's books call what is paid then by the same name."""
    world.intake([bill(1)])
    world.jobs.submit()
    assert world.intake([bill(1, charge_yen=0)], name="zero.csv")["updated"] == 1
    assert world.jobs.submit()["registered"] == 1
    world.receive([world.paid(1, "T1")])
    assert world.jobs.reconcile()["outcomes"] == {"paid_after_cancel": 1}
