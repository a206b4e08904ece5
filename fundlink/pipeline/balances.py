"""The balance that bank files state: held against their entries and against the file before; what does not follow is told, with its place.

Called by pipeline.collect inside the transaction that stores a file, and by pipeline.absence. Refuses nothing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.bank_accounts import spelling
from fundlink.domain.problems import Problem, problem
from fundlink.domain.records import BankCreditRecord
from fundlink.formats.bank_credit import OUT_DIRECTION
from fundlink.formats.reading import Reader
from fundlink.reconcile.balances import Gap, Statement, Step, follow, gaps, yen_of
from fundlink.store import bank_accounts, statements


class Stated(NamedTuple):
    """What a file says of one account, as it writes it."""

    account: str
    first_on: str
    last_on: str
    opening_yen: int
    closing_yen: int
    broken_at: int | None


def stated(reader: Reader, records: list[tuple[int, BankCreditRecord]]) -> list[Stated]:
    """Balances of a file that was read: in its header and trailer, or beside its entries."""
    by_account: dict[str, list[Step]] = defaultdict(list)
    for line, record in records:
        out = (record.direction == OUT_DIRECTION) is not (record.cancelled == "1")
        step = Step(line, record.booked_on, -record.amount_yen if out else record.amount_yen, yen_of(record.balance))
        by_account[record.account].append(step)
    found = [Stated(account, *walked) for account, steps in by_account.items() if (walked := follow(steps)) is not None]
    for told in reader.balances:
        days = [step.booked_on for step in by_account.get(told.account, ())]
        first, last = told.first_on or min(days, default=""), told.last_on or max(days, default="")
        if first and last:
            found.append(Stated(told.account, first, last, told.opening_yen, told.closing_yen, None))
    return found


def store(connection: Connection, about: tuple[str, int, str], found: list[Stated], repeated: set[str]) -> list[Problem]:
    """Keep what a file states (``about``: municipality, received file, form); the problems that it shows."""
    code, received_id, form = about
    known = bank_accounts.known(connection, [spelling(one.account) for one in found])
    rows, told = [], []
    for one in found:
        account = known[spelling(one.account)][0] if spelling(one.account) in known else spelling(one.account)
        rows.append(
            (received_id, account, form, one.first_on, one.last_on, one.opening_yen, one.closing_yen, account in repeated, one.broken_at)
        )
        if one.broken_at is not None:
            told.append(problem("FL-BNK-007", line=one.broken_at, place=account))
    statements.add(connection, code, rows)
    return told + [gap_problem(gap) for gap in gaps_of(connection, code) if received_id in (gap.before.received_id, gap.after.received_id)]


def gaps_of(connection: Connection, code: str) -> list[Gap]:
    """Gaps between the statements of a municipality's accounts."""
    return gaps(Statement._make(row) for row in statements.of_municipality(connection, code))


def gap_problem(gap: Gap) -> Problem:
    """A gap in words."""
    return problem(
        "FL-BNK-008", place=gap.after.account, before=gap.before.last_on, expected=gap.before.closing_yen, after=gap.after.first_on,
        actual=gap.after.opening_yen,
    )  # fmt: skip


def breaks_json(connection: Connection, code: str) -> list[dict[str, Any]]:
    """Every break of a municipality as commands show it: between two files, or (``line``) inside one."""
    found = [Statement._make(row) for row in statements.of_municipality(connection, code)]
    inside = [
        {"municipality_code": code, "account": one.account, "form": one.form, "after": one.first_on, "before": one.last_on, "line": one.broken_at}
        for one in found if one.broken_at is not None
    ]  # fmt: skip
    between = [
        {"municipality_code": code, "account": gap.after.account, "form": gap.after.form, "after": gap.before.last_on,
         "before": gap.after.first_on, "expected_yen": gap.before.closing_yen, "actual_yen": gap.after.opening_yen}
        for gap in gaps(found)
    ]  # fmt: skip
    return inside + between
