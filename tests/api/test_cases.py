"""The queue over HTTP: pages by cursor, filters, and nothing of a payer."""

from __future__ import annotations

from tests.api.caller import CODE, Vendor
from tests.builders import bills


def test_cases_a_page_at_a_time(vendor: Vendor) -> None:
    world = vendor.world
    world.intake(bills(3))
    world.jobs.submit()
    world.receive([world.paid(number, f"T{number}{copy}") for number in (1, 2, 3) for copy in "ab"])
    world.jobs.reconcile()
    found, cursor = [], ""
    while True:
        page = vendor.get(f"/v1/cases?limit=2{cursor}").body
        found += [(case["case"], case["reason"], case["yen"]) for case in page["cases"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert found == [("transaction:T1b", "duplicate_payment", 1001), ("transaction:T2b", "duplicate_payment", 1002), ("transaction:T3b", "duplicate_payment", 1003)]  # fmt: skip
    assert len(vendor.get(f"/v1/cases?municipality_code={CODE}&kind=transaction").body["cases"]) == 3
    assert vendor.get("/v1/cases?owner=nobody").body == {"cases": [], "next": None}
    assert vendor.get("/v1/cases?kind=nonsense").status == 422
    assert vendor.get("/v1/cases?cursor=nonsense").code == "FL-API-006"
    shape = vendor.get("/openapi.json").body["components"]["schemas"]["Case"]
    assert set(shape["properties"]) == set(vendor.get("/v1/cases").body["cases"][0])
