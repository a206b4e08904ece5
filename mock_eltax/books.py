"""The mock's own books: what it believes about every closed payment, by its own reading of the outcome rules.

Called by the HTTP routes and the pages. Reads only; the adapter's rules live elsewhere and the two are compared, never shared.
"""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from mock_eltax.courses import COURSES
from mock_eltax.ledger import PAID, STATE
from mock_eltax.world import World

OUTCOMES = (
    "matched",
    "paid_after_limit",
    "amount_mismatch",
    "duplicate_payment",
    "paid_after_supersede",
    "paid_after_cancel",
    "wrong_confirmation_number",
    "unknown_bill",
    "withdrawn",
)

JUDGED = """
WITH RECURSIVE
chain(institution_code, case_key, head, depth) AS (
  SELECT institution_code, case_key, replaced_by, 1 FROM slips WHERE state = 'superseded'
  UNION ALL
  SELECT c.institution_code, c.case_key, s.replaced_by, c.depth + 1 FROM chain c
    JOIN slips s ON s.institution_code = c.institution_code AND s.case_key = c.head AND s.state = 'superseded' WHERE c.depth < 100),
heads AS MATERIALIZED (SELECT institution_code, case_key, head, MAX(depth) FROM chain GROUP BY institution_code, case_key),
seen AS (
  SELECT p.*, s.state, s.amount_yen AS slip_yen, s.payable_until, COALESCE(h.head, p.case_key) AS bill, CASE
    WHEN p.withdrawn = 1 THEN 'withdrawn'
    WHEN s.case_key IS NULL THEN 'unknown_bill'
    WHEN p.confirmation_number <> s.confirmation_number THEN 'wrong_confirmation_number' END AS early
  FROM payments p
  LEFT JOIN slips s ON s.institution_code = p.institution_code AND s.case_key = p.case_key
  LEFT JOIN heads h ON h.institution_code = p.institution_code AND h.case_key = p.case_key
  WHERE p.booked_on IS NOT NULL AND (:institution IS NULL OR p.institution_code = :institution)),
ranked AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY institution_code, bill, early IS NULL ORDER BY paid_on, transaction_key) AS place FROM seen),
judged AS (
  SELECT institution_code, fund_code, booked_on, amount_yen, transaction_key, case_key, channel, paid_on, CASE
    WHEN early IS NOT NULL THEN early
    WHEN place > 1 THEN 'duplicate_payment'
    WHEN state = 'cancelled' THEN 'paid_after_cancel'
    WHEN state = 'superseded' THEN 'paid_after_supersede'
    WHEN amount_yen <> slip_yen THEN 'amount_mismatch'
    WHEN paid_on > payable_until THEN 'paid_after_limit'
    ELSE 'matched' END AS outcome
  FROM ranked)
"""
"""Bills are followed over re-issues to their last slip; ranks are over all closed payments, so a day's outcomes may change with a later day."""

BY_OUTCOME = JUDGED + "SELECT outcome, COUNT(*), SUM(amount_yen) FROM judged WHERE :day IS NULL OR booked_on = :day GROUP BY outcome"
RECEIPTS = JUDGED + (
    "SELECT transaction_key, institution_code, case_key, fund_code, channel, amount_yen, paid_on, booked_on, outcome FROM judged "
    "WHERE :day IS NULL OR booked_on = :day ORDER BY institution_code, booked_on, transaction_key"
)
DAYS = """
WITH told AS (
  SELECT p.booked_on AS day, p.institution_code, p.fund_code, SUM(1 - p.withdrawn) AS receipts,
    SUM(CASE p.withdrawn WHEN 0 THEN p.amount_yen ELSE 0 END) AS receipts_yen, COALESCE(t.gross_yen, 0) AS settled_yen,
    COALESCE(t.fee_yen, 0) AS fee_yen, COALESCE(t.net_yen, 0) AS net_yen, COALESCE(t.credited_yen, 0) AS credited_yen,
    t.settlement_key IS NULL AS unsettled,
    SUM(CASE WHEN p.withdrawn = 0 AND u.transaction_key IS NOT NULL THEN p.amount_yen ELSE 0 END) AS unconfirmed_yen,
    COALESCE((SELECT MAX(e.edition) FROM editions e WHERE e.settlement_key = t.settlement_key AND e.told_on IS NOT NULL), 1) AS edition,
    COALESCE((SELECT c.name FROM courses c WHERE c.institution_code = p.institution_code AND c.day = p.booked_on), '') AS course
  FROM payments p LEFT JOIN settlements t
    ON t.institution_code = p.institution_code AND t.day = p.booked_on AND t.fund_code = p.fund_code
  LEFT JOIN unconfirmed u ON u.transaction_key = p.transaction_key
  WHERE p.booked_on IS NOT NULL AND (:institution IS NULL OR p.institution_code = :institution) AND (:day IS NULL OR p.booked_on = :day)
  GROUP BY p.booked_on, p.institution_code, p.fund_code)
SELECT day, institution_code, fund_code, receipts, receipts_yen, settled_yen, fee_yen, net_yen, credited_yen, unconfirmed_yen, edition, course,
  receipts_yen - settled_yen + net_yen - credited_yen AS difference_yen,
  CASE WHEN receipts_yen = settled_yen AND net_yen = credited_yen THEN 'tied' WHEN unsettled OR (credited_yen = 0 AND net_yen > 0) THEN 'open'
    ELSE 'difference' END AS state
FROM told ORDER BY 1, 2, 3"""
"""A day as this side knows it: whose money every movement was, whatever reference the bank passed on."""
SLIPS = f"""
SELECT s.institution_code, s.case_key, s.fund_code, s.amount_yen, s.due_on, s.payable_until, {STATE} AS state, s.replaced_by
FROM slips s WHERE :institution IS NULL OR s.institution_code = :institution ORDER BY s.institution_code, s.case_key"""
STANDING = f"""
SELECT COUNT(*) AS slips, COALESCE(SUM(s.amount_yen), 0) AS slips_yen, COALESCE(SUM(s.state = 'registered' AND {PAID}), 0) AS paid,
  COALESCE(SUM(s.state = 'cancelled'), 0) AS cancelled, COALESCE(SUM(s.state = 'superseded'), 0) AS superseded
FROM slips s WHERE :institution IS NULL OR s.institution_code = :institution"""
MESSAGES = """
SELECT COUNT(*) AS messages, COALESCE(SUM(registered), 0) AS registered, COALESCE(SUM(refused), 0) AS refused
FROM messages WHERE :institution IS NULL OR institution_code = :institution"""


def open_books(world: World, day: str | None, institution_code: str | None) -> dict[str, Any]:
    """The totals: outcomes, days and funds, and how the register stands."""
    asked = {"day": day, "institution": institution_code}
    with world.ledger.reading() as connection:
        found = {row[0]: (row[1], row[2]) for row in connection.execute(BY_OUTCOME, asked)}
        named = [name for name in OUTCOMES if name in found]
        return {
            "day": day,
            "institution_code": institution_code,
            "transactions": sum(number for number, _ in found.values()),
            "transactions_yen": sum(yen for _, yen in found.values()),
            "outcomes": {name: found[name][0] for name in named},
            "outcomes_yen": {name: found[name][1] for name in named},
            "days": [_day(dict(row)) for row in connection.execute(DAYS, asked)],
            **dict(connection.execute(MESSAGES, asked).fetchone()),
            "register": dict(connection.execute(STANDING, asked).fetchone()),
        }


def _day(row: dict[str, Any]) -> dict[str, Any]:
    """A day with what went wrong on it in words ("" where nothing did), and the fee that was kept back: none where the whole gross came."""
    course = COURSES.get(row["course"])
    kept = 0 if row["credited_yen"] == row["settled_yen"] else row["fee_yen"]
    return {**row, "kept_fee_yen": kept, "ja": course.ja if course and course.name != "plain" else ""}


def stream_details(world: World, day: str | None, institution_code: str | None) -> Iterator[str]:
    """The totals followed by every slip and every closed payment, as JSON text a piece at a time."""
    asked = {"day": day, "institution": institution_code}
    connection = world.ledger.connect()
    try:
        yield json.dumps(open_books(world, day, institution_code), ensure_ascii=False)[:-1]
        yield ', "slips": ['
        yield from json_rows(connection.execute(SLIPS, asked))
        yield '], "receipts": ['
        yield from json_rows(connection.execute(RECEIPTS, asked))
        yield "]}"
    finally:
        connection.close()


def json_rows(rows: sqlite3.Cursor) -> Iterator[str]:
    """Rows as the inside of a JSON list, a thousand at a time."""
    first = True
    while part := rows.fetchmany(1000):
        text = ", ".join(json.dumps(dict(row), ensure_ascii=False) for row in part)
        yield text if first else ", " + text
        first = False
