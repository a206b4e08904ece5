"""The same facts give the same ledger hash: in any order, in any pieces, however often they come, and on both databases."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fundlink.domain.records import BankCreditRecord, ReceiptRecord, SettlementRecord
from fundlink.store.ledger import Ledger, ledger, ledger_hash
from tests.books.days import NEXT, broken, registered, settled
from tests.builders import CODE, DAY, INSTITUTION, World, bill, receipt
from tests.builders import world as build_world

Fact = ReceiptRecord | SettlementRecord | BankCreditRecord
DAYS = ("2026-11-02", "2026-11-04", "2026-11-05", "2026-11-06", "2026-11-09", "2026-11-10", "2026-11-11", "2026-11-12")
TRANSFER = "2026-11-16"
NOW = "2026-12-01T09:00:00"


def _bills(world: World) -> None:
    """24 bills, of which one was changed, one cancelled, one issued anew; bills come before what pays them."""
    world.intake([bill(number) for number in range(1, 25)])
    world.jobs.submit()
    world.intake([bill(7, charge_yen=5000), bill(20, action="9")], name="later.csv")
    world.jobs.reissue(bill(21).bill_key, "a", "b")
    world.jobs.submit()


def _receipts(world: World) -> Iterator[Fact]:
    for at, day in enumerate(DAYS):
        one, two, three = 3 * at + 1, 3 * at + 2, 3 * at + 3
        on: dict[str, Any] = {"paid_on": day, "booked_on": day}
        yield world.paid(one, f"T{one:02d}", stage="preliminary", **on)
        if one == 7:
            yield world.paid(one, f"T{one:02d}", **{**on, "amount_yen": 5000})
            yield world.paid(one, f"X{one:02d}", **{**on, "amount_yen": 5000})  # once more
        else:  # the confirmation may be booked on another day than was said first
            yield world.paid(one, f"T{one:02d}", **{**on, "booked_on": DAYS[at + 1] if at == 4 else day})
        yield world.paid(two, f"T{two:02d}", **on)
        if two % 2:
            yield world.paid(two, f"T{two:02d}", stage="cancelled", **on)
        if three % 6:
            yield world.paid(three, f"T{three:02d}", **({**on, "amount_yen": 9} if three == 9 else on))
    yield receipt("U01", "9" * 20, "123456", amount_yen=77, paid_on=DAYS[0], booked_on=DAYS[0])
    yield world.paid(18, "L18", paid_on="2027-02-01", booked_on=DAYS[3])
    yield world.paid(24, "W24", confirmation_number="000000", paid_on=DAYS[3], booked_on=DAYS[3])


def _gross(facts: list[Fact], day: str) -> int:
    """What stands of a day in the end."""
    found = [one for one in facts if isinstance(one, ReceiptRecord)]
    gone = {one.transaction_key for one in found if one.stage == "cancelled"}
    last = {one.transaction_key: one for one in found if one.stage == "confirmed"}
    return sum(one.amount_yen for key, one in last.items() if key not in gone and one.booked_on == day)


def _month(world: World) -> list[Fact]:
    """Payments of every kind, a notice a day (one corrected), one credit for two notices, one in two credits, one cancelled."""
    facts = list(_receipts(world))
    money: list[Fact] = []
    for at, day in enumerate(DAYS):
        gross = _gross(facts, day)
        notice = SettlementRecord(f"S{at:02d}", 1, INSTITUTION, "601", day, 3, gross, 10, gross - 10, TRANSFER)
        if at == 2:
            money.append(notice._replace(gross_yen=gross + 100, net_yen=gross + 90))
            notice = notice._replace(edition=2)
        money.append(notice)
    net = [_gross(facts, day) - 10 for day in DAYS]
    paid = {"1": net[0] + net[1], "2": net[2], "3": 400, "4": net[3] - 400, "5": net[4], "6": net[5], "7": net[6], "8": 123}
    money += [_credit(name, yen, reference="S02" if name == "2" else "") for name, yen in paid.items()]
    return [*facts, *money, _credit("8", 123, cancelled="1")]


def _credit(name: str, yen: int, **changed: Any) -> BankCreditRecord:
    built = BankCreditRecord("9999-001-1-0001234567", f"{int(name):08d}", TRANSFER, TRANSFER, yen, "1", "0", "", "", "", "")
    return built._replace(**changed)


def _deliver(world: World, facts: list[Fact], day: str) -> None:
    """One file a kind, and all that a run does."""
    movements = [one for one in facts if isinstance(one, BankCreditRecord)]
    notices = [one for one in facts if isinstance(one, SettlementRecord)]
    payments = [one for one in facts if isinstance(one, ReceiptRecord)]
    taken = [world.credit(movements, day)] if movements else []
    taken += [world.settle(notices, day)] if notices else []
    taken += [world.receive(payments, day)] if payments else []
    assert [one["problems"] for one in taken if one["quarantined"]] == []
    told = world.jobs.reconcile()
    assert told["problems"] == []
    world.jobs.export(world.folder / "out")


def _played(world: World, seed: int | None) -> Ledger:
    """The month in order and at once; or, with a seed, in another order, in pieces, and every fact a second time."""
    world = world.at(NOW)
    _bills(world)
    facts = _month(world)
    if seed is None:
        _deliver(world, facts, DAY)
    else:
        for piece in _pieces(facts, seed):
            _deliver(world, piece, DAY)
    assert broken(world) == []
    with world.jobs.rooms.store.read() as connection:
        found = ledger(connection)
        assert found.sha256 == ledger_hash(connection)
        assert found.municipalities == {CODE: ledger_hash(connection, CODE)}
    return found


def _pieces(facts: list[Fact], seed: int) -> Iterator[list[Fact]]:
    chance = random.Random(seed)
    twice = [*facts, *facts]
    chance.shuffle(twice)
    while twice:
        size = chance.randint(5, 40)
        piece, twice = list(dict.fromkeys(twice[:size])), twice[size:]
        yield piece


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """The ledger of the month as it happened, on SQLite."""
    world = build_world(tmp_path_factory.mktemp("in-order"))
    found = _played(world, None)
    world.jobs.rooms.close()
    return found


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_the_same_facts_give_the_same_ledger(world: World, in_order: Ledger, seed: int | None) -> None:
    found = _played(world, seed)
    assert found.parts == in_order.parts
    assert found == in_order
    assert all(part.rows for name, part in found.parts.items() if name not in ("closes", "books", "moves"))


def test_another_fact_gives_another_ledger(world: World) -> None:
    registered(world, [bill(1), bill(2)])
    seen = [_hash(world)]
    world.receive([world.paid(1, "T1", stage="preliminary")])
    seen.append(_hash(world))
    world.jobs.reconcile()
    seen.append(_hash(world))
    world.jobs.export(world.folder / "out")
    seen.append(_hash(world))
    settled(world, 1001)
    seen.append(_hash(world))
    world.jobs.reconcile()
    world.jobs.export(world.folder / "out")
    assert len(set(seen)) == len(seen)
    assert _hash(world) == seen[-1]  # a run that finds nothing changes nothing
    with world.jobs.rooms.store.read() as connection:
        assert ledger(connection, until=DAY).parts["bills"].rows == 0
        assert ledger(connection, until="2026-11-19").parts["receipts"].rows == 0
        assert ledger(connection, "990027").municipalities == {}


def _hash(world: World) -> str:
    with world.jobs.rooms.store.read() as connection:
        return ledger_hash(connection)


def _closed(world: World, *, late: bool) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """Two closed days; the second payment of the first one comes in time, or when that day is closed."""
    registered(world, [bill(number) for number in range(1, 4)])
    both = [world.paid(1, "T1"), world.paid(2, "T2")]
    world.receive(both[:1] if late else both)
    settled(world, 1001 if late else 2003)
    assert world.jobs.close_day(DAY, "a", "b")["closed"]
    if late:
        world.receive(both[1:])
        settled(world, 2003, edition=2)
    world.receive([world.paid(3, "T3", booked_on=NEXT)])
    settled(world, 1003, NEXT)
    assert world.jobs.close_day(NEXT, "a", "b")["closed"]
    world.jobs.reconcile()
    world.jobs.export(world.folder / "out")
    assert broken(world) == []
    with world.jobs.rooms.store.read() as connection:
        parts = ledger(connection).parts
    booked = world.sql(
        """SELECT value_on, fund_code, fiscal_year, account, SUM(transactions), SUM(yen) FROM day_book
           GROUP BY value_on, fund_code, fiscal_year, account HAVING SUM(yen) <> 0 ORDER BY value_on, fund_code, fiscal_year, account"""
    )
    return parts, booked


def test_a_fact_that_comes_after_a_close_stands_in_the_next_books_and_nowhere_else(world: World, tmp_path: Path) -> None:
    """What must hold then: all that happened and what it came to, and the books by value date."""
    in_time, booked = _closed(world, late=False)
    other = build_world(tmp_path / "late")
    late, booked_late = _closed(other, late=True)
    other.jobs.rooms.close()
    differ = {name for name in in_time if in_time[name] != late[name]}
    # the notice came in a further edition, and the day says that it was revised
    assert differ == {"settlements", "days", "books", "closes"}
    assert booked == booked_late
