"""Balances that bank files state, one row a file and account. Called by pipeline.balances; rows are only added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from fundlink.store import bulk

COLUMNS = (
    "id", "received_id", "account", "form", "first_on", "last_on", "opening_balance_yen", "closing_balance_yen", "repeats", "broken_at",
)  # fmt: skip


def repeated_accounts(connection: Connection) -> set[str]:
    """Accounts of the entries laid out by ``receipts.stage`` of which some were known before."""
    found = bulk.rows(
        connection,
        """SELECT DISTINCT a.account FROM arriving a JOIN bank_credit t
           ON t.account = a.account AND t.booked_on = a.booked_on AND t.inquiry_number = a.inquiry_number AND t.direction = a.direction
             AND t.cancelled = a.cancelled AND t.amount_yen = a.amount_yen AND t.form = a.form""",
    )
    return {str(row[0]) for row in found}


def add(connection: Connection, municipality_code: str, rows: Iterable[Sequence[Any]]) -> None:
    """Append statements, each in the order of ``COLUMNS`` without the id."""
    bulk.insert_rows(connection, "bank_statement", ("municipality_code", *COLUMNS[1:]), [(municipality_code, *row) for row in rows])


def of_municipality(connection: Connection, municipality_code: str) -> list[tuple[Any, ...]]:
    """Every statement of a municipality, in the order of ``COLUMNS``: a few a business day."""
    found = bulk.rows(
        connection, f"SELECT {', '.join(COLUMNS)} FROM bank_statement WHERE municipality_code = :code ORDER BY id", code=municipality_code
    )
    return [(*row[:8], bool(row[8]), row[9]) for row in found]
