"""Workbooks as people write them: what is told on which cell, what is not taken at all, and the copy that shows it."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from fundlink.domain.errors import ProblemError
from fundlink.formats import marking, workbook, xlsx
from fundlink.formats.marking import Mark
from fundlink.formats.template import Wanted, template
from tests.formats.shelf import Outcome, message, read
from tests.workbooks import FIRST, HEAD_LINE, NAMES, edited, filled, row, rows

GIVEN = message("excel")
HEADER = {"municipality_code": "990019", "fund_code": "611", "levy_year": 2026, "department_code": "110"}
LINE = HEAD_LINE + 2
DUE = dt.date(2026, 12, 25)
RIGHT: dict[str, Any] = {"氏名": "見本 花子", "郵便番号": "0600001", "住所": "北海道札幌市", "料額": 12_000, "納期限": DUE}


def handed_out(lines: int = 5, first: int = 1) -> bytes:
    numbers = [f"F{number:06}" for number in range(first, first + lines)]
    return template(GIVEN, Wanted("見本市 道路占用料", HEADER, {"fund_code": "道路占用料"}, numbers, "2026-11-24T09:00:00+09:00"))


def taken(*lines: dict[str, Any], **more: Any) -> Outcome:
    return read(GIVEN, filled(handed_out(), rows(LINE, [{**RIGHT, **line} for line in lines or ({},)]) | more.get("cells", {})))


def told(outcome: Outcome) -> list[tuple[str, int | None, str | None]]:
    names = {None: None} | dict(enumerate(NAMES, 1))
    return [(found.code, found.line, names[found.column]) for found in (*outcome.quarantined, *outcome.problems)]


def part(name: str, change: Callable[[str], str], raw: bytes | None = None) -> bytes:
    return edited(raw or filled(handed_out(), row(LINE, **RIGHT)), {name: change})


def with_member(raw: bytes, name: str, content: bytes) -> bytes:
    out = io.BytesIO(raw)
    with zipfile.ZipFile(out, "a") as book:
        book.writestr(name, content)
    return out.getvalue()


def test_a_template_as_it_was_handed_out_holds_no_bill() -> None:
    assert told(read(GIVEN, handed_out())) == [("FL-CSV-001", None, None)]


def test_what_is_filled_in_is_a_bill_and_nothing_else_is() -> None:
    outcome = taken()
    assert told(outcome) == []
    (record,) = outcome.records
    assert outcome.lines == [LINE]
    assert (record.municipality_code, record.fund_code, record.levy_year, record.department_code) == ("990019", "611", 2026, "110")
    assert (record.notice_number, record.installment, record.payer_postal_code) == ("F000001", "00", "0600001")
    assert (record.charge_yen, record.due_on, record.payable_until, record.action) == (12_000, "2026-12-25", "2027-02-03", "1")


def test_the_template_says_what_a_cell_takes() -> None:
    with zipfile.ZipFile(io.BytesIO(handed_out())) as book:
        sheet, names = book.read(FIRST).decode(), book.read("xl/workbook.xml").decode()
    assert re.search(r'<pane xSplit="1" ySplit="7" [^>]*state="frozen"', sheet)
    kinds = dict(re.findall(r'<dataValidation type="(\w+)"[^>]*sqref="([A-Z])9', sheet))
    assert {kind: NAMES[ord(column) - 65] for kind, column in kinds.items()}.keys() == {"textLength", "whole", "date", "list"}
    assert re.search(r'type="date"[^>]*sqref="I9:I\d+"', sheet)
    assert re.search(r'type="list"[^>]*sqref="K9:K\d+"><formula1>"新規・変更,取消"', sheet)
    assert "記入のしかた" in names
    assert "<f>" not in sheet, "nothing in it computes"


def test_a_line_that_shows_how_and_was_written_over_is_told() -> None:
    outcome = read(GIVEN, filled(handed_out(), row(HEAD_LINE + 1, 氏名="本物 太郎")))
    assert told(outcome) == [("FL-VAL-002", HEAD_LINE + 1, "通知書番号")]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"料額": "１２０００"}, [("FL-AMT-001", LINE, "料額")]),
        ({"料額": "12,000"}, [("FL-AMT-001", LINE, "料額")]),
        ({"料額": 12_000.5}, [("FL-AMT-001", LINE, "料額")]),
        ({"料額": -5}, [("FL-AMT-001", LINE, "料額")]),
        ({"料額": None}, [("FL-VAL-001", LINE, "料額")]),
        ({"料額": 1e20}, [("FL-AMT-001", LINE, "料額")]),
        ({"郵便番号": 600001}, [("FL-CSV-006", LINE, "郵便番号")]),
        ({"郵便番号": "060-0001"}, [("FL-VAL-002", LINE, "郵便番号")]),
        ({"納期限": "12月25日"}, [("FL-DATE-001", LINE, "納期限")]),
        ({"納期限": "2026/2/30"}, [("FL-DATE-001", LINE, "納期限")]),
        ({"納期限": "令和9年2月29日"}, [("FL-DATE-001", LINE, "納期限")]),
        ({"納期限": None}, [("FL-DATE-002", LINE, "納期限")]),
        ({"支払期限": dt.date(2026, 12, 1)}, [("FL-DATE-003", LINE, "支払期限")]),
        ({"異動区分": "やめ"}, [("FL-CODE-001", LINE, "異動区分")]),
        ({"通知書番号": None}, [("FL-VAL-001", LINE, "通知書番号")]),
        ({"通知書番号": "番号"}, [("FL-VAL-002", LINE, "通知書番号")]),
        ({"氏名": None}, [("FL-VAL-001", LINE, "氏名")]),
        ({"氏名": "あ" * 81}, [("FL-VAL-003", LINE, "氏名")]),
    ],
)
def test_a_wrong_cell_is_told_where_it_is(written: dict[str, Any], expected: list[Any]) -> None:
    outcome = taken(written)
    assert told(outcome) == expected
    assert outcome.records == []


@pytest.mark.parametrize("day", ["2026-12-25", "2026/12/25", "２０２６年１２月２５日", "令和8年12月25日", "R8.12.25", " 2026/12/25　"])
def test_days_as_people_write_them(day: str) -> None:
    outcome = taken({"納期限": day})
    assert told(outcome) == []
    assert outcome.records[0].due_on == "2026-12-25"


def test_a_day_as_a_bare_number_is_not_guessed() -> None:
    assert told(taken({"納期限": None}, cells={(LINE, 9): "46381"})) == [("FL-CSV-006", LINE, "納期限")]


def test_blanks_around_a_value_say_nothing_and_words_that_look_like_formulas_stay_words() -> None:
    outcome = taken({"通知書番号": " F000001　", "氏名": "=HYPERLINK(1) ", "料額": " 12000 ", "異動区分": "取消　"})
    assert told(outcome) == []
    record = outcome.records[0]
    assert (record.notice_number, record.payer_name, record.charge_yen, record.action) == ("F000001", "=HYPERLINK(1)", 12_000, "9")


def test_a_day_of_a_workbook_that_counts_from_1904() -> None:
    raw = part("xl/workbook.xml", lambda text: re.sub(r"<workbookPr", '<workbookPr date1904="1"', text))
    serial = DUE.toordinal() - dt.date(1904, 1, 1).toordinal()
    raw = edited(raw, {FIRST: lambda text: re.sub(rf'(<c r="I{LINE}"[^>]*><v>)\d+', rf"\g<1>{serial}", text)})
    outcome = read(GIVEN, raw)
    assert told(outcome) == []
    assert outcome.records[0].due_on == "2026-12-25"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (f'<c r="F{LINE}" t="e"><f>A1/0</f><v>#DIV/0!</v></c>', [("FL-XLS-002", LINE, "料額")]),
        (f'<c r="F{LINE}"><f>1200*10</f></c>', [("FL-XLS-003", LINE, "料額")]),
        (f'<c r="F{LINE}"><f>1200*10</f><v></v></c>', [("FL-XLS-003", LINE, "料額")]),
        (f'<c r="F{LINE}"><f>1200*10</f><v>12000</v></c>', []),
    ],
)
def test_a_formula_counts_by_its_saved_result(cell: str, expected: list[Any]) -> None:
    outcome = read(GIVEN, part(FIRST, lambda text: re.sub(rf'<c r="F{LINE}".*?</c>', cell, text)))
    assert told(outcome) == expected
    assert [record.charge_yen for record in outcome.records] == ([] if expected else [12_000])


def test_merged_cells_are_told_on_every_line_they_cover() -> None:
    raw = filled(handed_out(), rows(LINE, [RIGHT, {**RIGHT, "氏名": None}]))
    merged = f'</sheetData><mergeCells count="1"><mergeCell ref="C{LINE}:C{LINE + 1}"/></mergeCells>'
    outcome = read(GIVEN, part(FIRST, lambda text: text.replace("</sheetData>", merged), raw))
    assert told(outcome) == [("FL-XLS-004", LINE, "氏名"), ("FL-XLS-004", LINE + 1, "氏名")]


def test_hidden_lines_columns_and_sheets_are_remarked_on() -> None:
    raw = part(FIRST, lambda text: text.replace(f'<row r="{LINE}"', f'<row r="{LINE}" hidden="1"').replace("<col ", '<col hidden="1" ', 1))
    raw = edited(raw, {"xl/workbook.xml": lambda text: text.replace('sheetId="2"', 'sheetId="2" state="veryHidden"')})
    outcome = read(GIVEN, raw)
    assert [found.code for found in outcome.warnings] == ["FL-XLS-006", "FL-XLS-005", "FL-XLS-005"]
    assert len(outcome.records) == 1
    first = read(GIVEN, edited(raw, {"xl/workbook.xml": lambda text: text.replace('sheetId="1"', 'sheetId="1" state="hidden"')}))
    assert told(first) == [("FL-XLS-008", None, None)]


def test_what_is_not_taken_at_all() -> None:
    right = filled(handed_out(), row(LINE, **RIGHT))
    assert told(read(GIVEN, with_member(right, "xl/vbaProject.bin", b"\0"))) == [("FL-XLS-001", None, None)]
    assert told(read(GIVEN, with_member(right, "xl/macrosheets/sheet1.xml", b"<a/>"))) == [("FL-XLS-001", None, None)]
    assert told(read(GIVEN, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)) == [("FL-FIL-003", None, None)]
    assert told(read(GIVEN, b"PK\x05\x06" + b"\0" * 18)) == [("FL-FIL-003", None, None)]


def test_two_cells_far_apart_do_not_fill_the_memory() -> None:
    far = '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'
    assert told(read(GIVEN, part(FIRST, lambda text: text.replace("</sheetData>", far)))) == [("FL-XLS-007", None, None)]
    empty = '<row r="1048576"><c r="XFD1048576" s="1"/></row></sheetData>'
    assert told(read(GIVEN, part(FIRST, lambda text: text.replace("</sheetData>", empty)))) == []


def test_what_holds_for_all_rows_is_told_on_its_cell() -> None:
    outcome = taken(cells={(3, 2): "990018", (4, 2): "999", (5, 2): None})
    assert [(found.code, found.line, found.column) for found in outcome.quarantined] == [
        ("FL-CHK-001", 3, 2),
        ("FL-CODE-001", 4, 2),
        ("FL-VAL-001", 5, 2),
    ]


def test_columns_may_move_and_a_line_may_be_put_above() -> None:
    head = {(HEAD_LINE, 1): "氏名", (HEAD_LINE, 3): "通知書番号"}
    outcome = taken({"通知書番号": "見本 花子", "氏名": "F000001"}, cells=head)
    assert [(record.payer_name, record.notice_number) for record in outcome.records] == [("見本 花子", "F000001")]
    wrong = taken(cells={(HEAD_LINE, 3): "名前"})
    assert [(found.code, found.line) for found in wrong.quarantined] == [("FL-CSV-005", HEAD_LINE)]


def test_a_note_beside_the_table_is_told_on_its_line_only() -> None:
    outcome = taken({}, {}, cells={(LINE, 15): "あとで聞く"})
    assert [(found.code, found.line) for found in outcome.problems] == [("FL-CSV-004", LINE)]
    assert len(outcome.records) == 1


MARKS = [Mark(LINE, 6, "error", "金額が数字だけではありません→ 半角で"), Mark(LINE, 3, "warning", 'a "b" <c> & d')]


def test_a_marked_copy_is_their_workbook_with_words_on_the_cells() -> None:
    right = filled(handed_out(), row(LINE, **RIGHT))
    copy = marking.marked(right, MARKS)
    assert xlsx.shown(copy) == xlsx.shown(right)
    assert read(GIVEN, copy).records == read(GIVEN, right).records
    with zipfile.ZipFile(io.BytesIO(copy)) as book, zipfile.ZipFile(io.BytesIO(right)) as before:
        assert book.testzip() is None
        kept = {name for name in before.namelist() if book.read(name) == before.read(name)}
        assert set(before.namelist()) - kept == {FIRST, "xl/styles.xml", "[Content_Types].xml"}
        comments, sheet = book.read("xl/fundlinkComments.xml").decode(), book.read(FIRST).decode()
        assert re.findall(r'<comment ref="([A-Z]+\d+)"', comments) == [f"C{LINE}", f"F{LINE}"]
        assert 'a "b" &lt;c&gt; &amp; d' in comments
        assert "xl/drawings/fundlinkMarks.vml" in book.namelist()
    rules = re.findall(r'<conditionalFormatting sqref="(\w+)"><cfRule type="expression" dxfId="(\d)"[^>]*><formula>(.*?)</formula>', sheet)
    assert [(place, style) for place, style, _ in rules] == [(f"C{LINE}", "1"), (f"F{LINE}", "0")]
    assert [formula for *_, formula in rules] == [f'EXACT(C{LINE},"見本 花子")+N("fundlink")', f'(F{LINE}=12000)+N("fundlink")']
    assert sheet.index("conditionalFormatting") < sheet.index("dataValidations") < sheet.index("legacyDrawing")


def test_a_copy_of_a_copy_shows_only_what_is_wrong_now() -> None:
    once = marking.marked(filled(handed_out(), row(LINE, **RIGHT)), MARKS)
    again = marking.marked(once, [Mark(LINE + 1, 2, "error", "ここだけ")])
    with zipfile.ZipFile(io.BytesIO(again)) as book:
        comments, sheet = book.read("xl/fundlinkComments.xml").decode(), book.read(FIRST).decode()
        drawn = book.read("xl/drawings/fundlinkMarks.vml").decode()
        assert len(book.namelist()) == len(set(book.namelist()))
    assert re.findall(r'<comment ref="(\w+)"', comments) == [f"B{LINE + 1}"]
    assert re.findall(r'conditionalFormatting sqref="(\w+)"', sheet) == [f"B{LINE + 1}"]
    assert drawn.count('alt="fundlink"') == 1
    assert sheet.count("<legacyDrawing") == 1
    with zipfile.ZipFile(io.BytesIO(marking.marked(again, []))) as book:
        assert "conditionalFormatting" not in book.read(FIRST).decode()


def test_comments_of_their_own_stay() -> None:
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["a", "b"])
    sheet.write_comment("A1", "課長の覚え", {"author": "課長"})
    book.close()
    copy = marking.marked(out.getvalue(), [Mark(1, 1, "error", "直す"), Mark(1, 2, "error", "これも")])
    with zipfile.ZipFile(io.BytesIO(copy)) as kept:
        comments = kept.read("xl/comments1.xml").decode()
        drawn = kept.read("xl/drawings/vmlDrawing1.vml").decode()
    assert "課長の覚え" in comments
    assert "直す" in comments
    assert re.findall(r'<comment ref="(\w+)"', comments) == ["A1", "B1"]
    assert drawn.count("<v:shape ") == 2
    assert CalamineWorkbook.from_filelike(io.BytesIO(copy)).get_sheet_by_index(0).to_python() == [["a", "b"]]


def test_a_workbook_that_cannot_be_taken_apart_is_refused() -> None:
    with pytest.raises(ProblemError):
        marking.marked(part(FIRST, lambda text: text.replace("<worksheet", "<!DOCTYPE a><worksheet", 1)), MARKS)


def test_size_of_merged_ranges_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_MERGED", 3)
    merged = '</sheetData><mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    assert told(read(GIVEN, part(FIRST, lambda text: text.replace("</sheetData>", merged)))) == [("FL-XLS-007", None, None)]
