"""The register of bank accounts: whose an account is, and how banks write it. Called by pipeline and desk; rows are only added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.store import bulk


class Registered(NamedTuple):
    """An account in the register."""

    account: str
    municipality_code: str
    holder: str
    funds: str
    by: str
    approved_by: str
    at: str


def known(connection: Connection, spellings: Iterable[str]) -> dict[str, tuple[str, str]]:
    """(account, municipality) of every one of these spellings that the register knows, be it the account itself or how a bank writes it."""
    wanted = sorted(set(spellings))
    if not wanted:
        return {}
    query = sa.text(
        """SELECT a.account, a.account, a.municipality_code FROM bank_account a WHERE a.account IN :wanted
           UNION ALL SELECT s.spelling, a.account, a.municipality_code
           FROM bank_account_spelling s JOIN bank_account a ON a.account = s.account WHERE s.spelling IN :wanted"""
    ).bindparams(sa.bindparam("wanted", expanding=True))
    return {str(name): (str(account), str(code)) for name, account, code in connection.execute(query, {"wanted": wanted})}


def add(connection: Connection, account: Registered, spellings: Sequence[str] = ()) -> None:
    """Register an account that is not there yet, with how its bank writes it."""
    columns = tuple(f'"{name}"' if name == "by" else name for name in Registered._fields)
    bulk.insert_rows(connection, "bank_account", columns, [account])
    bulk.insert_rows(connection, "bank_account_spelling", ("spelling", "account"), [(one, account.account) for one in spellings])


def listed(connection: Connection, municipality_code: str | None = None) -> list[tuple[Registered, list[str]]]:
    """Accounts with their other spellings, by municipality and account."""
    only = "WHERE a.municipality_code = :code" if municipality_code else ""
    found = bulk.rows(
        connection,
        f"""SELECT a.account, a.municipality_code, a.holder, a.funds, a."by", a.approved_by, a.at, s.spelling
            FROM bank_account a LEFT JOIN bank_account_spelling s ON s.account = a.account {only}
            ORDER BY a.municipality_code, a.account, s.spelling""",
        **({"code": municipality_code} if municipality_code else {}),
    )
    told: dict[str, tuple[Registered, list[str]]] = {}
    for *row, spelling in found:
        account = Registered._make(row)
        told.setdefault(account.account, (account, []))[1].extend([spelling] if spelling else [])
    return list(told.values())
