"""Builders for tests: rooms in an empty home, bills as files, receipts as the gateway would send them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from fundlink import bootstrap
from fundlink.config import TOKYO, Settings
from fundlink.connectors.identity import make_demo_identity
from fundlink.connectors.in_memory import InMemoryGateway
from fundlink.domain.records import BankCreditRecord, BillingRecord, ReceiptRecord, SettlementRecord
from fundlink.jobs import Jobs
from fundlink.pipeline import Rooms

CODE = "990019"
INSTITUTION = CODE[:5]
DAY = "2026-11-20"


class World(NamedTuple):
    """One adapter with the twin of its gateway."""

    jobs: Jobs
    twin: InMemoryGateway
    folder: Path

    def sql(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query of the test's own."""
        with self.jobs.rooms.store.read() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement), values)]

    def at(self, instant: str) -> World:
        """The same world at another business time (ISO, Asia/Tokyo)."""
        moment = dt.datetime.fromisoformat(instant).replace(tzinfo=TOKYO)
        return World(Jobs(replace(self.jobs.rooms, clock=lambda: moment)), self.twin, self.folder)

    def intake(
        self,
        records: Iterable[BillingRecord],
        *,
        name: str = "bills.csv",
        profile: str = "standard",
        header: dict[str, Any] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Write records in a profile's form and take the file; ``header`` overrides what its header record states."""
        path = self.folder / name
        rows = list(records)
        header = {
            "municipality_code": CODE,
            "file_created_on": DAY,
            "file_business_day": DAY,
            "file_sequence": "1",
            "record_count": len(rows),
            **(header or {}),
        }
        path.write_bytes(b"".join(self.jobs.rooms.profile(profile).message("billing").writer(rows, header)))
        return self.jobs.intake(path, profile, **more)

    def intake_bytes(self, body: bytes, *, name: str = "bills.csv", profile: str = "standard", **more: Any) -> dict[str, Any]:
        """Take these very bytes."""
        path = self.folder / name
        path.write_bytes(body)
        return self.jobs.intake(path, profile, **more)

    def slip(self, number: int) -> tuple[str, str]:
        """Case key and confirmation number of the newest slip of a built bill."""
        found = self.sql(
            "SELECT s.case_key, s.confirmation_number FROM slip s JOIN bill b ON b.id = s.bill_id WHERE b.bill_key = :key ORDER BY s.issue_count DESC",
            key=bill(number).bill_key,
        )
        return str(found[0][0]), str(found[0][1])

    def state(self, number: int) -> str:
        """The state of a built bill."""
        from fundlink.desk import find_bill

        return find_bill(self.jobs.rooms, bill(number).bill_key).state

    def paid(self, number: int, key: str, **more: Any) -> ReceiptRecord:
        """A receipt for the newest slip of a built bill; anything may be overridden."""
        case_key, confirmation = self.slip(number)
        return receipt(key, case_key, confirmation, **{"amount_yen": bill(number).total_yen, **more})

    def receive(self, records: Iterable[ReceiptRecord], day: str = DAY) -> dict[str, Any]:
        """The gateway sends these receipts as the file of a business day; collect."""
        self.offer(records, day)
        return self.jobs.collect()

    def offer(self, records: Iterable[ReceiptRecord], day: str = DAY, stated: str = "") -> str:
        """The gateway holds these receipts as the file of a business day (``stated`` in it, where that differs); its file id."""
        rows = list(records)
        header = _header("R", len(rows), sum(row.amount_yen for row in rows), stated or day)
        written = self.jobs.rooms.profile("gateway").message("receipt").writer(rows, header)
        return self.twin.put(INSTITUTION, "receipt", day, pieces=written)

    def settle(self, records: Iterable[SettlementRecord], day: str = DAY) -> dict[str, Any]:
        """The gateway sends a settlement notice; collect."""
        rows = list(records)
        header = _header("S", len(rows), sum(row.gross_yen for row in rows), day)
        self.twin.put(INSTITUTION, "settlement", day, pieces=self.jobs.rooms.profile("gateway").message("settlement").writer(rows, header))
        return self.jobs.collect()

    def credit(self, records: Iterable[BankCreditRecord], day: str = DAY) -> dict[str, Any]:
        """The bank reports movements; collect."""
        self.twin.put_bytes(INSTITUTION, "bank_credit", day, body=bank_file(self.jobs.rooms, day, list(records)))
        return self.jobs.collect()


def bank_file(rooms: Rooms, day: str, rows: list[BankCreditRecord]) -> bytes:
    """A file of account movements as the bank sends it on a day."""
    change = sum(row.amount_yen if row.direction == "1" else -row.amount_yen for row in rows)
    booked = [row.booked_on for row in rows]
    header = {
        "file_created_on": day, "period_from": min(booked), "period_to": max(booked), "bank_code": "9999", "branch_code": "001",
        "account_type": "1", "account_number": "0001234567", "opening_sign": "1", "opening_balance_yen": 10**9, "closing_sign": "1",
        "closing_balance_yen": 10**9 + change,
    }  # fmt: skip
    return b"".join(rooms.profile("bank-zengin-03").message("bank_credit").writer(iter(rows), header))


def _header(letter: str, count: int, total: int, day: str = DAY) -> dict[str, Any]:
    return {
        "message_id": f"{letter}-{count}-{total}", "municipality_code": CODE, "institution_code": INSTITUTION, "business_day": day,
        "created_at": "2026-11-20T23:59:00+09:00", "record_count": count, "total_yen": total,
    }  # fmt: skip


def world(
    tmp_path: Path, database_url: str = "", *, gateway: Callable[[tuple[bytes, bytes]], InMemoryGateway] = InMemoryGateway,
    migrated: bool = True, **settings: Any,
) -> World:  # fmt: skip
    """Rooms in an empty home with the twin as gateway; business time stands still on 2026-11-24."""
    values = {"home": tmp_path / "home", "database_url": database_url, "now": "2026-11-24T09:00:00+09:00", **settings}
    twin = gateway(_pair("gateway"))
    keys = tmp_path / "home" / "keys"
    keys.mkdir(parents=True, mode=0o700, exist_ok=True)
    if not (keys / "adapter.key.pem").exists():
        for name, content in zip(("adapter.key.pem", "adapter.cert.pem"), _pair("adapter"), strict=True):
            (keys / name).write_bytes(content)
            (keys / name).chmod(0o600)
    rooms = bootstrap.build(Settings(**values), gateway=twin, migrated=migrated)
    return World(Jobs(rooms), twin, tmp_path)


@cache
def _pair(name: str) -> tuple[bytes, bytes]:
    """One key pair a name and test process: making them is slow and proves nothing here."""
    return make_demo_identity(f"test {name}")


def bill(number: int, **changed: Any) -> BillingRecord:
    """The ``number``-th bill: valid, different from all others."""
    built = BillingRecord(
        municipality_code=CODE, fund_code="601", levy_year=2026, relevant_year=2026, fiscal_year=2026, notice_number=f"{number:016d}",
        installment="01", subject_code="", child_number="", addressee_number="", department_code="000", charge_yen=1000 + number,
        reminder_fee_yen=0, late_charge_yen=0, due_on="2026-11-30", payable_until="2027-01-09", payer_name="", payer_kana="",
        payer_postal_code="", payer_address="", action="1", core_key=f"K{number}",
    )  # fmt: skip
    return built._replace(**changed)


def bills(count: int, **changed: Any) -> list[BillingRecord]:
    """Bills 1 to ``count``."""
    return [bill(number, **changed) for number in range(1, count + 1)]


def receipt(key: str, case_key: str, confirmation: str, **changed: Any) -> ReceiptRecord:
    """A confirmed receipt of DAY."""
    built = ReceiptRecord(
        transaction_key=key, stage="confirmed", institution_code=INSTITUTION, case_key=case_key, confirmation_number=confirmation,
        fund_code="601", channel="app", amount_yen=1000, paid_on=DAY, booked_on=DAY,
    )  # fmt: skip
    return built._replace(**changed)


def outcomes(found: World) -> dict[str, str]:
    """The newest outcome of every transaction."""
    return dict(
        found.sql(
            "SELECT o.transaction_key, o.outcome FROM outcome o WHERE o.id = (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = o.transaction_key)"
        )
    )
