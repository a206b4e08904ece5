"""What lies behind the sums of a day, for people to look at: states of a stretch of days, outcomes, payments, settlements, credits.

Called by pipeline.glance; reads only. Lists go by a cursor, sums come from the maintained totals: nothing here adds up receipts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.store import bulk, scoped
from fundlink.store.bills import current_version_of
from fundlink.store.days import COLUMNS, DayRow
from fundlink.store.outcomes import NEWEST_OUTCOME, NEWEST_TOTALS
from fundlink.store.settlings import SIGNED, STANDS

_NEWEST_EDITION = "t.edition = (SELECT MAX(x.edition) FROM settlement x WHERE x.settlement_key = t.settlement_key)"
_HELD = f"EXISTS (SELECT 1 FROM settling_line m WHERE m.credit_id = c.id AND m.credit_id IS NOT NULL AND {STANDS.format('m')})"


class Place(NamedTuple):
    """One municipality, business day and fund ('' for credits that no settlement is known for)."""

    municipality_code: str
    day: str
    fund_code: str


class PaymentLine(NamedTuple):
    """One payment of a day as a list shows it."""

    receipt_id: int
    transaction_key: str
    outcome: str
    stage: str
    channel: str
    amount_yen: int
    paid_on: str
    bill_key: str | None


class SettlementLine(NamedTuple):
    """One settlement of a day; ``rule`` and ``equation`` are '' while nothing pays it."""

    settlement_key: str
    receipt_count: int
    gross_yen: int
    fee_yen: int
    net_yen: int
    transfer_on: str
    rule: str
    equation: str


class CreditLine(NamedTuple):
    """One entry on the account."""

    id: int
    booked_on: str
    yen: int
    reference: str
    remitter_name: str
    inquiry_number: str


class Waiting(NamedTuple):
    """A day whose close one person has prepared and nobody has approved."""

    municipality_code: str
    day: str
    by: str
    at: str


def between(connection: Connection, municipality_code: str, first: str, last: str) -> list[DayRow]:
    """The states that count of a stretch of days, by day and fund."""
    found = bulk.rows(
        connection,
        f"""SELECT {", ".join("d." + name for name in COLUMNS)} FROM day_state d
            WHERE d.day >= :first AND d.day <= :last AND d.municipality_code = :code
              AND d.id = (SELECT MAX(x.id) FROM day_state x
                          WHERE x.day = d.day AND x.municipality_code = d.municipality_code AND x.fund_code = d.fund_code)
            ORDER BY d.day, d.fund_code""",
        code=municipality_code, first=first, last=last,
    )  # fmt: skip
    return [DayRow._make([*row[:-1], json.loads(row[-1])]) for row in found]


def outcomes_by_fund(connection: Connection, municipality_code: str, day: str) -> list[tuple[str, str, int, int]]:
    """(fund, outcome, transactions, yen) of a day as they stand now."""
    found = bulk.rows(
        connection,
        f"""SELECT t.fund_code, t.outcome, t.transactions, t.yen FROM outcome_total t
            WHERE {NEWEST_TOTALS.format("x.day = :day AND m.code = :code")} AND t.transactions <> 0 ORDER BY t.fund_code, t.outcome""",
        day=day, code=municipality_code,
    )  # fmt: skip
    return [(str(fund), str(outcome), int(count), int(yen)) for fund, outcome, count, yen in found]


_LINE = "r.id, r.transaction_key, o.outcome, r.stage, r.channel, r.amount_yen, r.paid_on, b.bill_key"
_OF_PLACE = "r.municipality_code = :code AND r.booked_on = :day AND r.fund_code = :fund AND r.id > :after"
_DEPARTMENT = f"(SELECT w.department_code FROM bill_version w WHERE w.id = {current_version_of('o.bill_id')})"
# from the index of what does not match: that is little, whatever the day brought
_OPEN_LINES = f"""
    SELECT {_LINE} FROM outcome o CROSS JOIN receipt r LEFT JOIN bill b ON b.id = o.bill_id
    WHERE o.outcome NOT IN ('matched', 'paid_after_limit') AND r.id = o.receipt_id AND {_OF_PLACE} AND {NEWEST_OUTCOME}{{inside}}
    ORDER BY r.id LIMIT :limit"""
_ALL_LINES = f"""
    SELECT {_LINE} FROM receipt r CROSS JOIN outcome o LEFT JOIN bill b ON b.id = o.bill_id
    WHERE {_OF_PLACE} AND o.transaction_key = r.transaction_key AND o.receipt_id = r.id AND {NEWEST_OUTCOME}{{inside}}
    ORDER BY r.id LIMIT :limit"""


def payments(connection: Connection, place: Place, *, after: int, limit: int, every: bool, scope: Scope = EVERYWHERE) -> list[PaymentLine]:  # fmt: skip
    """Payments of a day and fund behind a receipt id that lie in scope: every one, or only those that do not match."""
    inside, held = scoped.within(scope, "r.municipality_code", _DEPARTMENT)
    found = bulk.rows(
        connection, (_ALL_LINES if every else _OPEN_LINES).format(inside=inside), **held,
        code=place.municipality_code, day=place.day, fund=place.fund_code, after=after, limit=limit,
    )  # fmt: skip
    return [PaymentLine._make(row) for row in found]


def settlements(connection: Connection, place: Place) -> list[SettlementLine]:
    """Settlements of a day and fund in their newest edition, with what pays them."""
    found = bulk.rows(
        connection,
        f"""SELECT t.settlement_key, t.receipt_count, t.gross_yen, t.fee_yen, t.net_yen, t.transfer_on, COALESCE(s.rule, ''), COALESCE(s.equation, '')
            FROM settlement t
            LEFT JOIN settling_line l ON l.settlement_key = t.settlement_key AND l.settlement_key <> '' AND {STANDS.format("l")}
            LEFT JOIN settling s ON s.id = l.settling_id
            WHERE t.municipality_code = :code AND t.business_day = :day AND t.fund_code = :fund AND {_NEWEST_EDITION}
            ORDER BY t.settlement_key""",
        code=place.municipality_code, day=place.day, fund=place.fund_code,
    )  # fmt: skip
    return [SettlementLine._make(row) for row in found]


_CREDIT = f"c.id, c.booked_on, {SIGNED}, c.reference, c.remitter_name, c.inquiry_number"


def credits_of(connection: Connection, municipality_code: str, keys: Sequence[str]) -> list[CreditLine]:
    """Credits that settle these settlements, or that name one of them and settle nothing else."""
    if not keys:
        return []
    wanted = sa.text(
        f"""SELECT {_CREDIT} FROM settling_line l JOIN settling_line h ON h.settling_id = l.settling_id AND h.credit_id IS NOT NULL
            JOIN bank_credit c ON c.id = h.credit_id
            WHERE l.settlement_key IN :keys AND l.settlement_key <> '' AND {STANDS.format("l")}
            UNION SELECT {_CREDIT} FROM bank_credit c
            WHERE c.reference IN :keys AND c.municipality_code = :code AND NOT {_HELD} ORDER BY 2, 1"""
    ).bindparams(sa.bindparam("keys", expanding=True))
    return [CreditLine._make(row) for row in connection.execute(wanted, {"keys": list(keys), "code": municipality_code})]


def unnamed_credits(connection: Connection, municipality_code: str, day: str) -> list[CreditLine]:
    """Credits of a day that settle nothing and name no settlement that is known."""
    found = bulk.rows(
        connection,
        f"""SELECT {_CREDIT} FROM bank_credit c
            WHERE c.municipality_code = :code AND c.booked_on = :day AND c.direction = '1' AND NOT {_HELD} AND NOT EXISTS (
              SELECT 1 FROM settlement t WHERE t.settlement_key = c.reference AND t.municipality_code = c.municipality_code)
            ORDER BY c.id""",
        code=municipality_code, day=day,
    )  # fmt: skip
    return [CreditLine._make(row) for row in found]


def waiting_closes(connection: Connection) -> list[Waiting]:
    """Days that were prepared and wait for another person, oldest first."""
    found = bulk.rows(
        connection,
        """SELECT c.municipality_code, c.day, c."by", c.at FROM day_close c
           WHERE c.step = 'prepared' AND NOT EXISTS (
             SELECT 1 FROM day_close n WHERE n.municipality_code = c.municipality_code AND n.id > c.id AND (n.day = c.day OR (
               n.step = 'approved' AND n.day > c.day)))
           ORDER BY c.day, c.municipality_code""",
    )
    return [Waiting._make(row) for row in found]
