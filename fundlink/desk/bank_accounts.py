"""The register of bank accounts, as staff keep it: two persons add an account, everybody sees whose it is.

Called by jobs. An account is never changed or taken away: entries rest on it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.bank_accounts import BankAccount, folded, read_account, spelling
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.pipeline import people
from fundlink.pipeline.rooms import Rooms
from fundlink.store import audit, bank_accounts, files
from fundlink.store.bank_accounts import Registered


class Wanted(NamedTuple):
    """An account as somebody wants it registered. ``written_as``: how its bank writes it where it does not give four parts."""

    account: str
    municipality_code: str
    who: str
    approved_by: str
    holder: str = ""
    funds: tuple[str, ...] = ()
    written_as: tuple[str, ...] = ()


def add_account(rooms: Rooms, wanted: Wanted) -> dict[str, Any]:
    """Two persons register an account, both named in one call."""
    people.two_names(wanted.who, wanted.approved_by)
    _account(rooms, wanted)
    with rooms.store.together() as connection:
        names = people.at_once(rooms, connection, (wanted.who, wanted.approved_by), "account", wanted.municipality_code)
        return register(rooms, connection, wanted._replace(who=names[0], approved_by=names[1]))


def register(rooms: Rooms, connection: Connection, wanted: Wanted) -> dict[str, Any]:
    """Register an account, by persons who may; ProblemError FL-BNK-010 or 011, FL-MUN-003, FL-SEM-… for what is not right about it."""
    account = _account(rooms, wanted)
    spellings = sorted({spelling(text) for text in wanted.written_as} - {str(account)})
    if wanted.municipality_code not in {code for code, *_ in files.municipalities(connection)}:
        raise ProblemError([problem("FL-MUN-003", actual=wanted.municipality_code)])
    taken = bank_accounts.known(connection, [str(account), *spellings])
    if taken:
        raise ProblemError([problem("FL-BNK-011", place=name) for name in sorted(taken)])
    funds = ",".join(sorted(set(wanted.funds)))
    row = Registered(str(account), wanted.municipality_code, wanted.holder.strip(), funds, wanted.who, wanted.approved_by, rooms.now())
    bank_accounts.add(connection, row, spellings)
    detail = {**row._asdict(), "spellings": spellings}
    audit.append(connection, audit.Entry(wanted.who, "account.add", f"account:{account}", detail, rooms.now()))
    return _shown(row, spellings)


def _account(rooms: Rooms, wanted: Wanted) -> BankAccount:
    account = read_account(wanted.account)
    problems = [] if account is not None else [problem("FL-BNK-010", place=folded(wanted.account)[:60])]
    known = rooms.codes("fund_codes")
    problems += [problem("FL-CODE-001", place=fund, expected="・".join(sorted(known))[:200]) for fund in wanted.funds if fund not in known]
    if problems or account is None:
        raise ProblemError(problems)
    return account


def accounts(rooms: Rooms, municipality_code: str | None = None) -> dict[str, Any]:
    """Registered accounts."""
    with rooms.store.read() as connection:
        return {"accounts": [_shown(row, spellings) for row, spellings in bank_accounts.listed(connection, municipality_code)]}


def _shown(row: Registered, spellings: list[str]) -> dict[str, Any]:
    return {**row._asdict(), "funds": row.funds.split(",") if row.funds else [], "written_as": spellings}
