"""Profiles that fundlink has never seen, written from the contract alone: their bills go the whole road and come back in their own form.

The files are built byte by byte here, not by fundlink, and what is exported is taken apart by hand.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import xlsxwriter
from lxml import etree
from python_calamine import CalamineWorkbook

from fundlink import bootstrap
from fundlink.config import Settings
from fundlink.domain.records import ReceiptRecord
from fundlink.jobs import Jobs
from tests.builders import CODE, INSTITUTION, World, receipt

COLUMNS = "record,no,name,ja,kind,form,width,unit,need,codes,path,source"


def with_profiles(world: World, **profiles: dict[str, str]) -> World:
    """The same adapter, which also knows these profiles: file name without its ending, and its text."""
    for name, files in profiles.items():
        folder = world.folder / "profiles" / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            path = folder / (f"{file}.toml" if file == "profile" else f"{file}.csv")
            path.write_text(text, encoding="utf-8")
    rooms = world.jobs.rooms
    loader = bootstrap.profile_loader(Settings(home=rooms.folder, profiles=world.folder / "profiles"))
    return world._replace(jobs=Jobs(replace(rooms, profile=loader)))


def toml(name: str, **keys: str) -> str:
    """A profile.toml with the same keys for billing and clearing."""
    lines = [f"{key} = {value}" for key, value in keys.items()]
    about = f'[profile]\nname = "{name}"\nlabel = "{name}"\nedition = "1"\n'
    return about + "".join("\n".join([f"[{kind}]", f'layout = "{kind}.csv"', *lines, ""]) for kind in ("billing", "clearing"))


def layout(*rows: str) -> str:
    """A layout; each row is ``record name ja kind form width unit need codes path`` with ``-`` for nothing."""
    numbers: dict[str, int] = {}
    lines = [COLUMNS]
    for row in rows:
        record, *rest = ["" if word == "-" else word for word in row.split()]
        numbers[record] = numbers.get(record, 0) + 1
        lines.append(",".join([record, str(numbers[record]), *rest, *[""] * (9 - len(rest)), "p.1"]))
    return "\n".join(lines) + "\n"


# --- fixed length, CP932, several groups before one end, control totals, era dates, inline codes
KAWABE = {
    "profile": toml("kawabe", form='"fixed"', encoding='"cp932"', newline='"none"'),
    "billing": layout(
        "header _kubun データ区分 const - 1 byte required 1",
        "header municipality_code 団体コード digit zero 6 byte required",
        "header _made_on 作成日 date ymd 8 byte optional",
        "header record_count 件数 count zero 7 byte required",
        "header _yobi 予備 filler - 78 byte optional",
        "data _kubun データ区分 const - 1 byte required 2",
        "data fund_code 料目 code - 2 byte required 21=602;23=601;A1=631",
        "data levy_year 賦課年度 year western 4 byte required",
        "data notice_number 通知書番号 alnum space 16 byte required",
        "data installment 期別 digit zero 2 byte required",
        "data charge_yen 料額 yen zero 9 byte required",
        "data late_charge_yen 延滞金 yen zero 7 byte required",
        "data due_on 納期限 date wareki7 7 byte required",
        "data payer_kana カナ氏名 kana half 20 byte optional",
        "data payer_name 氏名 text space 20 byte optional",
        "data action 異動 code - 1 byte required A=1;D=9",
        "data _yobi 予備 filler - 11 byte optional",
        "trailer _kubun データ区分 const - 1 byte required 8",
        "trailer record_count 合計件数 count zero 7 byte required",
        "trailer _goukei 合計金額 sum zero 12 byte required",
        "trailer _yobi 予備 filler - 80 byte optional",
        "end _kubun データ区分 const - 1 byte required 9",
        "end _all 総件数 count all 8 byte required",
        "end _yobi 予備 filler - 91 byte optional",
    ),
    "clearing": layout(
        "header _kubun データ区分 const - 1 byte required 1",
        "header municipality_code 団体コード digit zero 6 byte required",
        "header _yobi 予備 filler - 93 byte optional",
        "data _kubun データ区分 const - 1 byte required 2",
        "data fund_code 料目 code - 2 byte required 21=602;23=601;A1=631",
        "data levy_year 賦課年度 year western 4 byte required",
        "data notice_number 通知書番号 alnum space 16 byte required",
        "data installment 期別 digit zero 2 byte required",
        "data paid_yen 収納額 yen zero 11 byte required",
        "data late_charge_paid_yen 延滞金収納額 yen zero 7 byte required",
        "data paid_on 領収日 date wareki7 7 byte required",
        "data stage 仮消区分 code - 1 byte required 0=0;1=1;9=9",
        "data entry_number 連番 digit zero 10 byte required",
        "data payer_kana カナ氏名 kana half 20 byte optional",
        "data _yobi 予備 filler - 19 byte optional",
        "trailer _kubun データ区分 const - 1 byte required 8",
        "trailer record_count 合計件数 count zero 7 byte required",
        "trailer _goukei 合計金額 sum zero 12 byte required paid_yen",
        "trailer _yobi 予備 filler - 80 byte optional",
        "end _kubun データ区分 const - 1 byte required 9",
        "end _all 総件数 count all 8 byte required",
        "end _yobi 予備 filler - 91 byte optional",
    ),
}


def kawabe_row(fund: str, notice: str, yen: tuple[int, int], kana: str, name: str) -> bytes:
    shown = kana.encode("cp932").ljust(20) + name.encode("cp932").ljust(20)
    return f"2{fund}2026{notice:<16}01{yen[0]:09d}{yen[1]:07d}5081130".encode() + shown + b"A" + b" " * 11


def kawabe_group(*rows: bytes) -> bytes:
    total = sum(int(row[25:34]) + int(row[34:41]) for row in rows)
    return f"1{CODE}20261120{len(rows):07d}".encode().ljust(100) + b"".join(rows) + f"8{len(rows):07d}{total:012d}".encode().ljust(100)


def kawabe_file() -> bytes:
    first = kawabe_group(kawabe_row("21", "N1", (12000, 0), "ﾔﾏﾀﾞ ﾀﾛｳ", "表　能髙"), kawabe_row("A1", "N2", (500, 30), "", ""))
    second = kawabe_group(kawabe_row("23", "N3", (999_999_999, 0), "", "ソ―～－"))
    return first + second + b"9%08d" % 8 + b" " * 91


def kawabe_back(raw: bytes) -> list[tuple[str, ...]]:
    assert len(raw) % 100 == 0
    head, *rows, trailer, end = (raw[at : at + 100] for at in range(0, len(raw), 100))
    assert head == f"1{CODE}".encode().ljust(100)
    assert trailer == f"8{len(rows):07d}{sum(int(row[25:36]) for row in rows):012d}".encode().ljust(100)
    assert end == f"9{len(rows) + 3:08d}".encode().ljust(100)
    assert all(re.fullmatch(rb"[12389][0-9]{3}2026.{16}01[0-9]{18}5081120[019][0-9]{10} {39}", b"2000" + row[3:]) for row in rows)
    return sorted((row[1:3].decode(), row[7:23].decode().rstrip(), str(int(row[25:36])), row[43:50].decode()) for row in rows)


# --- delimited, CP932, another delimiter, no header line, era dates, full-width kana
UMINO = {
    "profile": toml("umino", form='"delimited"', encoding='"cp932"', newline='"crlf"', header="false", delimiter='"|"'),
    "billing": layout(
        "data municipality_code 団体コード digit plain 6 digit required",
        "data fund_code 料目 code - 2 char required K1=601;K2=602",
        "data levy_year 賦課年度 year western 4 char required",
        "data notice_number 通知書番号 alnum - 16 char required",
        "data installment 期 digit plain 2 digit required",
        "data charge_yen 料額 yen plain 9 digit required",
        "data due_on 納期限 date wareki 20 char required",
        "data payable_until 使用期限 date wareki6 6 digit optional",
        "data payer_name 氏名 text - 40 char optional",
        "data payer_kana カナ kana full 60 char optional",
        "data _memo 備考 text - 40 char optional",
        "data core_key 連携キー alnum - 32 char optional",
    ),
    "clearing": layout(
        "data fund_code 料目 code - 2 char required K1=601;K2=602",
        "data notice_number 通知書番号 alnum - 16 char required",
        "data charge_paid_yen 料 yen plain 11 digit required",
        "data paid_on 領収日 date wareki 20 char required",
        "data booked_on 収入日 date wareki6 6 digit optional",
        "data core_key 連携キー alnum - 32 char optional",
        "data _blank 空 text - 5 char optional",
        "data entry_number 連番 digit plain 12 digit required",
        "data outcome 結果 text - 30 char optional",
    ),
}
UMINO_FILE = (
    "990019|K1|2026|0000000000000101|01|1000|令和 8年11月30日|090131|山田　太郎|ヤマダ　タロウ|メモ|CK1\r\n"
    '990019|K2|2026|102|01|2000|R8.11.30||||"a|b"|CK2\r\n'
)


def umino_back(raw: bytes) -> list[tuple[str, ...]]:
    lines = [line.split("|") for line in raw.decode("cp932").split("\r\n")[:-1]]
    assert all(len(line) == 9 and line[6] == "" and line[8] == "matched" and line[4] == "081120" for line in lines)
    assert [line[5] for line in sorted(lines)] == ["CK1", "CK2"]
    return sorted((line[0], line[1], line[2], line[3]) for line in lines)


# --- a workbook
XLTOWN = {
    "profile": toml("xltown", form='"xlsx"', header="true"),
    "billing": layout(
        "data municipality_code 団体コード digit plain 6 digit required",
        "data fund_code 公金種目 code - 3 char required fund_codes",
        "data levy_year 年度 year western 4 digit required",
        "data notice_number 許可番号 alnum - 20 char required",
        "data installment 期 digit plain 2 digit required",
        "data charge_yen 占用料 yen plain 11 digit required",
        "data due_on 納期限 date iso 10 char required",
        "data payer_name 氏名 text - 80 char optional",
    ),
    "clearing": layout(
        "data fund_code 公金種目 code - 3 char required fund_codes",
        "data notice_number 許可番号 alnum - 20 char required",
        "data paid_yen 収納額 yen plain 11 digit required",
        "data paid_on 領収日 date iso 10 char required",
        "data entry_number 連番 digit plain 12 digit required",
    ),
}


def xltown_file() -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet()
    rows: list[list[str | int]] = [
        ["氏名", "団体コード", "公金種目", "年度", "許可番号", "期", "占用料", "納期限"],  # in any order
        ["電力", CODE, "611", 2026, "A-1", "00", 1000, "2026-11-30"],
        ["=1+1", CODE, 611, "2026", "A-2", "00", "2000", "2026-11-30"],
    ]
    for at, row in enumerate(rows):
        for column, value in enumerate(row):
            (sheet.write_string if isinstance(value, str) else sheet.write_number)(at, column, value)
    book.close()
    return out.getvalue()


def xltown_back(raw: bytes) -> list[tuple[str, ...]]:
    head, *rows = CalamineWorkbook.from_filelike(io.BytesIO(raw)).get_sheet_by_index(0).to_python()
    assert head == ["公金種目", "許可番号", "収納額", "領収日", "連番"]
    return sorted((str(row[0]), str(row[1]), str(int(float(str(row[2])))), str(row[3])) for row in rows)


# --- XML with nothing but paths
XMLTOWN = {
    "profile": toml("xmltown", form='"xml"', encoding='"utf-8"'),
    "billing": layout(
        "header municipality_code 団体コード digit plain 6 digit required - Bills/Head/City",
        "header record_count 件数 count - 7 digit required - Bills/Head/Count",
        "header _sum 合計 sum - 15 digit required - Bills/Head/Sum",
        "data fund_code 公金種目 code - 3 char required 1=601;2=602 Bills/Bill/Fund",
        "data levy_year 年度 year western 4 digit required - Bills/Bill/Year",
        "data notice_number 通知書番号 alnum - 20 char required - Bills/Bill/No",
        "data installment 期 digit plain 2 digit required - Bills/Bill/No/@ki",
        "data charge_yen 料額 yen plain 11 digit required - Bills/Bill/Yen",
        "data due_on 納期限 date iso 10 char required - Bills/Bill/Due",
        "data payer_name 氏名 text - 80 char optional - Bills/Bill/Payer/Name",
    ),
    "clearing": layout(
        "header municipality_code 団体コード digit plain 6 digit required - Entries/Head/City",
        "header record_count 件数 count - 7 digit required - Entries/Head/Count",
        "data fund_code 公金種目 code - 3 char required 1=601;2=602 Entries/Entry/Fund",
        "data notice_number 通知書番号 alnum - 20 char required - Entries/Entry/No",
        "data paid_yen 収納額 yen plain 11 digit required - Entries/Entry/Paid",
        "data paid_on 領収日 date iso 10 char required - Entries/Entry/On",
        "data entry_number 連番 digit plain 12 digit required - Entries/Entry/Seq",
    ),
}
XMLTOWN_FILE = f"""<?xml version="1.0" encoding="utf-8"?>
<Bills><Head><City>{CODE}</City><Count>2</Count><Sum>3000</Sum></Head>
<Bill><Fund>1</Fund><Year>2026</Year><No ki="01">X1</No><Yen>1000</Yen><Due>2026-11-30</Due><Payer><Name>山田 &lt;髙&gt;</Name></Payer></Bill>
<Bill><Fund>2</Fund><Year>2026</Year><No ki="01">X2</No><Yen>2000</Yen><Due>2026-11-30</Due></Bill></Bills>
"""


def xmltown_back(raw: bytes) -> list[tuple[str, ...]]:
    root = etree.fromstring(raw)
    rows = root.findall("Entry")
    assert (root.tag, root.findtext("Head/City"), root.findtext("Head/Count")) == ("Entries", CODE, str(len(rows)))
    return sorted(tuple(str(row.findtext(name)) for name in ("Fund", "No", "Paid", "On")) for row in rows)


class Town(NamedTuple):
    """A vendor: the profile, a file, the clearing taken apart, and what must stand in it."""

    profile: dict[str, str]
    file: bytes
    back: Callable[[bytes], list[tuple[str, ...]]]
    expected: list[tuple[str, ...]]
    yen: int


TOWNS = {
    "kawabe": Town(KAWABE, kawabe_file(), kawabe_back, [("21", "N1", "12000", "5081120"), ("23", "N3", "999999999", "5081120"), ("A1", "N2", "530", "5081120")], 1_000_012_529),
    "umino": Town(UMINO, UMINO_FILE.encode("cp932"), umino_back, [("K1", "0000000000000101", "1000", "R8.11.20"), ("K2", "102", "2000", "R8.11.20")], 3000),
    "xltown": Town(XLTOWN, xltown_file(), xltown_back, [("611", "A-1", "1000", "2026-11-20"), ("611", "A-2", "2000", "2026-11-20")], 3000),
    "xmltown": Town(XMLTOWN, XMLTOWN_FILE.encode(), xmltown_back, [("1", "X1", "1000", "2026-11-20"), ("2", "X2", "2000", "2026-11-20")], 3000),
}  # fmt: skip


def all_paid(world: World) -> list[ReceiptRecord]:
    """A receipt for every slip there is."""
    slips = world.sql(
        "SELECT s.case_key, s.confirmation_number, v.fund_code, v.total_yen FROM slip s JOIN bill b ON b.id = s.bill_id JOIN bill_version v ON v.id = b.id"
    )
    return [
        receipt(f"T{number}", str(case), str(confirmation), fund_code=str(fund), amount_yen=int(yen), institution_code=INSTITUTION)
        for number, (case, confirmation, fund, yen) in enumerate(slips)
    ]


def counts(told: dict[str, Any]) -> tuple[int, ...]:
    return tuple(told[name] for name in ("read", "accepted", "created", "rejected", "accepted_yen"))


@pytest.mark.parametrize("name", TOWNS)
def test_the_whole_road_in_a_form_never_seen_before(world: World, tmp_path: Path, name: str) -> None:
    town = TOWNS[name]
    world = with_profiles(world, **{name: town.profile})
    assert bootstrap_check(world.folder / "profiles" / name) == []
    rehearsed = world.intake_bytes(town.file, profile=name, name="bills", dry_run=True)
    assert world.sql("SELECT COUNT(*) FROM bill") == [(0,)]
    taken = world.intake_bytes(town.file, profile=name, name="bills")
    rows = len(town.expected)
    assert counts(taken) == counts(rehearsed) == (rows, rows, rows, 0, town.yen)
    assert taken["problems"] == []
    assert world.intake_bytes(town.file, profile=name, name="again")["duplicate_of"] == taken["file_id"]
    sent = world.jobs.submit()
    assert (sent["slips"], sent["registered"]) == (rows, rows)
    assert world.receive(all_paid(world))["receipts"] == rows
    assert world.jobs.reconcile()["outcomes"] == {"matched": rows}
    handed = world.jobs.export(tmp_path / "out")
    assert (handed["entries"], handed["yen"], handed["problems"]) == (rows, town.yen, [])
    [path] = [Path(path) for path in handed["paths"] if Path(path).name.startswith("clearing")]
    assert town.back(path.read_bytes()) == town.expected
    assert world.jobs.export(tmp_path / "out")["files"] == 0


def bootstrap_check(folder: Path) -> list[Any]:
    """The faults that `fundlink profile check` names; remarks stop nothing."""
    from fundlink.formats.profiles import check_profile

    return [told for told in check_profile(folder, bootstrap.codes_folder()) if told.severity == "error"]


WHOLE_FAULTS: dict[str, list[tuple[Callable[[bytes], bytes], str]]] = {
    "kawabe": [
        (lambda raw: raw[:-137], "FL-FIX-008"),
        (lambda raw: raw.replace(b"80000002", b"80000003"), "FL-CTL-001"),
        (lambda raw: raw.replace(b"000000012530", b"000000012531"), "FL-CTL-001"),
        (lambda raw: raw.replace(b"900000008", b"900000007"), "FL-CTL-001"),
        (lambda raw: raw[:250] + raw[251:], "FL-FIX-001"),
        (lambda raw: raw[100:], "FL-FIX-006"),
    ],
    "umino": [(lambda raw: raw.decode("cp932").encode("utf-8"), "FL-CSV-002"), (lambda raw: raw + b'"open', "FL-CSV-003"), (lambda _: b"", "FL-CSV-001")],
    "xltown": [(lambda raw: raw[:500], "FL-FIL-003"), (lambda _: b"", "FL-CSV-001")],
    "xmltown": [
        (lambda raw: raw.replace(b"<Sum>3000", b"<Sum>3001"), "FL-SEM-001"),
        (lambda raw: raw.replace(b"<Count>2", b"<Count>1"), "FL-SEM-001"),
        (lambda raw: raw[:-20], "FL-XML-009"),
        (lambda raw: raw.replace(b"<Bills>", b"<!DOCTYPE x><Bills>"), "FL-XML-001"),
        (lambda raw: raw.replace(b"<Yen>", b"<New/><Yen>", 1), "FL-XML-007"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", TOWNS)
def test_faults_of_a_whole_file_leave_no_bill_and_the_right_file_still_goes_in(world: World, name: str) -> None:
    town = TOWNS[name]
    world = with_profiles(world, **{name: town.profile})
    for spoil, code in WHOLE_FAULTS[name]:
        told = world.intake_bytes(spoil(town.file), profile=name, name="bad")
        assert (told["quarantined"], told["read"], told["accepted"], told["rejected"]) == (True, 0, 0, 0)
        assert code in [found["code"] for found in told["problems"]]
        assert all(found["next"] and found["message"] for found in told["problems"])
        again = world.intake_bytes(spoil(town.file), profile=name, name="bad again")
        assert (again["quarantined"], again["duplicate_of"]) == (True, None)
    foreign = world.intake_bytes(town.file, profile=name, name="bills", municipality="131016")
    assert [found["code"] for found in foreign["problems"]] == ["FL-MUN-001"]
    assert world.sql("SELECT COUNT(*) FROM bill") == [(0,)]
    assert counts(world.intake_bytes(town.file, profile=name, name="bills"))[2] == len(town.expected)
