"""A payer who moved: the next slip names the new address, and nothing else about the bill changes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pytest
from fastapi.testclient import TestClient

from fundlink.api.app import create_app
from fundlink.config import Settings
from fundlink.desk import find_bill
from fundlink.pipeline import printing
from tests.api.caller import Vendor, content
from tests.builders import DAY, World, bill

OLD = {"payer_name": "髙﨑　花子", "payer_postal_code": "1000001", "payer_address": "旧町一丁目１番１号"}
NEW = {**OLD, "payer_postal_code": "2000002", "payer_address": "新町二丁目２番２号"}


@pytest.fixture
def vendor(world: World, tmp_path: Path, database_url: str) -> Iterator[Vendor]:
    """A vendor's client of the same adapter."""
    settings = Settings(home=tmp_path / "home", database_url=database_url)
    with TestClient(create_app(world.jobs.rooms, settings), raise_server_exceptions=False) as client:
        yield Vendor(client, world)


def slip_words(pdf: bytes) -> str:
    """All that stands on the pages."""
    return "".join(page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(pdf)).replace("\r\n", "")


def printed(world: World, number: int = 1) -> str:
    rooms = world.jobs.rooms
    return slip_words(printing.print_one(rooms, find_bill(rooms, bill(number).bill_key)))


def test_a_file_with_a_new_address_alone_changes_the_slip_and_nothing_else(world: World) -> None:
    world.intake([bill(1, **OLD), bill(2, **OLD)])
    world.jobs.submit()
    before = world.slip(1)
    told = world.intake([bill(1, **NEW), bill(2, **OLD)], name="moved.csv")
    assert (told["updated"], told["unchanged"], told["conflicts"], told["problems"]) == (1, 1, 0, [])
    assert world.jobs.submit()["messages"] == 0  # the gateway is told of no payer
    assert (world.slip(1), world.state(1)) == (before, "registered")
    assert "新町二丁目" in printed(world)
    assert "旧町" not in printed(world)
    assert "旧町一丁目" in printed(world, 2)
    assert world.intake([bill(1, **NEW), bill(2, **OLD)], name="again.csv", header={"file_sequence": "2"})["duplicate_of"] is not None
    third = world.intake([bill(1, **NEW), bill(3)], name="third.csv")
    assert (third["updated"], third["unchanged"], third["created"]) == (0, 1, 1)


def test_a_write_over_the_api_with_a_new_address_alone_changes_the_slip(vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = vendor.put(content(**OLD))
    vendor.world.jobs.submit()
    moved = vendor.put(content(**NEW))
    assert (moved.status, moved.body["effect"], moved.body["state"]) == (200, "updated", "registered")
    assert moved.body["el_number"] == made.body["el_number"]
    assert vendor.put(content(**NEW)).body["effect"] == "unchanged"
    assert vendor.world.jobs.submit()["messages"] == 0
    assert "新町二丁目" in slip_words(vendor.get(f"/v1/bills/{bill(1).bill_key}/slip.pdf").body)
    assert "新町" not in caplog.text
    gone = vendor.put(content())  # a write says all of a bill: without a payer there is none any more
    assert gone.body["effect"] == "updated"
    assert "新町" not in slip_words(vendor.get(f"/v1/bills/{bill(1).bill_key}/slip.pdf").body)


def test_a_payer_who_moves_after_paying_is_no_case(world: World) -> None:
    """Nothing that anybody has to decide; and should the payment be taken back, the slip goes to the new address."""
    world.intake([bill(1, **OLD)])
    world.jobs.submit()
    payment = world.paid(1, "T1")
    world.receive([payment])
    world.jobs.reconcile()
    told = world.intake([bill(1, **NEW)], name="moved.csv")
    assert (told["updated"], told["conflicts"]) == (1, 0)
    world.receive([payment._replace(stage="cancelled")], day="2026-11-21")
    assert world.jobs.reconcile()["outcomes"] == {"withdrawn": 1}
    assert "新町二丁目" in printed(world)


def test_a_new_address_does_not_close_the_case_of_a_change_after_payment(world: World) -> None:
    world.intake([bill(1, **OLD)])
    world.receive([world.paid(1, "T1")])
    assert world.intake([bill(1, charge_yen=5000, **OLD)], name="late.csv")["conflicts"] == 1
    assert world.intake([bill(1, **NEW)], name="moved.csv")["updated"] == 1
    assert [case["kind"] for case in world.jobs.cases({"kind": "conflict"})["cases"]] == ["conflict"]
    assert world.sql("SELECT SUM(r.amount_yen) FROM receipt r WHERE r.booked_on = :day", day=DAY) == [(1001,)]


def test_two_addresses_of_one_bill_in_one_file_are_both_refused(world: World) -> None:
    told = world.intake([bill(1, **OLD), bill(1, **NEW), bill(2)])
    assert (told["rejected"], told["created"]) == (2, 1)
    assert {found["code"] for found in told["problems"]} == {"FL-DUP-001"}


def test_a_layout_without_payers_says_nothing_of_them(world: World) -> None:
    """Another system of the municipality sends the same bills by a form that has no room for names."""
    world.intake([bill(1, core_key="", **OLD)])
    world.jobs.submit()
    other = world.intake([bill(1)], name="other.csv", profile="core-standard")
    assert (other["updated"], other["unchanged"], other["conflicts"]) == (0, 1, 0), other
    assert "旧町一丁目" in printed(world)


def test_an_address_is_taken_back_with_its_file(world: World) -> None:
    world.intake([bill(1, **OLD)])
    world.jobs.submit()
    told = world.intake([bill(1, **NEW)], name="moved.csv")
    file_id = world.sql("SELECT MAX(id) FROM file")[0][0]
    assert told["updated"] == 1
    back = world.jobs.roll_back(file_id, "a", "b")
    assert (back["updated"], back["cancelled"], back["created"]) == (1, 0, 0)
    assert "readdressed" not in back
    assert world.jobs.submit()["messages"] == 0
    assert "旧町一丁目" in printed(world)


def test_what_is_kept_of_a_payer_cannot_be_guessed_from_the_table(world: World) -> None:
    """The same words under another installation's key, and of another bill, look different."""
    world.intake([bill(1, **OLD), bill(2, **OLD), bill(3)])
    marks = [str(row[0])[24:] for row in world.sql("SELECT content FROM bill_version ORDER BY id")]
    assert len(set(marks)) == 3
    assert marks[2] == "-"
    assert not any("旧" in str(value) or "髙" in str(value) for row in world.sql("SELECT * FROM bill_version") for value in row)
