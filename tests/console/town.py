"""A made-up town whose last ten business days hold everything a morning can bring, and the console over it.

Nov 9 and 10 are closed, 11 is prepared, 12 ties, 13 was settled short, 16 and 17 tie, 18 has two answers for one credit, the receipts
of 19 are late, and 20 (yesterday) has a duplicate, an unknown payment and a settlement that is short. It is Nov 24, nine o'clock.
"""

from __future__ import annotations

import datetime as dt
import shutil
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from fundlink import desk
from fundlink.bootstrap import SCHEMAS
from fundlink.desk import small_funds
from fundlink.desk.acts import Asked
from fundlink.desk.proposals import Wanted
from fundlink.desk.uploads import Given
from fundlink.domain.records import BankCreditRecord, BillingRecord, ReceiptRecord, SettlementRecord
from fundlink.jobs import sheets
from fundlink.store import audit, receipts, vault
from tests.builders import CODE, INSTITUTION, World, bill, receipt
from tests.console.persons import ADMIN, CHIEF, CLERK, INPUT, Staffed, close, register
from tests.workbooks import filled, rows

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
        payer_name="見本　花子",
        payer_kana="ミホン　ハナコ",
        payer_postal_code="9990001",
        payer_address="見本県見本市表町１－２－３",
    )


OPEN_BILL, PAID_BILL = built(240).bill_key, built(2).bill_key
"""A bill that nobody has paid, and one whose money has come."""


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
        if day == YESTERDAY:
            _unanswered(world)
        _live(world.at(f"{_after(world, day, 1)}T08:00:00"), day, slips, at)
    morning = world.at(NOW)
    for at, day in enumerate(DAYS[:7]):
        _credits(morning, day, at)
    _two_answers(morning)
    morning.jobs.collect()
    morning.jobs.reconcile()
    for day in DAYS[:2]:
        close(morning.jobs, day)
    assert morning.jobs.prepare_close(PREPARED, CLERK.login, municipality=CODE)["prepared"]
    morning.jobs.prepare_act(Asked("accept", "transaction:T261120601D", CLERK.login, "納付者に電話で確認、二度納めたとのこと"))
    _wrong_file(morning)
    _upload(morning)
    _workbooks(morning)
    _own_profile(morning)
    _account(morning)
    return Staffed(morning, secrets)


UNANSWERED = "P990019-20261120-000001"


def _unanswered(world: World) -> None:
    """A message of Friday whose answer is lost as often as it is asked for, so that it waits for a person on Tuesday."""
    world.twin.faults, world.twin.inquiry_faults = ["answer_lost"] * 9, ["answer_lost"] * 9
    hour = dt.datetime.fromisoformat("2026-11-20T09:00:00")
    world.at(hour.isoformat()).intake([built(number) for number in range(4001, 4004)], name="hoken-1120.csv")
    while not world.at(hour.isoformat()).jobs.submit()["person"]:
        hour += dt.timedelta(hours=1)
        assert hour.day < 24
    world.twin.faults, world.twin.inquiry_faults = [], []


def _account(morning: World) -> None:
    """The account that the credits are on, registered by two persons."""
    asked = {"municipality": CODE, "holder": "見本市会計管理者", "funds": ["601", "602"], "written_as": ["本店 普通 1234567"]}
    proposed = morning.jobs.propose(Wanted("account", "0001-001-1-1234567", CLERK.login, asked=asked))
    morning.jobs.approve_proposal(proposed["proposal_id"], CHIEF.login, sha256=proposed["sha256"])


def _own_profile(morning: World) -> None:
    """One profile that waits for the other administrator, where the town keeps profiles of its own."""
    folder = morning.folder / "profiles" / "kasen"
    shutil.copytree(SCHEMAS / "profiles" / "standard", folder)
    text = (folder / "profile.toml").read_text(encoding="utf-8")
    (folder / "profile.toml").write_text(text.replace('name = "standard"', 'name = "kasen"', 1), encoding="utf-8")
    if morning.jobs.rooms.profiles.own():
        morning.jobs.propose(Wanted("profile", "kasen", ADMIN.login, "河川占用料システムの更新"))


RIGHT_LINE = {
    "氏名": "見本電柱株式会社",
    "郵便番号": "1000001",
    "住所": "東京都千代田区丸の内一丁目１番１号",
    "料額": 12_000,
    "納期限": dt.date(2026, 12, 25),
}
WRONG_LINES = (
    RIGHT_LINE,
    {**RIGHT_LINE, "氏名": "𠮷田　花子", "料額": 3_400},
    {**RIGHT_LINE, "氏名": "架空ガス株式会社", "料額": "１２，０００"},
    {**RIGHT_LINE, "氏名": "見本水道組合", "納期限": "12月25日"},
)
PROBLEMS_DRAFT, READY_DRAFT = 1, 2
WRONG_FILE = 3
"""The file with a row that is not taken: the third that came."""


def _workbooks(world: World) -> None:
    """Two that wait: one with cells to correct, one that is ready."""
    raw = small_funds.make_template(world.jobs.rooms, small_funds.Asked(CODE, "611", 2026, "110", 20), INPUT.login)
    right = [{**RIGHT_LINE, "氏名": f"見本占用 {number} 号", "料額": 1_200 * number} for number in range(1, 6)]
    for name, lines in (("道路占用料（下書き）.xlsx", WRONG_LINES), ("道路占用料.xlsx", right)):
        sent = small_funds.Sent(name, filled(raw, rows(9, lines)))
        sheets.look(world.jobs, sent, INPUT.login, scope=INPUT.scope)


def _wrong_file(morning: World) -> None:
    """A file with a row that is not taken; the clerk proposes to take the file back."""
    rows = [built(number)._replace(due_on="2027-03-31", payable_until="2027-05-10") for number in range(2001, 2005)]
    body = b"".join(morning.jobs.rooms.profile("standard").message("billing").writer(rows))
    wrong = morning.intake_bytes(body.replace(str(rows[1].charge_yen).encode(), b"12x"), name="hoken-1124.csv")
    assert (wrong["accepted"], wrong["rejected"]) == (3, 1)
    morning.jobs.propose(Wanted("rollback", str(wrong["file_id"]), CLERK.login, "別の課のファイルを渡してしまった"))


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
        audit.append(connection, audit.Entry("gateway", "collect.apply", f"received:bank-{number}", {}, str(noted["at"])))


def states(world: World) -> dict[str, Any]:
    """The strip: day to state."""
    return {day["day"]: day["state"] for day in world.jobs.morning()["municipalities"][0]["days"]}


def _upload(world: World) -> None:
    """A file with a wrong row that somebody handed over; it was tried, and nobody has taken it."""
    rows = [built(number)._replace(due_on="2027-03-31", payable_until="2027-05-10") for number in range(3001, 3006)]
    body = b"".join(world.jobs.rooms.profile("standard").message("billing").writer(rows))
    number = world.jobs.upload(
        [body.replace(str(rows[2].charge_yen).encode(), b"1,200")], Given("kaigo-1124.csv", "standard", CODE, "only.input")
    )
    tried(world, number)


def tried(world: World, number: int, state: str = "tried") -> dict[str, Any]:
    """An upload as soon as nobody is at it any more."""
    for _ in range(600):
        found: dict[str, Any] = world.jobs.uploaded(number)
        if found["event"] == state:
            return found
        threading.Event().wait(0.1)
    raise AssertionError(found)
