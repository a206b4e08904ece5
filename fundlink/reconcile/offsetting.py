"""Which bills an overpayment is set off against, and in which order: the order is a row of a table. Pure; called by desk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Debt(NamedTuple):
    """A bill as acts see it: what is charged, what lies on it, what is left to pay. Yen."""

    bill_key: str
    municipality_code: str
    fund_code: str
    fiscal_year: int
    levy_year: int
    installment: str
    due_on: str
    addressee_number: str
    state: str
    total_yen: int
    collected_yen: int
    written_off_yen: int

    @property
    def outstanding_yen(self) -> int:
        """What is left to pay; below zero when facts that came later overtook an act."""
        return self.total_yen - self.collected_yen - self.written_off_yen


ORDERS: dict[str, tuple[str, ...]] = {
    "oldest_due": ("due_on", "levy_year", "installment", "bill_key"),
    "oldest_year": ("fiscal_year", "due_on", "installment", "bill_key"),
    "smallest": ("outstanding_yen", "due_on", "bill_key"),
}
"""Name of an order: the attributes that bills are sorted by, first one first, each ascending."""
DEFAULT_ORDER = "oldest_due"


def spread(yen: int, debts: Sequence[Debt], order: str = DEFAULT_ORDER) -> tuple[tuple[str, int], ...]:
    """(bill key, yen) until nothing is left of the yen or of the debts.

    >>> old = Debt("A", "990019", "601", 2025, 2025, "01", "2025-06-30", "1", "registered", 300, 0, 0)
    >>> spread(500, [old._replace(bill_key="B", due_on="2026-06-30", total_yen=900), old])
    (('A', 300), ('B', 200))
    """
    parts = []
    for debt in sorted(debts, key=lambda debt: tuple(getattr(debt, name) for name in ORDERS[order])):
        part = min(yen, debt.outstanding_yen)
        if part > 0:
            parts.append((debt.bill_key, part))
            yen -= part
    return tuple(parts)
