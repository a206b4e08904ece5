"""What an approved act does, byte for byte as it was prepared: moves, what core systems are told, steps of slips, judged entries.

Called by desk.acts inside the transaction of the approval; decides nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from sqlalchemy.engine import Connection

from fundlink.desk import slips
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile.outcomes import ATTACHED, PAYING
from fundlink.reconcile.tellings import SAME, STANDS, UNSURE
from fundlink.store import acts, clearings, retelling, tellings
from fundlink.store.acts import ActRow
from fundlink.store.tellings import Row


def carry_out(rooms: Rooms, connection: Connection, act: ActRow, content: dict[str, Any]) -> str:
    """Moves, entries, steps of slips; the day in whose books it stands."""
    day = _open_day(rooms, connection, act.municipality_code)
    moves = content["moves"]
    if "credit" in content:
        _judge_credit(rooms, connection, act, content["credit"])
    if not moves:
        return day
    ids = acts.bill_ids(connection, [move["bill_key"] for move in moves if move["bill_key"]])
    at = rooms.now()
    clearings.compose(connection, attached=ATTACHED, at=at)  # what is due is told first, so that all of it can be withdrawn
    acts.add_moves(connection, list(_rows(act, day, moves, ids)))
    if act.verb != "reverse":
        acts.add_grounds(connection, act.act_id, content["grounds"])
    for key in sorted({move["transaction_key"] for move in moves} - {""}):
        retelling.tell_anew(connection, key, act.act_id, attached=ATTACHED, paying=PAYING, at=at)
    slips.step(rooms, connection, act, moves)
    return day


def _judge_credit(rooms: Rooms, connection: Connection, act: ActRow, credit: dict[str, Any]) -> None:
    """Two persons say whether an entry is a credit of its own; undone, it waits again. The next reconcile settles by it."""
    state = {"same": SAME, "separate": STANDS}.get(act.verb, UNSURE)
    row = Row(credit["credit_id"], act.municipality_code, state, credit["stands_for"], act.act_id, rooms.now())
    tellings.record(connection, [row])


def _rows(act: ActRow, day: str, moves: list[dict[str, Any]], ids: dict[str, int]) -> Iterator[tuple[Any, ...]]:
    for move in moves:
        yield (
            act.act_id, day, move["value_on"], act.municipality_code, move["fund_code"], move["fiscal_year"], move["transaction_key"],
            ids.get(move["bill_key"]), move["from_account"], move["to_account"], move["yen"],
        )  # fmt: skip


def _open_day(rooms: Rooms, connection: Connection, municipality_code: str) -> str:
    """Today, or the first day that is not closed: a closed day's books never change."""
    closed = acts.newest_closed_day(connection, municipality_code)
    if closed < rooms.today():
        return rooms.today()
    return (dt.date.fromisoformat(closed) + dt.timedelta(days=1)).isoformat()
