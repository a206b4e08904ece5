"""The books of a day from the groups that the store summed: which account an outcome stands on, which year it belongs to.

Called by pipeline.closing and pipeline.papers. Pure; the table from outcome to account is the only one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from fundlink.domain.books import NO_DEPARTMENT, BookRow, MoneySum, MoveGroup, ReceiptGroup
from fundlink.reconcile.accounts import NOWHERE, opened_by
from fundlink.reconcile.fiscal import Attribution, attribute
from fundlink.reconcile.outcomes import OUTCOMES

ACCOUNT_OF: Mapping[str, str] = {outcome: account for outcome in OUTCOMES if (account := opened_by(outcome)) != NOWHERE}
"""Outcome to account, before any act. ``withdrawn`` stands on none."""

_OF_THE_BILL = ("collected", "written_off")
"""Accounts on which yen stand under a bill; on the others they stand under the payment they came with."""


class Found(NamedTuple):
    """All that goes into the books of one day."""

    receipts: Iterable[ReceiptGroup] = ()
    moves: Iterable[MoveGroup] = ()
    money: Iterable[MoneySum] = ()


def rows_of(entered_on: str, found: Found, enterprise: Collection[str]) -> list[BookRow]:
    """The rows of the books of a day, in the order of their keys; what adds up to nothing is left out.

    ``enterprise``: funds of public enterprises, which have no 出納整理期間.
    """
    sums: dict[tuple[object, ...], list[int]] = {}

    def add(row: BookRow) -> None:
        held = sums.setdefault(row[:-2], [0, 0])
        held[0] += row.transactions
        held[1] += row.yen

    for group in found.receipts:
        year = year_of_group(group, entered_on, enterprise)
        account = ACCOUNT_OF[group.outcome]
        add(BookRow(group.fund_code, group.department_code, *year, "receipt", account, group.value_on, group.transactions, group.yen))
    for move in found.moves:
        for account, yen in ((move.from_account, -move.yen), (move.to_account, move.yen)):
            if account:
                department, bill_year = _owner(move, account)
                year = attribute(bill_year, move.value_on, entered_on, enterprise=move.fund_code in enterprise)
                add(BookRow(move.fund_code, department, *year, "act", account, move.value_on, 0, yen))
    for money in found.money:
        year = attribute(None, money.value_on, entered_on, enterprise=money.fund_code in enterprise)
        add(BookRow(money.fund_code, NO_DEPARTMENT, *year, "money", money.account, money.value_on, 0, money.yen))
    return sorted(BookRow._make((*key, *held)) for key, held in sums.items() if held != [0, 0])


def year_of_group(group: ReceiptGroup, entered_on: str, enterprise: Collection[str]) -> Attribution:
    """The fiscal year that a group of receipts belongs to."""
    return attribute(group.bill_year, group.value_on, entered_on, enterprise=group.fund_code in enterprise)


def _owner(move: MoveGroup, account: str) -> tuple[str, int]:
    """Department and year under which yen stand on this account."""
    first, second = (move.bill, move.payment) if account in _OF_THE_BILL else (move.payment, move.bill)
    return first or second or (NO_DEPARTMENT, move.fiscal_year)
