"""Acts of staff that need two persons: closing a day, taking a file back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.records import SettlementRecord
from tests.builders import CODE, DAY, INSTITUTION, World, bill, bills


def _codes(act: Callable[[], Any]) -> list[str]:
    with pytest.raises(ProblemError) as refused:
        act()
    return [told.code for told in refused.value.problems]


def _settlement(world: World, gross: int, day: str = DAY, edition: int = 1) -> None:
    world.settle([SettlementRecord(f"S{day}", edition, INSTITUTION, "601", day, 1, gross, gross, 0, "2026-11-26")])


def test_a_day_that_ties_is_closed_once_and_in_order(world: World) -> None:
    world.intake(bills(2))
    world.jobs.submit()
    world.receive([world.paid(1, "T1", booked_on="2026-11-19"), world.paid(2, "T2")])
    assert _codes(lambda: world.jobs.close_day(DAY, "a", "b")) == ["FL-DAY-005"]
    world.jobs.reconcile()
    _settlement(world, 1002)
    world.jobs.reconcile()
    early = world.jobs.close_day(DAY, "a", "b")
    assert [told["code"] for told in early["refused"]] == ["FL-DAY-003"]
    open_one = world.jobs.close_day("2026-11-19", "a", "b")
    assert [told["code"] for told in open_one["refused"]] == ["FL-DAY-004"]
    assert "状態: 未了" in open_one["refused"][0]["message"]
    _settlement(world, 1001, "2026-11-19")
    world.jobs.reconcile()
    assert len(world.jobs.close_day("2026-11-19", "a", "b")["closed"]) == 1
    assert world.jobs.close_day(DAY, "a", "b")["closed"] == [{"municipality_code": CODE, "fund_code": "601", "receipts_yen": 1002}]
    assert world.jobs.close_day(DAY, "a", "b")["already_closed"] == 1
    assert {day["state"] for day in world.jobs.reconcile()["days"]} == {"closed"}


def test_what_comes_after_the_close_is_a_difference_of_its_own(world: World) -> None:
    world.intake(bills(2))
    world.jobs.submit()
    world.receive([world.paid(1, "T1")])
    _settlement(world, 1001)
    world.jobs.reconcile()
    world.jobs.close_day(DAY, "a", "b")
    world.receive([world.paid(2, "T2")])
    day = world.jobs.reconcile()["days"][0]
    assert (day["state"], day["differences"], day["difference_yen"]) == ("difference", ["amount_difference", "revised_after_close"], 1002)


def test_closing_and_taking_back_need_two_persons_and_something_to_act_on(world: World) -> None:
    with pytest.raises(UsageError):
        world.jobs.close_day(DAY, "a", "a ")
    with pytest.raises(UsageError):
        world.jobs.roll_back(1, "a", "a")
    assert _codes(lambda: world.jobs.close_day(DAY, "a", "b")) == ["FL-DAY-002"]
    assert _codes(lambda: world.jobs.roll_back(1, "a", "b")) == ["FL-FIL-006"]
    world.intake_bytes(b"")
    assert _codes(lambda: world.jobs.roll_back(1, "a", "b")) == ["FL-FIL-007"]


def test_a_file_taken_back_is_compensated_at_the_gateway_and_may_come_again(world: World) -> None:
    world.intake(bills(2), name="first.csv")
    world.jobs.submit()
    wrong = [bill(1, charge_yen=5), bill(2, action="9"), bill(3)]
    assert world.intake(wrong, name="wrong.csv")["created"] == 1
    world.jobs.submit()
    first = world.slip(3)
    assert world.state(2) == "cancelled"
    told = world.jobs.roll_back(2, "a", "b")
    assert (told["created"], told["updated"], told["cancelled"]) == (1, 1, 1)
    world.jobs.submit()
    assert [world.state(number) for number in (1, 2, 3)] == ["registered", "registered", "cancelled"]
    assert world.twin.slips[world.slip(1)[0]]["AmountYen"] == "1001"
    assert world.twin.slips[first[0]]["state"] == "cancelled"
    assert _codes(lambda: world.jobs.roll_back(2, "a", "b")) == ["FL-FIL-007"]
    again = world.intake(wrong, name="wrong.csv")
    assert (again["duplicate_of"], again["updated"], again["cancelled"]) == (None, 2, 1)
    world.jobs.submit()
    assert [world.state(number) for number in (1, 2, 3)] == ["registered", "cancelled", "registered"]
    assert world.slip(3) != first


def test_a_file_whose_bill_was_paid_or_changed_since_is_not_taken_back(world: World) -> None:
    world.intake(bills(3))
    world.jobs.submit()
    world.receive([world.paid(1, "T1")])
    world.intake([bill(2, charge_yen=7)], name="second.csv")
    before = world.sql("SELECT COUNT(*) FROM revision")
    with pytest.raises(ProblemError) as refused:
        world.jobs.roll_back(1, "a", "b")
    assert [(told.code, told.line, dict(told.args)["why"]) for told in refused.value.problems] == [
        ("FL-FIL-008", 2, "納付済み"),
        ("FL-FIL-008", 3, "変更済み"),
    ]
    assert world.sql("SELECT COUNT(*) FROM revision") == before
    assert world.jobs.roll_back(2, "a", "b")["updated"] == 1
    world.jobs.submit()
    assert world.twin.slips[world.slip(2)[0]]["AmountYen"] == "1002"


def test_a_bill_brought_to_nothing_by_the_file_taken_back_gets_a_new_number(world: World) -> None:
    """The gateway was told to cancel its slip, and a cancelled slip never comes back to life."""
    world.intake(bills(1), name="first.csv")
    world.jobs.submit()
    first = world.slip(1)
    world.intake([bill(1, charge_yen=0)], name="nothing.csv")
    world.jobs.submit()
    assert world.twin.slips[first[0]]["state"] == "cancelled"
    assert world.jobs.roll_back(2, "a", "b")["updated"] == 1
    world.jobs.submit()
    assert world.slip(1)[0] != first[0]
    assert world.state(1) == "registered"
    assert world.twin.slips[world.slip(1)[0]]["AmountYen"] == "1001"


def test_a_bill_that_goes_back_to_nothing_to_pay_gets_no_number(world: World) -> None:
    world.intake(bills(1), name="first.csv")
    world.jobs.submit()
    world.intake([bill(1, charge_yen=0)], name="nothing.csv")
    world.jobs.submit()
    world.intake([bill(1, action="9")], name="cancel.csv")
    world.jobs.roll_back(3, "a", "b")
    assert world.sql("SELECT COUNT(*) FROM slip") == [(1,)]
