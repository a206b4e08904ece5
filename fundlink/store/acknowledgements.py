"""What the gateway's answers do to slips: the steps they take, and which have to be told anew.

Called by pipeline.answers, pipeline.sending and desk inside their transactions, with the states of the slips held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.bills import SLIP_STATE
from fundlink.store.outcomes import words


def operations(connection: Connection, message_id: str) -> dict[str, str]:
    """What a message asks for, by case key."""
    found = bulk.rows(
        connection,
        "SELECT s.case_key, i.operation FROM message_item i JOIN slip s ON s.id = i.slip_id WHERE i.message_id = :message_id",
        message_id=message_id,
    )
    return {str(case_key): str(operation) for case_key, operation in found}


_HAS_SUCCESSOR = "EXISTS (SELECT 1 FROM slip n WHERE n.bill_id = s.bill_id AND n.issue_count > s.issue_count)"
_STEPS = (
    # event, state after it, the answers that say so
    ("acknowledge", "registered", "a.result IN ('registered', 'updated')"),
    ("refuse", "refused", "a.result = 'refused' AND i.operation = 'register'"),
    ("supersede", "superseded", f"a.result = 'cancelled' AND {_HAS_SUCCESSOR}"),
    ("cancel", "cancelled", f"a.result = 'cancelled' AND NOT {_HAS_SUCCESSOR}"),
)


def apply_acknowledgement(
    connection: Connection, message_id: str, answers: Iterable[tuple[str, str, str]], *, before: Callable[[str], Sequence[str]], at: str
) -> tuple[int, int]:
    """Advance the slips of a message by its answers (case_key, result, reason_code); how many were taken and how many refused.

    ``before`` tells the states from which an event may happen; a slip in another state stays where it is. The caller has made
    sure that the answers are about these slips and fit what was asked.
    """
    bulk.fresh_temporary(connection, "answer", "case_key TEXT PRIMARY KEY, result TEXT, reason_code TEXT")
    bulk.insert_rows(connection, "answer", ("case_key", "result", "reason_code"), answers)
    bulk.analyze(connection, "answer")
    source = (
        """FROM message_item i JOIN slip s ON s.id = i.slip_id JOIN answer a ON a.case_key = s.case_key WHERE i.message_id = :message_id"""
    )
    for event, state, told in _STEPS:
        bulk.run(
            connection,
            f"""INSERT INTO slip_state (slip_id, state, event, cause, at) SELECT s.id, '{state}', '{event}', i.message_id, :at
                {source} AND {told} AND {SLIP_STATE} IN ({words(before(event))}) ORDER BY i.position""",
            message_id=message_id, at=at,
        )  # fmt: skip
    bulk.run(
        connection,
        f"INSERT INTO refused_slip (message_id, slip_id, operation, reason_code) SELECT i.message_id, s.id, i.operation, a.reason_code {source} AND a.result = 'refused'"
        " AND NOT EXISTS (SELECT 1 FROM refused_slip x WHERE x.message_id = i.message_id AND x.slip_id = i.slip_id)",
        message_id=message_id,
    )
    bulk.grown(connection, bulk.STREAMED_ROWS, "slip_state", "message_item")
    matched = int(bulk.scalar(connection, f"SELECT COUNT(*) {source}", message_id=message_id))
    refusals = int(bulk.scalar(connection, f"SELECT COUNT(*) {source} AND a.result = 'refused'", message_id=message_id))
    return matched - refusals, refusals


def registered_by(connection: Connection, message_id: str, reasons: Sequence[str], most: int) -> list[str]:
    """Messages that registered slips which the gateway, refusing them in this message for such a reason, says it does not know."""
    wanted = sa.text(
        """SELECT DISTINCT t.cause FROM refused_slip q JOIN slip_state t ON t.slip_id = q.slip_id AND t.event = 'acknowledge'
           JOIN message_item i ON i.message_id = t.cause AND i.slip_id = t.slip_id AND i.operation = 'register'
           WHERE q.message_id = :message_id AND q.reason_code IN :reasons ORDER BY t.cause LIMIT :most"""
    ).bindparams(sa.bindparam("reasons", expanding=True))
    return [str(row[0]) for row in connection.execute(wanted, {"message_id": message_id, "reasons": list(reasons), "most": most})]


def lose_slips(connection: Connection, message_id: str, at: str) -> int:
    """The answer to a message was lost: its new slips are ``unknown`` until an inquiry tells."""
    return bulk.run(
        connection,
        f"""INSERT INTO slip_state (slip_id, state, event, cause, at)
            SELECT s.id, 'unknown', 'lose', i.message_id, :at FROM message_item i JOIN slip s ON s.id = i.slip_id
            WHERE i.message_id = :message_id AND i.operation = 'register' AND {SLIP_STATE} IN ('issued', 'refused') ORDER BY i.position""",
        message_id=message_id, at=at,
    )  # fmt: skip


def ask_again(connection: Connection, message_id: str, at: str) -> int:
    """The gateway rejected a whole message: what was unknown is refused, and the slips have to be told anew under another id."""
    _step_unknown(connection, message_id, ("refuse", "refused"), at)
    return _tell_anew(connection, message_id)


def release(connection: Connection, message_id: str, at: str) -> int:
    """Two persons let the slips of a message go: what was unknown is issued as before, and has to be told under another id."""
    _step_unknown(connection, message_id, ("release", "issued"), at)
    return _tell_anew(connection, message_id)


def _step_unknown(connection: Connection, message_id: str, step: tuple[str, str], at: str) -> None:
    bulk.run(
        connection,
        f"""INSERT INTO slip_state (slip_id, state, event, cause, at)
            SELECT s.id, CAST(:state AS TEXT), CAST(:event AS TEXT), i.message_id, CAST(:at AS TEXT)
            FROM message_item i JOIN slip s ON s.id = i.slip_id
            WHERE i.message_id = :message_id AND {SLIP_STATE} = 'unknown' ORDER BY i.position""",
        message_id=message_id, event=step[0], state=step[1], at=at,
    )  # fmt: skip


def _tell_anew(connection: Connection, message_id: str) -> int:
    return bulk.run(
        connection,
        """INSERT INTO change (slip_id, municipality_code) SELECT i.slip_id, s.municipality_code
           FROM message_item i JOIN slip s ON s.id = i.slip_id WHERE i.message_id = :message_id ORDER BY i.position""",
        message_id=message_id,
    )
