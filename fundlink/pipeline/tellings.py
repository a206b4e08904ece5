"""Entries of bank files on their way into the store: whose account it is, and whether another form has told the credit before.

Called by pipeline.collect for every bank file, inside the transaction that stores it. Never guesses: an account that nobody knows
quarantines the file, and an entry that may be another one's telling waits as a case and counts nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.bank_accounts import read_account, spelling
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.domain.records import BankCreditRecord
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile.tellings import STANDS, UNSURE, Told, Verdict, judge
from fundlink.store import audit, bank_accounts, tellings
from fundlink.store.bank_accounts import Registered
from fundlink.store.tellings import Entry, Row

_ACCOUNT = 2 + BankCreditRecord._fields.index("account")
"""Where the account of a row stands: line and municipality come first."""


def placed(
    rooms: Rooms, connection: Connection, noted: dict[str, Any], rows: Iterable[tuple[Any, ...]], form: str
) -> list[tuple[Any, ...]]:
    """The rows of a bank file under the one spelling of their accounts, with its form behind; FL-BNK-005 and 006 for accounts not ours."""
    taken = list(rows)
    first: dict[str, int] = {}
    for row in taken:
        first.setdefault(row[_ACCOUNT], row[0])
    known = bank_accounts.known(connection, map(spelling, first))
    problems: list[Problem] = []
    for written, line in first.items():
        name = spelling(written)
        if name not in known and not rooms.production:
            known[name] = _made(rooms, connection, name, noted["municipality_code"])
        owner = known.get(name, ("", ""))[1]
        if owner != noted["municipality_code"]:
            problems.append(problem("FL-BNK-006" if owner else "FL-BNK-005", line=line, place=written, owner=owner))
    if problems:
        raise ProblemError(problems)
    return [(*row[:_ACCOUNT], known[spelling(row[_ACCOUNT])][0], *row[_ACCOUNT + 1 : -1], form) for row in taken]


def _made(rooms: Rooms, connection: Connection, name: str, code: str) -> tuple[str, str]:
    """Outside production the first file makes the account, as the first bill file makes the municipality."""
    bank_accounts.add(connection, Registered(name, code, "", "", "fundlink", "", rooms.now()))
    detail = {"municipality_code": code, "parts": read_account(name) is not None}
    audit.append(connection, audit.Entry("fundlink", "account.add", f"account:{name}", detail, rooms.now()))
    return name, code


class Compared(NamedTuple):
    """What a file's entries made of those there were: by how many fewer credits stand than entries are new, and how many now wait."""

    fewer: int
    unsure: int


NOTHING_TOLD = Compared(0, 0)


def compare(rooms: Rooms, connection: Connection, received_id: int) -> Compared:
    """Hold the entries of a stored file against those of other forms.

    Entries that stood until now may turn out to be told better by the new ones; what two persons decided stays.
    """
    by_yen: dict[tuple[str, int], list[Entry]] = defaultdict(list)
    for entry in tellings.beside(connection, received_id):
        by_yen[entry.account, entry.yen].append(entry)
    several = [entries for entries in by_yen.values() if len({entry.form for entry in entries}) > 1]
    changed = [change for entries in several for change in _changed(entries)]
    at = rooms.now()
    tellings.record(connection, [Row(entry.id, entry.municipality_code, *verdict, None, at) for entry, verdict in changed])
    fewer = sum((entry.state == STANDS) - (verdict.state == STANDS) for entry, verdict in changed)
    return Compared(fewer, sum(verdict.state == UNSURE != entry.state for entry, verdict in changed))


def _changed(entries: list[Entry]) -> Iterator[tuple[Entry, Verdict]]:
    """Entries on one account with the same yen of which another thing is true now; what two persons said is not touched."""
    verdicts = judge([Told._make(entry[: len(Told._fields)]) for entry in entries])
    for entry in entries:
        if not entry.decided and verdicts[entry.id] != (entry.state, entry.stands_for):
            yield entry, verdicts[entry.id]
