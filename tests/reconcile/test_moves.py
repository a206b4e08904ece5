"""What was believed and turns out otherwise: a payment that moves, a day that empties, a credit that is taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from fundlink.domain.records import BankCreditRecord, SettlementRecord
from fundlink.store import audit, receipts, vault, verify
from tests.builders import CODE, DAY, INSTITUTION, World, bill, bills, outcomes, receipt

OTHER_DAY = "2026-11-21"


def _line(**changed: Any) -> SettlementRecord:
    built = SettlementRecord(f"S{INSTITUTION}261120601", 1, INSTITUTION, "601", DAY, 1, 1001, 1, 1000, "2026-11-26")
    return built._replace(**changed)


def _credit(world: World, name: str, **changed: Any) -> None:
    """A bank credit, stored the way collect does."""
    record = BankCreditRecord("0001-001-1-1234567", name, DAY, DAY, 1000, "1", "0", "", "", "", "")._replace(**changed)
    with world.jobs.rooms.store.write() as connection:
        raw = vault.keep(connection, [repr(record).encode()], direction="in", kind="bank_credit", name=name, at=DAY).raw_id
        noted = {"source": "gateway", "remote_id": name, "kind": "bank_credit", "name": name, "municipality_code": CODE,
                 "business_day": DAY, "raw_id": raw, "at": DAY, "state": "applied", "records": 1, "yen": record.amount_yen}  # fmt: skip
        receipts.stage(connection, "bank_credit", [(1, CODE, *record)])
        receipts.store_arrivals(connection, "bank_credit", receipts.add_received(connection, noted))
        audit.append(connection, audit.Entry("gateway", "collect.apply", f"received:{noted['remote_id']}", {}, DAY))


def _days(world: World) -> dict[tuple[str, str], tuple[Any, ...]]:
    found = world.jobs.reconcile()["days"]
    return {
        (day["day"], day["fund_code"]): (day["receipts_yen"], day["credited_yen"], day["state"], tuple(day["differences"])) for day in found
    }


def _sound(world: World) -> None:
    assert [item for item in verify.verify(world.jobs.rooms.store)["invariants"] if not item["ok"]] == []


def _entries(world: World) -> list[tuple[Any, ...]]:
    return world.sql(
        """SELECT e.entry_number, e.transaction_key, e.stage, o.outcome, o.bill_id IS NOT NULL, r.amount_yen FROM clearing_entry e
           JOIN outcome o ON o.id = e.outcome_id JOIN receipt r ON r.id = o.receipt_id ORDER BY e.entry_number"""
    )


def test_a_confirmation_for_another_bill_takes_the_payment_from_the_first_one(world: World, tmp_path: Path) -> None:
    world.intake([bill(1, charge_yen=500), bill(2, charge_yen=500)])
    world.jobs.submit()
    world.receive([world.paid(1, "T1", stage="preliminary", amount_yen=500)])
    world.jobs.reconcile()
    world.jobs.export(tmp_path / "out")
    assert (world.state(1), world.state(2)) == ("paid", "registered")
    world.receive([world.paid(2, "T1", amount_yen=500)])
    world.jobs.reconcile()
    assert (world.state(1), world.state(2)) == ("registered", "paid")
    world.jobs.export(tmp_path / "out")
    assert [(number, stage, outcome) for number, _, stage, outcome, *_ in _entries(world)] == [
        (1, "0", "matched"), (2, "9", "matched"), (3, "1", "matched"),
    ]  # fmt: skip
    withdrawn = world.sql("SELECT o.bill_id FROM clearing_entry e JOIN outcome o ON o.id = e.outcome_id WHERE e.entry_number IN (1, 2)")
    assert len(set(withdrawn)) == 1
    assert (world.state(1), world.state(2)) == ("registered", "cleared")
    _sound(world)


def test_a_confirmation_of_another_amount_withdraws_the_preliminary_amount(world: World, tmp_path: Path) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    world.receive([world.paid(1, "T0"), world.paid(1, "T1", stage="preliminary", paid_on=OTHER_DAY, amount_yen=700)])
    world.jobs.reconcile()
    world.jobs.export(tmp_path / "out")
    world.receive([world.paid(1, "T1", paid_on=OTHER_DAY, amount_yen=900)])
    world.jobs.reconcile()
    assert outcomes(world)["T1"] == "duplicate_payment"
    world.jobs.export(tmp_path / "out")
    told = [(stage, yen) for _, key, stage, _, _, yen in _entries(world) if key == "T1"]
    assert told == [("0", 700), ("9", 700), ("1", 900)]
    _sound(world)


def test_a_payment_that_moved_away_does_not_rank_on_its_new_bill_without_the_others_there(world: World) -> None:
    world.intake([bill(1, charge_yen=500), bill(2, charge_yen=500)])
    world.jobs.submit()
    world.receive([world.paid(2, "T0", amount_yen=500, paid_on="2026-11-18"), world.paid(1, "T1", stage="preliminary", amount_yen=500)])
    world.jobs.reconcile()
    world.receive([world.paid(2, "T1", amount_yen=500, paid_on="2026-11-19")])
    world.jobs.reconcile()
    assert outcomes(world) == {"T0": "matched", "T1": "duplicate_payment"}
    world.receive([world.paid(1, "T3", amount_yen=500)])
    world.jobs.reconcile()
    assert outcomes(world) == {"T0": "matched", "T1": "duplicate_payment", "T3": "matched"}
    _sound(world)


def test_a_payment_that_came_before_its_slip_was_known_ranks_among_all_payments_of_the_bill(world: World) -> None:
    """A slip that appears later (a restored database, a slip of an older system) brings its bill's other payments with it."""
    world.intake(bills(1))
    world.jobs.submit()
    key = "5" * 20
    world.receive([receipt("T1", key, "123456", amount_yen=1001, paid_on="2026-11-21")])
    world.receive([world.paid(1, "T0", paid_on="2026-11-20")])
    world.jobs.reconcile()
    assert outcomes(world) == {"T0": "matched", "T1": "unknown_bill"}
    with world.jobs.rooms.store.write() as connection:
        connection.exec_driver_sql(
            f"""INSERT INTO slip (bill_id, issue_count, municipality_code, institution_code, case_key, confirmation_number, issued_at)
                SELECT bill_id, 2, municipality_code, institution_code, '{key}', '123456', issued_at FROM slip"""
        )
    world.jobs.reconcile()
    assert outcomes(world)["T1"] == "duplicate_payment"


def test_a_cancellation_before_its_original_gives_no_entry_at_all(world: World, tmp_path: Path) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    for stage in ("cancelled", "preliminary", "confirmed"):
        world.receive([world.paid(1, "T1", stage=stage)])
        world.jobs.reconcile()
        world.jobs.export(tmp_path / "out")
        assert outcomes(world) == {"T1": "withdrawn"}
    assert (_entries(world), world.state(1)) == ([], "registered")
    _sound(world)


def test_entries_ascend_without_a_gap_through_every_change_of_mind(world: World, tmp_path: Path) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    for key, stage, paid_on in (
        ("C", "preliminary", "2026-11-20"), ("B", "preliminary", "2026-11-19"), ("C", "confirmed", "2026-11-20"),
        ("B", "cancelled", "2026-11-19"), ("A", "confirmed", "2026-11-18"), ("B", "confirmed", "2026-11-19"), ("A", "cancelled", "2026-11-18"),
    ):  # fmt: skip
        world.receive([world.paid(1, key, stage=stage, paid_on=paid_on)])
        world.jobs.reconcile()
        world.jobs.export(tmp_path / "out")
        _sound(world)
    assert outcomes(world) == {"A": "withdrawn", "B": "withdrawn", "C": "matched"}
    assert [row[0] for row in _entries(world)] == list(range(1, len(_entries(world)) + 1))
    assert world.state(1) == "cleared"


def test_a_day_that_lost_its_only_receipt_is_empty_again(world: World) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    world.receive([world.paid(1, "T1", stage="preliminary")])
    assert _days(world)[DAY, "601"][0] == 1001
    world.receive([world.paid(1, "T1", stage="cancelled")])
    assert _days(world)[DAY, "601"] == (0, 0, "tied", ())
    _sound(world)


def test_a_receipt_confirmed_for_another_day_leaves_the_first_one(world: World) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    world.receive([world.paid(1, "T1", stage="preliminary")])
    world.jobs.reconcile()
    world.receive([world.paid(1, "T1", booked_on=OTHER_DAY)])
    days = _days(world)
    assert (days[DAY, "601"][0], days[OTHER_DAY, "601"][0]) == (0, 1001)
    _sound(world)


def test_a_settlement_that_moves_to_another_fund_leaves_the_first_one(world: World) -> None:
    world.intake(bills(1))
    world.settle([_line()])
    assert _days(world)[DAY, "601"][2:] == ("difference", ("settlement_without_receipt",))
    world.settle([_line(edition=2, fund_code="602")])
    days = _days(world)
    assert days[DAY, "601"][2] == "tied"
    assert days[DAY, "602"][2:] == ("difference", ("settlement_without_receipt",))


def test_a_fund_that_the_notice_of_its_day_leaves_out_is_a_difference(world: World) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    world.receive([world.paid(1, "T1")])
    assert _days(world)[DAY, "601"][2] == "open"
    world.settle([_line(fund_code="602", settlement_key="S2", gross_yen=5, net_yen=5, fee_yen=0)])
    assert _days(world)[DAY, "601"][2:] == ("difference", ("receipt_without_settlement",))
    _sound(world)


def test_a_credit_taken_back_by_the_bank_is_no_credit(world: World) -> None:
    world.intake(bills(1))
    _credit(world, "N1")
    assert _days(world)[DAY, ""] == (0, 1000, "difference", ("credit_without_settlement",))
    _credit(world, "N2", inquiry_number="N1", cancelled="1")
    assert _days(world)[DAY, ""] == (0, 0, "tied", ())


def test_a_credit_whose_notice_comes_later_is_a_difference_no_more(world: World) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    world.receive([world.paid(1, "T1")])
    _credit(world, "N1", reference=_line().settlement_key)
    assert _days(world)[DAY, ""][2] == "difference"
    world.settle([_line()])
    days = _days(world)
    assert (days[DAY, ""][2], days[DAY, "601"]) == ("tied", (1001, 1000, "tied", ()))
    assert world.state(1) == "settled"
    _credit(world, "N2", inquiry_number="N1", cancelled="1", reference=_line().settlement_key)
    assert _days(world)[DAY, "601"] == (1001, 0, "difference", ("amount_difference",))
    _sound(world)


def test_only_slips_of_a_day_that_ties_now_are_settled(world: World) -> None:
    """Business time stands still here, so a state noted earlier carries the same instant."""
    world.intake(bills(2))
    world.jobs.submit()
    world.receive([world.paid(1, "T1")])
    world.settle([_line()])
    _credit(world, "N1", reference=_line().settlement_key)
    assert _days(world)[DAY, "601"][2] == "tied"
    world.receive([world.paid(2, "T2")])
    assert _days(world)[DAY, "601"][2] == "difference"
    assert (world.state(1), world.state(2)) == ("settled", "paid")


def test_payments_of_unknown_bills_are_looked_at_again_only_beside_new_slips(world: World) -> None:
    """Unknown payments gather over the years; a run in which no slip is new passes them by."""

    def looked() -> bool:
        said: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            said.append(statement)

        sa.event.listen(world.jobs.rooms.store.engine, "before_cursor_execute", note)
        world.jobs.reconcile()
        sa.event.remove(world.jobs.rooms.store.engine, "before_cursor_execute", note)
        return any("o.outcome = 'unknown_bill'" in statement and "slip s" in statement for statement in said)

    world.intake(bills(1))
    world.jobs.submit()
    world.receive([receipt("T1", "5" * 20, "123456", amount_yen=1001)])
    assert looked()
    world.receive([receipt("T2", "6" * 20, "123456", amount_yen=1001)])
    assert not looked()
    world.intake(bills(2))
    assert looked()
    assert outcomes(world) == {"T1": "unknown_bill", "T2": "unknown_bill"}
