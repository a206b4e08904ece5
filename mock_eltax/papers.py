"""The papers of a business day: receipt files, settlement notices, bank statements, each written, signed and laid out for fetching.

Called by `day` and `travel`. Writes what it is told; what happened and when it is told is decided there.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import NamedTuple

from mock_eltax.bank import Credit, Statement, write_statement
from mock_eltax.documents import template, write
from mock_eltax.inbound import municipality_code
from mock_eltax.signature import seal
from mock_eltax.world import World

RECORDS_A_FILE = 10_000
FIRST_BALANCE_YEN = 1_000_000

RECEIPT = template(
    "Receipt",
    ("TransactionKey", "Stage", "CaseKey", "ConfirmationNumber", "FundCode", "Channel", "AmountYen", "PaidOn", "BookedOn"),
)
SETTLEMENT = template(
    "Settlement",
    ("SettlementKey", "Edition", "FundCode", "BusinessDay", "ReceiptCount", "GrossYen", "FeeYen", "NetYen", "TransferOn"),
)
Stored = tuple[str, str, str, bytes]
"""Kind, file name, business day and bytes of a paper that is ready."""


class Close(NamedTuple):
    """One institution's day while it is being closed."""

    connection: sqlite3.Connection
    world: World
    institution_code: str
    day: str


class Line(NamedTuple):
    """A settlement line: what one fund took on one day."""

    settlement_key: str
    edition: int
    fund_code: str
    day: str
    receipts: int
    gross_yen: int
    fee_yen: int
    net_yen: int
    transfer_on: str


def receipt_files(close: Close, rows: Iterable[sqlite3.Row], stem: str, *, first: int = 1) -> Iterator[Stored]:
    """Receipt files of ten thousand records at most, numbered from `first`."""
    left = iter(rows)
    while part := list(islice(left, RECORDS_A_FILE)):
        file_id = f"{stem}-{first:03d}"
        total = sum(row["amount_yen"] for row in part)
        document = write("ReceiptFile", _header(close, file_id, len(part), total), (RECEIPT % tuple(row) for row in part))
        yield "receipt", f"{file_id}.xml", close.day, seal(document, close.world.identity)
        first += 1


def empty_receipt_file(close: Close, stem: str) -> Stored:
    """A receipt file that says that nobody paid."""
    document = write("ReceiptFile", _header(close, f"{stem}-001", 0, 0), ())
    return "receipt", f"{stem}-001.xml", close.day, seal(document, close.world.identity)


def notice(close: Close, lines: Sequence[Line], file_id: str) -> Stored:
    """A settlement notice."""
    header = _header(close, file_id, len(lines), sum(line.gross_yen for line in lines))
    document = write("SettlementFile", header, (SETTLEMENT % line for line in lines))
    return "settlement", f"{file_id}.xml", close.day, seal(document, close.world.identity)


def statement(close: Close, bank_day: str, moved: Sequence[Credit], *, file_id: str) -> Stored:
    """The bank's statement of its day, on the balance it left off at."""
    query = "SELECT balance_yen FROM accounts WHERE institution_code = ?"
    row = close.connection.execute(query, (close.institution_code,)).fetchone()
    opening = FIRST_BALANCE_YEN if row is None else int(row["balance_yen"])
    closing = opening + sum(credit.yen for credit in moved)
    keep_balance = "INSERT INTO accounts VALUES(?, ?) ON CONFLICT(institution_code) DO UPDATE SET balance_yen = excluded.balance_yen"
    close.connection.execute(keep_balance, (close.institution_code, closing))
    account = f"12{close.institution_code}"  # every municipality has one of its own
    return "bank_credit", f"{file_id}.txt", close.day, write_statement(Statement(date.fromisoformat(bank_day), opening, moved, account))


def keep(close: Close, stored: Stored) -> None:
    """Lay a paper out for fetching."""
    kind, name, business_day, body = stored
    row = (name.partition(".")[0], close.institution_code, kind, name, business_day, hashlib.sha256(body).hexdigest(), len(body), body)
    # every institution counts its own files, so that it sees when one is missing
    serial = "(SELECT COUNT(*) + 1 FROM files WHERE institution_code = ?)"
    close.connection.execute(f"INSERT INTO files VALUES({serial}, ?, ?, ?, ?, ?, ?, ?, ?)", (close.institution_code, *row))


def compact(day: str) -> str:
    """20261120 of 2026-11-20."""
    return day.replace("-", "")


def _header(close: Close, file_id: str, records: int, total_yen: int) -> Iterator[tuple[str, str | int]]:
    yield "MessageId", file_id
    yield "MunicipalityCode", municipality_code(close.institution_code)
    yield "InstitutionCode", close.institution_code
    yield "BusinessDay", close.day
    yield "CreatedAt", f"{close.day}T23:00:00+09:00"  # from the day, so that one seed gives one history
    yield "RecordCount", records
    yield "TotalYen", total_yen
