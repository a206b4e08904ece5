"""What the lists and the month sheet of the treasurer's office are made from. Called by pipeline.papers; reads only.

Lists follow the same entries as the books of the day, so their sums are those of the books.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.books import NO_DEPARTMENT, YearSum
from fundlink.store import bulk
from fundlink.store.bills import CURRENT_EFFECT, CURRENT_VERSION
from fundlink.store.books import Window, entries
from fundlink.store.moves import SETTLING, signed
from fundlink.store.outcomes import NEWEST_OUTCOME, words


class Entry(NamedTuple):
    """One payment, or yen moved by hand, that entered the books (``sign`` -1: left them)."""

    sign: int
    transaction_key: str
    bill_key: str
    fund_code: str
    department_code: str
    bill_year: int | None
    what: str  # outcome of a payment; the other account of a move
    channel: str
    paid_on: str
    value_on: str
    yen: int


class Unpaid(NamedTuple):
    """A bill that is due and not paid in full."""

    fund_code: str
    department_code: str
    fiscal_year: int
    notice_number: str
    installment: str
    bill_key: str
    due_on: str
    total_yen: int
    paid_yen: int


def payments(connection: Connection, window: Window, outcomes: Sequence[str]) -> list[Entry]:
    """Payments with one of these outcomes that entered or left the books of a window."""
    source, values = entries(window)
    found = bulk.rows(
        connection,
        f"""SELECT SUM(e.sign), e.transaction_key, COALESCE(b.bill_key, ''), e.fund_code,
                   COALESCE(NULLIF(v.department_code, ''), '{NO_DEPARTMENT}'), v.fiscal_year, e.outcome, e.channel, e.paid_on, e.booked_on,
                   e.amount_yen
            FROM ({source}) e LEFT JOIN bill_version v ON v.id = e.version_id LEFT JOIN bill b ON b.id = e.bill_id
            WHERE e.outcome IN ({words(outcomes)})
            GROUP BY e.transaction_key, b.bill_key, e.fund_code, v.department_code, v.fiscal_year, e.outcome, e.channel, e.paid_on,
                     e.booked_on, e.amount_yen
            HAVING SUM(e.sign) <> 0 ORDER BY e.booked_on, e.transaction_key""",
        **values,
    )
    return [Entry._make([int(row[0]), *row[1:10], int(row[10])]) for row in found]


def moves(connection: Connection, window: Window, account: str) -> list[Entry]:
    """What manual acts brought to an account, or took from it, in the books of a window."""
    found = bulk.rows(
        connection,
        f"""SELECT CASE WHEN m.to_account = :account THEN 1 ELSE -1 END, m.transaction_key, COALESCE(b.bill_key, ''), m.fund_code,
                   COALESCE(NULLIF(v.department_code, ''), '{NO_DEPARTMENT}'), COALESCE(v.fiscal_year, m.fiscal_year),
                   CASE WHEN m.to_account = :account THEN m.from_account ELSE m.to_account END, '', '', m.value_on, m.yen
            FROM act_move m LEFT JOIN outcome o ON o.id = (
              SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = m.transaction_key AND x.id <= :until)
            LEFT JOIN bill b ON b.id = COALESCE(o.bill_id, m.bill_id) LEFT JOIN bill_version v ON v.id = COALESCE(o.version_id, m.bill_id)
            WHERE m.municipality_code = :code AND m.id <= :until_move AND (m.to_account = :account OR m.from_account = :account)
              AND m.from_account <> m.to_account
              AND ((m.day > :previous AND m.day <= :day) OR (m.day <= :previous AND m.id > :since_move)) ORDER BY m.id""",
        account=account, code=window.municipality_code, day=window.day, previous=window.previous_day, until=window.until.outcome_id,
        until_move=window.until.move_id, since_move=window.since.move_id,
    )  # fmt: skip
    return [Entry._make([int(row[0]), *row[1:10], int(row[10])]) for row in found]


def unpaid(connection: Connection, municipality_code: str, day: str, paying: Sequence[str]) -> Iterator[Unpaid]:
    """Bills that were due on that day and not paid by then, streamed by fund, department, year and key; yen moved by hand counted in."""
    bulk.prepare_set_work(connection)
    paid = f"""COALESCE((SELECT SUM(r.amount_yen) FROM slip s JOIN receipt r ON r.institution_code = s.institution_code AND r.case_key = s.case_key
                 JOIN outcome o ON o.transaction_key = r.transaction_key AND o.receipt_id = r.id AND {NEWEST_OUTCOME}
                 WHERE s.bill_id = b.id AND o.bill_id = b.id AND o.outcome IN ({words(paying)}) AND r.booked_on <= :day), 0)
             + COALESCE(a.yen, 0)"""
    found = bulk.stream(
        connection,
        f"""SELECT q.fund_code, q.department_code, q.fiscal_year, q.notice_number, q.installment, q.bill_key, q.due_on, q.total_yen, q.paid
            FROM (SELECT w.fund_code, COALESCE(NULLIF(w.department_code, ''), '{NO_DEPARTMENT}') AS department_code, w.fiscal_year,
                         w.notice_number, w.installment, b.bill_key, w.due_on, w.total_yen, {paid} AS paid
                  FROM bill b JOIN bill_version w ON w.id = {CURRENT_VERSION}
                  LEFT JOIN (SELECT m.bill_id, SUM({signed(SETTLING)}) AS yen
                             FROM act_move m WHERE m.municipality_code = :code AND m.day <= :day AND m.bill_id IS NOT NULL
                             GROUP BY m.bill_id) a ON a.bill_id = b.id
                  WHERE b.municipality_code = :code AND w.due_on <= :day AND w.total_yen > 0 AND {CURRENT_EFFECT} <> 'cancelled') q
            WHERE q.paid < q.total_yen
            ORDER BY q.fund_code, q.department_code, q.fiscal_year, q.due_on, q.bill_key""",
        code=municipality_code, day=day,
    )  # fmt: skip
    return (Unpaid._make([*row[:7], int(row[7]), int(row[8])]) for row in found)


def year_sums(connection: Connection, municipality_code: str, days: tuple[str, str], first_year: int) -> list[YearSum]:
    """What the frozen books hold by fund, department, year and account: between two days, and up to the second one."""
    inside = "b.day >= :first"
    found = bulk.rows(
        connection,
        f"""SELECT b.fund_code, b.department_code, b.fiscal_year, b.year_kind, b.account,
                   SUM(CASE WHEN {inside} THEN b.transactions ELSE 0 END), SUM(CASE WHEN {inside} THEN b.yen ELSE 0 END),
                   SUM(b.transactions), SUM(b.yen)
            FROM day_book b WHERE b.municipality_code = :code AND b.day <= :last AND b.fiscal_year >= :year AND b.source <> 'money'
            GROUP BY b.fund_code, b.department_code, b.fiscal_year, b.year_kind, b.account
            ORDER BY b.fund_code, b.department_code, b.fiscal_year, b.year_kind, b.account""",
        code=municipality_code, first=days[0], last=days[1], year=first_year,
    )  # fmt: skip
    return [YearSum._make([*row[:5], *map(int, row[5:])]) for row in found]
