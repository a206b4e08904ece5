"""A town in which everything happens once, so that verify has something to look at wherever it looks. Used by test_corruptions.

Bills in three files, payments of every kind, acts of two persons, two closed days with a compensation, money that settles in one
credit, a list of unpaid bills, an entry taken back, a stored answer to a vendor.
"""

from __future__ import annotations

import json
from typing import Any

from fundlink.domain.records import BankCreditRecord, SettlementRecord
from fundlink.pipeline import tellings
from fundlink.store import audit, idempotency, receipts
from fundlink.store.idempotency import Stored
from tests.books.days import NEXT, settled
from tests.builders import CODE, DAY, INSTITUTION, World, bill, receipt
from tests.desk.cases import NOBODY, PAYER, act

MORNING = "2026-11-20T09:00:00"
TRANSFER = "2026-11-26"
ACCOUNT = "0001-001-1-1234567"


def told(world: World) -> World:
    """The town at its end: sound, everything posted, handed over and counted."""
    early = world.at(MORNING)
    _billed(early)
    _paid(early)
    early.jobs.unpaid(DAY, CODE, world.folder / "unpaid")
    settled(world, 4013)
    _settled_by_bank(world)
    assert {one["fund_code"] for one in world.jobs.close_day(DAY, "a", "b")["closed"]} == {"601", "602"}
    _acted(world)
    world.receive([world.paid(21, "T6")])
    settled(world, 4013 + bill(21).total_yen, edition=2)
    world.receive([world.paid(22, "T7", booked_on=NEXT)])
    world.jobs.reconcile()
    settled(world, bill(22).total_yen, NEXT)
    assert world.jobs.close_day(NEXT, "a", "b")["books"][0]["compensations"] > 0
    world.jobs.reconcile()
    world.jobs.export(world.folder / "out")
    _answered(world)
    return world


def _billed(world: World) -> None:
    for number, sequence in ((21, 4), (22, 5)):
        header = {"file_sequence": str(sequence), "file_business_day": DAY}
        world.intake([bill(number)], name=f"{number}.txt", profile="host-fixed", header=header)
    world.intake([bill(number, addressee_number=PAYER, due_on=f"2026-11-{20 - number:02d}") for number in range(1, 7)])
    broken = b"".join(world.jobs.rooms.profile("standard").message("billing").writer([bill(31), bill(32)], {})).replace(
        b"2026-11-30", b"2026-02-30", 1
    )
    assert world.intake_bytes(broken, name="half.csv")["rejected"] == 1
    world.jobs.submit()


def _paid(world: World) -> None:
    """T1 pays bill 1, T2 again, T3 is nobody's, T4 is too much, T5 is of another fund, T0 is taken back after it was told."""
    world.receive([world.paid(1, "T1", stage="preliminary")])
    world.receive(
        [
            world.paid(1, "T1"),
            world.paid(1, "T2"),
            receipt("T3", NOBODY, "000000", amount_yen=1002),
            world.paid(4, "T4", amount_yen=1009),
            world.paid(3, "T5", fund_code="602"),
            world.paid(6, "T0"),
        ]
    )
    world.jobs.reconcile()
    world.jobs.export(world.folder / "out")
    world.receive([world.paid(6, "T0", stage="cancelled")])
    world.jobs.reconcile()


def _settled_by_bank(world: World) -> None:
    """One credit, the fee kept back, and a bank that names nothing and tells it in two forms."""
    world.settle([SettlementRecord(f"S{DAY}602", 1, INSTITUTION, "602", DAY, 1, 1003, 3, 1000, TRANSFER)])
    record = BankCreditRecord(ACCOUNT, "1", TRANSFER, TRANSFER, 1000, "1", "0", "", "", "", "")
    with world.jobs.rooms.store.write() as connection:
        for number, raw_id in enumerate(world.sql("SELECT id FROM raw WHERE direction = 'in' ORDER BY id LIMIT 2"), 1):
            noted: dict[str, Any] = {
                "source": "gateway", "remote_id": f"bank-{number}", "kind": "bank_credit", "name": "bank", "municipality_code": CODE,
                "business_day": DAY, "raw_id": raw_id[0], "at": DAY, "state": "applied", "records": 1, "yen": 1000,
            }  # fmt: skip
            receipts.stage(connection, "bank_credit", [(1, CODE, *record[:-1], f"form {number}")])
            received_id = receipts.add_received(connection, noted)
            receipts.store_arrivals(connection, "bank_credit", received_id)
            audit.append(connection, audit.Entry("gateway", "collect.apply", f"received:bank-{number}", {}, DAY))
            told_again = tellings.compare(world.jobs.rooms, connection, received_id)
    assert told_again.fewer == 1
    world.jobs.reconcile()


def _acted(world: World) -> None:
    """An attachment, an offset of a duplicate, a refund and a write-off."""
    act(world, "attach", "transaction:T3", bill="K2")
    act(world, "accept", "transaction:T2")
    act(world, "offset", "transaction:T2", parts=((bill(5).bill_key, 1000),))
    act(world, "refund", "transaction:T2")
    act(world, "write_off", f"bill:{bill(6).bill_key}", code="waived")


def _answered(world: World) -> None:
    """What a vendor was told of the first intake, and of a bill."""
    intake = json.dumps(['{"id":1}', [["Location", "/v1/intakes/1"]], "application/json"])
    written = json.dumps([json.dumps({"bill_key": bill(1).bill_key, "intake_id": 1}), [], "application/json"])
    with world.jobs.rooms.store.write() as connection:
        idempotency.add(connection, {"k1": Stored("a" * 64, 202, intake), "k2": Stored("b" * 64, 200, written)}, DAY)
