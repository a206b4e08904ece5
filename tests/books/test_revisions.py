"""What becomes known after a close: a difference until it is booked, a compensating row with the original day, never another hash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from fundlink.store import bulk
from tests.books.days import AFTER, NEXT, a_closed_day, broken, frozen, hash_of, hashes, registered, settled, states
from tests.builders import CODE, DAY, World, bill


class Case(NamedTuple):
    """Something that comes after DAY was closed with the payments T1 (bill 1) and T2 (bill 2)."""

    arrives: Callable[[World], None]
    diff: dict[str, list[str]]
    compensation: dict[tuple[str, str], tuple[int, int]]
    state: tuple[str, list[str]]


def _late(world: World) -> None:
    world.receive([world.paid(3, "T3")])
    settled(world, 3006, edition=2)


def _late_of_a_day_without_books(world: World) -> None:
    world.receive([world.paid(3, "T3", booked_on="2026-11-18", paid_on="2026-11-18")])
    world.jobs.reconcile()


def _cancelled(world: World) -> None:
    world.receive([world.paid(1, "T1", stage="cancelled")])
    settled(world, 1002, edition=2)


def _cancelled_without_money(world: World) -> None:
    world.receive([world.paid(1, "T1", stage="cancelled")])
    world.jobs.reconcile()


def _ranked_again(world: World) -> None:
    """An earlier payment of the same bill: T1 becomes the second one. It was booked on the next day."""
    world.receive([world.paid(1, "T0", paid_on="2026-11-10", booked_on=NEXT)])
    world.jobs.reconcile()


def _ranked_again_within_the_day(world: World) -> None:
    world.receive([world.paid(1, "T0", paid_on="2026-11-10")])
    settled(world, 3004, edition=2)


def _another_edition(world: World) -> None:
    settled(world, 1999, edition=2)


REVISED = ["revised_after_close"]
CASES = {
    "late receipt": Case(_late, {"added": ["T3"]}, {("collected", DAY): (1, 1003)}, ("difference", REVISED)),
    "late receipt of a day that had none": Case(
        _late_of_a_day_without_books, {}, {("collected", "2026-11-18"): (1, 1003)}, ("closed", [])
    ),
    "cancellation": Case(_cancelled, {"removed": ["T1"]}, {("collected", DAY): (-1, -1001)}, ("difference", REVISED)),
    "cancellation without its money": Case(
        _cancelled_without_money, {"removed": ["T1"]}, {("collected", DAY): (-1, -1001)},
        ("difference", ["amount_difference", *REVISED]),
    ),
    "re-ranked by a payment of another day": Case(
        _ranked_again, {"changed": ["T1"]}, {("collected", DAY): (-1, -1001), ("suspense", DAY): (1, 1001)}, ("difference", REVISED)
    ),
    "re-ranked within the day": Case(
        _ranked_again_within_the_day, {"added": ["T0"], "changed": ["T1"]}, {("suspense", DAY): (1, 1001)}, ("difference", REVISED)
    ),
    "another edition of the settlement": Case(_another_edition, {}, {}, ("difference", ["amount_difference", *REVISED])),
}  # fmt: skip


@pytest.fixture
def closed(world: World) -> World:
    """DAY is closed with T1."""
    a_closed_day(world)
    return world


@pytest.mark.parametrize("name", list(CASES))
def test_what_comes_after_the_close_is_compensated_in_the_next_books(world: World, name: str) -> None:
    case = CASES[name]
    registered(world, [bill(number) for number in range(1, 6)])
    world.receive([world.paid(1, "T1"), world.paid(2, "T2")])
    world.jobs.reconcile()
    settled(world, 2003)
    world.jobs.close_day(DAY, "a", "b")
    before = hashes(world)
    case.arrives(world)
    assert states(world)[DAY] == case.state
    assert broken(world) == []
    told = world.jobs.day(DAY, diff=True)["municipalities"][0]["diff"]
    assert {kind: [one["transaction_key"] for one in told[kind]] for kind in ("added", "removed", "changed") if told[kind]} == case.diff
    assert {one["booked_in"] for kind in ("added", "removed", "changed") for one in told[kind]} <= {None}
    _close_the_next_day(world)
    late = {key: value for key, value in frozen(world, NEXT).items() if key[1] != NEXT}
    assert late == case.compensation
    assert {day: hash_of(world, day) for day in before} == before
    told = world.jobs.day(DAY, diff=True)["municipalities"][0]["diff"]
    assert {one["booked_in"] for kind in ("added", "removed", "changed") for one in told[kind]} <= {NEXT}
    ties = "amount_difference" not in case.state[1]
    assert states(world)[DAY] == (("closed", case.state[1]) if ties else case.state)
    assert broken(world) == []


def _close_the_next_day(world: World) -> None:
    world.receive([world.paid(4, "T4", booked_on=NEXT)])
    world.jobs.reconcile()
    yen = sum(row["receipts_yen"] for row in world.jobs.reconcile(NEXT)["days"] if row["day"] == NEXT)
    settled(world, yen, NEXT)
    assert world.jobs.close_day(NEXT, "a", "b")["closed"]


def test_money_told_anew_is_compensated_too(closed: World) -> None:
    settled(closed, 1000, edition=2)
    diff = closed.jobs.day(DAY, diff=True)["municipalities"][0]["diff"]
    assert [(one["account"], one["before_yen"], one["after_yen"]) for one in diff["money"]] == [
        ("fee", 1001, 1000),
        ("settled", 1001, 1000),
    ]
    _close_the_next_day(closed)
    late = {key[0]: yen for key, (_, yen) in frozen(closed, NEXT, "money").items() if key[1] == DAY}
    assert late == {"fee": -1, "settled": -1}
    assert broken(closed) == []


def test_a_late_payment_is_settled_once_it_is_booked(closed: World) -> None:
    closed.receive([closed.paid(2, "T2")])
    settled(closed, 2003, edition=2)
    assert closed.state(2) == "paid"
    _close_the_next_day(closed)
    assert closed.state(2) == "settled"


def test_what_is_booked_once_is_not_booked_again(closed: World) -> None:
    """Late, compensated, then cancelled: two closes later the first day's payment is gone, by three rows."""
    _cancel_later = closed.paid(2, "T2")
    closed.receive([_cancel_later])
    closed.jobs.reconcile()
    _close_the_next_day(closed)
    closed.receive([_cancel_later._replace(stage="cancelled")])
    closed.receive([closed.paid(3, "T9", booked_on=AFTER)])
    closed.jobs.reconcile()
    settled(closed, 1003, AFTER)
    assert closed.jobs.close_day(AFTER, "a", "b")["books"][0]["compensations"] == 1
    assert frozen(closed)["collected", DAY] == (1, 1001)
    assert frozen(closed, NEXT)["collected", DAY] == (1, 1002)
    assert frozen(closed, AFTER)["collected", DAY] == (-1, -1002)
    assert closed.jobs.day(DAY, diff=True)["municipalities"][0]["diff"]["added"] == []
    assert broken(closed) == []


def test_a_receipt_confirmed_for_another_day_moves_with_it(world: World) -> None:
    registered(world, [bill(1), bill(4)])
    world.receive([world.paid(1, "T1", stage="preliminary")])
    world.jobs.reconcile()
    settled(world, 1001)
    world.jobs.close_day(DAY, "a", "b")
    world.receive([world.paid(1, "T1", booked_on=NEXT)])
    _close_the_next_day(world)
    assert frozen(world, NEXT) == {("collected", DAY): (-1, -1001), ("collected", NEXT): (2, 2005)}
    assert broken(world) == []


def _moved(world: World, day: str, from_account: str, to_account: str, yen: int) -> None:
    """A manual act as it is stored."""
    with world.jobs.rooms.store.write() as connection:
        act = (1, "refund", CODE, "transaction:T1", "{}", "0", "r", "{}", "a", "2026-11-24T09:00:00+09:00")
        names = (
            "id",
            "verb",
            "municipality_code",
            "subject",
            "content",
            "content_sha256",
            "reason",
            "before",
            "prepared_by",
            "prepared_at",
        )
        if not bulk.rows(connection, "SELECT 1 FROM act"):
            bulk.insert_rows(connection, "act", names, [act])
        columns = ("act_id", "day", "value_on", "municipality_code", "fund_code", "fiscal_year", "transaction_key", "bill_id",
                   "from_account", "to_account", "yen")  # fmt: skip
        bulk.insert_rows(connection, "act_move", columns, [(1, day, DAY, CODE, "601", 2026, "T2", None, from_account, to_account, yen)])


def test_yen_moved_by_hand_stand_in_the_books_of_their_day(world: World) -> None:
    registered(world, [bill(1), bill(4)])
    world.receive([world.paid(1, "T1"), world.paid(1, "T2", paid_on="2026-11-21")])
    world.jobs.reconcile()
    settled(world, 2002)
    world.jobs.close_day(DAY, "a", "b")
    _moved(world, NEXT, "suspense", "refunded", 1000)
    _moved(world, DAY, "suspense", "overpaid", 1)  # too late for its day: the next open books take it
    _close_the_next_day(world)
    rows: list[tuple[Any, ...]] = world.sql(
        "SELECT account, yen, transactions, fiscal_year FROM day_book WHERE day = :day AND source = 'act' ORDER BY account", day=NEXT
    )
    assert rows == [("overpaid", 1, 0, 2026), ("refunded", 1000, 0, 2026), ("suspense", -1001, 0, 2026)]
    assert broken(world) == ["I-23", "I-25"]  # no person stands behind these, and no entry says who did it
