"""The close of a business day: open payments become receipt files, a settlement notice and a bank file.

Called by the HTTP routes and the pages. One transaction an institution; a day that is closed stays as it is, later payments wait for the next.
A day whose scenario has a program goes by its course (`travel`): then papers come when they come.
"""

import sqlite3
from datetime import date
from typing import Any

from mock_eltax import clock, travel
from mock_eltax.bank import Credit
from mock_eltax.papers import Close, Line, compact, empty_receipt_file, keep, notice, receipt_files, statement
from mock_eltax.world import World

FEE_YEN = 3
DAYS_TO_TRANSFER = 3

RECORDS = """SELECT transaction_key, {stage} AS stage, case_key, confirmation_number, fund_code, channel, amount_yen, paid_on, booked_on
  FROM payments p WHERE institution_code = ? AND booked_on = ? {only} ORDER BY serial"""
CONFIRMED = "AND NOT EXISTS(SELECT 1 FROM unconfirmed u WHERE u.transaction_key = p.transaction_key)"
STAGES = (
    RECORDS.format(stage="'preliminary'", only=""),
    RECORDS.format(stage="CASE withdrawn WHEN 1 THEN 'cancelled' ELSE 'confirmed' END", only=CONFIRMED),
)
"""Every payment is first stated as preliminary and then as confirmed or cancelled, but for those that never confirm."""

FUNDS = f"""SELECT fund_code, COUNT(*), SUM(amount_yen) FROM payments p
  WHERE institution_code = ? AND booked_on = ? AND withdrawn = 0 {CONFIRMED} GROUP BY fund_code ORDER BY fund_code"""
TOTALS = """SELECT COUNT(*), COALESCE(SUM(amount_yen), 0) FROM payments WHERE institution_code = ? AND booked_on = ? AND withdrawn = 0"""
FILES = """SELECT file_id, institution_code, sequence, kind, name, business_day, sha256, bytes FROM files
  WHERE institution_code = ? AND business_day = ? ORDER BY sequence"""


def close_day(world: World, day: str, institution_code: str | None = None) -> dict[str, Any]:
    """Close the day of one institution or of all that have open payments, papers on their way or a closed day; names every file of that day.

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
    query = f"""SELECT institution_code FROM payments WHERE booked_on IS NULL AND paid_on <= :day
      UNION SELECT institution_code FROM days WHERE day = :day UNION {travel.ON_THE_WAY} ORDER BY 1"""
    found = [row[0] for row in connection.execute(query, {"day": day})]
    if wanted is None or wanted in found:
        return [code for code in found if wanted in (None, code)]
    known = connection.execute("SELECT 1 FROM institutions WHERE institution_code = ?", (wanted,)).fetchone()
    return [wanted] if known else []


def _close(close: Close) -> None:
    key = (close.institution_code, close.day)
    if close.connection.execute("SELECT 1 FROM days WHERE institution_code = ? AND day = ?", key).fetchone():
        return
    travel.revise(close)
    book = "UPDATE payments SET booked_on = ? WHERE institution_code = ? AND booked_on IS NULL AND paid_on <= ?"
    close.connection.execute(book, (close.day, close.institution_code, close.day))
    close.connection.execute("INSERT INTO days SELECT ?, ?, * FROM (" + TOTALS + ")", (*key, *key))
    _write(close)
    travel.arrive(close)


def _write(close: Close) -> None:
    set_out = travel.set_course(close)
    stem = f"receipt-{close.institution_code}-{compact(close.day)}"
    serial = 0
    for stage in STAGES:
        rows = close.connection.execute(stage, (close.institution_code, close.day))
        for stored in receipt_files(close, rows, stem, first=serial + 1):
            serial += 1
            if set_out is not None and stage is STAGES[1]:
                travel.send(close, stored, set_out.course.confirmed_after)
            else:
                keep(close, stored)
    if not serial:
        keep(close, empty_receipt_file(close, stem))
    lines = [_line(close, row) for row in close.connection.execute(FUNDS, (close.institution_code, close.day)).fetchall()]
    if set_out is not None:
        travel.settle(close, lines, set_out)
    elif lines:
        _settle(close, lines)
    else:
        travel.release(close)


def _line(close: Close, row: sqlite3.Row) -> Line:
    fund_code, receipts, gross_yen = row
    transfer_on = clock.business_days_later(date.fromisoformat(close.day), DAYS_TO_TRANSFER).isoformat()
    fee_yen = min(FEE_YEN * receipts, gross_yen)
    key = f"S{close.institution_code}{compact(close.day)[2:]}{fund_code}"
    return Line(key, 1, fund_code, close.day, receipts, gross_yen, fee_yen, gross_yen - fee_yen, transfer_on)


def _settle(close: Close, lines: list[Line]) -> None:
    """Notice and bank file at once, as on a day without trouble."""
    code, day = close.institution_code, close.day
    stored = ((line.settlement_key, code, day, line.fund_code, line.receipts, *line[5:8], line.net_yen, line.transfer_on) for line in lines)
    close.connection.executemany("INSERT INTO settlements VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", stored)
    keep(close, notice(close, lines, f"settlement-{code}-{compact(day)}"))
    due = [Credit(line.settlement_key, line.net_yen) for line in lines if line.net_yen > 0]
    if due:
        keep(close, statement(close, lines[0].transfer_on, due, file_id=f"bank-{code}-{compact(day)}"))


def _report(connection: sqlite3.Connection, day: str, codes: list[str]) -> dict[str, Any]:
    files = [dict(row) for code in codes for row in connection.execute(FILES, (code, day))]
    query = "SELECT receipts, receipts_yen FROM days WHERE institution_code = ? AND day = ?"
    totals = [row for code in codes for row in connection.execute(query, (code, day))]
    waiting = connection.execute("SELECT COUNT(*) FROM payments WHERE booked_on IS NULL AND paid_on <= ?", (day,)).fetchone()[0]
    receipts, yen = sum(row["receipts"] for row in totals), sum(row["receipts_yen"] for row in totals)
    told = {"day": day, "receipts": receipts, "receipts_yen": yen, "waiting": waiting, "files": files}
    underway = travel.underway(connection, codes)
    return {**told, "on_the_way": underway} if underway else told
