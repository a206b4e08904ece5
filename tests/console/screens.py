"""Pictures of every page in light and dark at three widths: ``python -m tests.console.screens docs/screens`` (``make screens``)."""

from __future__ import annotations

import io
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, StorageState

from tests.builders import CODE, world
from tests.console.persons import ADMIN, CLERK, INPUT, Person, Staffed, log_in
from tests.console.serving import WIDTHS, chromium, open_whole, served
from tests.console.town import (
    LATE,
    OPEN_BILL,
    PAID_BILL,
    PREPARED,
    PROBLEMS_DRAFT,
    READY_DRAFT,
    SHORT,
    TWO_ANSWERS,
    UNANSWERED,
    WRONG_FILE,
    YESTERDAY,
    key,
    town,
)

PAGES: dict[str, str] = {
    "home": "",
    "day": f"days/{YESTERDAY}/{CODE}",
    "day-late": f"days/{LATE}/{CODE}",
    "day-closed": f"days/2026-11-10/{CODE}",
    "fund": f"days/{YESTERDAY}/{CODE}/funds/601",
    "fund-short": f"days/{SHORT}/{CODE}/funds/632?rows=all",
    "payment": "payments/T261120601D",
    "payment-unknown": "payments/T261120602U",
    "bill": f"bills/{OPEN_BILL}",
    "bill-paid": f"bills/{PAID_BILL}",
    "search": "search?yen=12000&by=booked&day=2026-11-18",
    "search-none": "search?q=9999",
    "settlement": f"settlements/{key(TWO_ANSWERS, '601')}",
    "settlement-settled": f"settlements/{key(PREPARED, '601')}",
    "close": f"days/{PREPARED}/{CODE}/close",
    "close-untied": f"days/{SHORT}/{CODE}/close",
    "cases": "cases",
    "cases-none": "cases?kind=conflict",
    "case": "cases/transaction:T261120602U",
    "case-message": f"cases/message:{UNANSWERED}",
    "act": "acts/1",
    "approvals": "approvals",
    "file-rollback": "proposals/1",
    "files": "files",
    "streams": "files/streams",
    "bank-accounts": "bank-accounts",
    "file": "files/1",
    "file-rejected": f"files/{WRONG_FILE}",
    "file-received": "files/received/1",
    "day-sheet": f"days/2026-11-10/{CODE}/sheet",
    **{f"report-{name}": f"reports/{name}/{CODE}" for name in ("collection", "channels", "ageing", "spans")},
    "readiness": f"readiness/{CODE}",
    "failure": "payments/nobody",
    "sessions": "account/sessions",
    "password": "account/password",
    "prove": "account/prove",
    "home-english": "?lang=en",
}
"""Every page by the name of its picture. A new page has a line here."""
ADMIN_PAGES = {"users": "users", "keys": "keys", "profiles": "profiles", "home-admin": ""}
"""Pages of an administrator, who sees no money."""
INPUT_PAGES = {
    "upload": "upload",
    "upload-dry-run": "uploads/1",
    "small-funds": "small-funds",
    "small-funds-problems": f"small-funds/{PROBLEMS_DRAFT}",
    "small-funds-ready": f"small-funds/{READY_DRAFT}",
}
"""Pages of those who hand over files."""
OPEN_PAGES = {"login": "login", "setup": "setup"}
"""Pages that nobody has to be logged in for."""
SEATS = ((CLERK, PAGES), (INPUT, INPUT_PAGES), (ADMIN, ADMIN_PAGES))
"""Whose pages they are."""
EVERY_PAGE: dict[str, tuple[Person | None, str]] = {
    **{name: (person, path) for person, pages in SEATS for name, path in pages.items()},
    **{name: (None, path) for name, path in OPEN_PAGES.items()},
}
"""Whose page it is (nobody's: open to all) and where. What is looked at of every page reads this."""
COLOURS = 128
SCHEMES = ("light", "dark")


def draw(out: Path, only: tuple[str, ...] = ()) -> int:
    """Write the pictures; how many."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        built = town(world(Path(folder), profiles=Path(folder) / "profiles"))
        with served(built.world) as address, chromium() as browser:
            seats = [(None, OPEN_PAGES), *((session_of(browser, address, built, one), pages) for one, pages in SEATS)]
            for scheme, width in product(SCHEMES, WIDTHS):
                for state, pages in seats:
                    wanted = {name: path for name, path in pages.items() if not only or name in only}
                    _draw(browser, (address, state), (out, scheme, width), wanted)
        built.world.jobs.rooms.close()
    return len(list(out.glob("*.png")))


def session_of(browser: Browser, address: str, built: Staffed, person: Person = CLERK) -> StorageState:
    """What a browser holds of somebody who has logged in."""
    with browser.new_context(locale="ja-JP") as context:
        log_in(context.new_page(), address, built, person)
        return context.storage_state()


def _draw(browser: Browser, where: tuple[str, StorageState | None], how: tuple[Path, str, str], pages: dict[str, str]) -> None:
    (address, state), (out, scheme, width) = where, how
    wide, high = WIDTHS[width]
    dark: Literal["dark", "light"] = "dark" if scheme == "dark" else "light"
    with browser.new_context(viewport={"width": wide, "height": high}, color_scheme=dark, locale="ja-JP", storage_state=state) as context:
        page = context.new_page()
        for name, path in pages.items():
            open_whole(page, address + path)
            picture = Image.open(io.BytesIO(page.screenshot(full_page=True)))
            picture.convert("RGB").quantize(COLOURS).save(out / f"{name}-{width}-{scheme}.png", optimize=True)


if __name__ == "__main__":
    sys.stdout.write(f"{draw(Path(sys.argv[1]), tuple(sys.argv[2:]))} pictures in {sys.argv[1]}\n")
