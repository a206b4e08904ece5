"""Payments that come twice, too late, in the wrong order or otherwise than announced: each has one path, and ends with the core system."""

from __future__ import annotations

from pathlib import Path

import pytest

from fundlink.domain.records import SettlementRecord
from tests.builders import CODE, DAY, INSTITUTION, World, bill, bills, outcomes, receipt
from tests.desk.cases import act, balances, entries, queue, sound


def _ready(world: World, count: int = 2) -> World:
    world.intake(bills(count))
    world.jobs.submit()
    return world


def _ledger(world: World) -> list[list[tuple[object, ...]]]:
    """Everything that may not change when nothing new is said."""
    tables = ("receipt", "outcome", "slip_state", "clearing_entry", "day_state", "outcome_total", "act_move")
    return [
        world.sql(
            f"SELECT COUNT(*), MAX(at) FROM {t}"
            if t in ("outcome", "slip_state", "clearing_entry", "day_state")
            else f"SELECT COUNT(*) FROM {t}"
        )
        for t in tables
    ]


@pytest.mark.parametrize("stage", ["preliminary", "confirmed", "cancelled"])
def test_a_resend_has_no_effect_whatever_its_stage(world: World, tmp_path: Path, stage: str) -> None:
    """Also in another file, beside something new, and after the entry was handed over."""
    _ready(world)
    world.receive([world.paid(1, "T1", stage=stage)])
    world.jobs.reconcile()
    world.jobs.export(tmp_path / "out")
    before, state = _ledger(world), world.state(1)
    told = world.receive([world.paid(1, "T1", stage=stage)])
    assert (told["receipts"], told["duplicates"]) == (0, 1)
    world.jobs.reconcile()
    assert world.jobs.export(tmp_path / "out")["entries"] == 0
    assert (_ledger(world), world.state(1)) == (before, state)
    world.receive([world.paid(1, "T1", stage=stage), world.paid(2, "T2")])
    world.jobs.reconcile()
    assert world.sql("SELECT COUNT(*) FROM outcome") == [(2,)]
    sound(world)


def test_a_resend_after_an_act_has_no_effect_either(world: World) -> None:
    _ready(world)
    world.receive([world.paid(1, "T1"), world.paid(1, "T2")])
    world.jobs.reconcile()
    act(world, "refund", "transaction:T2")
    before = _ledger(world)
    world.receive([world.paid(1, "T2")])
    world.jobs.reconcile()
    assert (_ledger(world), queue(world), balances(world, "T2")) == (before, {}, {"refunded": 1001})


def test_a_second_payment_is_kept_as_an_overpayment_case_until_its_money_is_gone(world: World, tmp_path: Path) -> None:
    _ready(world)
    world.receive([world.paid(1, "T1"), world.paid(1, "T2", paid_on="2026-11-21")])
    world.jobs.reconcile()
    world.jobs.export(tmp_path / "out")
    assert (queue(world), world.state(1)) == ({"transaction:T2": "duplicate_payment"}, "cleared")
    act(world, "accept", "transaction:T2")
    assert queue(world) == {"transaction:T2": "overpaid"}
    act(world, "offset", "transaction:T2", parts=((bill(2).bill_key, 1001),))
    assert (queue(world), world.state(2)) == ({}, "registered")
    assert entries(world)[2:] == [("T2", "9", "duplicate_payment", "K1", 1001), ("T2", "1", "amount_mismatch", "K2", 1001)]
    sound(world)


@pytest.mark.parametrize("together", [True, False])
def test_a_cancellation_before_its_original_is_a_case_until_the_original_comes(world: World, tmp_path: Path, together: bool) -> None:
    _ready(world)
    world.receive([world.paid(1, "T1", stage="cancelled")])
    world.jobs.reconcile()
    assert (outcomes(world), queue(world)) == ({"T1": "withdrawn"}, {"cancellation:T1": "cancelled_first"})
    stages = ("preliminary", "confirmed")
    for records in [stages] if together else [(stage,) for stage in stages]:
        world.receive([world.paid(1, "T1", stage=stage) for stage in records])
        world.jobs.reconcile()
        assert (outcomes(world), queue(world), world.state(1)) == ({"T1": "withdrawn"}, {}, "registered")
    assert world.jobs.export(tmp_path / "out")["entries"] == 0
    world.receive([world.paid(1, "T2")])
    world.jobs.reconcile()
    assert (outcomes(world)["T2"], world.state(1)) == ("matched", "paid")
    sound(world)


def test_a_cancellation_after_the_close_is_withdrawn_and_its_day_a_case(world: World, tmp_path: Path) -> None:
    """The closed row stands; what came after it is a difference of a kind of its own, and the bill can be paid again."""
    _ready(world)
    world.receive([world.paid(1, "T1")])
    world.settle([SettlementRecord("S1", 1, INSTITUTION, "601", DAY, 1, 1001, 1001, 0, "2026-11-26")])
    world.jobs.reconcile()
    world.jobs.export(tmp_path / "out")
    assert len(world.jobs.close_day(DAY, "a", "b")["closed"]) == 1
    closed = world.sql("SELECT * FROM day_state WHERE state = 'closed'")
    world.receive([world.paid(1, "T1", stage="cancelled")])
    world.jobs.reconcile()
    assert (outcomes(world), world.state(1)) == ({"T1": "withdrawn"}, "registered")
    name = f"day:{DAY}/{CODE}/601"
    assert "revised_after_close" in queue(world)[name].split(",")
    assert world.sql("SELECT * FROM day_state WHERE state = 'closed'") == closed
    world.jobs.export(tmp_path / "out")
    assert entries(world) == [("T1", "1", "matched", "K1", 1001), ("T1", "9", "matched", "K1", 1001)]
    act(world, "wait", name, until="2026-12-01")
    assert name in queue(world)
    sound(world)


def test_a_preliminary_payment_that_nobody_confirms_grows_old_and_is_taken_back(world: World, tmp_path: Path) -> None:
    _ready(world)
    world.receive([world.paid(1, "T1", stage="preliminary", booked_on="2026-11-10"), world.paid(2, "T2", stage="preliminary")])
    world.jobs.reconcile()
    world.jobs.export(tmp_path / "out")
    assert (queue(world), world.state(1)) == ({"preliminary:T1": "not_confirmed"}, "paid")
    assert [stage for _, stage, *_ in entries(world, "T1")] == ["0"]
    case = world.jobs.cases({})["cases"][0]
    assert (case["age_days"], case["yen"]) == (14, 1001)
    world.receive([world.paid(1, "T1", stage="cancelled", booked_on="2026-11-10")])
    world.jobs.reconcile()
    world.jobs.export(tmp_path / "out")
    assert (queue(world), world.state(1)) == ({}, "registered")
    assert [stage for _, stage, *_ in entries(world, "T1")] == ["0", "9"]
    sound(world)


@pytest.mark.parametrize("export_first", [True, False])
def test_a_confirmation_of_another_amount_takes_the_bill_back_and_is_a_case(world: World, tmp_path: Path, export_first: bool) -> None:
    _ready(world)
    world.receive([world.paid(1, "T1", stage="preliminary")])
    world.jobs.reconcile()
    if export_first:
        world.jobs.export(tmp_path / "out")
    world.receive([world.paid(1, "T1", amount_yen=900)])
    world.jobs.reconcile()
    assert (outcomes(world), world.state(1), queue(world)) == (
        {"T1": "amount_mismatch"},
        "registered",
        {"transaction:T1": "amount_mismatch"},
    )
    told = [("T1", "0", "matched", "K1", 1001), ("T1", "9", "matched", "K1", 1001)] if export_first else []
    assert entries(world) == [*told, ("T1", "1", "amount_mismatch", "K1", 900)]
    act(world, "attach", "transaction:T1", bill="K1")
    assert (queue(world), world.state(1), balances(world, "T1")) == ({}, "registered", {"collected": 900})
    sound(world)


@pytest.mark.parametrize("export_first", [True, False])
def test_a_confirmation_for_another_slip_moves_the_payment(world: World, tmp_path: Path, export_first: bool) -> None:
    """To a bill of ours it is matched there; to nobody's it is a case, and the first bill is open again either way."""
    world.intake([bill(1, charge_yen=500), bill(2, charge_yen=500)])
    world.jobs.submit()
    world.receive([world.paid(1, "T1", stage="preliminary", amount_yen=500), world.paid(2, "T2", stage="preliminary", amount_yen=500)])
    world.jobs.reconcile()
    if export_first:
        world.jobs.export(tmp_path / "out")
    world.receive([receipt("T1", "8" * 20, "000000", amount_yen=500), world.paid(1, "T2", amount_yen=500)])
    world.jobs.reconcile()
    assert outcomes(world) == {"T1": "unknown_bill", "T2": "matched"}
    assert (world.state(1), world.state(2), queue(world)) == ("paid", "registered", {"transaction:T1": "unknown_bill"})
    world.jobs.export(tmp_path / "out")
    assert [(key, core_key, yen) for key, stage, _, core_key, yen in entries(world) if stage == "1"] == [("T1", "", 500), ("T2", "K1", 500)]
    assert sum(-yen if stage == "9" else yen for _, stage, _, _, yen in entries(world)) == 1000
    assert world.state(1) == "cleared"
    sound(world)


def test_a_bill_that_acts_paid_in_part_takes_no_full_payment_beside_them(world: World) -> None:
    _ready(world)
    world.receive([world.paid(1, "T1"), world.paid(1, "T2")])
    world.jobs.reconcile()
    act(world, "accept", "transaction:T2")
    act(world, "offset", "transaction:T2", parts=((bill(2).bill_key, 400),))
    world.receive([world.paid(2, "T3")])
    world.jobs.reconcile()
    assert queue(world) == {"transaction:T2": "overpaid", "transaction:T3": "duplicate_payment"}
    act(world, "split", "transaction:T3", parts=((bill(2).bill_key, 602), ("overpaid", 400)))
    assert world.state(2) == "paid"
    sound(world)
