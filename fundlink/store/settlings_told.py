"""Settlings as people look at them: the history of a settlement, its lines, the credits behind them. Called by desk; reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.settlings import FIXED_HERE, NEWEST, SIGNED, STANDS, Decision, Line, OpenSettlement


class Told(NamedTuple):
    """A settling as it is shown; ``withdrawn`` is (at, reason, who) or None."""

    id: int
    rule: str
    fee: str
    equation: str
    decision: Decision
    at: str
    withdrawn: tuple[str, str, str] | None
    fixed: bool


def settlement(connection: Connection, key: str) -> tuple[str, OpenSettlement] | None:
    """Municipality and newest edition of a settlement, by its key."""
    found = bulk.rows(
        connection,
        f"""SELECT t.municipality_code, t.settlement_key, t.edition, t.business_day, t.transfer_on, t.fund_code, t.gross_yen, t.fee_yen, t.net_yen
            FROM settlement t WHERE t.settlement_key = :key AND {NEWEST}""",
        key=key,
    )
    return (str(found[0][0]), OpenSettlement._make(found[0][1:])) if found else None


def settlings_of(connection: Connection, code: str, key: str) -> list[Told]:
    """All settlings that held a settlement, oldest first; at most the last one stands."""
    found = bulk.rows(
        connection,
        f"""WITH {FIXED_HERE} SELECT s.id, s.rule, s.fee, s.equation, s.decided_by, s.approved_by, s.reason, s.at, w.at, w.reason, w.decided_by,
                   CASE WHEN EXISTS (SELECT 1 FROM fixed f WHERE f.id = s.id) THEN 1 ELSE 0 END
            FROM settling_line l JOIN settling s ON s.id = l.settling_id LEFT JOIN settling w ON w.withdraws = s.id
            WHERE l.settlement_key = :key AND l.settlement_key <> '' AND s.municipality_code = :code ORDER BY s.id""",
        key=key, code=code,
    )  # fmt: skip
    return [
        Told._make((*row[:4], Decision._make(row[4:7]), row[7], None if row[8] is None else tuple(row[8:11]), bool(row[11])))
        for row in found
    ]


def came_gross(connection: Connection, code: str, fund_code: str, *, before: str) -> tuple[str, str, int] | None:
    """(key, business day, fee) of the last settlement of a fund before a transfer date whose money came without the fee taken off."""
    found = bulk.rows(
        connection,
        f"""SELECT t.settlement_key, t.business_day, t.fee_yen FROM settlement t
            JOIN settling_line l ON l.settlement_key = t.settlement_key AND l.settlement_key <> ''
            JOIN settling s ON s.id = l.settling_id
            WHERE t.municipality_code = :code AND t.fund_code = :fund AND t.transfer_on < :before AND t.fee_yen > 0 AND s.fee = 'apart'
              AND {NEWEST} AND {STANDS.format("l")}
            ORDER BY t.transfer_on DESC, t.settlement_key DESC LIMIT 1""",
        code=code, fund=fund_code, before=before,
    )  # fmt: skip
    return (str(found[0][0]), str(found[0][1]), int(found[0][2])) if found else None


def closed_days(connection: Connection, settling_id: int) -> list[str]:
    """Business days of a settling's settlements that are closed now."""
    found = bulk.rows(
        connection,
        f"""SELECT DISTINCT t.business_day FROM settling_line l JOIN settlement t ON t.settlement_key = l.settlement_key
            JOIN day_state d ON d.day = t.business_day AND d.municipality_code = t.municipality_code AND d.fund_code = t.fund_code
            WHERE l.settling_id = :id AND l.settlement_key <> '' AND {NEWEST} AND d.state = 'closed'
              AND d.id = (SELECT MAX(x.id) FROM day_state x
                          WHERE x.day = d.day AND x.municipality_code = d.municipality_code AND x.fund_code = d.fund_code)
            ORDER BY 1""",
        id=settling_id,
    )
    return [str(row[0]) for row in found]


def municipalities(connection: Connection) -> list[str]:
    """Municipalities with a settlement."""
    found = bulk.rows(
        connection,
        "SELECT m.code FROM municipality m WHERE EXISTS (SELECT 1 FROM settlement t WHERE t.municipality_code = m.code) ORDER BY m.code",
    )
    return [str(row[0]) for row in found]


class Entry(NamedTuple):
    """A credit as it is shown."""

    id: int
    booked_on: str
    yen: int
    reference: str
    remitter_name: str
    inquiry_number: str
    summary: str


def lines_of(connection: Connection, settling_id: int) -> list[Line]:
    """The lines of a settling."""
    found = bulk.rows(
        connection,
        "SELECT settlement_key, edition, credit_id, yen FROM settling_line WHERE settling_id = :id ORDER BY position",
        id=settling_id,
    )
    return [Line._make(row) for row in found]


def entries(connection: Connection, ids: Sequence[int]) -> list[Entry]:
    """Credits by their ids, in the order of the account."""
    wanted = sa.text(
        f"""SELECT c.id, c.booked_on, {SIGNED}, c.reference, c.remitter_name, c.inquiry_number, c.summary
            FROM bank_credit c WHERE c.id IN :ids ORDER BY c.booked_on, c.inquiry_number, c.id"""
    ).bindparams(sa.bindparam("ids", expanding=True))
    return [Entry._make(row) for row in connection.execute(wanted, {"ids": list(ids)})]
