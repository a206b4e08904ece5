"""The set work of the database against an independent reading of the contract, and its independence of arrival order."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fundlink.domain.records import ReceiptRecord
from tests.builders import DAY, World, bill, bills, outcomes, receipt, world


def _history(found: World, seed: int) -> tuple[list[ReceiptRecord], dict[str, str]]:
    """Random payments on thirty bills (some cancelled, some re-issued) and, by the contract's words, what they are."""
    rng = Random(seed)
    found.intake(bills(30))
    found.jobs.submit()
    old = {number: found.slip(number) for number in range(1, 31)}
    found.intake([bill(number, action="9") for number in (1, 2, 3, 4)], name="cancel.csv")
    for number in (5, 6, 7, 8):
        found.jobs.reissue(bill(number).bill_key, "a", "b")
    new = {number: found.slip(number) for number in range(1, 31)}
    records: list[ReceiptRecord] = []
    facts: list[dict[str, Any]] = []
    for serial in range(60):
        number = rng.randrange(1, 31)
        first_slip = rng.random() < 0.5
        case_key, confirmation = (old if first_slip else new)[number]
        wrong = rng.random() < 0.1
        amount = 1000 + number + (rng.random() < 0.15)
        paid_on = rng.choice(["2026-11-10", "2026-11-20", "2027-01-10"])
        key = f"T{serial:03d}"
        shape = {"amount_yen": amount, "paid_on": paid_on, "booked_on": DAY}
        confirmation = f"{(int(confirmation) + 1) % 1_000_000:06d}" if wrong else confirmation
        stages = rng.choice([["confirmed"], ["preliminary"], ["preliminary", "confirmed"], ["preliminary", "cancelled"]])
        records += [receipt(key, case_key, confirmation, stage=stage, **shape) for stage in stages]
        facts.append({"key": key, "number": number, "wrong": wrong, "amount": amount, "paid_on": paid_on, "gone": "cancelled" in stages, "old": first_slip and number in (5, 6, 7, 8)})  # fmt: skip
    records.append(receipt("T-unknown", "9" * 20, "123456"))
    return records, {**_told(facts), "T-unknown": "unknown_bill"}


def _told(facts: list[dict[str, Any]]) -> dict[str, str]:
    ranked: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for fact in facts:
        if not fact["gone"] and not fact["wrong"]:
            ranked[fact["number"]].append(fact)
    firsts = {min(group, key=lambda f: (f["paid_on"], f["key"]))["key"] for group in ranked.values()}
    return {fact["key"]: _one(fact, first=fact["key"] in firsts) for fact in facts}


def _one(fact: dict[str, Any], *, first: bool) -> str:
    if fact["gone"]:
        return "withdrawn"
    if fact["wrong"]:
        return "wrong_confirmation_number"
    if not first:
        return "duplicate_payment"
    if fact["number"] <= 4:
        return "paid_after_cancel"
    if fact["old"]:
        return "paid_after_supersede"
    if fact["amount"] != 1000 + fact["number"]:
        return "amount_mismatch"
    return "paid_after_limit" if fact["paid_on"] > "2027-01-09" else "matched"


@pytest.mark.parametrize("seed", range(4))
def test_the_database_finds_what_the_contract_tells(world: World, seed: int) -> None:
    records, told = _history(world, seed)
    world.receive(records)
    world.jobs.reconcile()
    assert outcomes(world) == told


@pytest.mark.parametrize("seed", range(3))
def test_arrival_order_and_split_do_not_matter(tmp_path: Path, database_url: str, seed: int) -> None:
    found = world(tmp_path, database_url)
    records, told = _history(found, seed)
    rng = Random(seed + 100)
    rng.shuffle(records)
    while records:
        size = rng.randrange(1, 25)
        found.receive(records[:size])
        if rng.random() < 0.7:
            found.jobs.reconcile()
        if rng.random() < 0.3:
            found.jobs.export(tmp_path / "out")
        records = records[size:]
    found.jobs.reconcile()
    assert outcomes(found) == told
    found.jobs.export(tmp_path / "out")
    handed = _standing(found)
    assert handed == {key: outcome for key, outcome in told.items() if outcome != "withdrawn"}
    found.jobs.rooms.close()


def _standing(found: World) -> dict[str, str]:
    """What the core systems believe after all entries, in order: the last word on each transaction."""
    believed: dict[str, str] = {}
    rows = found.sql(
        "SELECT e.transaction_key, e.stage, o.outcome FROM clearing_entry e JOIN outcome o ON o.id = e.outcome_id ORDER BY e.entry_number"
    )
    for key, stage, outcome in rows:
        if stage == "9":
            assert believed.pop(key) == outcome
        else:
            believed[key] = outcome
    return believed


def test_a_later_arrival_that_was_paid_earlier_takes_the_first_place(world: World, tmp_path: Path) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    world.receive([world.paid(1, "B", paid_on="2026-11-20")])
    world.jobs.reconcile()
    world.jobs.export(tmp_path / "out")
    assert outcomes(world) == {"B": "matched"}
    world.receive([world.paid(1, "A", paid_on="2026-11-19")])
    world.jobs.reconcile()
    assert outcomes(world) == {"A": "matched", "B": "duplicate_payment"}
    world.jobs.export(tmp_path / "out")
    entries = world.sql(
        "SELECT e.transaction_key, e.stage, o.outcome FROM clearing_entry e JOIN outcome o ON o.id = e.outcome_id ORDER BY e.entry_number"
    )
    assert sorted(entries[1:]) == [("A", "1", "matched"), ("B", "1", "duplicate_payment"), ("B", "9", "matched")]
