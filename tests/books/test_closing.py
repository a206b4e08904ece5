"""Closing a day in two steps: order, ties, reasons, two persons, and books that are still those that were prepared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fundlink.domain.errors import UsageError
from tests.books.days import NEXT, a_closed_day, broken, counted, frozen, hash_of, hashes, registered, settled, states
from tests.builders import CODE, DAY, World, bill, bills, receipt


def _refused(told: dict[str, Any]) -> list[str]:
    return [one["code"] for one in told["refused"]]


@pytest.fixture
def tied(world: World) -> World:
    """A day with two payments that ties."""
    registered(world, bills(3))
    world.receive([world.paid(1, "T1"), world.paid(2, "T2")])
    world.jobs.reconcile()
    settled(world, 2003)
    return world


def test_one_prepares_and_another_approves(tied: World) -> None:
    prepared = tied.jobs.prepare_close(DAY, "佐藤")
    (sheet,) = prepared["prepared"]
    assert (sheet["municipality_code"], sheet["ties"], prepared["refused"]) == (CODE, True, [])
    assert [(row["account"], row["transactions"], row["yen"]) for row in sheet["books"]] == [
        ("fee", 0, 2003),
        ("settled", 0, 2003),
        ("collected", 2, 2003),
    ]
    assert states(tied) == {DAY: ("tied", [])}
    assert _refused(tied.jobs.approve_close(DAY, " 佐藤 ")) == ["FL-DAY-012"]
    approved = tied.jobs.approve_close(DAY, "鈴木")
    assert approved["closed"] == [{"municipality_code": CODE, "fund_code": "601", "receipts_yen": 2003}]
    assert hashes(tied) == {DAY: sheet["books_sha256"]} == {DAY: hash_of(tied, DAY)}
    assert states(tied) == {DAY: ("closed", [])}
    acts = tied.sql("SELECT actor, act FROM audit WHERE act LIKE 'desk.close%' ORDER BY seq")
    assert acts == [("佐藤", "desk.close.prepare"), ("佐藤", "desk.close"), ("鈴木", "desk.close")]
    assert tied.jobs.approve_close(DAY, "鈴木")["already_closed"] == 1
    assert broken(tied) == []


def test_nothing_is_approved_that_was_not_prepared(tied: World) -> None:
    assert _refused(tied.jobs.approve_close(DAY, "b")) == ["FL-DAY-011"]
    with pytest.raises(UsageError):
        tied.jobs.prepare_close(DAY, " ")
    with pytest.raises(UsageError):
        tied.jobs.prepare_close(DAY, "a", override="  ")


def _more_money(world: World) -> None:
    settled(world, 2004, edition=2)


def _more_receipts(world: World) -> None:
    world.receive([world.paid(3, "T3")])
    settled(world, 3006, edition=2)


def _another_department(world: World) -> None:
    """Sums stay, but the payment stands under another bill now: an earlier payment of the same bill arrived for the same day."""
    world.receive([world.paid(1, "T0", paid_on="2026-11-19")])
    settled(world, 3004, edition=2)


@pytest.mark.parametrize("change", [_more_money, _more_receipts, _another_department])
def test_what_changed_since_it_was_prepared_has_to_be_prepared_again(tied: World, change: Callable[[World], None]) -> None:
    tied.jobs.prepare_close(DAY, "a")
    change(tied)
    assert _refused(tied.jobs.approve_close(DAY, "b")) == ["FL-DAY-013"]
    again = tied.jobs.prepare_close(DAY, "a", override="差額は確認中")
    assert len(again["prepared"]) == 1
    assert tied.jobs.approve_close(DAY, "b")["closed"]
    assert broken(tied) == []


def test_a_day_that_does_not_tie_needs_a_reason_that_both_stand_for(world: World) -> None:
    registered(world, bills(2))
    world.receive([world.paid(1, "T1")])
    world.jobs.reconcile()
    assert _refused(world.jobs.prepare_close(DAY, "a")) == ["FL-DAY-004"]
    assert world.jobs.prepare_close(DAY, "a", override="払込の通知待ち")["prepared"][0]["ties"] is False
    assert world.jobs.approve_close(DAY, "b")["books"][0]["reason"] == "払込の通知待ち"
    assert states(world) == {DAY: ("closed", [])}
    assert world.jobs.day(DAY)["municipalities"][0]["close"]["reason"] == "払込の通知待ち"
    settled(world, 1001)
    assert states(world) == {DAY: ("difference", ["revised_after_close"])}
    assert broken(world) == []


def test_a_reason_is_kept_only_where_it_was_needed(tied: World) -> None:
    assert tied.jobs.close_day(DAY, "a", "b", override="念のため")["books"][0]["reason"] == ""


def test_a_reason_does_not_change_the_order_of_days(tied: World) -> None:
    tied.receive([tied.paid(3, "T3", booked_on=NEXT)])
    tied.jobs.reconcile()
    assert _refused(tied.jobs.close_day(NEXT, "a", "b", override="急ぎ")) == ["FL-DAY-003"]


def test_a_day_behind_the_last_close_takes_nothing(world: World) -> None:
    a_closed_day(world)
    world.receive([world.paid(2, "T2", booked_on="2026-11-18")])
    assert states(world) == {"2026-11-18": ("difference", ["revised_after_close"]), DAY: ("closed", [])}
    assert _refused(world.jobs.close_day("2026-11-18", "a", "b", override="x")) == ["FL-DAY-010"]
    assert world.jobs.day("2026-11-18")["municipalities"][0]["step"] == "behind"


ACCOUNTS = {
    ("collected", DAY): (2, 1001 + 1002),
    ("suspense", DAY): (6, 700 + 1001 + 1003 + 1004 + 1005 + 500),
}


def test_every_outcome_stands_on_its_account(world: World) -> None:
    """withdrawn stands nowhere; the sums are those of the day."""
    registered(world, [*bills(6), bill(7, payable_until="2026-11-30")])
    old = world.slip(5)
    world.jobs.reissue(bill(5).bill_key, "a", "b")
    world.intake([bill(4, action="9")], name="cancel.csv")
    world.jobs.submit()
    world.receive(
        [
            world.paid(1, "T1"),  # matched
            world.paid(1, "T2", paid_on="2026-11-21"),  # duplicate_payment
            world.paid(2, "T3", paid_on="2027-02-01"),  # paid_after_limit
            world.paid(3, "T4", confirmation_number="000000"),  # wrong_confirmation_number
            world.paid(4, "T5"),  # paid_after_cancel
            receipt("T6", *old, amount_yen=1005),  # paid_after_supersede
            world.paid(6, "T7", amount_yen=500),  # amount_mismatch
            receipt("T8", "9" * 20, "000000", amount_yen=700),  # unknown_bill
            world.paid(7, "T9"),
            world.paid(7, "T9", stage="cancelled"),  # withdrawn
        ]
    )
    told = world.jobs.reconcile()
    assert len(told["outcomes"]) == 9
    assert world.jobs.close_day(DAY, "a", "b", override="x")["closed"]
    assert frozen(world) == ACCOUNTS
    assert sum(yen for _, yen in frozen(world).values()) == told["days"][0]["receipts_yen"]
    assert broken(world) == []


def test_a_rehearsal_tells_the_same_and_leaves_no_trace(world: World) -> None:
    registered(world, bills(2))
    world.receive([world.paid(1, "T1")])
    before = counted(world)
    rehearsed = world.jobs.reconcile(dry_run=True)
    assert counted(world) == before
    assert world.jobs.reconcile() == rehearsed
    settled(world, 1001)
    before = counted(world)
    both = world.jobs.close_day(DAY, "a", "b", dry_run=True)
    first = world.jobs.prepare_close(DAY, "a", dry_run=True)
    assert counted(world) == before
    assert world.jobs.prepare_close(DAY, "a") == first
    before = counted(world)
    second = world.jobs.approve_close(DAY, "b", dry_run=True)
    assert counted(world) == before
    assert world.jobs.approve_close(DAY, "b") == second
    assert both["closed"] == second["closed"]
    assert both["books"] == second["books"]


def test_each_municipality_closes_for_itself(tied: World) -> None:
    """Another municipality's payment arrives between the two steps: only its own day has to be prepared again."""
    other, short = "990027", "99002"
    theirs = [bill(number, municipality_code=other) for number in (1, 2)]
    rows = tied.jobs.rooms.profile("standard").message("billing").writer(theirs, {"municipality_code": other})
    tied.intake_bytes(b"".join(rows), name="other.csv")
    tied.jobs.submit()
    slips = tied.sql("SELECT case_key, confirmation_number FROM slip WHERE municipality_code = :code ORDER BY id", code=other)

    def pays(at: int) -> None:
        paid = receipt(f"X{at}", *slips[at], institution_code=short, amount_yen=theirs[at].total_yen)
        header = {"message_id": f"X-{at}", "municipality_code": other, "institution_code": short, "business_day": DAY,
                  "created_at": "2026-11-20T23:59:00+09:00", "record_count": 1, "total_yen": paid.amount_yen}  # fmt: skip
        tied.twin.put(short, "receipt", DAY, pieces=tied.jobs.rooms.profile("gateway").message("receipt").writer([paid], header))
        assert tied.jobs.collect()["receipts"] == 1
        tied.jobs.reconcile()

    pays(0)
    told = tied.jobs.prepare_close(DAY, "a", override="x")
    assert [(one["municipality_code"], one["ties"]) for one in told["prepared"]] == [(CODE, True), (other, False)]
    pays(1)
    told = tied.jobs.approve_close(DAY, "b")
    assert [(one["municipality_code"], one["reason"]) for one in told["books"]] == [(CODE, "")]
    assert [(one["municipality_code"], one["code"]) for one in told["refused"]] == [(other, "FL-DAY-013")]
    assert tied.jobs.close_day(DAY, "a", "b", municipality=other, override="y")["books"][0]["reason"] == "y"
    assert {one["municipality_code"] for one in tied.jobs.day(DAY)["municipalities"]} == {CODE, other}
    assert broken(tied) == []
