"""A new clerk's first morning in Chromium: from the home page to a closed day, by the words on the pages alone, two persons in two sessions.

The day has a duplicate, an unknown number and a settlement that is short. Every step is counted and timed by the keystroke-level
model (Card, Moran, Newell): what a person who has never seen the pages needs is an upper bound of what the pages ask for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.access.staff import PASSWORD
from tests.builders import World
from tests.console.persons import CHIEF, CLERK, Person, Staffed, close
from tests.console.town import DAYS, PREPARED, TWO_ANSWERS, YESTERDAY, states

pytestmark = pytest.mark.browser
CLICK_S, KEY_S, READ_S = 1.3, 0.28, 6.0
"""To point and click, to press a key, to read a page that was never seen."""
MOST_S = 300
MOST_CLICKS, MOST_PAGES = 40, 35


class Walker:
    """One person at a browser, who knows no address but that of the first page; counts what they do."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = self.keys = self.pages = 0
        page.on("framenavigated", lambda _: self._turned())

    def _turned(self) -> None:
        self.pages += 1

    def open(self, address: str) -> None:
        """The one address there is, from the shortcut on the desk."""
        self.page.goto(address)

    def follow(self, words: str) -> None:
        """A link by what stands on it; one that stands twice is taken where it stands first."""
        self.choose(self.page.get_by_role("link", name=words).first)

    def press(self, words: str) -> None:
        """A button by what stands on it."""
        self.choose(self.page.get_by_role("button", name=words).locator("visible=true"))

    def unfold(self, words: str) -> None:
        """What may be done, by its name."""
        self.choose(self.page.locator("summary").filter(has_text=words))

    def fill(self, label: str, words: str) -> None:
        """A field by its label."""
        self.page.get_by_label(label).locator("visible=true").fill(words)
        self.clicks += 1
        self.keys += len(words)

    def reads(self, words: str) -> None:
        """What has to stand on the page for the next step to suggest itself."""
        expect(self.page.get_by_text(words).first).to_be_visible()

    def choose(self, wanted: Locator) -> None:
        """Anything that is pointed at."""
        wanted.click()
        self.clicks += 1

    @property
    def seconds(self) -> float:
        """How long it takes a person."""
        return self.clicks * CLICK_S + self.keys * KEY_S + self.pages * READ_S


@pytest.fixture
def morning(staffed: Staffed) -> Staffed:
    """The town with every day before yesterday closed, so that yesterday is the next one."""
    for day in DAYS[DAYS.index(PREPARED) : DAYS.index(TWO_ANSWERS) + 1]:
        close(staffed.world.jobs, day, override="照会済み")
    return staffed


@pytest.fixture
def sat(browser: Browser, address: str, morning: Staffed) -> Iterator[Any]:
    """Seats: a person at a machine of the office, logged in."""
    contexts = []

    def sit(person: Person) -> Walker:
        context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="ja-JP")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        walker = Walker(page)
        walker.open(address)
        for label, typed in (("利用者名", person.login), ("パスワード", PASSWORD), ("確認コード", morning.code(person))):
            walker.fill(label, typed)
        walker.press("ログイン")
        return walker

    yield sit
    for context in contexts:
        context.close()


def test_a_new_clerk_closes_a_day_that_has_all_three_troubles(sat: Any, town: World) -> None:
    clerk = sat(CLERK)
    clerk.reads("12,000 円 合いません")
    clerk.follow("11月20日（金）を開く")
    _the_unknown_number(clerk)
    _the_short_settlement(clerk)
    chief = sat(CHIEF)
    _approved(chief)
    assert states(town)[YESTERDAY] == "closed"
    assert town.jobs.waiting_acts() == []
    _the_paper(chief)
    clicks, pages, seconds = (getattr(clerk, name) + getattr(chief, name) for name in ("clicks", "pages", "seconds"))
    told = f"{clicks} clicks on {pages} pages take {seconds:.0f} s"
    sys.stdout.write(f"{told}\n")
    assert clicks <= MOST_CLICKS, clicks
    assert pages <= MOST_PAGES, pages
    assert seconds < MOST_S, told


def _the_unknown_number(clerk: Walker) -> None:
    """From the day by the fund that says that something waits, to why, to what becomes of it."""
    clerk.reads("判断待ち 1 件")
    clerk.follow("介護保険料")
    clerk.follow("T261120602U")
    clerk.reads("判定は「該当する納付書なし」です")
    clerk.follow("この納付の扱いを決める")
    expect(clerk.page.get_by_text("充当する")).to_have_count(0)  # there is nothing yet that could be set off
    clerk.unfold("過誤納とする")
    clerk.fill("理由（承認する人に示されます）", "ほかの団体の納付書と分かった")
    clerk.press("この内容で準備する")
    clerk.reads("準備しました。別の人の承認を待っています。")


def _the_short_settlement(clerk: Walker) -> None:
    """Back by the morning to the day, to the rows of what does not tie, and to its close with a reason."""
    clerk.follow("朝の確認")
    clerk.follow("11月20日（金）を開く")
    clerk.follow("締めの準備へ")
    clerk.reads("不一致（金額の差）")
    clerk.follow("下水道使用料")
    clerk.reads("この公金種目は 12,000 円 合いません")
    clerk.follow("11月20日（金）へ戻る")
    clerk.follow("締めの準備へ")
    clerk.fill("合わないまま締める理由", "払込の不足を照会済み")
    clerk.press("この内容で準備する")
    clerk.reads("準備しました。別の人の承認を待っています。")


def _approved(chief: Walker) -> None:
    """The other person: the duplicate that was prepared the day before, the unknown one, and the close."""
    chief.follow("承認待ち")
    for yen in ("28,428 円", "7,700 円"):
        chief.reads(yen)
        chief.choose(chief.page.get_by_role("listitem").filter(has_text=yen).get_by_role("link"))
        chief.press("承認して実施する")
        chief.reads("実施しました。")
        chief.follow("承認待ちへ戻る")
    chief.follow("11月20日（金）の締め")
    chief.reads("払込の不足を照会済み")
    chief.press("承認して締める")
    chief.reads("締めました。帳簿を固定しました。")


def _the_paper(chief: Walker) -> None:
    """The day sheet from the page that says that it is done, and the morning that says the same."""
    chief.follow("日計表を開く（印刷）")
    chief.reads("締め済み")
    chief.follow("朝の確認")
    chief.reads("締め済みです")
