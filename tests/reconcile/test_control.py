"""The control identities at every run: receipts = matched + suspense, registered = paid + unpaid + cancelled + expired by fund."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from fundlink.domain.records import SettlementRecord
from fundlink.store import verify
from tests.builders import CODE, DAY, INSTITUTION, World, bill, receipt
from tests.desk.cases import act

PARTS = ("registered", "paid", "unpaid", "cancelled", "expired")
OTHER = {"fund_code": "602", "core_key": "K9"}


def _do(world: World, statement: str, **values: Any) -> None:
    with world.jobs.rooms.store.engine.begin() as connection:
        assert connection.execute(sa.text(statement), values).rowcount > 0


def _step(world: World, number: int, state: str, event: str) -> None:
    """A step of the newest slip of a bill, written behind the program's back."""
    _do(
        world,
        f"""INSERT INTO slip_state (slip_id, state, event, cause, at)
            SELECT s.id, '{state}', '{event}', 'x', 'x' FROM slip s JOIN bill b ON b.id = s.bill_id
            WHERE b.bill_key = :key ORDER BY s.issue_count DESC LIMIT 1""",
        key=bill(number).bill_key,
    )


def _funds(told: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    assert len(told["control"]) == 1
    assert all(fund["ok"] for fund in told["control"][0]["funds"])
    return {fund["fund_code"]: tuple(fund[part] for part in PARTS) for fund in told["control"][0]["funds"]}


@pytest.fixture
def town(world: World) -> World:
    """Six bills of one fund and one of another, all registered."""
    world.intake([*(bill(number) for number in range(1, 7)), bill(9, **OTHER)])
    world.jobs.submit()
    return world


def test_every_slip_is_paid_unpaid_cancelled_or_expired_whatever_happens(town: World) -> None:
    assert _funds(town.jobs.reconcile()) == {"601": (6, 0, 6, 0, 0), "602": (1, 0, 1, 0, 0)}
    town.receive([town.paid(1, "T1"), town.paid(1, "T2"), town.paid(2, "T3", amount_yen=5)])
    assert _funds(town.jobs.reconcile())["601"] == (6, 1, 5, 0, 0)
    town.jobs.reissue(bill(3).bill_key, "a", "b")
    town.intake([bill(4, action="9")], name="cancel.csv")
    town.jobs.submit()
    assert _funds(town.jobs.reconcile())["601"] == (7, 1, 4, 2, 0)
    _step(town, 5, "expired", "expire")
    assert _funds(town.jobs.reconcile())["601"] == (7, 1, 3, 2, 1)
    town.receive([town.paid(5, "T5"), town.paid(3, "T4")])
    assert _funds(town.jobs.reconcile())["601"] == (7, 3, 2, 2, 0)
    town.receive([town.paid(1, "T1", stage="cancelled")])  # T2 is the first payment now
    assert _funds(town.jobs.reconcile())["601"] == (7, 3, 2, 2, 0)
    town.receive([town.paid(5, "T5", stage="cancelled")])
    told = town.jobs.reconcile()
    assert _funds(told) == {"601": (7, 2, 3, 2, 0), "602": (1, 0, 1, 0, 0)}
    assert told["problems"] == []
    before = town.sql("SELECT COUNT(*) FROM slip_total")
    assert town.jobs.reconcile()["control"] == told["control"]
    assert town.sql("SELECT COUNT(*) FROM slip_total") == before


TOTALS = {
    "outcome_total": "municipality_code, day, fund_code, outcome",
    "slip_total": "municipality_code, fund_code, part",
    "month_total": "municipality_code, part, fund_code, month, channel",
}


def test_totals_grow_with_what_they_are_of_and_not_with_runs(town: World) -> None:
    for number in range(1, 6):
        town.receive([town.paid(number, f"T{number}")])
        town.jobs.reconcile()
    for table, key in TOTALS.items():
        rows = town.sql(f"SELECT {key}, COUNT(*) FROM {table} GROUP BY {key}")
        assert rows, table
        assert {row[-1] for row in rows} == {1}, table
    assert verify.verify(town.jobs.rooms.store)["ok"]


def test_a_bill_that_acts_pay_is_paid(town: World) -> None:
    town.receive([town.paid(1, "T1"), receipt("T9", "9" * 20, "123456", amount_yen=bill(2).total_yen)])
    assert _funds(town.jobs.reconcile())["601"] == (6, 1, 5, 0, 0)
    act(town, "attach", "transaction:T9", bill="K2")
    assert town.state(2) == "paid"
    assert _funds(town.jobs.reconcile())["601"] == (6, 2, 4, 0, 0)


def test_a_dry_run_counts_and_leaves_nothing(town: World) -> None:
    town.receive([town.paid(1, "T1")])
    assert _funds(town.jobs.reconcile(dry_run=True))["601"] == (6, 1, 5, 0, 0)
    assert town.sql("SELECT COUNT(*) FROM slip_total") == [(0,)]


def test_a_slip_that_is_in_two_parts_or_in_none_is_told_with_its_place(town: World) -> None:
    town.receive([town.paid(1, "T1")])
    town.jobs.reconcile()
    _step(town, 2, "paid", "pay")
    told = town.jobs.reconcile()
    assert [(one["code"], one["place"]) for one in told["problems"]] == [("FL-CTL-004", f"{CODE} 601")]
    assert (told["control"][0]["ok"], [fund["ok"] for fund in told["control"][0]["funds"]]) == (False, [False, True])
    _step(town, 2, "registered", "withdraw")
    assert town.jobs.reconcile()["problems"] == []


def test_receipts_are_matched_or_in_suspense(town: World) -> None:
    town.receive([town.paid(1, "T1"), town.paid(1, "T2"), receipt("T9", "9" * 20, "123456", amount_yen=77)])
    told = town.jobs.reconcile()
    row = {name: value for name, value in told["control"][0].items() if name != "funds"}
    assert row == {
        "municipality_code": CODE, "receipts": 3, "receipts_yen": 2079, "matched": 1, "matched_yen": 1001, "suspense": 2,
        "suspense_yen": 1078, "ok": True,
    }  # fmt: skip
    assert told["problems"] == []
    _do(town, "UPDATE outcome_total SET yen = yen + 1 WHERE day <> '' AND outcome = 'matched'")
    assert [one["code"] for one in town.jobs.reconcile()["problems"]] == ["FL-CTL-003"]


def test_who_closes_a_day_sees_the_identities(town: World) -> None:
    town.receive([town.paid(1, "T1")])
    town.settle([SettlementRecord("S1", 1, INSTITUTION, "601", DAY, 1, 1001, 1001, 0, "2026-11-26")])
    town.jobs.reconcile()
    prepared = town.jobs.prepare_close(DAY, "a")
    assert prepared["prepared"]
    assert _funds(prepared)["601"] == (6, 1, 5, 0, 0)
    _step(town, 2, "paid", "pay")
    closed = town.jobs.approve_close(DAY, "b", municipality=CODE)
    assert closed["closed"]
    assert (closed["control"][0]["ok"], [one["code"] for one in closed["problems"]]) == (False, ["FL-CTL-004"])
