"""A keyed write happens once: missing, wrong, reused and parallel keys (A06 to A09)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from fundlink.store import idempotency
from tests.api.caller import KEY, Vendor, content

WRITES = [
    ("PUT", f"/v1/bills/{KEY}"),
    ("POST", f"/v1/bills/{KEY}/cancel"),
    ("POST", f"/v1/bills/{KEY}/reissue"),
    ("POST", "/v1/intakes?profile=standard"),
]


@pytest.mark.parametrize(("method", "address"), WRITES)
def test_a06_a_write_without_a_key(vendor: Vendor, method: str, address: str) -> None:
    media_type = "text/csv" if "intakes" in address else "application/json"
    told = vendor.call(method, address, content=b"{}", headers={"Content-Type": media_type})
    assert (told.status, told.code) == (400, "FL-IDM-001")


def test_a07_the_same_key_with_another_body_leaves_the_first_result(vendor: Vendor) -> None:
    first = vendor.put(content(), key="a")
    other = vendor.put(content(charge_yen=1), key="a")
    assert (other.status, other.code) == (422, "FL-IDM-002")
    assert vendor.put(content(), key="a").body == first.body
    assert vendor.write("POST", f"/v1/bills/{KEY}/cancel", key="a").code == "FL-IDM-002"
    assert vendor.get(f"/v1/bills/{KEY}").body["total_yen"] == 1001


def test_a08_fifty_at_once_are_one_effect(vendor: Vendor) -> None:
    with ThreadPoolExecutor(16) as crowd:
        told = list(crowd.map(lambda _: vendor.put(content(), key="a"), range(50)))
    done = [answer for answer in told if answer.status == 201]
    assert done
    assert len({str(answer.body) for answer in done}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in done) == 1
    assert {answer.code for answer in told if answer.status != 201} <= {"FL-IDM-003"}
    assert len(vendor.get("/v1/intakes").body["intakes"]) == 1


def test_a08_fifty_bills_at_once_are_fifty_effects(vendor: Vendor) -> None:
    names = [KEY.replace("0001~", f"{number:04}~") for number in range(100, 150)]
    good, bad = {"charge_yen": 5, "due_on": "2026-11-30"}, {"charge_yen": 5}
    with ThreadPoolExecutor(16) as crowd:
        told = list(crowd.map(lambda at: vendor.put(bad if at % 5 == 0 else good, name=names[at]), range(50)))
    assert [answer.status for answer in told] == [422 if at % 5 == 0 else 201 for at in range(50)]
    numbers = {answer.body["el_number"]["case_key"] for answer in told if answer.status == 201}
    assert len(numbers) == 40
    assert len(vendor.get("/v1/bills?limit=1000").body["bills"]) == 40


@pytest.mark.parametrize("key", ["", " ", "a" * 256, "a\tb", "キー".encode(), b"\x7f"])
def test_a09_keys_that_are_none(vendor: Vendor, key: str | bytes) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    told = vendor.call("PUT", f"/v1/bills/{KEY}", content=b"{}", headers=headers)
    assert (told.status, told.code) == (400, "FL-IDM-004")


def test_the_longest_key_is_one(vendor: Vendor) -> None:
    assert vendor.put(content(), key="a" * 255).status == 201


def test_what_had_no_effect_may_be_corrected_under_the_same_key(vendor: Vendor) -> None:
    assert vendor.put(content(charge_yen=-1), key="a").status == 422
    assert vendor.put(content(), key="a").status == 201


def test_a08_one_file_sent_by_many_at_once(vendor: Vendor) -> None:
    file = vendor.billing_file(200)
    with ThreadPoolExecutor(6) as crowd:
        told = list(crowd.map(lambda at: vendor.send(file, key="a" if at % 2 else f"b{at}"), range(6)))
    assert {answer.code for answer in told if answer.status != 202} <= {"FL-IDM-003"}
    assert {answer.body["id"] for answer in told if answer.status == 202} == {1}
    assert len(vendor.get("/v1/bills?limit=1000").body["bills"]) == 200


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # one process owns a SQLite folder
def test_a08_a_key_that_another_process_holds(vendor: Vendor) -> None:
    store = vendor.world.jobs.rooms.store
    with store.engine.begin() as connection:
        assert idempotency.claim(store, connection, ["a"])
        told = vendor.put(content(), key="a")
        assert (told.status, told.code, told.headers["retry-after"]) == (409, "FL-IDM-003", "2")
    with store.stream_lock("idempotency:b"):
        assert vendor.send(vendor.billing_file(1), key="b").code == "FL-IDM-003"
    with store.stream_lock("intake"):
        assert vendor.send(vendor.billing_file(1), key="b").code == "FL-API-011"
    assert vendor.put(content(), key="a").status == 201
