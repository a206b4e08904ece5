"""The slip of a bill that an act settles, or whose act is undone: what the gateway knows of it, and that it has to hear more.

Called by desk.slips, which holds bills and states.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.bills import BILL_IS_PAID, CURRENT_VERSION


def step_slip(connection: Connection, slip_id: int, step: tuple[str, str], *, cause: str, at: str) -> None:
    """Append a step (event, state) of a slip; the caller looked it up in the table of transitions and holds the states."""
    event, state = step
    bulk.insert_rows(connection, "slip_state", ("slip_id", "state", "event", "cause", "at"), [(slip_id, state, event, cause, at)])


class OwnSlip(NamedTuple):
    """A slip that an act steps: what a new number of its bill needs, and whether the gateway was told of it, or to cancel it."""

    slip_id: int
    bill_id: int
    issue_count: int
    municipality_code: str
    fund_code: str
    levy_year: int
    is_told: bool
    is_called_off: bool
    is_paid: bool


def own_slip(connection: Connection, slip_id: int) -> OwnSlip:
    """One slip, as acts look at it."""
    found = bulk.rows(
        connection,
        f"""SELECT s.id, b.id, s.issue_count, b.municipality_code, w.fund_code, w.levy_year,
                   EXISTS (SELECT 1 FROM message_item i WHERE i.slip_id = s.id),
                   EXISTS (SELECT 1 FROM message_item i WHERE i.slip_id = s.id AND i.operation = 'cancel'),
                   {BILL_IS_PAID}
            FROM slip s JOIN bill b ON b.id = s.bill_id JOIN bill_version w ON w.id = {CURRENT_VERSION} WHERE s.id = :slip""",
        slip=slip_id,
    )
    return OwnSlip._make([*found[0][:6], *map(bool, found[0][6:])])


def note_change(connection: Connection, slip: OwnSlip) -> None:
    """A slip has to be brought in line at the gateway."""
    bulk.insert_rows(connection, "change", ("slip_id", "municipality_code"), [(slip.slip_id, slip.municipality_code)])


def judge_again(connection: Connection, bill_id: int) -> None:
    """The payments of a bill are put on the work list of reconcile: what they were judged by has changed."""
    bulk.run(
        connection,
        """INSERT INTO pending_receipt (received_id, after_id, last_id)
           SELECT r.received_id, r.id - 1, r.id FROM slip s JOIN receipt r ON r.institution_code = s.institution_code AND r.case_key = s.case_key
           WHERE s.bill_id = :bill ORDER BY r.id""",
        bill=bill_id,
    )
