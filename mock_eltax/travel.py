"""Papers and money of a troubled day on their way: what comes late, in pieces, together, in a new edition, or is taken back.

Called by `day` while it closes a day whose scenario has a program, and on every close after it until all has arrived.
Decides when things are told, never what a payment is worth.
"""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from mock_eltax import clock
from mock_eltax.bank import Credit
from mock_eltax.courses import COURSES, Course
from mock_eltax.papers import Close, Line, Stored, compact, keep, notice, receipt_files, statement

HELD = ""
"""The bank day of money that waits for that of the next day."""

ON_THE_WAY = """SELECT institution_code FROM later WHERE due_on <= :day
  UNION SELECT institution_code FROM editions WHERE told_on IS NULL AND due_on <= :day
  UNION SELECT institution_code FROM revisions WHERE due_on <= :day
  UNION SELECT institution_code FROM movements WHERE told_on IS NULL AND (due_on <= :day OR bank_day = '')"""
"""Institutions that something arrives for on a day."""
UNDERWAY = """SELECT (SELECT COUNT(*) FROM later WHERE institution_code = :code)
  + (SELECT COUNT(*) FROM editions WHERE institution_code = :code AND told_on IS NULL)
  + (SELECT COUNT(*) FROM revisions WHERE institution_code = :code)
  + (SELECT COUNT(*) FROM movements WHERE institution_code = :code AND told_on IS NULL)"""

PAYMENT = """SELECT transaction_key, 'cancelled' AS stage, case_key, confirmation_number, fund_code, channel, amount_yen, paid_on, booked_on
  FROM payments WHERE transaction_key = ?"""
LAST_EDITION = """SELECT * FROM editions WHERE settlement_key = ? ORDER BY edition DESC LIMIT 1"""
CREDITED = """UPDATE settlements SET credited_yen = (SELECT COALESCE(SUM(s.yen), 0) FROM shares s JOIN movements m ON m.serial = s.movement
  WHERE s.settlement_key = settlements.settlement_key AND m.told_on IS NOT NULL)
  WHERE institution_code = ? AND settlement_key IN (SELECT settlement_key FROM shares)"""
MOVED = "SELECT serial, reference, yen FROM movements WHERE institution_code = ? AND bank_day = ? AND told_on = ? ORDER BY serial"


class SetOut(NamedTuple):
    """The course of a day with the lot that only the seed knows."""

    course: Course
    lot: random.Random


def set_course(close: Close) -> SetOut | None:
    """The course that the day's scenario has set, with payments chosen that never confirm; None on a day without a program."""
    query = "SELECT name, seed FROM courses WHERE institution_code = ? AND day = ?"
    row = close.connection.execute(query, (close.institution_code, close.day)).fetchone()
    if row is None:
        return None
    lot = random.Random(f"{row['seed']}:{close.institution_code}:{close.day}:{row['name']}")  # noqa: S311  # a game, no secret
    set_out = SetOut(COURSES[row["name"]], lot)
    chosen = _chosen(close, set_out, set_out.course.unconfirmed)
    close.connection.executemany("INSERT INTO unconfirmed VALUES(?)", [(key,) for key, _ in chosen])
    return set_out


def send(close: Close, stored: Stored, days: int) -> None:
    """Lay a paper out now, or so many business days later."""
    if not days:
        keep(close, stored)
        return
    kind, name, business_day, body = stored
    row = (close.institution_code, _later(close.day, days), kind, name, business_day, body)
    close.connection.execute("INSERT INTO later VALUES(NULL, ?, ?, ?, ?, ?, ?)", row)


def settle(close: Close, lines: Sequence[Line], set_out: SetOut) -> None:
    """The notice in its editions, the money in its movements, and what will be revised later."""
    course, due_on = set_out.course, _later(close.day, set_out.course.notice_after)
    for place, line in enumerate(lines):
        short = course.short_edition and place == 0 and line.receipts > 1
        if short:
            _, yen = _chosen(close, set_out, 1, line.fund_code)[0]
            _edition(close, _less(line, yen, line.fee_yen // line.receipts), due_on)
            line = line._replace(edition=2)  # noqa: PLW2901  # the right one is the second
        _edition(close, line, _later(due_on, 1) if short else due_on)
    _pay(close, lines, set_out)
    _plan_revisions(close, lines, set_out)


def revise(close: Close) -> None:
    """Corrections that are due: a payment taken back or a fee raised, a new edition, and the money that leaves for it."""
    query = "SELECT * FROM revisions WHERE institution_code = ? AND due_on <= ? ORDER BY serial"
    for row in close.connection.execute(query, (close.institution_code, close.day)).fetchall():
        last = _line(close.connection.execute(LAST_EDITION, (row["settlement_key"],)).fetchone())
        if row["transaction_key"]:
            close.connection.execute("UPDATE payments SET withdrawn = 1 WHERE transaction_key = ?", (row["transaction_key"],))
            taken = close.connection.execute(PAYMENT, (row["transaction_key"],)).fetchall()
            stem = f"receipt-{close.institution_code}-{compact(close.day)}-taken-back-{row['serial']}"
            for stored in receipt_files(close, taken, stem):
                keep(close, stored)
            new = _less(last, taken[0]["amount_yen"], last.fee_yen // last.receipts)
        else:
            raised = min(last.receipts, last.net_yen)
            new = last._replace(fee_yen=last.fee_yen + raised, net_yen=last.net_yen - raised)
        _edition(close, new._replace(edition=last.edition + 1), close.day)
        if new.net_yen != last.net_yen:
            _move(close, [(last.settlement_key, new.net_yen - last.net_yen)], (_later(close.day, 3), 0), last.settlement_key)
        close.connection.execute("DELETE FROM revisions WHERE serial = ?", (row["serial"],))


def arrive(close: Close) -> None:
    """Whatever is due is told: late files, notices, and what the bank has seen."""
    query = "SELECT * FROM later WHERE institution_code = ? AND due_on <= ? ORDER BY serial"
    for row in close.connection.execute(query, (close.institution_code, close.day)).fetchall():
        keep(close, (row["kind"], row["name"], row["business_day"], row["body"]))
        close.connection.execute("DELETE FROM later WHERE serial = ?", (row["serial"],))
    _tell_notices(close)
    _tell_bank(close)


def release(close: Close) -> None:
    """Money that waited for another day's, on a day that has none: it goes alone."""
    waiting = _held(close)
    if waiting:
        _move(close, waiting, (_later(close.day, 3), 0), "")


def underway(connection: sqlite3.Connection, codes: Sequence[str]) -> int:
    """How many papers and movements of these institutions have not arrived yet."""
    return sum(int(connection.execute(UNDERWAY, {"code": code}).fetchone()[0]) for code in codes)


def _tell_notices(close: Close) -> None:
    query = "SELECT * FROM editions WHERE institution_code = ? AND told_on IS NULL AND due_on <= ? ORDER BY day, settlement_key, edition"
    lines = [_line(row) for row in close.connection.execute(query, (close.institution_code, close.day)).fetchall()]
    if not lines:
        return
    keep(close, notice(close, lines, f"settlement-{close.institution_code}-{compact(close.day)}"))
    tell = "UPDATE editions SET told_on = ? WHERE settlement_key = ? AND edition = ?"
    close.connection.executemany(tell, [(close.day, line.settlement_key, line.edition) for line in lines])
    stored = "INSERT OR REPLACE INTO settlements VALUES(?, ?, ?, ?, ?, ?, ?, ?, 0, ?)"
    close.connection.executemany(
        stored, [(line.settlement_key, close.institution_code, line.day, line.fund_code, *line[4:8], line.transfer_on) for line in lines]
    )
    close.connection.execute(CREDITED, (close.institution_code,))


def _tell_bank(close: Close) -> None:
    due = "institution_code = ? AND told_on IS NULL AND bank_day <> '' AND due_on <= ?"
    key = (close.institution_code, close.day)
    days = [row[0] for row in close.connection.execute(f"SELECT DISTINCT bank_day FROM movements WHERE {due} ORDER BY 1", key)]
    close.connection.execute(f"UPDATE movements SET told_on = ? WHERE {due}", (close.day, *key))
    for serial, bank_day in enumerate(days, 1):
        rows = close.connection.execute(MOVED, (close.institution_code, bank_day, close.day))
        moved = [Credit(row["reference"], row["yen"], row["serial"]) for row in rows]
        keep(close, statement(close, bank_day, moved, file_id=f"bank-{close.institution_code}-{compact(close.day)}-{serial}"))
    if days:
        close.connection.execute(CREDITED, (close.institution_code,))


def _pay(close: Close, lines: Sequence[Line], set_out: SetOut) -> None:
    """The movements by which the money of a day arrives."""
    course, (shares, transfer_on) = set_out.course, (_shares(close, lines, set_out), lines[0].transfer_on if lines else "")
    waiting = _held(close)
    if course.held and not waiting and shares:
        _move(close, shares, (HELD, 0), "")
        return
    if not shares:
        return
    if course.together or waiting:
        joined = [*waiting, *shares]
        _move(close, joined, (transfer_on, course.bank_after), "" if waiting else f"S{close.institution_code}{compact(close.day)[2:]}")
        return
    for key, yen in shares:
        for place, part in enumerate(_parts(yen, set_out)):
            when = (_later(transfer_on, place * course.apart), course.bank_after)
            _move(close, [(key, part)], when, key if course.referenced else "")


def _shares(close: Close, lines: Sequence[Line], set_out: SetOut) -> list[tuple[str, int]]:
    """What arrives for each line: its net, with a fee carried on to the next transfer or taken off this one."""
    found = []
    for line in lines:
        yen = line.net_yen
        carried = close.connection.execute("SELECT yen FROM carried WHERE institution_code = ? AND fund_code = ?", (close.institution_code, line.fund_code)).fetchone()  # fmt: skip
        if carried is not None and yen > carried["yen"]:
            yen -= carried["yen"]
            close.connection.execute(
                "DELETE FROM carried WHERE institution_code = ? AND fund_code = ?", (close.institution_code, line.fund_code)
            )
        elif carried is None and set_out.course.carries_fee:
            yen += line.fee_yen
            close.connection.execute("INSERT INTO carried VALUES(?, ?, ?, ?)", (close.institution_code, line.fund_code, line.settlement_key, line.fee_yen))  # fmt: skip
        if yen > 0:
            found.append((line.settlement_key, yen))
    return found


def _held(close: Close) -> list[tuple[str, int]]:
    """Money that waited for this day; it waits no more."""
    query = "SELECT serial FROM movements WHERE institution_code = ? AND bank_day = ''"
    serials = [row[0] for row in close.connection.execute(query, (close.institution_code,))]
    found: list[tuple[str, int]] = []
    for serial in serials:
        found += [(row["settlement_key"], row["yen"]) for row in close.connection.execute("SELECT settlement_key, yen FROM shares WHERE movement = ?", (serial,))]  # fmt: skip
        close.connection.execute("DELETE FROM shares WHERE movement = ?", (serial,))
        close.connection.execute("DELETE FROM movements WHERE serial = ?", (serial,))
    return found


def _parts(yen: int, set_out: SetOut) -> Iterator[int]:
    """An amount in as many parts as the course has, where it has the yen for them."""
    left = yen
    for remaining in range(min(set_out.course.parts, yen), 1, -1):
        part = set_out.lot.randint(1, left - remaining + 1)
        yield part
        left -= part
    yield left


def _move(close: Close, shares: Sequence[tuple[str, int]], when: tuple[str, int], reference: str) -> None:
    """One movement on the account on a bank day, told so many business days after it, and what it is for."""
    bank_day, after = when
    row = (close.institution_code, bank_day, _later(bank_day, after) if bank_day else close.day, sum(yen for _, yen in shares), reference)
    serial = close.connection.execute("INSERT INTO movements VALUES(NULL, ?, ?, ?, ?, ?, NULL)", row).lastrowid
    close.connection.executemany("INSERT INTO shares VALUES(?, ?, ?)", [(serial, key, yen) for key, yen in shares])


def _plan_revisions(close: Close, lines: Sequence[Line], set_out: SetOut) -> None:
    course, plan = set_out.course, "INSERT INTO revisions VALUES(NULL, ?, ?, ?, ?)"
    largest = max(lines, key=lambda line: line.receipts, default=None)
    if largest is None or largest.receipts < 2:
        return
    if course.fee_edition_after:
        due_on = _later(close.day, course.fee_edition_after)
        close.connection.execute(plan, (close.institution_code, due_on, largest.settlement_key, ""))
    if course.taken_back_after:
        due_on = _later(close.day, course.taken_back_after)
        key, _ = _chosen(close, set_out, 1, largest.fund_code)[0]
        close.connection.execute(plan, (close.institution_code, due_on, largest.settlement_key, key))


def _chosen(close: Close, set_out: SetOut, count: int, fund_code: str = "") -> list[tuple[str, int]]:
    """Payments of the day by lot: transaction key and yen."""
    if not count:
        return []
    query = f"""SELECT transaction_key, amount_yen FROM payments p WHERE institution_code = ? AND booked_on = ? AND withdrawn = 0
      AND NOT EXISTS(SELECT 1 FROM unconfirmed u WHERE u.transaction_key = p.transaction_key) {"AND fund_code = ?" if fund_code else ""}
      ORDER BY serial"""
    rows = close.connection.execute(query, (close.institution_code, close.day, *([fund_code] if fund_code else []))).fetchall()
    return [(row[0], row[1]) for row in set_out.lot.sample(rows, min(count, len(rows)))]


def _edition(close: Close, line: Line, due_on: str) -> None:
    row = (line.settlement_key, line.edition, close.institution_code, line.fund_code, line.day, *line[4:8], line.transfer_on, due_on)
    close.connection.execute("INSERT INTO editions VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", row)


def _line(row: sqlite3.Row) -> Line:
    return Line(
        row["settlement_key"], row["edition"], row["fund_code"], row["day"], row["receipts"], row["gross_yen"], row["fee_yen"], row["net_yen"],
        row["transfer_on"],
    )  # fmt: skip


def _less(line: Line, yen: int, fee_yen: int) -> Line:
    """A line without one receipt of these yen."""
    gross, fee = line.gross_yen - yen, min(line.fee_yen - fee_yen, line.gross_yen - yen)
    return line._replace(receipts=line.receipts - 1, gross_yen=gross, fee_yen=fee, net_yen=gross - fee)


def _later(day: str, days: int) -> str:
    return clock.business_days_later(date.fromisoformat(day), days).isoformat() if days else day
