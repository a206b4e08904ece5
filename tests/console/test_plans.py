"""A page costs a page, whatever lies in the database: none reads a grown table whole, on either database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from fundlink.api.app import create_app
from fundlink.config import Settings
from tests.books.days import settled
from tests.builders import CODE, DAY, World, bill, receipt
from tests.console.persons import CLERK, Desk, Staffed, register
from tests.store import grown
from tests.store.grown import LARGE, WHOLE
from tests.store.plans import watched

PAGES = ("", f"days/{DAY}/{CODE}", f"days/{DAY}/{CODE}/funds/601", f"days/{DAY}/{CODE}/funds/601?rows=all", "payments/T2", f"settlements/S{DAY}601",
         f"days/{DAY}/{CODE}/close", f"days/{DAY}/{CODE}/sheet", f"later/{CODE}", f"readiness/{CODE}",
         *(f"reports/{name}/{CODE}" for name in ("collection", "channels", "ageing", "spans")),
         f"bills/{bill(1).bill_key}", "search?q=T2", "search?q=9901960120260000000001", f"search?q={bill(2).notice_number}", "search?q=K3",
         f"search?yen=1001&by=booked&day={DAY}", f"search?yen=1001&by=paid&day={DAY}", "search?yen=1000&by=limit&day=2027-01-09",
         "cases", "cases?kind=preliminary", "cases/preliminary:TL", "cases?yen=1000&age=1&fund=601", "cases/transaction:TU", "approvals")  # fmt: skip


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    """A console over a grown database and one small day of it."""
    grown.fill(world)
    world.intake([bill(number) for number in range(1, 31)])
    world.jobs.submit()
    world.receive(
        [
            *(world.paid(number, f"T{number}") for number in range(1, 21)),
            receipt("TU", "9" * 20, "000000"),
            world.paid(30, "TL", stage="preliminary", booked_on="2026-11-02"),
        ]
    )
    world.jobs.reconcile()
    settled(world, 20_000)
    grown.analyze(world)
    staffed = Staffed(world, register(world.at("2026-11-09T07:00:00").jobs.rooms))
    app = create_app(world.jobs.rooms, Settings(home=world.folder / "home"))
    with TestClient(app, base_url="http://127.0.0.1/console/") as client:
        found = Desk(client, staffed)
        found.sit(CLERK)
        yield found


def test_no_page_reads_a_grown_table_whole(desk: Desk) -> None:
    with watched(LARGE) as watcher:
        for page in PAGES:
            watcher.verb = page or "home"
            assert desk.get(page).status_code == 200, page
    found = dict.fromkeys(scan for scan in (*watcher.scans, *watcher.repeats) if not any(part in scan.statement for part in WHOLE))
    assert watcher.explained > 30
    assert not found, "\n".join(map(str, found))
