"""Files over HTTP: the same road, the same numbers, a place where the result is found."""

from __future__ import annotations

import json

from tests.api.caller import CODE, Vendor, content
from tests.builders import bill


def test_a_file_is_taken_and_found_again(vendor: Vendor) -> None:
    told = vendor.send(vendor.billing_file(3), "profile=standard&name=bills.csv")
    assert (told.status, told.body["created"], told.body["accepted_yen"], told.body["quarantined"]) == (202, 3, 3006, False)
    assert told.body["file"]["name"] == "bills.csv"
    address = told.headers["location"]
    shown = vendor.get(address).body
    assert (shown["state"], shown["channel"], shown["municipality_code"], shown["summary"]["created"]) == ("accepted", "api", CODE, 3)
    assert told.body["result_file"] == shown["result_file"] == f"{address}/result"
    result = vendor.get(shown["result_file"])
    assert result.headers["content-type"].startswith("text/csv")
    assert result.body.decode("utf-8-sig").count("追加") == 3
    assert "file_id" not in told.body


def test_equal_bytes_are_the_first_intake_again(vendor: Vendor) -> None:
    first = vendor.send(vendor.billing_file(2))
    second = vendor.send(vendor.billing_file(2))
    assert (second.status, second.body["duplicate_of"], second.body["created"]) == (202, first.body["id"], 0)
    assert second.headers["location"] == first.headers["location"]
    assert len(vendor.get("/v1/intakes").body["intakes"]) == 1


def test_equal_bytes_of_somebody_else_are_not_called_taken(vendor: Vendor) -> None:
    first = vendor.send(vendor.billing_file(2))
    other = vendor.send(vendor.billing_file(2), "profile=standard&municipality=131016")
    assert (other.body["duplicate_of"], other.body["quarantined"], other.body["problems"][0]["code"]) == (None, True, "FL-MUN-001")
    own = vendor.send(vendor.billing_file(2), f"profile=standard&municipality={CODE}")
    assert own.body["duplicate_of"] == first.body["id"]


def test_the_same_key_gives_the_same_answer(vendor: Vendor) -> None:
    first = vendor.send(vendor.billing_file(2), key="a")
    again = vendor.send(vendor.billing_file(2), key="a")
    assert (again.status, again.body, again.headers["location"]) == (202, first.body, first.headers["location"])
    assert again.headers["idempotent-replayed"] == "true"
    assert vendor.send(vendor.billing_file(3), key="a").code == "FL-IDM-002"
    assert vendor.send(vendor.billing_file(2), "profile=standard&name=x", key="a").code == "FL-IDM-002"
    assert vendor.put(content(), key="a").code == "FL-IDM-002"


def test_a_rehearsal_leaves_nothing(vendor: Vendor) -> None:
    told = vendor.send(vendor.billing_file(2), "profile=standard&dry_run=true")
    assert (told.status, told.body["id"], told.body["created"], told.body["result_file"]) == (200, None, 2, None)
    assert vendor.get("/v1/intakes").body == {"intakes": [], "next": None}
    assert vendor.get("/v1/bills").body["bills"] == []


def test_a_file_that_is_none_was_received_all_the_same(vendor: Vendor) -> None:
    told = vendor.send(b"not,a,bill\r\n1,2,3\r\n")
    assert (told.status, told.body["quarantined"], told.body["problems"][0]["code"]) == (202, True, "FL-CSV-005")
    assert vendor.get(told.headers["location"]).body["state"] == "quarantined"
    assert vendor.get(f"{told.headers['location']}/result").status == 200


def test_lines_of_json_are_bills(vendor: Vendor) -> None:
    rows = [content(number) for number in range(1, 4)]
    body = "\n".join(json.dumps(row) for row in (*rows, {**rows[0], "charge_yen": -1})).encode()
    told = vendor.send(body, "", media_type="application/x-ndjson; charset=utf-8")
    assert (told.status, told.body["created"], told.body["rejected"]) == (202, 3, 1)
    assert [(shown["line"], shown["place"]) for shown in told.body["problems"]] == [(4, "/charge_yen")]


def test_a_form_with_a_file(vendor: Vendor) -> None:
    form = {"files": {"note": (None, "x"), "file": ("調定.csv", vendor.billing_file(4000), "text/csv")}}
    told = vendor.call("POST", "/v1/intakes?profile=standard", headers={"Idempotency-Key": "f"}, **form)
    assert (told.status, told.body["created"], told.body["file"]["name"]) == (202, 4000, "調定.csv")
    again = vendor.call("POST", "/v1/intakes?profile=standard", headers={"Idempotency-Key": "f"}, **form)
    assert (again.body, again.headers["idempotent-replayed"]) == (told.body, "true")
    without = vendor.call("POST", "/v1/intakes?profile=standard", headers={"Idempotency-Key": "g"}, files={"x": ("a", b"1")})
    assert (without.status, without.code, without.body["place"]) == (400, "FL-API-014", "file")
    cut = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc'
    assert vendor.send(cut, media_type="multipart/form-data; boundary=b").code == "FL-API-014"


def test_what_is_wrong_before_a_byte_is_read(vendor: Vendor) -> None:
    file = vendor.billing_file(1)
    nobody = vendor.send(file, "profile=nobody")
    assert (nobody.code, nobody.body["place"]) == ("FL-PRF-001", "?profile")
    unnamed = vendor.send(file, "")
    assert (unnamed.code, unnamed.body["place"]) == ("FL-PRF-001", "?profile")
    assert "/v1/profiles" in unnamed.body["next"]
    assert vendor.send(file, "profile=gateway").code == "FL-PRF-004"
    assert vendor.send(file, "profile=standard&municipality=990018").code == "FL-CHK-001"
    assert vendor.send(file, "profile=standard&name=a%2Fb").code == "FL-FIL-001"
    assert vendor.send(file, "profile=standard&dryrun=true").body["place"] == "?dryrun"
    assert vendor.send(file, "profile=standard&dry_run=maybe").status == 422
    assert vendor.send(file, "profile=standard&municipality=131016").body["problems"][0]["code"] == "FL-MUN-001"


def test_intakes_come_newest_first_in_pages(vendor: Vendor) -> None:
    for number in (1, 2, 3):
        vendor.put(content(number), name=bill(number).bill_key)
    first = vendor.get("/v1/intakes?limit=2").body
    second = vendor.get(f"/v1/intakes?limit=2&before={first['next']}").body
    assert [shown["id"] for shown in (*first["intakes"], *second["intakes"])] == [3, 2, 1]
    assert second["next"] is None
    for unknown in ("99", "0", "x", "9" * 30):
        assert vendor.get(f"/v1/intakes/{unknown}").code == "FL-API-008"
