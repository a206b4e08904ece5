"""Small funds at the console: the sheet with its problems on its cells, the way from a template to a slip, in a client and in Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from playwright.sync_api import Browser, Page, expect

from fundlink.desk import small_funds
from fundlink.formats import elqr
from tests.builders import CODE, World
from tests.console.persons import INPUT, Desk, Staffed
from tests.console.screens import session_of
from tests.console.test_pages import text
from tests.console.town import PROBLEMS_DRAFT, READY_DRAFT, RIGHT_LINE, WRONG_LINES
from tests.workbooks import filled, rows

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ASKED = {"municipality": CODE, "fund": "611", "department": "110", "year": "2026", "lines": "20"}


@pytest.fixture
def writer(desk: Desk) -> Desk:
    """Who writes bills, at the console."""
    desk.sit(INPUT)
    return desk


def sent(desk: Desk, raw: bytes, name: str = "占用.xlsx", **more: Any) -> Any:
    return desk.post("small-funds/send", files={"file": (name, raw, XLSX)}, **more)


def test_the_page_shows_the_words_on_the_cells(writer: Desk) -> None:
    page = writer.get(f"small-funds/{PROBLEMS_DRAFT}")
    cells = re.findall(r'<td class="marked"[^>]*>(.*?)</td>', page.text, re.DOTALL)
    assert [text(cell).split()[0] for cell in cells] == ["𠮷田", "１２，０００", "12月25日"]
    assert "納付書に印刷できない字があります（𠮷 U+20BB7）" in cells[0]
    assert "半角数字だけの円です" in cells[1]
    assert "年から書きます" in cells[2]
    assert "直すところが 3 件 あります" in text(page.text)
    assert "この内容で受け入れる" not in page.text
    assert writer.post(f"small-funds/{PROBLEMS_DRAFT}/accept").status_code == 422
    copy = writer.get(f"small-funds/{PROBLEMS_DRAFT}/marked.xlsx")
    assert (copy.headers["content-type"], copy.content[:2]) == (XLSX, b"PK")


def test_from_a_template_to_slips(writer: Desk, town: World) -> None:
    made = writer.post("small-funds/template", data=ASKED)
    assert made.headers["content-disposition"] == f'attachment; filename="{CODE}-611-2026.xlsx"'
    page = sent(writer, filled(made.content, rows(9, [RIGHT_LINE])))
    assert "受け入れると 1 件、12,000 円" in text(page.text)
    where = str(page.url)
    assert "受け入れました" in writer.post(f"{where}/accept").text
    page = writer.post(f"{where}/issue")
    assert "ゲートウェイへの登録を行いました" in page.text
    for name in ("slips-1.pdf", "line-9.pdf"):
        pdf = writer.get(f"{where}/{name}")
        assert pdf.headers["content-type"] == "application/pdf"
        (code,) = zxingcpp.read_barcodes(pypdfium2.PdfDocument(pdf.content)[0].render(scale=200 / 72).to_pil())
        read = elqr.decode(code.text).fields
        assert read is not None
        assert read.amount_yen == 12_000
    assert [writer.get(f"{where}/{name}").status_code for name in ("slips-2.pdf", "line-8.pdf", "line-10.pdf")] == [404] * 3
    assert town.sql("SELECT COUNT(*) FROM sheet_draft_end WHERE event = 'accepted'") == [(1,)]


def test_a_workbook_that_is_dropped_is_gone_and_one_that_was_taken_is_told(writer: Desk, town: World) -> None:
    assert "取りやめました" in text(writer.post(f"small-funds/{READY_DRAFT}/drop").text)
    assert "このブックは取りやめました" in text(writer.get(f"small-funds/{READY_DRAFT}").text)
    answer = writer.post(f"small-funds/{READY_DRAFT}/accept")
    assert (answer.status_code, "FL-XLS-011" in answer.text) == (422, True)
    assert town.sql("SELECT COUNT(*) FROM bill_version WHERE fund_code = '611'") == [(0,)]
    assert writer.post(f"small-funds/{READY_DRAFT}/nothing").status_code == 404


def test_what_cannot_be_looked_at_is_refused_in_words(writer: Desk) -> None:
    too_large = sent(writer, b"x" * (small_funds.MOST_BYTES + 1))
    assert (too_large.status_code, "FL-API-007" in too_large.text) == (422, True)
    assert writer.post("small-funds/send", data={"file": "no file"}).status_code == 422
    page = sent(writer, b"no workbook", "<b>.xlsx")
    assert (page.status_code, "FL-FIL-003" in page.text) == (200, True)
    assert "<b>.xlsx" not in page.text
    assert sent(writer, b"x", headers={"X-CSRF-Token": ""}).status_code == 403
    for wrong in ({"fund": "999"}, {"lines": "0"}, {"year": "２０２６"}, {"department": "x"}):
        assert writer.post("small-funds/template", data={**ASKED, **wrong}).status_code == 422
    assert writer.post("small-funds/template", data={**ASKED, "municipality": "131016"}).status_code == 404


@pytest.fixture
def page(browser: Browser, address: str, staffed: Staffed) -> Iterator[Page]:
    """Who writes bills, in Chromium."""
    session = session_of(browser, address, staffed, INPUT)
    with browser.new_context(viewport={"width": 1366, "height": 768}, locale="ja-JP", storage_state=session) as context:
        found = context.new_page()
        found.set_default_timeout(60_000)
        yield found


@pytest.mark.browser
def test_a_department_without_a_system_gets_its_slips(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(address)
    page.get_by_role("link", name="小口の公金").click()
    with page.expect_download() as given:
        page.get_by_role("button", name="ひな形を受け取る").click()
    raw = Path(given.value.path()).read_bytes()
    draft, right = tmp_path / "下書き.xlsx", tmp_path / "直した.xlsx"
    draft.write_bytes(filled(raw, rows(9, WRONG_LINES[1:3])))
    page.get_by_label("Excel ブック").set_input_files(draft)
    page.get_by_role("button", name="確かめる").click()
    expect(page.get_by_role("heading", name="直すところが 2 件 あります")).to_be_visible()
    expect(page.get_by_role("cell", name="𠮷田　花子")).to_contain_text("納付書に印刷できない字があります（𠮷 U+20BB7）")
    expect(page.get_by_role("cell", name="１２，０００")).to_contain_text("半角数字だけの円です")
    with page.expect_download() as given:
        page.get_by_role("link", name="印を付けたブックを受け取る").click()
    marked = Path(given.value.path()).read_bytes()
    right.write_bytes(filled(marked, rows(9, [{"氏名": "吉田　花子"}, {"料額": 12_000}])))
    page.get_by_role("link", name="小口の公金へ戻る").click()
    page.get_by_label("Excel ブック").set_input_files(right)
    page.get_by_role("button", name="確かめる").click()
    expect(page.get_by_text("受け入れると 2 件、15,400 円 の請求になります")).to_be_visible()
    page.get_by_role("button", name="この内容で受け入れる").click()
    expect(page.get_by_text("受け入れました。請求になりました。")).to_be_visible()
    page.get_by_role("button", name="登録して発行する").click()
    with page.expect_download() as given:
        page.get_by_role("link", name="9〜10 行目の納付書").click()
    found = []
    for printed in pypdfium2.PdfDocument(Path(given.value.path()).read_bytes()):
        (code,) = zxingcpp.read_barcodes(printed.render(scale=200 / 72).to_pil())
        read = elqr.decode(code.text).fields
        assert read is not None
        found.append((read.amount_yen, "吉田" in printed.get_textpage().get_text_bounded()))
    assert found == [(3_400, True), (12_000, False)]
