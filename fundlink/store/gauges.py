"""What an operator watches, as numbers: each by an index over what is open or by a maintained total, so that asking often is cheap.

Called by api.metrics. No statement names a person, a bill or a notice; the finest grain is a municipality.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.store import bulk


class Queue(NamedTuple):
    """What waits under one name, and since when ('' when nothing does)."""

    name: str
    number: int
    oldest_at: str


def open_messages(connection: Connection) -> list[Queue]:
    """Messages without a final answer, by the newest thing that happened to them."""
    found = bulk.rows(
        connection,
        """SELECT e.event, COUNT(*), MIN(m.created_at) FROM open_message q CROSS JOIN message m CROSS JOIN message_event e
           WHERE m.id = q.message_id AND e.message_id = q.message_id
             AND e.id = (SELECT MAX(x.id) FROM message_event x WHERE x.message_id = q.message_id)
           GROUP BY e.event ORDER BY e.event""",
    )
    return [Queue(str(event), int(count), str(at)) for event, count, at in found]


def unposted(connection: Connection) -> Queue:
    """Receipts that were taken and that reconcile has not looked at."""
    ((count, at),) = bulk.rows(
        connection,
        """SELECT COALESCE(SUM(f.records - f.duplicates), 0), MIN(f.at)
           FROM pending_receipt p CROSS JOIN received_file f WHERE f.id = p.received_id""",
    )
    return Queue("receipts", int(count), str(at or ""))


def undelivered(connection: Connection) -> Queue:
    """Files for core systems (clearing, slips) that lie nowhere yet."""
    ((count, at),) = bulk.rows(
        connection, "SELECT COUNT(*), MIN(f.at) FROM open_export q CROSS JOIN export_file f WHERE f.id = q.export_file_id"
    )
    return Queue("export", int(count), str(at or ""))


def moved_yen(connection: Connection) -> dict[str, int]:
    """Yen that acts brought into the accounts that must become empty (net of what they took out)."""
    found = bulk.rows(
        connection,
        """SELECT q.account, SUM(q.yen) FROM (SELECT to_account AS account, yen FROM act_move
             UNION ALL SELECT from_account, -yen FROM act_move) q WHERE q.account IN ('suspense', 'overpaid') GROUP BY q.account""",
    )
    return {str(account): int(yen) for account, yen in found}


def newest_days(connection: Connection, kinds: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """(municipality, stream, newest business day that was applied), for those that ever sent a file."""
    streams = " UNION ALL ".join(f"SELECT '{kind}' AS kind" for kind in kinds)
    found = bulk.rows(
        connection,
        f"""SELECT q.code, q.kind, q.day FROM (SELECT m.code, k.kind, (
              SELECT f.business_day FROM received_file f WHERE f.municipality_code = m.code AND f.kind = k.kind AND f.state = 'applied'
              ORDER BY f.business_day DESC LIMIT 1) AS day FROM municipality m CROSS JOIN ({streams}) k) q
            WHERE q.day IS NOT NULL ORDER BY q.code, q.kind""",
    )
    return [(str(code), str(kind), str(day)) for code, kind, day in found]


_NEWEST_STATE = """d.id = (SELECT MAX(x.id) FROM day_state x WHERE x.day = d.day AND x.municipality_code = d.municipality_code
                           AND x.fund_code = d.fund_code)"""


def days(connection: Connection, since: str) -> dict[str, int]:
    """Days and funds by state: those of recent days, and every difference however old."""
    recent = bulk.rows(
        connection, f"SELECT d.state, COUNT(*) FROM day_state d WHERE d.day >= :since AND {_NEWEST_STATE} GROUP BY d.state", since=since
    )
    differences = bulk.scalar(connection, f"SELECT COUNT(*) FROM day_state d WHERE d.state = 'difference' AND {_NEWEST_STATE}")
    return {**{str(state): int(count) for state, count in recent}, "difference": int(differences or 0)}


def database_bytes(connection: Connection) -> int:
    """How much room the database takes."""
    if connection.dialect.name == "postgresql":
        return int(connection.scalar(sa.text("SELECT pg_database_size(current_database())")) or 0)
    pages, size = (connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("page_count", "page_size"))
    return int(pages or 0) * int(size or 0)
