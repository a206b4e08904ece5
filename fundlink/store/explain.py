"""What is stored of one payment: its statements, its outcomes, and the slips a damaged number may have meant.

Called by desk; reads only, each query by an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.bills import CURRENT_VERSION, SLIP_STATE

AT_ONCE = 500


class Statement(NamedTuple):
    """One statement of a transaction, with the place it stands in."""

    stage: str
    municipality_code: str
    institution_code: str
    case_key: str
    confirmation_number: str
    fund_code: str
    channel: str
    amount_yen: int
    paid_on: str
    booked_on: str
    file: str
    position: int


class Judged(NamedTuple):
    """One outcome of a transaction, oldest first; the last one counts."""

    outcome: str
    evidence: int
    at: str
    bill_key: str | None
    case_key: str | None
    total_yen: int | None
    payable_until: str | None


def statements(connection: Connection, transaction_key: str) -> list[Statement]:
    """What was stated of a transaction, in the order it came."""
    found = bulk.rows(
        connection,
        """SELECT r.stage, r.municipality_code, r.institution_code, r.case_key, r.confirmation_number, r.fund_code, r.channel, r.amount_yen,
                  r.paid_on, r.booked_on, f.name, r.position
           FROM receipt r JOIN received_file f ON f.id = r.received_id WHERE r.transaction_key = :key ORDER BY r.id""",
        key=transaction_key,
    )
    return [Statement(*row) for row in found]


def judged(connection: Connection, transaction_key: str) -> list[Judged]:
    """Every outcome a transaction had."""
    found = bulk.rows(
        connection,
        """SELECT o.outcome, o.evidence, o.at, b.bill_key, s.case_key, w.total_yen, w.payable_until
           FROM outcome o LEFT JOIN bill b ON b.id = o.bill_id LEFT JOIN slip s ON s.id = o.slip_id
           LEFT JOIN bill_version w ON w.id = o.version_id WHERE o.transaction_key = :key ORDER BY o.id""",
        key=transaction_key,
    )
    return [Judged(*row) for row in found]


def slips_among(connection: Connection, institution_code: str, case_keys: Sequence[str]) -> list[tuple[Any, ...]]:
    """Which of these keys are slips: (case_key, confirmation_number, fund_code, total_yen, payable_until, state, bill_key)."""
    wanted = sa.text(
        f"""SELECT s.case_key, s.confirmation_number, w.fund_code, w.total_yen, w.payable_until, {SLIP_STATE}, b.bill_key
            FROM slip s JOIN bill b ON b.id = s.bill_id JOIN bill_version w ON w.id = {CURRENT_VERSION}
            WHERE s.institution_code = :institution AND s.case_key IN :keys"""
    ).bindparams(sa.bindparam("keys", expanding=True))
    found: list[tuple[Any, ...]] = []
    for at in range(0, len(case_keys), AT_ONCE):
        values = {"institution": institution_code, "keys": list(case_keys[at : at + AT_ONCE])}
        found += [tuple(row) for row in connection.execute(wanted, values)]
    return found
