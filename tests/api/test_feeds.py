"""What vendors fetch: clearing entries from any cursor, days, profiles, health, and the description of it all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fundlink.domain.errors import OutcomeUnknownError
from tests.api.caller import CODE, KEY, Vendor, content
from tests.builders import DAY, bills


def _paid(vendor: Vendor, count: int) -> None:
    world = vendor.world
    world.intake(bills(count))
    world.jobs.submit()
    world.receive([world.paid(number, f"T{number}") for number in range(1, count + 1)])
    world.jobs.reconcile()


def test_the_feed_is_whole_ascending_and_replayable(vendor: Vendor) -> None:
    start = vendor.get("/v1/clearings").body
    assert (start["clearings"], start["more"]) == ([], False)
    _paid(vendor, 5)
    found: list[dict[str, Any]] = []
    cursor, pages, more = start["next"], [], True
    while more:
        page = vendor.get(f"/v1/clearings?limit=2&after={cursor}").body
        pages.append((cursor, page))
        found += page["clearings"]
        cursor, more = page["next"], page["more"]
    assert [entry["entry_number"] for entry in found] == [1, 2, 3, 4, 5]
    assert [entry["core_key"] for entry in found] == ["K1", "K2", "K3", "K4", "K5"]
    assert (found[0]["paid_yen"], found[0]["charge_paid_yen"], found[0]["outcome"], found[0]["stage"]) == (1001, 1001, "matched", "1")
    assert not {name for name in found[0] if name.startswith("payer")}
    for place, page in pages:
        assert vendor.get(f"/v1/clearings?limit=2&after={place}").body == page
    assert vendor.get(f"/v1/clearings?after={cursor}").body["clearings"] == []
    assert len(vendor.get(f"/v1/clearings?municipality_code={CODE}").body["clearings"]) == 5
    assert vendor.get("/v1/clearings?municipality_code=131016").body["clearings"] == []


def test_what_turned_out_otherwise_is_withdrawn_in_the_feed(vendor: Vendor) -> None:
    _paid(vendor, 1)
    cursor = vendor.get("/v1/clearings").body["next"]
    vendor.world.receive([vendor.world.paid(1, "T1", stage="cancelled")])
    vendor.world.jobs.reconcile()
    later = vendor.get(f"/v1/clearings?after={cursor}").body["clearings"]
    assert [(entry["entry_number"], entry["stage"], entry["transaction_key"]) for entry in later] == [(2, "9", "T1")]


def test_days(vendor: Vendor) -> None:
    _paid(vendor, 2)
    day = vendor.get(f"/v1/days/{DAY}").body
    assert (day["day"], day["outcomes"], day["outcomes_yen"]) == (DAY, {"matched": 2}, {"matched": 2003})
    assert [(fund["fund_code"], fund["receipts"], fund["receipts_yen"], fund["state"]) for fund in day["days"]] == [
        ("601", 2, 2003, "open")
    ]
    assert vendor.get("/v1/days").body == {"days": day["days"], "next": None}
    assert vendor.get(f"/v1/days/{DAY}?municipality_code=131016").body["days"] == []
    assert vendor.get("/v1/days/2026-01-01").body["days"] == []


def test_profiles(vendor: Vendor) -> None:
    listed = {shown["name"]: shown["messages"] for shown in vendor.get("/v1/profiles").body["profiles"]}
    assert "billing" in listed["api"]
    assert "billing" in listed["standard"]


def test_health(vendor: Vendor) -> None:
    assert vendor.get("/healthz").body == {"ok": True}
    assert vendor.get("/readyz").body["ok"] is True
    with vendor.world.jobs.rooms.store.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'later'")
    told = vendor.get("/readyz")
    assert (told.status, told.code, told.headers["retry-after"]) == (503, "FL-API-011", "2")
    assert vendor.get("/healthz").status == 200


def test_an_outcome_nobody_knows_is_a_503_and_the_same_key_tells_later(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    from fundlink.store import engine

    commit = engine._commit

    def lost(transaction: Any) -> None:
        commit(transaction)
        raise OutcomeUnknownError("commit")

    monkeypatch.setattr(engine, "_commit", lost)
    told = vendor.put(content(), key="a")
    assert (told.status, told.code, told.headers["retry-after"]) == (503, "FL-API-011", "2")
    monkeypatch.setattr(engine, "_commit", commit)
    again = vendor.put(content(), key="a")
    assert (again.status, again.headers["idempotent-replayed"]) == (201, "true")


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/nothing", f"/v1/bills/{KEY}", "/v1/clearings"])
def test_every_answer_carries_the_headers(vendor: Vendor, path: str) -> None:
    headers = vendor.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-correlation-id"]


def test_the_description_is_whole(vendor: Vendor) -> None:
    told = vendor.get("/openapi.json").body
    routes = {(method.upper(), path) for path, methods in told["paths"].items() for method in methods}
    assert routes == {
        ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/v1/profiles"), ("GET", "/v1/cases"), ("GET", "/v1/clearings"), ("GET", "/v1/days"),
        ("GET", "/v1/days/{day}"), ("GET", "/v1/intakes"), ("POST", "/v1/intakes"), ("GET", "/v1/intakes/{intake_id}"),
        ("GET", "/v1/intakes/{intake_id}/result"), ("GET", "/v1/bills"), ("GET", "/v1/bills/{name}"), ("PUT", "/v1/bills/{name}"),
        ("GET", "/v1/bills/{name}/qr.png"), ("GET", "/v1/bills/{name}/qr.svg"), ("POST", "/v1/bills/{name}/cancel"),
        ("POST", "/v1/bills/{name}/reissue"), ("GET", "/v1/bills/{name}/slip.pdf"),
        ("GET", "/v1/proposals"), ("GET", "/v1/proposals/{proposal_id}"),
    }  # fmt: skip
    named = told["components"]["schemas"]
    assert _references(told) <= set(named)
    assert "official" not in str(told).lower()
    bill = named["BillRow"]
    assert bill["properties"]["charge_yen"] == {"type": "integer", "minimum": 0, "maximum": 99_999_999_999, "description": "料額"}
    assert bill["properties"]["fund_code"]["enum"][0] == "601"
    assert bill["additionalProperties"] is False
    made = vendor.write("POST", "/v1/intakes", json.dumps(bill["example"]).encode(), **{"Content-Type": "application/x-ndjson"})
    assert (made.status, made.body["rejected"], made.body["quarantined"]) == (202, 0, False)


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"].rsplit("/", 1)[1]} if "$ref" in value else set()
        return own.union(*(_references(inner) for inner in value.values()))
    return set().union(*(_references(inner) for inner in value)) if isinstance(value, list) else set()


def test_answers_have_the_shape_that_is_described(vendor: Vendor) -> None:
    named = vendor.get("/openapi.json").body["components"]["schemas"]
    _paid(vendor, 1)
    put = vendor.put(content(7), name=KEY.replace("0001~", "0007~")).body
    for shape, body in (
        ("BillWritten", put),
        ("BillDetail", vendor.get("/v1/bills/K1").body),
        ("Bill", vendor.get("/v1/bills").body["bills"][0]),
        ("ClearingEntry", vendor.get("/v1/clearings").body["clearings"][0]),
        ("DayFund", vendor.get("/v1/days").body["days"][0]),
        ("Day", vendor.get(f"/v1/days/{DAY}").body),
        ("IntakePage", vendor.get("/v1/intakes").body),
        ("IntakeDetail", vendor.get("/v1/intakes/1").body),
        ("IntakeResult", vendor.send(vendor.billing_file(2)).body),
        ("Profiles", vendor.get("/v1/profiles").body),
    ):
        assert (shape, set(named[shape]["properties"])) == (shape, set(body))
    problem = vendor.put(content(charge_yen=-1, late_charge_yen=-1)).body
    assert set(problem) == set(named["Problem"]["properties"])
    assert set(problem["problems"][0]) == set(named["FoundProblem"]["properties"])
