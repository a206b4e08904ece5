"""The close of a business day: open payments become receipt files, a settlement notice and a bank file.

Called by the HTTP routes and the pages. One transaction an institution; a day that is closed stays as it is, later payments wait for the next.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Any, NamedTuple

from mock_eltax import clock
from mock_eltax.bank import Credit, Statement, write_statement
from mock_eltax.documents import template, write
from mock_eltax.inbound import municipality_code
from mock_eltax.signature import seal
from mock_eltax.world import World

RECORDS_A_FILE = 10_000
FEE_YEN = 3
DAYS_TO_TRANSFER = 3
FIRST_BALANCE_YEN = 1_000_000

RECEIPT = template(
    "Receipt",
    ("TransactionKey", "Stage", "CaseKey", "ConfirmationNumber", "FundCode", "Channel", "AmountYen", "PaidOn", "BookedOn"),
)
SETTLEMENT = template(
    "Settlement",
    ("SettlementKey", "Edition", "FundCode", "BusinessDay", "ReceiptCount", "GrossYen", "FeeYen", "NetYen", "TransferOn"),
)
RECORDS = """SELECT transaction_key, {stage} AS stage, case_key, confirmation_number, fund_code, channel, amount_yen, paid_on, booked_on
  FROM payments WHERE institution_code = ? AND booked_on = ? ORDER BY serial"""
STAGES = (RECORDS.format(stage="'preliminary'"), RECORDS.format(stage="CASE withdrawn WHEN 1 THEN 'cancelled' ELSE 'confirmed' END"))
"""Every payment is first stated as preliminary and then as confirmed or cancelled."""

FUNDS = """SELECT fund_code, COUNT(*), SUM(amount_yen) FROM payments
  WHERE institution_code = ? AND booked_on = ? AND withdrawn = 0 GROUP BY fund_code ORDER BY fund_code"""
TOTALS = """SELECT COUNT(*), COALESCE(SUM(amount_yen), 0) FROM payments WHERE institution_code = ? AND booked_on = ? AND withdrawn = 0"""
FILES = """SELECT file_id, institution_code, sequence, kind, name, business_day, sha256, bytes FROM files
  WHERE institution_code = ? AND business_day = ? ORDER BY sequence"""


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


def close_day(world: World, day: str, institution_code: str | None = None) -> dict[str, Any]:
    """Close the day of one institution or of all that have open payments or a closed day; the answer names every file of that day.

    An institution that is named is closed also when nobody paid: its receipt file then says so, with no record in it.
    """
    with world.ledger.reading() as connection:
        codes = _institutions(connection, day, institution_code)
    for code in codes:
        with world.ledger.writing() as connection:
            _close(Close(connection, world, code, day))
    with world.ledger.reading() as connection:
        return _report(connection, day, codes)


def _institutions(connection: sqlite3.Connection, day: str, wanted: str | None) -> list[str]:
    query = """SELECT institution_code FROM payments WHERE booked_on IS NULL AND paid_on <= :day
      UNION SELECT institution_code FROM days WHERE day = :day ORDER BY 1"""
    found = [row[0] for row in connection.execute(query, {"day": day})]
    if wanted is None or wanted in found:
        return [code for code in found if wanted in (None, code)]
    known = connection.execute("SELECT 1 FROM institutions WHERE institution_code = ?", (wanted,)).fetchone()
    return [wanted] if known else []


def _close(close: Close) -> None:
    key = (close.institution_code, close.day)
    if close.connection.execute("SELECT 1 FROM days WHERE institution_code = ? AND day = ?", key).fetchone():
        return
    book = "UPDATE payments SET booked_on = ? WHERE institution_code = ? AND booked_on IS NULL AND paid_on <= ?"
    close.connection.execute(book, (close.day, close.institution_code, close.day))
    close.connection.execute("INSERT INTO days SELECT ?, ?, * FROM (" + TOTALS + ")", (*key, *key))
    _write_receipts(close)
    lines = _settle(close)
    if lines:
        _write_settlement(close, lines)
        _write_bank(close, lines)


def _write_receipts(close: Close) -> None:
    serial = 0
    for stage in STAGES:
        rows = iter(close.connection.execute(stage, (close.institution_code, close.day)))
        while part := list(islice(rows, RECORDS_A_FILE)):
            serial += 1
            file_id = f"receipt-{close.institution_code}-{_compact(close.day)}-{serial:03d}"
            total = sum(row["amount_yen"] for row in part)
            document = write("ReceiptFile", _header(close, file_id, len(part), total), (RECEIPT % tuple(row) for row in part))
            _keep(close, "receipt", f"{file_id}.xml", seal(document, close.world.identity))
    if not serial:
        file_id = f"receipt-{close.institution_code}-{_compact(close.day)}-001"
        _keep(close, "receipt", f"{file_id}.xml", seal(write("ReceiptFile", _header(close, file_id, 0, 0), ()), close.world.identity))


def _settle(close: Close) -> list[Line]:
    transfer_on = clock.business_days_later(date.fromisoformat(close.day), DAYS_TO_TRANSFER).isoformat()
    rows = close.connection.execute(FUNDS, (close.institution_code, close.day))
    lines = [_line(close, row, transfer_on) for row in rows]
    stored = (
        (line.settlement_key, close.institution_code, close.day, line.fund_code, line.receipts, *line[5:8], line.net_yen, transfer_on)
        for line in lines
    )
    close.connection.executemany("INSERT INTO settlements VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", stored)
    return lines


def _line(close: Close, row: sqlite3.Row, transfer_on: str) -> Line:
    fund_code, receipts, gross_yen = row
    fee_yen = min(FEE_YEN * receipts, gross_yen)
    key = f"S{close.institution_code}{_compact(close.day)[2:]}{fund_code}"
    return Line(key, 1, fund_code, close.day, receipts, gross_yen, fee_yen, gross_yen - fee_yen, transfer_on)


def _write_settlement(close: Close, lines: list[Line]) -> None:
    file_id = f"settlement-{close.institution_code}-{_compact(close.day)}"
    header = _header(close, file_id, len(lines), sum(line.gross_yen for line in lines))
    document = write("SettlementFile", header, (SETTLEMENT % line for line in lines))
    _keep(close, "settlement", f"{file_id}.xml", seal(document, close.world.identity))


def _write_bank(close: Close, lines: list[Line]) -> None:
    due = [Credit(line.settlement_key, line.net_yen) for line in lines if line.net_yen > 0]
    if not due:
        return
    query = "SELECT balance_yen FROM accounts WHERE institution_code = ?"
    row = close.connection.execute(query, (close.institution_code,)).fetchone()
    opening = FIRST_BALANCE_YEN if row is None else int(row["balance_yen"])
    statement = Statement(date.fromisoformat(lines[0].transfer_on), opening, due)
    closing = opening + sum(credit.yen for credit in due)
    keep = "INSERT INTO accounts VALUES(?, ?) ON CONFLICT(institution_code) DO UPDATE SET balance_yen = excluded.balance_yen"
    close.connection.execute(keep, (close.institution_code, closing))
    _keep(close, "bank_credit", f"bank-{close.institution_code}-{_compact(close.day)}.txt", write_statement(statement))


def _header(close: Close, file_id: str, records: int, total_yen: int) -> Iterator[tuple[str, str | int]]:
    yield "MessageId", file_id
    yield "MunicipalityCode", municipality_code(close.institution_code)
    yield "InstitutionCode", close.institution_code
    yield "BusinessDay", close.day
    yield "CreatedAt", f"{close.day}T23:00:00+09:00"  # from the day, so that one seed gives one history
    yield "RecordCount", records
    yield "TotalYen", total_yen


def _keep(close: Close, kind: str, name: str, body: bytes) -> None:
    row = (name.partition(".")[0], close.institution_code, kind, name, close.day, hashlib.sha256(body).hexdigest(), len(body), body)
    # every institution counts its own files, so that it sees when one is missing
    serial = "(SELECT COUNT(*) + 1 FROM files WHERE institution_code = ?)"
    close.connection.execute(f"INSERT INTO files VALUES({serial}, ?, ?, ?, ?, ?, ?, ?, ?)", (close.institution_code, *row))


def _report(connection: sqlite3.Connection, day: str, codes: list[str]) -> dict[str, Any]:
    files = [dict(row) for code in codes for row in connection.execute(FILES, (code, day))]
    query = "SELECT receipts, receipts_yen FROM days WHERE institution_code = ? AND day = ?"
    totals = [connection.execute(query, (code, day)).fetchone() for code in codes]
    waiting = connection.execute("SELECT COUNT(*) FROM payments WHERE booked_on IS NULL AND paid_on <= ?", (day,)).fetchone()[0]
    receipts, yen = sum(row["receipts"] for row in totals), sum(row["receipts_yen"] for row in totals)
    return {"day": day, "receipts": receipts, "receipts_yen": yen, "waiting": waiting, "files": files}


def _compact(day: str) -> str:
    return day.replace("-", "")
