"""The log of calls about messages, what each came to, when a message is due again, and whether a gateway is left alone.

Called by pipeline and desk. An attempt is written before the call is made and its result afterwards; nothing is changed later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.attempts import ANSWERED, BOUND_TO_HOURS, UNSENT, Tried
from fundlink.store import bulk
from fundlink.store.outcomes import words

CUT = "cut"
"""The result of an attempt that was begun and never ended: its process died."""


class Standing(NamedTuple):
    """Where a message stands in its present round."""

    message_id: str
    round: int
    number: int
    counted: int
    failures: int
    first_at: str | None
    next_try_at: str | None
    kind: str
    result: str
    http_status: int | None
    tried_at: str | None

    @property
    def tried(self) -> Tried:
        """What the rules look at."""
        return Tried(self.counted, self.failures, self.first_at)


class Ending(NamedTuple):
    """What became of an attempt."""

    result: str
    next_try_at: str | None = None
    http_status: int | None = None
    raw_id: int | None = None
    detail: str = ""


class Pause(NamedTuple):
    """The newest word about leaving a gateway alone; ``until_at`` '' when nobody has to."""

    until_at: str
    reopened: int
    reason: str
    at: str


_RESULT = f"COALESCE(x.result, '{CUT}')"
_OPEN = "(SELECT message_id FROM open_message)"
_ONE = "(SELECT CAST(:message_id AS TEXT) AS message_id)"


def _standings(source: str) -> str:
    """What counts is the present round; a person's question began it."""
    return f"""
        SELECT q.message_id, q.round, q.number, q.counted, q.failures, q.first_at, l.next_try_at, COALESCE(k.kind, ''),
               CASE WHEN k.id IS NULL THEN '' ELSE COALESCE(l.result, '{CUT}') END, l.http_status, k.at
        FROM (SELECT r.message_id, r.round, COUNT(a.id) AS number,
                     COALESCE(SUM(CASE WHEN a.id IS NOT NULL AND {_RESULT} <> '{UNSENT}' THEN 1 ELSE 0 END), 0) AS counted,
                     COALESCE(SUM(CASE WHEN a.id IS NOT NULL AND {_RESULT} NOT IN ({words(sorted(ANSWERED))}) THEN 1 ELSE 0 END), 0) AS failures,
                     MIN(CASE WHEN {_RESULT} NOT IN ({words(sorted(BOUND_TO_HOURS))}) THEN a.at END) AS first_at, MAX(a.id) AS last_id
              FROM (SELECT o.message_id, 1 + (SELECT COUNT(*) FROM message_event e WHERE e.message_id = o.message_id AND e.event = 'asked') AS round
                    FROM {source} o) r
              LEFT JOIN message_attempt a ON a.message_id = r.message_id AND a.round = r.round AND a.kind <> 'confirm'
              LEFT JOIN attempt_result x ON x.attempt_id = a.id GROUP BY r.message_id, r.round) q
        LEFT JOIN message_attempt k ON k.id = q.last_id LEFT JOIN attempt_result l ON l.attempt_id = q.last_id"""


def open_standings(connection: Connection) -> dict[str, Standing]:
    """All messages without a final answer, by id."""
    return {str(row[0]): _standing(row) for row in bulk.rows(connection, _standings(_OPEN))}


def standing(connection: Connection, message_id: str) -> Standing:
    """One message, open or not."""
    return _standing(bulk.rows(connection, _standings(_ONE), message_id=message_id)[0])


def _standing(row: Sequence[Any]) -> Standing:
    return Standing._make([row[0], *map(int, row[1:5]), *row[5:]])


def begin(connection: Connection, message_id: str, kind: str, *, gateway: str, at: str) -> int:
    """Write down that a call is about to be made; its id. Two calls at once cannot have the same number."""
    now = standing(connection, message_id)
    highest = bulk.scalar(
        connection, "SELECT MAX(number) FROM message_attempt WHERE message_id = :message_id AND round = :round",
        message_id=message_id, round=now.round,
    )  # fmt: skip
    return int(
        bulk.scalar(
            connection,
            """INSERT INTO message_attempt (message_id, round, number, kind, gateway, at)
               VALUES (:message_id, :round, :number, :kind, :gateway, :at) RETURNING id""",
            message_id=message_id, round=now.round, number=int(highest or 0) + 1, kind=kind, gateway=gateway, at=at,
        )
    )  # fmt: skip


def end(connection: Connection, attempt_id: int, ending: Ending, *, at: str) -> None:
    """Write down what became of it."""
    columns = ("attempt_id", "result", "http_status", "raw_id", "detail", "next_try_at", "at")
    row = (attempt_id, ending.result, ending.http_status, ending.raw_id, ending.detail[:200], ending.next_try_at, at)
    bulk.insert_rows(connection, "attempt_result", columns, [row])


def newest_results(connection: Connection, gateway: str, most: int) -> list[str]:
    """How the latest calls to a gateway ended, newest first."""
    found = bulk.rows(
        connection,
        """SELECT x.result FROM attempt_result x JOIN message_attempt a ON a.id = x.attempt_id
           WHERE a.gateway = :gateway ORDER BY x.attempt_id DESC LIMIT :most""",
        gateway=gateway, most=most,
    )  # fmt: skip
    return [str(row[0]) for row in found]


def pause(connection: Connection, gateway: str) -> Pause | None:
    """The newest word about leaving a gateway alone."""
    found = bulk.rows(
        connection,
        "SELECT until_at, reopened, reason, at FROM gateway_pause WHERE gateway = :gateway ORDER BY id DESC LIMIT 1",
        gateway=gateway,
    )
    return Pause(*found[0]) if found else None


def add_pause(connection: Connection, gateway: str, word: Pause) -> None:
    """From now on this counts."""
    bulk.insert_rows(connection, "gateway_pause", ("gateway", *Pause._fields), [(gateway, *word)])


class Listed(NamedTuple):
    """A message that is not at its end, with where it stands."""

    message_id: str
    municipality_code: str
    records: int
    yen: int
    created_at: str
    event: str
    event_at: str
    detail: str


# in the words of the index that holds only the messages something is wrong with
_BAD = "event IN ('unknown', 'rejected', 'exhausted', 'contradicted')"


def listed(connection: Connection) -> list[Listed]:
    """Messages without a final answer and those the gateway contradicts itself about, oldest first."""
    found = bulk.rows(
        connection,
        f"""SELECT m.id, m.municipality_code, m.records, m.yen, m.created_at, e.event, e.at, e.detail
            FROM (SELECT message_id FROM open_message
                  UNION SELECT message_id FROM message_event WHERE {_BAD} AND event = 'contradicted') o
            JOIN message m ON m.id = o.message_id
            JOIN message_event e ON e.id = (SELECT MAX(n.id) FROM message_event n WHERE n.message_id = m.id)
            WHERE e.event NOT IN ('answered', 'rejected', 'resent', 'given_up') ORDER BY m.created_at, m.id""",
    )
    return [Listed._make(row) for row in found]
