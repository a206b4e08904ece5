"""The books of one payment: in which account its yen lies, from its outcome and the moves of acts. Pure.

Called by desk. An outcome opens one account with the whole payment; from there only acts move yen, and a move between two
accounts neither makes nor loses any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fundlink.domain.books import PAYMENT_ACCOUNTS
from fundlink.reconcile.outcomes import PAYING

NOWHERE = ""
"""Where a debt begins that is written off: no money came for it."""


class Move(NamedTuple):
    """Yen that goes from one account to another; ``bill_key`` where ``collected`` or ``written_off`` is one of the two."""

    transaction_key: str
    from_account: str
    to_account: str
    yen: int
    bill_key: str | None = None

    def reversed(self) -> Move:
        """The move that undoes this one."""
        return self._replace(from_account=self.to_account, to_account=self.from_account)


def opened_by(outcome: str) -> str:
    """The account that a payment with this outcome lies in before any act; NOWHERE when its money does not come.

    >>> opened_by("matched"), opened_by("duplicate_payment"), opened_by("withdrawn")
    ('collected', 'suspense', '')
    """
    if outcome == "withdrawn":
        return NOWHERE
    return "collected" if outcome in PAYING else "suspense"


def opening(outcome: str, yen: int) -> dict[str, int]:
    """Yen by account before any act.

    >>> opening("unknown_bill", 700)["suspense"], sum(opening("withdrawn", 700).values())
    (700, 0)
    """
    return {account: yen if account == opened_by(outcome) else 0 for account, _ in PAYMENT_ACCOUNTS}


def balanced(before: Mapping[str, int], moves: Iterable[Move]) -> dict[str, int]:
    """Yen by account after these moves.

    >>> balanced(opening("unknown_bill", 700), [Move("T", "suspense", "refunded", 200)])["suspense"]
    500
    """
    found = dict(before)
    for move in moves:
        if move.from_account != NOWHERE:
            found[move.from_account] -= move.yen
        if move.to_account != NOWHERE:
            found[move.to_account] += move.yen
    return found
