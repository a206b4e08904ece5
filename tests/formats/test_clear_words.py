"""Words that a clerk understands: which record is too short, which codes may stand, what about a total that cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from fundlink.formats.profiles import Message, load_profile
from tests.formats import unseen
from tests.formats.shelf import CODES, message, read

TOML = unseen.TOML.replace('"crlf"', '"none"')
LAYOUT = """record,no,name,ja,kind,form,width,unit,need,codes,path,source
header,1,_rec,レコード区分,const,,1,byte,required,H,,
header,2,municipality_code,団体コード,digit,,6,byte,required,,,
header,3,_pad,予備,filler,,33,byte,,,,
data,1,_rec,レコード区分,const,,1,byte,required,D,,
data,2,fund_code,科目,code,,2,byte,required,01=601;02=602,,
data,3,levy_year,年度,year,western,4,byte,required,,,
data,4,notice_number,番号,alnum,space,8,byte,required,,,
data,5,installment,期別,digit,zero,2,byte,required,,,
data,6,charge_yen,料額,yen,zero,9,byte,required,,,
data,7,due_on,納期限,date,ymd,8,byte,optional,,,
data,8,_pad,予備,filler,,6,byte,,,,
trailer,1,_rec,レコード区分,const,,1,byte,required,T,,
trailer,2,_count,件数,count,zero,7,byte,required,,,
trailer,3,_sum,合計,sum,zero,12,byte,required,,,
trailer,4,_pad,予備,filler,,20,byte,,,,
"""
HEADER = b"H131016".ljust(40)
ROWS = [(b"D012026N%07d01%09d20261130" % (number, 100)).ljust(40) for number in (1, 2, 3)]
TRAILER = (b"T%07d%012d" % (3, 300)).ljust(40)


@pytest.fixture
def billing(tmp_path: Path) -> Message:
    return load_profile(unseen.write_profile(tmp_path / "p", TOML, chotei=LAYOUT), CODES).message("billing")


def file_of(*rows: bytes) -> bytes:
    return HEADER + b"".join(row.ljust(40) for row in rows) + TRAILER


def told(found: Message, raw: bytes) -> list[tuple[str, int | None, str | None, str]]:
    outcome = read(found, raw)
    return [(one.code, one.line, one.place, one.as_json()["message"]) for one in (*outcome.quarantined, *outcome.problems)]


def test_the_layout_reads(billing: Message) -> None:
    assert read(billing, file_of(*ROWS)).codes == []


@pytest.mark.parametrize("by", [-1, 1, -3])
def test_f01_the_record_of_another_length_is_named_also_without_line_ends(billing: Message, by: int) -> None:
    raw = file_of(*ROWS)
    broken = raw[:100] + (b" " * by if by > 0 else b"") + raw[100 - min(by, 0) :]
    assert told(billing, broken) == [("FL-FIX-001", 3, "byte 81", f"レコード長が違います（40 バイトのところ {40 + by} バイト）。")]


def test_a_record_of_an_unknown_kind_is_not_one_of_another_length(billing: Message) -> None:
    raw = file_of(*ROWS)
    assert told(billing, raw[:80] + b"X" + raw[81:]) == [
        ("FL-FIX-006", 3, "byte 81", "レコードの並び順が違います（レコード 3 の種別が分かりません）。")
    ]


def test_an_amount_that_cannot_be_read_says_what_about_the_total(billing: Message) -> None:
    words = told(billing, file_of(ROWS[0].replace(b"000000100", b"      100"), *ROWS[1:]))
    assert [code for code, *_ in words] == ["FL-FIX-007", "FL-CTL-001"]
    assert "読めない金額" in words[1][3]
    assert "?" not in words[1][3]


def test_codes_that_may_stand_are_named_not_their_list(billing: Message) -> None:
    [(code, *_, words)] = told(billing, file_of(ROWS[0].replace(b"D01", b"D09"), *ROWS[1:]))
    assert (code, words) == ("FL-CODE-001", "コード表にない値です（使える値: 01・02）。")
    body = message("standard").sample_file(1, 1).decode().splitlines(keepends=True)
    cells = body[1].split(",")
    outcome = read(message("standard"), (body[0] + ",".join([cells[0], "999", *cells[2:]])).encode())
    assert outcome.problems[0].as_json()["message"].startswith("コード表にない値です（使える値: 601・602・603・")
