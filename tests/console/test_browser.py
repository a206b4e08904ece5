"""The console in Chromium: the journeys of a clerk, with keys alone, and without a request off the host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from playwright.sync_api import Browser, Locator, Page, expect

from fundlink.pipeline import printing
from tests.access.staff import PASSWORD
from tests.builders import CODE, bills
from tests.console.persons import CHIEF, CLERK, INPUT, Staffed, log_in
from tests.console.screens import session_of
from tests.console.town import OPEN_BILL, PREPARED, SHORT, YESTERDAY, states

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, address: str, staffed: Staffed) -> Iterator[Page]:
    """A clerk's page on an office machine that tells of every request, error and message; none of them may be wrong."""
    with browser.new_context(
        viewport={"width": 1366, "height": 768}, locale="ja-JP", storage_state=session_of(browser, address, staffed)
    ) as context:
        found = context.new_page()
        found.set_default_timeout(30_000)
        said: list[str] = []
        asked: list[str] = []
        found.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        found.on("pageerror", lambda error: said.append(str(error)))
        found.on("request", lambda request: asked.append(request.url))
        yield found
        assert said == []
        assert all(url.startswith("http://127.0.0.1:") for url in asked), asked


def test_a_clerk_sees_the_morning_and_finds_the_rows_of_a_difference(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("11月24日（火）朝の確認")
    expect(page.get_by_text("12,000 円 合いません")).to_be_visible()
    expect(page.get_by_text("まだ出せません")).to_be_in_viewport()
    page.get_by_role("link", name="11月20日（金）を開く").click()
    page.get_by_role("link", name="国民健康保険料").click()
    page.get_by_role("link", name="T261120601D").click()
    expect(page.get_by_text("判定は「二重納付」です")).to_be_visible()


def test_two_persons_close_a_day_in_two_sessions(browser: Browser, address: str, staffed: Staffed) -> None:
    with browser.new_context(locale="ja-JP") as one, browser.new_context(locale="ja-JP") as other:
        first, second, town = one.new_page(), other.new_page(), staffed.world
        log_in(first, address, staffed, CLERK)
        first.get_by_role("link", name="11月11日（水）の締め").click()
        expect(first.get_by_text("承認は別の人が行います")).to_be_visible()
        expect(first.get_by_role("button", name="承認して締める")).to_have_count(0)
        log_in(second, address, staffed, CHIEF)
        second.get_by_role("link", name="11月11日（水）の締め").click()
        expect(second.get_by_text(f"{CLERK.shown} が")).to_be_visible()
        second.get_by_role("button", name="承認して締める").click()
        expect(second.get_by_text("締めました")).to_be_visible()
        second.goto(f"{address}days/2026-11-12/{CODE}")
        second.get_by_role("link", name="締めの準備へ").click()
        second.get_by_role("button", name="この内容で準備する").click()
        expect(second.get_by_text("準備しました。別の人の承認を待っています。")).to_be_visible()
        first.goto(f"{address}days/2026-11-12/{CODE}/close")
        first.get_by_role("button", name="承認して締める").click()
        expect(first.get_by_text("締めました")).to_be_visible()
        first.goto(f"{address}days/{SHORT}/{CODE}/close")
        first.get_by_label("合わないまま締める理由").fill("払込の不足をゲートウェイに照会済み")
        first.get_by_role("button", name="この内容で準備する").click()
        second.goto(f"{address}days/{SHORT}/{CODE}/close")
        expect(second.get_by_text("照会済み")).to_be_visible()
        second.get_by_role("button", name="承認して締める").click()
        expect(second.get_by_text("締めました")).to_be_visible()
    assert {day: states(town)[day] for day in (PREPARED, "2026-11-12", SHORT)} == dict.fromkeys((PREPARED, "2026-11-12", SHORT), "closed")


def test_a_scanned_code_leads_to_its_bill_and_its_slip(page: Page, address: str, staffed: Staffed, tmp_path: Path) -> None:
    payload = printing.payload_of(staffed.world.jobs.rooms, staffed.world.jobs.find_bill(OPEN_BILL))
    assert payload is not None
    page.goto(address)
    page.get_by_role("link", name="請求を探す").click()
    page.get_by_label("番号または eL-QR の中身").fill(payload)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{address}bills/{OPEN_BILL}")
    expect(page.get_by_role("listitem").filter(has_text="登録")).to_have_attribute("aria-current", "step")
    expect(page.get_by_role("img", name="この納付書の eL-QR")).to_be_visible()
    assert page.evaluate("() => document.querySelector('img.qr').naturalWidth") > 0
    expect(page.get_by_text("見本　花子")).to_have_count(0)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="納付書を PDF で保存").click()
    waiting.value.save_as(tmp_path / "slip.pdf")
    (printed,) = pypdfium2.PdfDocument(tmp_path / "slip.pdf")
    assert [code.text for code in zxingcpp.read_barcodes(printed.render(scale=200 / 72).to_pil())] == [payload]
    page.get_by_role("button", name="宛名を表示").click()
    expect(page.get_by_text("見本　花子")).to_be_visible()


def test_a_long_list_goes_on_without_a_new_page(page: Page, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fundlink.pipeline.glance.fund_rows.__kwdefaults__", {"after": 0, "every": False, "limit": 4})
    page.goto(f"{address}days/{SHORT}/{CODE}/funds/632?rows=all")
    rows = page.get_by_role("link", name="T261113")
    expect(rows).to_have_count(4)
    page.get_by_role("link", name="続きを表示").click()
    expect(rows).to_have_count(6)
    expect(page.get_by_role("link", name="続きを表示")).to_have_count(0)


def test_keys_alone_lead_to_the_day(page: Page, address: str) -> None:
    page.goto(address)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="本文へ進む")).to_be_focused()
    expect(page.get_by_role("link", name="本文へ進む")).to_be_in_viewport()
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => { const e = document.activeElement; const s = getComputedStyle(e); return [e.textContent.trim(), s.outlineStyle, e === document.body] }"
        )
        if focused[0] == "11月20日（金）を開く":
            break
        assert focused[1] != "none", f"nothing shows that {focused[0]} has the focus"
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{address}days/{YESTERDAY}/{CODE}")


def test_keys_alone_lead_through_login_and_close(browser: Browser, address: str, staffed: Staffed) -> None:
    """No pointer at all: what has the focus is typed into, and the rest is Tab and Enter."""
    with browser.new_context(locale="ja-JP") as context:
        page = context.new_page()
        page.goto(f"{address}days/{PREPARED}/{CODE}/close")
        for label, typed in (("利用者名", CHIEF.login), ("パスワード", PASSWORD), ("確認コード", staffed.code(CHIEF))):
            _tab_to(page, page.get_by_label(label))
            page.keyboard.type(typed)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{address}days/{PREPARED}/{CODE}/close")
        _tab_to(page, page.get_by_role("button", name="承認して締める"))
        page.keyboard.press("Enter")
        expect(page.get_by_text("締めました")).to_be_visible()
        _tab_to(page, page.locator(".person summary"))
        page.keyboard.press("Enter")
        _tab_to(page, page.get_by_role("button", name="ログアウト"))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("ログイン")


def _tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until this has the focus; it has to come within a page's worth of stops."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted.evaluate("e => e === document.activeElement"):
            return
    raise AssertionError(f"Tab never reaches {wanted}")


def test_a_file_is_tried_taken_and_taken_back_by_two_persons(browser: Browser, address: str, staffed: Staffed, tmp_path: Path) -> None:
    """With a wrong row in it; the page is left while the file is tried, and found again as it is by then."""
    world = staffed.world
    rows = [row._replace(notice_number=f"{8_000 + at:016d}") for at, row in enumerate(bills(40, fund_code="651", due_on="2027-03-31", payable_until="2027-05-10"))]  # fmt: skip
    path = tmp_path / "渡すファイル.csv"
    path.write_bytes(b"".join(world.jobs.rooms.profile("standard").message("billing").writer(rows)).replace(b",1007,", b",1o07,"))
    with browser.new_context(locale="ja-JP") as one, browser.new_context(locale="ja-JP") as other:
        first, second = one.new_page(), other.new_page()
        first.set_default_timeout(60_000)
        log_in(first, address, staffed, INPUT)
        first.get_by_role("link", name="ファイル", exact=True).click()
        first.get_by_role("link", name="ファイルを渡す").click()
        first.get_by_label("ファイル", exact=True).set_input_files(path)
        expect(first.locator("[data-chosen]")).to_have_text(path.name)
        first.get_by_role("button", name="試しに読む").click()
        first.goto(address)
        first.goto(f"{address}files")
        first.get_by_role("link", name=path.name).click()
        expect(first.get_by_text("まだ何も変わっていません")).to_be_visible(timeout=60_000)
        expect(first.get_by_text("1o07")).to_be_visible()
        first.get_by_role("button", name="この内容で取り込む").click()
        expect(first.get_by_text("取り込みました。")).to_be_visible(timeout=60_000)
        first.get_by_role("link", name="ファイルを開く").click()
        expect(first.get_by_text("1o07")).to_be_visible()
        first.get_by_label("理由").fill("別の年度のファイルだった")
        first.get_by_role("button", name="取消を準備する").click()
        expect(first.get_by_text("準備しました。別の人の承認を待っています。")).to_be_visible()
        expect(first.get_by_role("button", name="承認して実施する")).to_have_count(0)
        log_in(second, address, staffed, CHIEF)
        second.goto(first.url.partition("?")[0])
        expect(second.get_by_text("別の年度のファイルだった")).to_be_visible()
        second.get_by_role("button", name="承認して実施する").click()
        expect(second.get_by_text("実施しました。")).to_be_visible()
        second.get_by_role("link", name="ファイルを開く").click()
        expect(second.get_by_text("取消済み")).to_be_visible()


def test_a_file_can_be_dropped_on_the_form(browser: Browser, address: str, staffed: Staffed) -> None:
    with browser.new_context(locale="ja-JP", storage_state=session_of(browser, address, staffed, INPUT)) as context:
        page = context.new_page()
        page.goto(f"{address}upload")
        page.evaluate("""() => {
          const held = new DataTransfer();
          held.items.add(new File(["x"], "dropped.csv"));
          document.querySelector("[data-drop]").dispatchEvent(new DragEvent("drop", {dataTransfer: held, bubbles: true, cancelable: true}));
        }""")
        expect(page.locator("[data-chosen]")).to_have_text("dropped.csv")
