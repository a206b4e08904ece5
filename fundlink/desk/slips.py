"""What an act does to the slip of a bill: paid by it, or payable again when it is undone; and what the gateway has to hear of it.

Called by desk.acts inside the transaction of the approval. Only submit tells the gateway; here is noted that it must.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection

from fundlink.desk.taking_back import number_again
from fundlink.domain.states import states_before
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile.offsetting import Debt
from fundlink.reconcile.outcomes import PAYING
from fundlink.store import act_slips, acts
from fundlink.store.acts import ActRow, DebtRow

_LIFTING = ("collected", "written_off")


def step(rooms: Rooms, connection: Connection, act: ActRow, moves: list[dict[str, Any]]) -> None:
    """A bill that nothing is left to pay on must not be payable; one that an undone act had paid can be paid again."""
    to = {move["bill_key"]: move["to_account"] for move in moves if move["bill_key"] and move["to_account"] in _LIFTING}
    off = {move["bill_key"] for move in moves if move["bill_key"] and move["from_account"] in _LIFTING}
    for row in acts.debts(connection, {*to, *off}, paying=PAYING):
        if row.slip_id is None:
            continue
        left = Debt(*row[:12]).outstanding_yen
        if row.bill_key in to and left <= 0:
            _lift(rooms, connection, act, (row, to[row.bill_key]))
        elif row.bill_key in off and act.verb == "reverse" and left > 0:
            _put_back(rooms, connection, act, row)


def _lift(rooms: Rooms, connection: Connection, act: ActRow, lifted: tuple[DebtRow, str]) -> None:
    """Yen of other payments make the slip paid, a debt given up does not; either way the gateway is to take no more for it."""
    row, account = lifted
    assert row.slip_id is not None
    if account == "collected":
        _step(rooms, connection, act, (row.slip_id, row.state, "pay", "paid"))
    slip = act_slips.own_slip(connection, row.slip_id)
    if slip.is_told:  # one that was never told is not told now
        act_slips.note_change(connection, slip)


def _put_back(rooms: Rooms, connection: Connection, act: ActRow, row: DebtRow) -> None:
    """Known at the gateway or not, the slip is told again; one that was to be cancelled there is never taken again, so its bill gets another.

    A bill that was paid all the same keeps its slip: that payment is what it is judged by.
    """
    assert row.slip_id is not None
    _step(rooms, connection, act, (row.slip_id, row.state, "withdraw", "registered"))
    slip = act_slips.own_slip(connection, row.slip_id)
    if not slip.is_called_off:
        act_slips.note_change(connection, slip)
    elif slip.is_paid and row.state not in ("cancelled", "superseded"):
        act_slips.judge_again(connection, slip.bill_id)
    else:
        if row.state not in ("cancelled", "superseded"):
            act_slips.step_slip(connection, slip.slip_id, ("supersede", "superseded"), cause=f"act:{act.act_id}", at=rooms.now())
        number_again(rooms, connection, [(slip.bill_id, slip.issue_count + 1, slip.municipality_code, slip.fund_code, slip.levy_year)])


def _step(rooms: Rooms, connection: Connection, act: ActRow, step: tuple[int, str, str, str]) -> None:
    slip_id, before, event, state = step
    if before in states_before(event):
        act_slips.step_slip(connection, slip_id, (event, state), cause=f"act:{act.act_id}", at=rooms.now())
