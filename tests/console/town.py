"""A made-up town whose last ten business days hold everything a morning can bring, and the console over it.

Nov 9 and 10 are closed, 11 is prepared, 12 ties, 13 was settled short, 16 and 17 tie, 18 has two answers for one credit, the receipts
of 19 are late, and 20 (yesterday) has a duplicate, an unknown payment and a settlement that is short. It is Nov 24, nine o'clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from fundlink import desk
from fundlink.desk.acts import Asked
from fundlink.domain.records import BankCreditRecord, BillingRecord, ReceiptRecord, SettlementRecord
from fundlink.store import receipts, vault
from tests.builders import CODE, INSTITUTION, World, bill, receipt
from tests.console.persons import CHIEF, CLERK, Staffed, register

FUNDS = ("601", "602", "632", "651")
DAYS = (
    "2026-11-09",
    "2026-11-10",
    "2026-11-11",
    "2026-11-12",
    "2026-11-13",
    "2026-11-16",
    "2026-11-17",
    "2026-11-18",
    "2026-11-19",
    "2026-11-20",
)
SHORT, TWO_ANSWERS, LATE, YESTERDAY = DAYS[4], DAYS[7], DAYS[8], DAYS[9]
SHORT_YEN = 12_000
PREPARED = DAYS[2]
NOW = "2026-11-24T09:00:00"
EACH = 6
"""Payments of a day and fund."""
_CHANNELS = ("counter", "app", "pay_easy", "card", "internet_banking", "direct_debit")


class Slip(NamedTuple):
    """One slip as it can be paid."""

    fund_code: str
    case_key: str
    confirmation_number: str
    yen: int


def built(number: int) -> BillingRecord:
    """Bills of four funds in turn, with amounts as they are."""
    yen = 4_200 + (number * 977) % 34_000
    return bill(
        number,
        fund_code=FUNDS[number % 4],
        charge_yen=yen,
        due_on="2026-11-30",
        addressee_number=f"{number // 3:010d}",
        department_code="110",
    )


def town(world: World) -> Staffed:
    """The town on its morning, with its staff."""
    early = world.at("2026-11-09T07:00:00")
    secrets = register(early.jobs.rooms)
    desk.add_municipality(early.jobs.rooms, CODE, "見本市（架空）")
    alike = [built(number)._replace(fund_code=FUNDS[number % 2], charge_yen=12_000) for number in range(1001, 1011)]
    early.intake([*(built(number) for number in range(1, 4 * EACH * 10 + 1)), *alike])
    early.jobs.submit()
    slips = _slips(world)
    for at, day in enumerate(DAYS):
        _live(world.at(f"{_after(world, day, 1)}T08:00:00"), day, slips, at)
    morning = world.at(NOW)
    for at, day in enumerate(DAYS[:7]):
        _credits(morning, day, at)
    _two_answers(morning)
    morning.jobs.collect()
    morning.jobs.reconcile()
    for day in DAYS[:2]:
        assert morning.jobs.close_day(day, CLERK.login, CHIEF.login, municipality=CODE)["closed"], day
    assert morning.jobs.prepare_close(PREPARED, CLERK.login, municipality=CODE)["prepared"]
    morning.jobs.prepare_act(Asked("accept", "transaction:T261120601D", CLERK.login, "納付者に電話で確認、二度納めたとのこと"))
    return Staffed(morning, secrets)


def _slips(world: World) -> dict[str, Iterator[Slip]]:
    rows = world.sql(
        """SELECT v.fund_code, s.case_key, s.confirmation_number, v.total_yen FROM slip s JOIN bill_version v ON v.id = s.bill_id ORDER BY s.id"""
    )
    found = [Slip(*row) for row in rows]
    parts = (("", found[:-10]), ("=", found[-10:]))
    return {fund + mark: iter([slip for slip in ours if slip.fund_code == fund]) for mark, ours in parts for fund in FUNDS}


def _after(world: World, day: str, count: int) -> str:
    return world.jobs.rooms.calendar().calendar.after(day, count)


def _live(world: World, day: str, slips: dict[str, Iterator[Slip]], at: int) -> None:
    if day == TWO_ANSWERS:
        paid = {fund: list(slips[fund + "="]) for fund in FUNDS[:2]}
    else:
        paid = {fund: [next(slips[fund]) for _ in range(EACH - (at + n) % 3)] for n, fund in enumerate(FUNDS)}
    rows = [_receipt(day, slip, f"{fund}{n}") for fund, ours in paid.items() for n, slip in enumerate(ours)]
    if day == YESTERDAY:
        again = paid["601"][0]
        rows.append(_receipt(day, again, "601D"))
        rows.append(receipt(f"T{_short(day)}602U", "9" * 20, "000000", fund_code="602", amount_yen=7_700, paid_on=day, booked_on=day))
    if day != LATE:
        world.receive(rows, day)
        world.settle(_lines(world, day, rows), day)
    world.jobs.reconcile()


def _short(day: str) -> str:
    return day[2:].replace("-", "")


def _receipt(day: str, slip: Slip, name: str) -> ReceiptRecord:
    channel = _CHANNELS[len(name + slip.case_key[-1:]) % 6 if name.endswith("D") else int(slip.case_key[-1]) % 6]
    return receipt(
        f"T{_short(day)}{name}", slip.case_key, slip.confirmation_number, fund_code=slip.fund_code, amount_yen=slip.yen, paid_on=day,
        booked_on=day, channel=channel,
    )  # fmt: skip


def key(day: str, fund: str) -> str:
    """The key of a settlement."""
    return f"S{INSTITUTION}{_short(day)}{fund}"


def _lines(world: World, day: str, rows: list[ReceiptRecord]) -> list[SettlementRecord]:
    told = []
    for fund in FUNDS:
        own = [row for row in rows if row.fund_code == fund]
        if not own:
            continue
        gross = sum(row.amount_yen for row in own)
        gross -= SHORT_YEN if (day, fund) in ((SHORT, "632"), (YESTERDAY, "651")) else 0
        fee = 0 if day == TWO_ANSWERS else 55 * len(own)
        told.append(SettlementRecord(key(day, fund), 1, INSTITUTION, fund, day, len(own), gross, fee, gross - fee, _after(world, day, 3)))
    return told


def _credits(world: World, day: str, at: int) -> None:
    rows = world.sql(
        "SELECT settlement_key, net_yen, transfer_on FROM settlement WHERE business_day = :day ORDER BY settlement_key", day=day
    )
    for n, (name, net, transfer) in enumerate(rows):
        credit(world, f"{at:02d}{n:02d}", net, days=(day, str(transfer)), reference=str(name))


def _two_answers(world: World) -> None:
    """One credit, two settlements of the same yen: nobody but a person can say which one it pays."""
    credit(world, "7001", 60_000, days=(TWO_ANSWERS, _after(world, TWO_ANSWERS, 3)), reference="")


def credit(world: World, number: str, yen: int, *, days: tuple[str, str], reference: str) -> None:
    """One entry on the account, stored the way collect does; ``days``: the business day it is about, the day it was booked."""
    about, day = days
    record = BankCreditRecord("0001-001-1-1234567", number, day, day, yen, "1", "0", "", "チホウゼイキョウドウキコウ", reference, "")
    with world.jobs.rooms.store.write() as connection:
        raw = vault.keep(connection, [repr(record).encode()], direction="in", kind="bank_credit", name=f"{day}.txt", at=day).raw_id
        noted = {"source": "gateway", "remote_id": f"bank-{number}", "kind": "bank_credit", "name": f"{day}.txt", "municipality_code": CODE,
                 "business_day": about, "raw_id": raw, "at": f"{day}T17:00:00+09:00", "state": "applied", "records": 1, "yen": yen}  # fmt: skip
        receipts.stage(connection, "bank_credit", [(1, CODE, *record)])
        receipts.store_arrivals(connection, "bank_credit", receipts.add_received(connection, noted))


def states(world: World) -> dict[str, Any]:
    """The strip: day to state."""
    return {day["day"]: day["state"] for day in world.jobs.morning()["municipalities"][0]["days"]}
