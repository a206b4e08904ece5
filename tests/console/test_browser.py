"""The console in Chromium: the journeys of a clerk, with keys alone, at three widths, without a request off the host, by WCAG 2.2 AA."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Literal

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.builders import CODE
from tests.console.persons import CHIEF, CLERK, Staffed, log_in
from tests.console.screens import OPEN_PAGES, PAGES, session_of
from tests.console.serving import WIDTHS
from tests.console.town import PREPARED, SHORT, YESTERDAY, states

pytestmark = pytest.mark.browser
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


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


def test_every_page_passes_axe_and_stays_within_its_width(browser: Browser, address: str, staffed: Staffed) -> None:
    """Scripts are only let in here; the pages themselves keep their policy."""
    wrong: list[str] = []
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    session = session_of(browser, address, staffed)
    for scheme, (state, pages) in product(schemes, ((None, OPEN_PAGES), (session, PAGES))):
        with browser.new_context(bypass_csp=True, color_scheme=scheme, locale="ja-JP", storage_state=state) as context:
            page = context.new_page()
            page.set_content("<html><body><img src='x'></body></html>")
            assert _axe(page), "axe finds nothing where there is something"
            for name, path in pages.items():
                page.set_viewport_size({"width": 1366, "height": 768})
                page.goto(address + path)
                wrong += [f"{name} {scheme}: {told}" for told in _axe(page)]
                wrong += [f"{name} {width}: wider than its window" for width in WIDTHS if _is_too_wide(page, width)]
    assert wrong == []


def _axe(page: Page) -> list[str]:
    page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})", RULES
    )
    return [f"{one['id']} {json.dumps([node['target'] for node in one['nodes']][:3])}" for one in found["violations"]]


def _is_too_wide(page: Page, width: str) -> bool:
    wide, high = WIDTHS[width]
    page.set_viewport_size({"width": wide, "height": high})
    return bool(page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth"))


def test_nothing_moves_while_a_page_loads(page: Page, address: str) -> None:
    page.add_init_script("window.moved = 0; new PerformanceObserver(list => list.getEntries().forEach(e => { window.moved += e.value }))"
                         ".observe({type: 'layout-shift', buffered: true})")  # fmt: skip
    for path in ("", f"days/{YESTERDAY}/{CODE}"):
        page.goto(address + path, wait_until="networkidle")
        assert page.evaluate("() => window.moved") == 0
