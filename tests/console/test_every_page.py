"""Every page there is, each by its line in ``screens``: WCAG 2.2 AA, keys alone, weight, nothing that moves, narrow windows, English.

One town, one server and one browser for the whole file; a new page is looked at as soon as it has its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, StorageState

from tests.console.persons import EVERYBODY, Desk, Person, Staffed
from tests.console.screens import EVERY_PAGE, session_of
from tests.console.serving import WIDTHS, open_whole, served, wait_whole

pytestmark = pytest.mark.browser
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
MOST_BYTES = 150_000
NARROWEST = 320
"""CSS pixels: a page of 1280 at 400 % (WCAG 1.4.10)."""
MISSING = {"failure"}
"""Pages that are told with 404, which a browser notes as an error."""
SLOW = {"offline": False, "latency": 5, "downloadThroughput": 100_000, "uploadThroughput": 100_000}
"""Bytes a second and milliseconds: a page of a list takes half a second."""
_SHIFTS = """window.moved = 0; new PerformanceObserver(list => list.getEntries().forEach(e => { window.moved += e.value }))
             .observe({type: 'layout-shift', buffered: true})"""
_CONTROLS = """() => [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
    .filter(e => !e.disabled && e.checkVisibility({visibilityProperty: true}))
    .filter(e => e.type !== 'radio' || e.checked || ![...document.getElementsByName(e.name)].some(o => o.checked || o.compareDocumentPosition(e) & 4))
    .map((e, at) => { e.dataset.at = at; return e.outerHTML.slice(0, 120) })"""
"""What can be reached: of radio buttons with one name Tab finds one."""
_FOCUSED = """() => { const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
    return {at: e.dataset.at ?? null, shown: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0,
            inside: r.bottom > 0 && r.top < window.innerHeight, isBody: e === document.body} }"""
_JAPANESE = r"""() => { const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) { const n = walk.currentNode, e = n.parentElement;
      if (/[ぁ-んァ-ヶ一-龥]/.test(n.data) && !e.closest('[lang=ja]') && e.checkVisibility()) found.push(n.data.trim()) }
    return found }"""


class Office(NamedTuple):
    """A browser at the town's console, and what the persons hold who have logged in."""

    browser: Browser
    address: str
    states: dict[str, StorageState]

    def at(self, person: Person | None, **more: Any) -> BrowserContext:
        """A window of somebody."""
        return self.browser.new_context(locale="ja-JP", storage_state=self.states[person.login] if person else None, **more)


@pytest.fixture(scope="module")
def office(browser: Browser, stage: tuple[Desk, Staffed]) -> Iterator[Office]:
    """The town on its morning, served."""
    staffed = stage[1]
    with served(staffed.world) as address:
        persons = {person.login: person for person, _ in EVERY_PAGE.values() if person}
        yield Office(browser, address, {login: session_of(browser, address, staffed, person) for login, person in persons.items()})


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_a_page_is_light_and_calm_and_fits(office: Office, name: str) -> None:
    person, path = EVERY_PAGE[name]
    with office.at(person, viewport={"width": 1366, "height": 768}) as context:
        page = context.new_page()
        said: list[str] = []
        answers: list[Response] = []
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("response", lambda answer: answers.extend([answer]))
        page.add_init_script(_SHIFTS)
        open_whole(page, office.address + path)
        assert page.evaluate("() => window.moved") == 0
        assert [answer.url for answer in answers if not answer.url.startswith(office.address.removesuffix("console/"))] == []
        assert sum(len(answer.body()) for answer in answers if answer.ok or name in MISSING) < MOST_BYTES
        assert said == [] or name in MISSING
        for width in (NARROWEST, *(wide for wide, _ in WIDTHS.values())):
            page.set_viewport_size({"width": width, "height": 768})
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width, f"wider than {width}"


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_a_page_that_arrives_slowly_does_not_move(office: Office, name: str) -> None:
    """The second page of a visit: its styles are here already, and the page itself comes in pieces."""
    person, path = EVERY_PAGE[name]
    with office.at(person, viewport={"width": 1366, "height": 768}) as context:
        page = context.new_page()
        page.goto(office.address + path)
        page.add_init_script(_SHIFTS)
        context.new_cdp_session(page).send("Network.emulateNetworkConditions", SLOW)
        open_whole(page, office.address + path)
        assert page.evaluate("() => window.moved") == 0


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_a_page_is_for_everybody(office: Office, name: str) -> None:
    """Axe finds nothing in light and in dark; scripts are let in here alone, the pages themselves keep their policy."""
    person, path = EVERY_PAGE[name]
    with office.at(person, viewport={"width": 1366, "height": 768}, bypass_csp=True) as context:
        page = context.new_page()
        open_whole(page, office.address + path)
        page.evaluate("() => document.querySelectorAll('details').forEach(e => { e.open = true })")
        page.evaluate(AXE)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            assert _axe(page) == [], scheme


def test_axe_finds_something_where_there_is_something(office: Office) -> None:
    with office.at(None) as context:
        page = context.new_page()
        page.set_content("<html><body><img src='x'></body></html>")
        page.evaluate(AXE)
        assert _axe(page)


def _axe(page: Page) -> list[str]:
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})", RULES
    )
    return [f"{one['id']} {[node['target'] for node in one['nodes']][:3]}" for one in found["violations"]]


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_keys_alone_reach_everything_and_show_where_they_are(office: Office, name: str) -> None:
    person, path = EVERY_PAGE[name]
    with office.at(person, viewport={"width": 1366, "height": 768}, reduced_motion="reduce") as context:
        page = context.new_page()
        open_whole(page, office.address + path)
        page.evaluate("() => { document.activeElement.blur(); document.querySelectorAll('main details').forEach(e => { e.open = true }) }")
        controls = page.evaluate(_CONTROLS)
        reached, seen = set(), set()
        for _ in range(len(controls) * 4 + 10):  # a field for a date is several stops
            page.keyboard.press("Tab")
            told = page.evaluate(_FOCUSED)
            if told["isBody"]:
                break
            if told["at"] is not None:
                reached.add(int(told["at"]))
                seen |= {int(told["at"])} if told["shown"] and told["inside"] else set()
        assert [control for at, control in enumerate(controls) if at not in reached] == []
        assert [control for at, control in enumerate(controls) if at not in seen] == [], "nothing shows that it has the focus"


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_a_page_is_in_english_where_somebody_asks_for_it(office: Office, name: str) -> None:
    """And what stays Japanese there (names, words of a file) says that it is."""
    person, path = EVERY_PAGE[name]
    with office.at(person, viewport={"width": 1366, "height": 768}) as context:
        page = context.new_page()
        open_whole(page, office.address + path)
        if page.locator("html").get_attribute("lang") == "ja":
            page.locator("a.language").click()
            wait_whole(page)
        assert page.locator("html").get_attribute("lang") == "en"
        names = re.compile("|".join(re.escape(one.name) for one in EVERYBODY))
        left = [words for words in page.evaluate(_JAPANESE) if re.search("[ぁ-んァ-ヶ一-龥]", names.sub("", words))]
        assert left == []
