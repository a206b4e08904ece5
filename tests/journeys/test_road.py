"""The road on both databases with the gateway's twin: what a file does, what is sent, what comes back, what is handed on."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.records import SettlementRecord
from tests.builders import CODE, DAY, INSTITUTION, World, bill, bills, outcomes


def _counts(result: dict[str, object]) -> dict[str, object]:
    names = ("read", "accepted", "created", "updated", "unchanged", "cancelled", "conflicts", "rejected", "accepted_yen", "rejected_yen")
    return {name: result[name] for name in names if result[name]}


def test_the_whole_road_and_every_verb_again_changes_nothing(world: World, tmp_path: Path) -> None:
    assert _counts(world.intake(bills(5))) == {"read": 5, "accepted": 5, "created": 5, "accepted_yen": 5015}
    assert world.state(1) == "issued"
    sent = world.jobs.submit()
    assert (sent["messages"], sent["slips"], sent["registered"], sent["refused"], sent["unknown"]) == (1, 5, 5, 0, 0)
    assert world.state(1) == "registered"
    got = world.receive([world.paid(1, "T1"), world.paid(2, "T2", stage="preliminary")])
    assert (got["receipts"], got["duplicates"], got["quarantined"]) == (2, 0, 0)
    result = world.jobs.reconcile()
    assert result["outcomes"] == {"matched": 2}
    assert result["outcomes_yen"] == {"matched": 2003}
    assert world.state(1) == "paid"
    handed = world.jobs.export(tmp_path / "out")
    assert (handed["entries"], handed["yen"], handed["slips"]) == (2, 2003, 5)
    assert (world.state(1), world.state(2), world.state(3)) == ("cleared", "paid", "registered")
    before = _everything(world)
    assert world.intake(bills(5), name="other-name.csv")["duplicate_of"] == 1
    assert world.jobs.submit()["messages"] == 0
    assert world.jobs.collect()["receipts"] == 0
    assert world.jobs.reconcile()["outcomes"] == {"matched": 2}
    assert world.jobs.export(tmp_path / "out")["files"] == 0
    assert _everything(world) == before


def _everything(world: World) -> list[int]:
    tables = ("raw", "file", "file_event", "bill_version", "bill", "revision", "slip", "slip_state", "change", "message", "message_item",
              "message_event", "received_file", "receipt", "outcome", "day_state", "clearing_entry", "export_file", "audit")  # fmt: skip
    return [int(world.sql(f"SELECT COUNT(*) FROM {table}")[0][0]) for table in tables]


def test_clearing_and_slips_come_back_in_the_shape_of_the_bills(world: World, tmp_path: Path) -> None:
    world.intake(bills(2))
    world.jobs.submit()
    world.receive([world.paid(1, "T1")])
    world.jobs.reconcile()
    paths = [Path(path) for path in world.jobs.export(tmp_path / "out")["paths"]]
    clearing = next(path for path in paths if path.name.startswith("clearing"))
    rows = list(csv.DictReader(io.StringIO(clearing.read_text("utf-8"))))
    assert [(row["通知書番号"], row["連携キー"]) for row in rows] == [(bill(1).notice_number, "K1")]
    slips = next(path for path in paths if path.name.startswith("slips"))
    written = list(csv.DictReader(io.StringIO(slips.read_text("utf-8"))))
    assert len(written) == 2
    assert world.slip(1)[0] in "".join(written[0].values())


def test_an_update_before_payment_is_told_to_the_gateway_and_after_payment_waits_for_a_person(world: World) -> None:
    world.intake(bills(2))
    world.jobs.submit()
    changed = world.intake([bill(1, charge_yen=700), bill(2)], name="second.csv")
    assert _counts(changed) == {"read": 2, "accepted": 2, "updated": 1, "unchanged": 1, "accepted_yen": 1702}
    world.jobs.submit()
    assert world.twin.slips[world.slip(1)[0]]["AmountYen"] == "700"
    world.receive([world.paid(1, "T1", amount_yen=700)])
    late = world.intake([bill(1, charge_yen=500)], name="third.csv")
    assert _counts(late) == {"read": 1, "accepted": 1, "conflicts": 1, "accepted_yen": 500}
    assert [told["code"] for told in late["problems"]] == ["FL-BIL-001"]
    world.jobs.reconcile()
    assert outcomes(world) == {"T1": "matched"}


def test_a_cancellation_reaches_the_gateway_and_a_revived_bill_gets_a_new_number(world: World) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    first = world.slip(1)
    assert world.intake([bill(1, action="9")], name="cancel.csv")["cancelled"] == 1
    world.jobs.submit()
    assert (world.state(1), world.twin.slips[first[0]]["state"]) == ("cancelled", "cancelled")
    assert world.intake([bill(1, charge_yen=900)], name="again.csv")["updated"] == 1
    world.jobs.submit()
    assert world.slip(1) != first
    assert world.state(1) == "registered"


def test_a_bill_cancelled_before_it_was_ever_sent_is_not_sent(world: World) -> None:
    world.intake(bills(2))
    world.intake([bill(1, action="9")], name="cancel.csv")
    assert world.jobs.submit()["slips"] == 1
    assert world.state(1) == "cancelled"
    assert world.jobs.submit()["slips"] == 0


def test_nothing_to_pay_makes_no_slip_until_there_is(world: World) -> None:
    assert world.intake([bill(1, charge_yen=0, due_on=None, payable_until=None)])["created"] == 1
    assert world.state(1) == "draft"
    assert world.jobs.submit()["slips"] == 0
    world.intake([bill(1)], name="second.csv")
    assert world.state(1) == "issued"
    assert world.jobs.submit()["registered"] == 1


def test_a_reissue_supersedes_the_old_number_which_is_still_recognised(world: World) -> None:
    world.intake(bills(2))
    world.jobs.submit()
    old = world.slip(1)
    told = world.jobs.reissue("K1", "担当", "係長")
    assert told["superseded_case_key"] == old[0]
    world.jobs.submit()
    assert world.twin.slips[old[0]]["ReplacedBy"] == world.slip(1)[0]
    assert world.sql("SELECT state FROM slip_state WHERE event = 'supersede'") == [("superseded",)]
    late = world.paid(1, "T1")._replace(case_key=old[0], confirmation_number=old[1])
    world.receive([late])
    world.jobs.reconcile()
    assert outcomes(world) == {"T1": "paid_after_supersede"}
    with pytest.raises(ProblemError):
        world.jobs.reissue("K1", "担当", "係長")


def test_a_reissue_needs_two_persons(world: World) -> None:
    world.intake(bills(1))
    with pytest.raises(UsageError):
        world.jobs.reissue("K1", "担当", "担当")


@pytest.mark.parametrize("fault", ["lose_answer", "lose_message", "html", "unsigned", "busy"])
def test_a_lost_answer_is_unknown_and_an_inquiry_tells(world: World, fault: str) -> None:
    world.intake(bills(3))
    world.twin.faults = [fault]
    first = world.jobs.submit()
    assert (first["unknown"], first["registered"]) == (3, 0)
    assert world.state(1) == "unknown"
    second = world.jobs.submit()
    assert (second["unknown"], second["registered"]) == (0, 3)
    assert world.state(1) == "registered"
    assert set(world.twin.effects.values()) == {1}
    assert len(world.sql("SELECT id FROM message")) == 1


def test_slips_of_an_unknown_message_wait_with_their_changes(world: World) -> None:
    world.intake(bills(1))
    world.twin.faults = ["lose_answer"]
    world.jobs.submit()
    world.intake([bill(1, charge_yen=5)], name="second.csv")
    world.jobs.submit()
    world.jobs.submit()
    assert world.twin.slips[world.slip(1)[0]]["AmountYen"] == "5"
    assert world.twin.effects[world.slip(1)[0], "register"] == 1


def test_settlement_and_day(world: World) -> None:
    world.intake(bills(2))
    world.jobs.submit()
    world.receive([world.paid(1, "T1"), world.paid(2, "T2")])
    assert world.jobs.reconcile()["days"][0]["state"] == "open"
    line = SettlementRecord(f"S{INSTITUTION}261120601", 1, INSTITUTION, "601", DAY, 2, 2003, 6, 1997, "2026-11-26")
    assert world.settle([line])["settlements"] == 1
    day = world.jobs.reconcile()["days"][0]
    assert (day["receipts_yen"], day["settled_yen"], day["fee_yen"], day["state"]) == (2003, 2003, 6, "open")
    wrong = line._replace(edition=2, gross_yen=2000, net_yen=1994)
    world.settle([wrong])
    day = world.jobs.reconcile()["days"][0]
    assert (day["state"], day["difference_yen"], day["differences"]) == ("difference", 3, ["amount_difference"])


def test_a_resend_counts_as_duplicate_and_other_content_is_stopped(world: World) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    first = world.paid(1, "T1")
    world.receive([first])
    again = world.receive([first, world.paid(1, "T2")])
    assert (again["receipts"], again["duplicates"]) == (1, 1)
    other = world.receive([first._replace(amount_yen=5)])
    assert (other["receipts"], other["quarantined"], other["problems"][0]["code"]) == (0, 1, "FL-RCP-002")
    assert world.sql("SELECT amount_yen FROM receipt WHERE transaction_key = 'T1'") == [(1001,)]


def test_a_file_signed_by_somebody_else_is_quarantined_with_its_bytes(world: World) -> None:
    from fundlink.connectors import envelope, identity

    world.intake(bills(1))
    world.jobs.submit()
    signer = identity.Signer(*identity.make_demo_identity("somebody else"))
    header = {"message_id": "R1", "municipality_code": CODE, "institution_code": INSTITUTION, "business_day": DAY,
              "created_at": "2026-11-20T23:59:00+09:00", "record_count": 1, "total_yen": 1001}  # fmt: skip
    body = b"".join(envelope.seal(world.jobs.rooms.profile("gateway").message("receipt").writer([world.paid(1, "T1")], header), signer))
    world.twin.put_bytes(INSTITUTION, "receipt", DAY, body=body)
    result = world.jobs.collect()
    assert (result["receipts"], result["quarantined"], result["problems"][0]["code"]) == (0, 1, "FL-SIG-003")
    assert world.jobs.collect()["quarantined"] == 0
    kept = world.sql("SELECT p.data FROM raw r JOIN raw_piece p ON p.raw_id = r.id WHERE r.kind = 'receipt'")
    assert bytes(kept[0][0]) == body


def test_the_same_row_twice_counts_once_and_a_contradiction_refuses_both(world: World) -> None:
    rows = [bill(1), bill(2), bill(1), bill(3), bill(3, charge_yen=9)]
    result = world.intake(rows)
    assert _counts(result) == {
        "read": 5, "accepted": 3, "created": 2, "unchanged": 1, "rejected": 2, "accepted_yen": 2003, "rejected_yen": 1012,
    }  # fmt: skip
    assert sorted((told["code"], told["line"]) for told in result["problems"]) == [("FL-DUP-001", 5), ("FL-DUP-001", 6), ("FL-DUP-003", 4)]
    assert world.sql("SELECT COUNT(*) FROM bill") == [(2,)]
    assert world.sql("SELECT COUNT(*) FROM slip") == [(2,)]


def test_dry_run_tells_the_same_and_leaves_no_trace(world: World) -> None:
    rows = [bill(1), bill(2), bill(2, charge_yen=1)]
    before = _everything(world)
    rehearsed = world.intake(rows, dry_run=True)
    assert _everything(world) == before
    real = world.intake(rows)
    assert _counts(rehearsed) == _counts(real)
    assert [told["code"] for told in rehearsed["problems"]] == [told["code"] for told in real["problems"]]


def test_a_file_of_another_municipality_is_not_applied_at_all(world: World) -> None:
    result = world.intake(bills(3), municipality="131016")
    assert result["quarantined"]
    assert [told["code"] for told in result["problems"]] == ["FL-MUN-001"]
    assert world.sql("SELECT COUNT(*) FROM bill") == [(0,)]
    again = world.intake(bills(3))
    assert again["created"] == 3


def test_el_numbers_are_issued_once_and_never_twice(world: World) -> None:
    world.intake(bills(50))
    first = world.sql("SELECT bill_id, case_key, confirmation_number FROM slip ORDER BY bill_id")
    assert len({key for _, key, _ in first}) == 50
    world.intake([bill(number, charge_yen=3) for number in range(1, 51)], name="second.csv")
    assert world.sql("SELECT bill_id, case_key, confirmation_number FROM slip ORDER BY bill_id") == first


def test_invariants_hold_after_the_road(world: World, tmp_path: Path) -> None:
    from fundlink.store import verify

    world.intake(bills(20))
    world.jobs.submit()
    world.receive([world.paid(number, f"T{number}", stage="preliminary") for number in range(1, 15)])
    world.jobs.reconcile()
    world.jobs.export(tmp_path / "out")
    world.receive([world.paid(number, f"T{number}") for number in range(1, 10)] + [world.paid(10, "T10", stage="cancelled")])
    world.jobs.reconcile()
    world.jobs.export(tmp_path / "out")
    result = verify.verify(world.jobs.rooms.store)
    assert [item for item in result["invariants"] if not item["ok"]] == []
    assert world.state(10) == "registered"
