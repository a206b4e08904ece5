"""A department without any system: numbers that nobody else has, one bill a number however often it is sent, the corrected name on paper."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pypdfium2
import pytest
import zxingcpp

from fundlink.desk import find_bill, small_funds
from fundlink.desk.payers import Looker
from fundlink.desk.small_funds import Asked, Sent
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.formats import elqr, xlsx
from fundlink.jobs import sheets
from fundlink.store.sheets import Draft
from tests.builders import CODE, World
from tests.workbooks import filled, rows

LINE = 9
RIGHT: dict[str, Any] = {
    "氏名": "見本電柱株式会社",
    "郵便番号": "1000001",
    "住所": "東京都千代田区",
    "料額": 12_000,
    "納期限": dt.date(2026, 12, 25),
}


def template(world: World, lines: int = 5, **changed: Any) -> bytes:
    return world.jobs.template(Asked(CODE, "611", 2026, "110", lines)._replace(**changed), "tanto")


def looked(world: World, raw: bytes, name: str = "占用.xlsx") -> Draft:
    number = sheets.look(world.jobs, Sent(name, raw), "tanto", scope=EVERYWHERE)
    return small_funds.find(world.jobs.rooms, number, EVERYWHERE, "tanto")


def accepted(world: World, raw: bytes) -> dict[str, Any]:
    return sheets.accept(world.jobs, looked(world, raw), "tanto")


def numbers(raw: bytes) -> list[str]:
    return [texts[0] for texts in xlsx.shown(raw)[LINE - 1 :]]


def bills(world: World) -> list[tuple[Any, ...]]:
    return world.sql("SELECT notice_number, total_yen FROM bill_version v JOIN bill b ON b.id = v.id ORDER BY notice_number")


def printed(world: World, chosen: list[sheets.Slip]) -> bytes:
    draft = small_funds.listed(world.jobs.rooms, EVERYWHERE)[0]
    return sheets.pdf(world.jobs, draft, chosen, looker=Looker("tanto"))


def codes(draft: Draft) -> list[tuple[str, int, int]]:
    return [(one["code"], one["line"], one["column"]) for one in draft.found["problems"]]


def words_and_code(pdf: bytes) -> list[tuple[str, Any]]:
    found = []
    for page in pypdfium2.PdfDocument(pdf):
        (code,) = zxingcpp.read_barcodes(page.render(scale=200 / 72).to_pil())
        read = elqr.decode(code.text).fields
        assert read is not None
        found.append((page.get_textpage().get_text_bounded().replace(" ", ""), read))
    return found


def test_no_number_is_handed_out_twice(world: World) -> None:
    assert numbers(template(world)) == [f"F{number:06}" for number in range(1, 6)]
    assert numbers(template(world, 2)) == ["F000006", "F000007"]
    assert numbers(template(world, 1, levy_year=2027)) == ["F000001"]
    assert numbers(template(world, 1, fund_code="612")) == ["F000001"]
    assert world.sql("SELECT COUNT(*) FROM audit WHERE act = 'template.make'") == [(4,)]
    for wrong in ({"fund_code": "999"}, {"municipality_code": "990018"}, {"department_code": "1"}):
        with pytest.raises(UsageError):
            template(world, 1, **wrong)
    for lines in (0, 2001):
        with pytest.raises(UsageError):
            template(world, lines)


def test_looking_leaves_no_bill_and_accepting_makes_them(world: World) -> None:
    raw = filled(template(world), rows(LINE, [RIGHT, {**RIGHT, "氏名": "見本ガス", "料額": 500}]))
    draft = looked(world, raw)
    assert (draft.found["read"], draft.found["created"], draft.found["accepted_yen"], codes(draft)) == (2, 2, 12_500, [])
    assert bills(world) == []
    assert world.sql("SELECT COUNT(*) FROM file") == [(0,)]
    told = sheets.accept(world.jobs, draft, "tanto")
    assert (told["created"], told["quarantined"]) == (2, False)
    assert bills(world) == [("F000001", 12_000), ("F000002", 500)]
    assert world.sql("SELECT act, subject FROM audit WHERE act LIKE 'sheet.%'") == [("sheet.accepted", f"sheet:{draft.draft_id}")]
    with pytest.raises(ProblemError) as error:
        sheets.accept(world.jobs, small_funds.find(world.jobs.rooms, draft.draft_id, EVERYWHERE, "tanto"), "tanto")
    assert [one.code for one in error.value.problems] == ["FL-XLS-011"]
    again = looked(world, raw)
    assert again.found["duplicate_of"] == told["file_id"]
    assert not small_funds.is_ready(again)


def test_the_same_sheet_again_changes_bills_and_doubles_none(world: World) -> None:
    raw = filled(template(world), rows(LINE, [RIGHT, {**RIGHT, "料額": 500}]))
    accepted(world, raw)
    changed = filled(raw, rows(LINE, [{"料額": 13_000}, {"異動区分": "取消"}, {**RIGHT, "氏名": "三人目", "料額": 700}]))
    told = accepted(world, changed)
    assert (told["created"], told["updated"], told["cancelled"], told["unchanged"]) == (1, 1, 1, 0)
    assert [row[0] for row in bills(world)] == ["F000001", "F000002", "F000003"]
    moved = filled(
        changed,
        {
            **rows(LINE, [{"通知書番号": "F000003", "氏名": "三人目", "料額": 700}]),
            **rows(LINE + 2, [{"通知書番号": "F000001", "氏名": RIGHT["氏名"], "料額": 13_000}]),
        },
    )
    assert accepted(world, moved)["unchanged"] == 3, "a number stays with its bill, wherever its line stands"


def test_a_killed_acceptance_is_gone_on_with(world: World) -> None:
    draft = looked(world, filled(template(world), rows(LINE, [RIGHT])))
    taken = world.jobs.intake_sent(
        [small_funds.bytes_of(world.jobs.rooms, draft)], {"name": draft.name, "profile": "excel", "municipality": CODE, "dry_run": False}
    )
    told = sheets.accept(world.jobs, draft, "tanto")
    assert told["duplicate_of"] == taken["file_id"]
    assert small_funds.find(world.jobs.rooms, draft.draft_id, EVERYWHERE, "tanto").file_id == taken["file_id"]
    assert len(bills(world)) == 1


def test_what_is_wrong_keeps_a_workbook_out(world: World) -> None:
    wrong = [
        {**RIGHT, "料額": "１２"},
        {**RIGHT, "氏名": "𠮷田　花子"},
        RIGHT,
        {**RIGHT, "料額": 12_000},
        {**RIGHT, "通知書番号": "F000003", "料額": 1},
    ]
    draft = looked(world, filled(template(world), rows(LINE, wrong)))
    assert codes(draft) == [
        ("FL-AMT-001", LINE, 6),
        ("FL-DUP-001", LINE + 2, None),
        ("FL-DUP-001", LINE + 4, None),
        ("FL-XLS-009", LINE + 1, 3),
        ("FL-XLS-010", LINE + 3, 3),
    ]
    with pytest.raises(ProblemError) as error:
        sheets.accept(world.jobs, draft, "tanto")
    assert [one.code for one in error.value.problems] == ["FL-XLS-012"]
    assert bills(world) == []
    shown = small_funds.shown(world.jobs.rooms, draft)
    assert {line.number: sorted(line.problems) for line in shown.lines} == {
        LINE: [6],
        LINE + 1: [3],
        LINE + 2: [0],
        LINE + 3: [3],
        LINE + 4: [0],
    }
    assert shown.names == ["通知書番号", "氏名", "郵便番号", "住所", "料額", "納期限"], "columns that say nothing take no room"
    assert shown.columns == [1, 3, 4, 5, 6, 9]
    assert shown.lines[1].problems[3][0]["message"] == "納付書に印刷できない字があります（𠮷 U+20BB7）。"
    assert shown.lines[0].problems[6][0]["next"] == "半角数字だけの円です（カンマ・円記号・小数点なし）。"
    copy = sheets.marked(world.jobs, draft, "tanto")
    assert xlsx.shown(copy) == xlsx.shown(small_funds.bytes_of(world.jobs.rooms, draft))


def test_a_file_that_is_no_workbook_is_told_and_not_shown(world: World) -> None:
    draft = looked(world, b"not a workbook")
    assert [one["code"] for one in draft.found["problems"]] == ["FL-FIL-003"]
    assert (draft.municipality_code, small_funds.is_ready(draft), small_funds.shown(world.jobs.rooms, draft).lines) == ("", False, [])
    with pytest.raises(ProblemError):
        small_funds.find(world.jobs.rooms, draft.draft_id, EVERYWHERE, "somebody else")


def test_more_than_somebody_writes_by_hand_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_funds, "MOST_ROWS", 1)
    draft = looked(world, filled(template(world), rows(LINE, [RIGHT, {**RIGHT, "氏名": "ほか"}])))
    assert [one["code"] for one in draft.found["problems"]] == ["FL-XLS-007"]


def test_another_department_is_not_somebodys_own(world: World) -> None:
    raw = filled(template(world), rows(LINE, [RIGHT]))
    for scope in (Scope(frozenset({CODE}), frozenset({"120"})), Scope(frozenset({"131016"}))):
        with pytest.raises(ProblemError) as error:
            sheets.look(world.jobs, Sent("x.xlsx", raw), "tanto", scope=scope)
        assert [one.code for one in error.value.problems] == ["FL-AUTH-003"]
    draft = looked(world, raw)
    with pytest.raises(ProblemError):
        small_funds.find(world.jobs.rooms, draft.draft_id, Scope(frozenset({CODE}), frozenset({"120"})), "tanto")
    assert small_funds.listed(world.jobs.rooms, Scope(frozenset({CODE}), frozenset({"120"}))) == []
    assert [one.draft_id for one in small_funds.listed(world.jobs.rooms, EVERYWHERE)] == [draft.draft_id]


def test_slips_are_printed_together_and_alone_and_their_codes_read_back(world: World) -> None:
    raw = filled(template(world), rows(LINE, [RIGHT, {**RIGHT, "氏名": "見本ガス", "料額": 500}, {**RIGHT, "氏名": "無料の人", "料額": 0}]))
    told = accepted(world, raw)
    before = sheets.slips(world.jobs, told["file_id"])
    assert [one.refusal.code if one.refusal else None for one in before] == ["FL-SLP-002"] * 3
    assert sheets.parts(before) == []
    world.jobs.submit()
    found = sheets.slips(world.jobs, told["file_id"])
    assert [(one.line, one.refusal is None) for one in found] == [(LINE, True), (LINE + 1, True), (LINE + 2, False)]
    (part,) = sheets.parts(found)
    pages = words_and_code(printed(world, part))
    assert [read.amount_yen for _, read in pages] == [12_000, 500]
    assert ["見本電柱株式会社様" in pages[0][0], "見本ガス様" in pages[1][0]] == [True, True]
    assert {read.fund_code for _, read in pages} == {"611"}
    ((words, read),) = words_and_code(printed(world, [found[1]]))
    assert (read.case_key, read.office_code) == (found[1].bill.case_key, "110")
    assert "F000002" in words
    assert world.sql("SELECT COUNT(*) FROM audit WHERE act = 'slip.print'") == [(2,)]


def test_a_corrected_name_is_printed_though_the_bill_is_as_it_was(world: World) -> None:
    raw = filled(template(world), rows(LINE, [RIGHT, {**RIGHT, "氏名": "見本 はなこ", "料額": 500}]))
    accepted(world, raw)
    told = accepted(world, filled(raw, rows(LINE + 1, [{"氏名": "見本 花子"}])))
    assert (told["updated"], told["unchanged"]) == (1, 1)
    world.jobs.submit()
    found = sheets.slips(world.jobs, told["file_id"])
    assert ["見本花子様" in words for words, _ in words_and_code(printed(world, found))] == [False, True]
    key = found[1].bill.bill_key
    assert "見本花子様" in words_and_code(printed(world, [found[1]]))[0][0]
    assert find_bill(world.jobs.rooms, key).total_yen == 500
    last = accepted(world, filled(raw, rows(LINE + 1, [{"氏名": "見本 太郎", "料額": 600}])))
    world.jobs.submit()
    assert "見本太郎様" in words_and_code(printed(world, sheets.slips(world.jobs, last["file_id"])))[1][0]
    world.jobs.roll_back(last["file_id"], "tanto", "kakari")
    world.jobs.submit()
    assert "見本花子様" in words_and_code(printed(world, sheets.slips(world.jobs, told["file_id"])))[1][0]


def test_nothing_of_a_person_is_stored_beside_the_kept_bytes(world: World) -> None:
    draft = looked(world, filled(template(world), rows(LINE, [{**RIGHT, "氏名": "𠮷田 秘密子", "住所": "秘密の町"}])))
    for table in ("sheet_draft", "bill_version", "row_problem", "audit"):
        held = str(world.sql(f"SELECT * FROM {table}"))
        assert "秘密" not in held, table
    assert "秘密子" in str(xlsx.shown(small_funds.bytes_of(world.jobs.rooms, draft)))
    assert io.BytesIO(small_funds.bytes_of(world.jobs.rooms, draft)).read(2) == b"PK"
