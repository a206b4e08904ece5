"""A page costs a page, whatever lies in the database: none reads a grown table whole, on either database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from fundlink.api.app import create_app
from fundlink.config import Settings
from tests.books.days import settled
from tests.builders import CODE, DAY, World, bill, receipt
from tests.store import grown
from tests.store.plans import watched

WHOLE = {
    # Each by a part of its text, with the reason.
    "p.stage = 'preliminary'": "the index of preliminary statements; asked for after the page is there",
    "'transaction:' || q.transaction_key": "the queue of cases: the index of outcomes that do not match, which holds nothing else",
    "WHERE o.outcome NOT IN ('matched', 'paid_after_limit') AND r.id = o.receipt_id": "the same index",
}
LARGE = (
    "bill",
    "bill_version",
    "clearing_entry",
    "clearing_handover",
    "message_item",
    "outcome",
    "receipt",
    "slip",
    "slip_handover",
    "slip_state",
)
"""Tables with a row a bill or payment; those with a row a file or message may be read."""
PAGES = ("", f"days/{DAY}/{CODE}", f"days/{DAY}/{CODE}/funds/601", f"days/{DAY}/{CODE}/funds/601?rows=all", "payments/T2", f"settlements/S{DAY}601",
         f"days/{DAY}/{CODE}/close", f"days/{DAY}/{CODE}/sheet", f"later/{CODE}", "cases", "cases?yen=1000&age=1&fund=601", "cases/transaction:TU", "approvals")  # fmt: skip


@pytest.fixture
def desk(world: World) -> Iterator[TestClient]:
    """A console over a grown database and one small day of it."""
    grown.fill(world)
    world.intake([bill(number) for number in range(1, 31)])
    world.jobs.submit()
    world.receive([*(world.paid(number, f"T{number}") for number in range(1, 21)), receipt("TU", "9" * 20, "000000")])
    world.jobs.reconcile()
    settled(world, 20_000)
    grown.analyze(world)
    app = create_app(world.jobs.rooms, Settings(home=world.folder / "home"))
    with TestClient(app, base_url="http://127.0.0.1/console/") as client:
        yield client


def test_no_page_reads_a_grown_table_whole(desk: TestClient) -> None:
    with watched(LARGE) as watcher:
        for page in PAGES:
            watcher.verb = page or "home"
            assert desk.get(page).status_code == 200, page
    found = dict.fromkeys(scan for scan in (*watcher.scans, *watcher.repeats) if not any(part in scan.statement for part in WHOLE))
    assert watcher.explained > 30
    assert not found, "\n".join(map(str, found))
