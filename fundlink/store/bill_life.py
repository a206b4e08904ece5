"""All that is stored of one bill: its contents, slips and their steps, payments, messages, and the acts that name it.

Called by desk; reads only, each query by an index and a bounded number of rows, however many bills there are.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.bills import SLIP_STATE
from fundlink.store.outcomes import NEWEST_OUTCOME

MOST = 100
"""Rows of a kind that a page of one bill shows."""


class Content(NamedTuple):
    """One row that a core system sent for the bill, and what it did."""

    revision_id: int  # 0 for the row that made the bill
    effect: str  # created | updated | readdressed | cancelled | conflict
    file_id: int
    file: str
    line: int
    at: str
    total_yen: int
    charge_yen: int
    reminder_fee_yen: int
    late_charge_yen: int
    due_on: str | None
    payable_until: str | None
    taken_back: int  # 1 where a file was taken back and the content before it stands again


class SlipLine(NamedTuple):
    """One eL number of the bill."""

    slip_id: int
    issue_count: int
    institution_code: str
    case_key: str
    confirmation_number: str
    state: str
    issued_at: str


class StepLine(NamedTuple):
    """A step in the life of one of its slips."""

    issue_count: int
    state: str
    event: str
    at: str


class PaymentLine(NamedTuple):
    """One payment by one of its slips, by the statement that counts."""

    transaction_key: str
    stage: str
    outcome: str
    fund_code: str
    channel: str
    amount_yen: int
    paid_on: str
    booked_on: str
    case_key: str
    bill_id: int | None


class MessageLine(NamedTuple):
    """One message that told the gateway of one of its slips; ``refused`` is the gateway's reason where it refused this very slip."""

    message_id: str
    issue_count: int
    operation: str
    event: str
    created_at: str
    at: str
    refused: str


class MoveLine(NamedTuple):
    """Yen that an act moved on the bill."""

    act_id: int
    transaction_key: str
    from_account: str
    to_account: str
    yen: int
    day: str


_OF_VERSION = "w.total_yen, w.charge_yen, w.reminder_fee_yen, w.late_charge_yen, w.due_on, w.payable_until"


def contents(connection: Connection, bill_id: int) -> list[Content]:
    """Every content of a bill, the oldest first."""
    found = bulk.rows(
        connection,
        f"""SELECT 0, 'created', f.id, f.name, w.line,
                   COALESCE((SELECT MIN(e.at) FROM file_event e WHERE e.file_id = f.id AND e.event = 'accepted'), f.received_at), {_OF_VERSION}, 0
            FROM bill b JOIN bill_version w ON w.id = b.id JOIN file f ON f.id = b.file_id WHERE b.id = :bill
            UNION ALL
            SELECT r.id, r.effect, f.id, f.name, w.line,
                   COALESCE((SELECT MIN(e.at) FROM file_event e WHERE e.file_id = f.id AND e.event = 'accepted'), f.received_at), {_OF_VERSION},
                   CASE WHEN r.file_id = 0 THEN 1 ELSE 0 END
            FROM revision r JOIN bill_version w ON w.id = r.version_id JOIN file f ON f.id = w.file_id WHERE r.bill_id = :bill
            ORDER BY 1 LIMIT {MOST}""",
        bill=bill_id,
    )
    return [Content._make(row) for row in found]


def slips(connection: Connection, bill_id: int) -> list[SlipLine]:
    """Its slips, the first issue first."""
    found = bulk.rows(
        connection,
        f"""SELECT s.id, s.issue_count, s.institution_code, s.case_key, s.confirmation_number, {SLIP_STATE}, s.issued_at
            FROM slip s WHERE s.bill_id = :bill ORDER BY s.issue_count LIMIT {MOST}""",
        bill=bill_id,
    )
    return [SlipLine._make(row) for row in found]


def steps(connection: Connection, bill_id: int) -> list[StepLine]:
    """The steps of its slips in the order they were taken."""
    found = bulk.rows(
        connection,
        f"""SELECT s.issue_count, st.state, st.event, st.at FROM slip s JOIN slip_state st ON st.slip_id = s.id
            WHERE s.bill_id = :bill ORDER BY st.id LIMIT {MOST}""",
        bill=bill_id,
    )
    return [StepLine._make(row) for row in found]


def payments(connection: Connection, bill_id: int) -> list[PaymentLine]:
    """Payments by its slips, by the day they were made; '' as outcome while nothing was said of one."""
    found = bulk.rows(
        connection,
        f"""SELECT r.transaction_key, r.stage, COALESCE(o.outcome, ''), r.fund_code, r.channel, r.amount_yen, r.paid_on, r.booked_on, r.case_key, o.bill_id
            FROM slip s JOIN receipt r ON r.institution_code = s.institution_code AND r.case_key = s.case_key
            LEFT JOIN outcome o ON o.transaction_key = r.transaction_key AND {NEWEST_OUTCOME}
            WHERE s.bill_id = :bill AND r.id = COALESCE(o.receipt_id, (SELECT MAX(x.id) FROM receipt x WHERE x.transaction_key = r.transaction_key))
            ORDER BY r.paid_on, r.transaction_key LIMIT {MOST}""",
        bill=bill_id,
    )
    return [PaymentLine._make(row) for row in found]


def messages(connection: Connection, bill_id: int) -> list[MessageLine]:
    """Messages about its slips, the oldest first, each with the newest thing that happened to it."""
    found = bulk.rows(
        connection,
        f"""SELECT m.id, s.issue_count, i.operation, e.event, m.created_at, e.at, COALESCE(q.reason_code, '')
            FROM slip s JOIN message_item i ON i.slip_id = s.id JOIN message m ON m.id = i.message_id
            JOIN message_event e ON e.id = (SELECT MAX(x.id) FROM message_event x WHERE x.message_id = m.id)
            LEFT JOIN refused_slip q ON q.message_id = m.id AND q.slip_id = s.id
            WHERE s.bill_id = :bill ORDER BY m.created_at, m.id LIMIT {MOST}""",
        bill=bill_id,
    )
    return [MessageLine._make(row) for row in found]


def moves(connection: Connection, bill_id: int) -> list[MoveLine]:
    """What acts moved on it."""
    found = bulk.rows(
        connection,
        f"""SELECT m.act_id, m.transaction_key, m.from_account, m.to_account, m.yen, m.day FROM act_move m
            WHERE m.bill_id = :bill AND m.bill_id IS NOT NULL ORDER BY m.id LIMIT {MOST}""",
        bill=bill_id,
    )
    return [MoveLine._make(row) for row in found]
