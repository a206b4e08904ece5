"""One bill at a time: made, changed, cancelled, re-issued, read."""

from __future__ import annotations

import pytest

from tests.api.caller import KEY, Vendor, content
from tests.builders import bill


def test_a_bill_is_made_changed_and_cancelled(vendor: Vendor) -> None:
    made = vendor.put(content())
    assert (made.status, made.body["effect"], made.body["state"], made.body["total_yen"]) == (201, "created", "issued", 1001)
    assert made.headers["location"] == f"/v1/bills/{KEY}"
    assert len(made.body["qr_payload"]) == 255
    assert set(made.body["el_number"]) == {"institution_code", "case_key", "confirmation_number", "fund_code"}
    same = vendor.put(content())
    assert (same.status, same.body["effect"], same.body["el_number"]) == (200, "unchanged", made.body["el_number"])
    changed = vendor.put(content(charge_yen=500))
    assert (changed.status, changed.body["effect"], changed.body["total_yen"]) == (200, "updated", 500)
    assert changed.body["el_number"] == made.body["el_number"]
    gone = vendor.put(content(action="9"))
    assert (gone.status, gone.body["effect"], gone.body["state"], gone.body["qr_payload"]) == (200, "cancelled", "cancelled", None)


def test_parts_of_the_key_are_taken_from_the_address(vendor: Vendor) -> None:
    made = vendor.put({"charge_yen": 700, "due_on": "2026-11-30"})
    assert (made.status, made.body["bill_key"], made.body["levy_year"]) == (201, KEY, 2026)
    assert vendor.put({}, name=KEY.replace("0001~", "0002~")).status == 422


def test_a_body_over_several_lines_is_one_bill(vendor: Vendor) -> None:
    body = b'{\r\n  "charge_yen": 700,\n  "due_on": "2026-11-30"\n}\n'
    assert vendor.put(body).status == 201


def test_a_bill_named_by_its_core_key(vendor: Vendor) -> None:
    made = vendor.put(content(core_key=None), name="K1")
    assert (made.status, made.body["core_key"], made.body["bill_key"]) == (201, "K1", KEY)
    assert vendor.get("/v1/bills/K1").body["bill_key"] == KEY
    second = vendor.put(content(2, core_key=None), name="K1")
    assert (second.status, second.code) == (409, "FL-BIL-006")
    assert vendor.get(f"/v1/bills/{bill(2).bill_key}").status == 404


def test_a_key_with_a_slash_in_it(vendor: Vendor) -> None:
    key = bill(1, notice_number="2026/A-1").bill_key
    made = vendor.put({"charge_yen": 700, "due_on": "2026-11-30"}, name=key.replace("/", "%2F"))
    assert (made.status, made.body["notice_number"]) == (201, "2026/A-1")
    assert vendor.get(made.headers["location"]).status == 200


def test_a_change_after_payment_is_a_conflict_for_a_person(vendor: Vendor) -> None:
    vendor.put(content())
    vendor.world.receive([vendor.world.paid(1, "T1")])
    late = vendor.put(content(charge_yen=500), key="late")
    assert (late.status, late.code) == (409, "FL-BIL-001")
    again = vendor.put(content(charge_yen=500), key="late")
    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (409, late.body, "true")
    assert vendor.get(f"/v1/bills/{KEY}").body["total_yen"] == 1001
    gone = vendor.write("POST", f"/v1/bills/{KEY}/cancel")
    assert (gone.status, gone.code) == (409, "FL-BIL-005")
    assert "状態: 収納済" in gone.body["detail"]
    new = vendor.write("POST", f"/v1/bills/{KEY}/reissue", {"by": "担当", "approved_by": "係長"})
    assert (new.status, new.code) == (409, "FL-BIL-003")


def test_cancel_and_cancel_again(vendor: Vendor) -> None:
    vendor.put(content(reminder_fee_yen=100, subject_code="A1"), name=bill(1, subject_code="A1").bill_key)
    first = vendor.write("POST", "/v1/bills/K1/cancel")
    assert (first.status, first.body["state"], first.body["effect"]) == (200, "cancelled", "cancelled")
    assert first.body["reminder_fee_yen"] == 100
    second = vendor.write("POST", "/v1/bills/K1/cancel", {})
    assert (second.status, second.body["state"], second.body["effect"]) == (200, "cancelled", "unchanged")
    assert vendor.write("POST", "/v1/bills/none/cancel").code == "FL-BIL-004"
    assert vendor.put(content(5, action="9"), name=bill(5).bill_key).code == "FL-BIL-002"


def test_reissue_keeps_both_slips(vendor: Vendor) -> None:
    old = vendor.put(content()).body["el_number"]["case_key"]
    told = vendor.write("POST", "/v1/bills/K1/reissue", {"by": "担当", "approved_by": "係長"})
    assert (told.status, told.body["superseded_case_key"], told.body["issue_count"]) == (200, old, 2)
    slips = vendor.get("/v1/bills/K1").body["slips"]
    assert [slip["case_key"] for slip in slips] == [old, told.body["case_key"]]
    for body in (
        {"by": "担当", "approved_by": "担当"},
        {"by": 5, "approved_by": "x"},
        {"by": "a", "approved_by": "b", "x": "1"},
    ):
        assert vendor.write("POST", "/v1/bills/K1/reissue", body).status == 422


def test_the_qr_is_drawn_while_there_is_something_to_pay(vendor: Vendor) -> None:
    vendor.put(content())
    image = vendor.get("/v1/bills/K1/qr.png")
    assert (image.status, image.headers["content-type"], image.body[:4]) == (200, "image/png", b"\x89PNG")
    drawn = vendor.get("/v1/bills/K1/qr.svg")
    assert (drawn.status, drawn.body[:4]) == (200, b"<svg")
    vendor.write("POST", "/v1/bills/K1/cancel")
    assert vendor.get("/v1/bills/K1/qr.png").code == "FL-BIL-008"
    nothing = vendor.put({"charge_yen": 0}, name=bill(2).bill_key)
    assert (nothing.status, nothing.body["state"], nothing.body["el_number"], nothing.body["qr_payload"]) == (201, "draft", None, None)


def test_bills_come_in_pages(vendor: Vendor) -> None:
    vendor.send(vendor.billing_file(5))
    found, pages = [], 0
    cursor: str | None = ""
    while cursor is not None:
        page = vendor.get(f"/v1/bills?limit=2&municipality_code=990019{f'&cursor={cursor}' if cursor else ''}").body
        found += [shown["core_key"] for shown in page["bills"]]
        cursor, pages = page["next"], pages + 1
    assert (found, pages) == (["K1", "K2", "K3", "K4", "K5"], 3)
    assert [shown["core_key"] for shown in vendor.get("/v1/bills?core_key=K4").body["bills"]] == ["K4"]
    assert vendor.get("/v1/bills?fund_code=602").body == {"bills": [], "next": None}


def test_another_body_than_the_address_says(vendor: Vendor) -> None:
    for member, value in (("levy_year", 2025), ("notice_number", "X"), ("subject_code", "B")):
        told = vendor.put(content(**{member: value}))
        assert (told.status, told.code, told.body["pointer"]) == (422, "FL-API-003", f"/{member}")
    assert vendor.put(content(core_key="K9"), name="K1").body["pointer"] == "/core_key"
    assert vendor.get(f"/v1/bills/{KEY}").status == 404


@pytest.mark.parametrize("name", ["%00", "a%00b", "%0d%0a", "%ff", "..%2f..", "~~~~~~~", "%F0%9F%98%80", "x" * 2000])
def test_names_that_no_bill_has(vendor: Vendor, name: str) -> None:
    assert vendor.get(f"/v1/bills/{name}").status == 404
    assert vendor.write("POST", f"/v1/bills/{name}/cancel").status == 404
    assert vendor.put({"charge_yen": 5}, name=name).status in (404, 422)
    assert vendor.get(f"/v1/bills?core_key={name}").status in (200, 422)
    assert vendor.get(f"/v1/bills?municipality_code={name}&fund_code={name}").status in (200, 422)
    assert vendor.get(f"/v1/days/2026-11-20?municipality_code={name}").status in (200, 422)
    assert vendor.get(f"/v1/clearings?municipality_code={name}").status in (200, 422)
    assert vendor.send(b"x", f"profile={name}").status == 422


def test_a_machine_proposes_and_a_person_approves(vendor: Vendor) -> None:
    old = vendor.put(content()).body["el_number"]["case_key"]
    told = vendor.write("POST", "/v1/bills/K1/reissue", {"by": "担当", "reason": "紛失の届出"})
    assert (told.status, told.body["state"], told.body["after"]) == (202, "prepared", {"issue_count": 2, "superseded_case_key": old})
    number = told.body["proposal_id"]
    assert len(vendor.get("/v1/bills/K1").body["slips"]) == 1
    assert [one["proposal_id"] for one in vendor.get("/v1/proposals").body["proposals"]] == [number]
    vendor.world.jobs.approve_proposal(number, "係長", sha256=told.body["sha256"])
    assert vendor.get(f"/v1/proposals/{number}").body["state"] == "carried_out"
    assert len(vendor.get("/v1/bills/K1").body["slips"]) == 2
    assert vendor.get("/v1/proposals/77").code == "FL-API-008"


def test_a_bill_key_with_a_part_too_few_is_told_as_such(vendor: Vendor) -> None:
    for name in (KEY.rpartition("~")[0], f"{KEY}~"):
        told = vendor.put(content(), name=name)
        assert (told.status, told.code) == (422, "FL-BIL-007")
    assert vendor.put({**content(), "core_key": "A~B"}, name="A~B").status == 201
