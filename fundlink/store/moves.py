"""What acts have moved, as SQL: one way to sum it for whoever asks. Called by the other modules of this room; runs nothing."""

from __future__ import annotations

from collections.abc import Sequence

SETTLING = ("collected", "written_off")
"""Accounts whose yen a bill does not ask for any more."""


def signed(accounts: Sequence[str], alias: str = "m") -> str:
    """Yen of a move as these accounts see it together: what goes to them less what leaves them."""
    named = ", ".join(f"'{account}'" for account in accounts)
    return (
        f"CASE WHEN {alias}.to_account IN ({named}) THEN {alias}.yen ELSE 0 END"
        f" - CASE WHEN {alias}.from_account IN ({named}) THEN {alias}.yen ELSE 0 END"
    )


def net_on_bill(accounts: Sequence[str], bill: str = "b.id", more: str = "") -> str:
    """What acts have put on these accounts for the bill with the id in that column, less what they took off; ``more`` narrows the moves."""
    return f"COALESCE((SELECT SUM({signed(accounts)}) FROM act_move m WHERE m.bill_id = {bill} {more}), 0)"
