"""The books of a day: what a group of receipts, a manual move and a sum of money look like, and the rows they become.

Read by store (which sums), reconcile (which attributes) and pipeline. Yen and transactions carry a sign: a compensating row
takes back what stood before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

PAYMENT_ACCOUNTS: tuple[tuple[str, str], ...] = (
    ("collected", "収納"),
    ("overpaid", "過誤納"),
    ("suspense", "別段預り"),
    ("refunded", "還付"),
    ("written_off", "不納欠損"),
)
"""Where the yen of payments (and debts given up) lie; acts move them from one to another."""
ACCOUNTS: tuple[tuple[str, str], ...] = (*PAYMENT_ACCOUNTS, ("settled", "払込"), ("fee", "手数料"), ("credited", "入金"))
"""Where yen of the books stand. The last three are what settlement and bank say of the day."""
YEAR_KINDS: tuple[tuple[str, str], ...] = (("current", "現年度"), ("carried_over", "滞納繰越"))
SOURCES: tuple[tuple[str, str], ...] = (("receipt", "収納"), ("act", "振替"), ("money", "払込・入金"))
NO_DEPARTMENT = "000"


class ReceiptGroup(NamedTuple):
    """Receipts that entered (or, counted negative, left) the books of a day, summed where everything that matters is the same."""

    value_on: str
    fund_code: str
    department_code: str
    bill_year: int | None  # the bill's 会計年度; None where no bill is known
    outcome: str
    channel: str
    transactions: int
    yen: int
    charge_yen: int  # 料, 督促手数料 and 延滞金 of bills paid as asked; 0 elsewhere
    reminder_fee_yen: int
    late_charge_yen: int


class MoveGroup(NamedTuple):
    """Yen that manual acts moved between accounts, summed. Department and year of the transaction's and of the named bill."""

    value_on: str
    fund_code: str
    fiscal_year: int
    from_account: str
    to_account: str
    payment: tuple[str, int] | None  # (department, 会計年度) of the bill that the payment belongs to
    bill: tuple[str, int] | None
    yen: int


class MoneySum(NamedTuple):
    """What settlement notices and bank say of a day and fund, or how that has changed since it was booked."""

    value_on: str
    fund_code: str
    account: str  # settled | fee | credited
    yen: int


class BookRow(NamedTuple):
    """One row of the books of a municipality and day."""

    fund_code: str
    department_code: str
    fiscal_year: int
    year_kind: str
    source: str
    account: str
    value_on: str
    transactions: int
    yen: int


class YearSum(NamedTuple):
    """What stands on an account of a fund, department and year: in a month, and in all books up to its end."""

    fund_code: str
    department_code: str
    fiscal_year: int
    year_kind: str
    account: str
    month_transactions: int
    month_yen: int
    all_transactions: int
    all_yen: int


def digest(municipality_code: str, day: str, rows: Iterable[Sequence[Any]]) -> str:
    """SHA-256 over the canonical rows: natural keys, transactions and yen, in the order of the keys, one JSON list a line.

    >>> row = BookRow("601", "000", 2026, "current", "receipt", "collected", "2026-11-20", 1, 1000)
    >>> digest("990019", "2026-11-20", [row]) == digest("990019", "2026-11-20", [row._replace(yen=1001)])
    False
    """
    return hash_lines([[municipality_code, day], *sorted(list(row) for row in rows)])


def hash_lines(lines: Iterable[Sequence[Any]]) -> str:
    """SHA-256 over lists, one a line as JSON."""
    return hashlib.sha256("".join(json.dumps(list(line), ensure_ascii=False) + "\n" for line in lines).encode()).hexdigest()
