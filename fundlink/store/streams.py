"""Where files stand in their streams: the last bill file of a profile and municipality, the highest number of the gateway's list.

Called by pipeline.intake and pipeline.collect, each query by an index. What a place means is said by reconcile.sequence.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection

from fundlink.store import bulk


def last_bill_file(connection: Connection, stream: str) -> tuple[int | None, str | None] | None:
    """Number and business day of the last file of a stream that was accepted and not taken back; None when there is none."""
    found = bulk.rows(
        connection,
        """SELECT p.sequence, p.business_day FROM file_position p JOIN file_event e ON e.file_id = p.file_id
           WHERE p.stream = :stream AND e.event = 'accepted'
             AND e.id = (SELECT MAX(x.id) FROM file_event x WHERE x.file_id = p.file_id) ORDER BY p.id DESC LIMIT 1""",
        stream=stream,
    )
    return (found[0][0], found[0][1]) if found else None


def add_position(connection: Connection, file_id: int, values: dict[str, Any]) -> None:
    """Note where an accepted bill file stands. ``values``: stream, sequence, business_day, sequence_order, at."""
    columns = ("stream", "file_id", "sequence", "business_day", "sequence_order", "at")
    bulk.insert_rows(connection, "file_position", columns, [tuple({**values, "file_id": file_id}[name] for name in columns)])


def highest_sequence(connection: Connection, municipality_code: str) -> int | None:
    """The highest number of the gateway's list that was taken for a municipality."""
    found = bulk.scalar(
        connection,
        """SELECT sequence FROM received_file WHERE municipality_code = :code AND sequence IS NOT NULL
           ORDER BY sequence DESC LIMIT 1""",
        code=municipality_code,
    )
    return None if found is None else int(found)


def is_taken(connection: Connection, municipality_code: str, sequence: int) -> bool:
    """Whether a file with this number was taken before."""
    return bool(
        bulk.scalar(
            connection,
            "SELECT 1 FROM received_file WHERE municipality_code = :code AND sequence = :sequence LIMIT 1",
            code=municipality_code, sequence=sequence,
        )
    )  # fmt: skip


def newest_day(connection: Connection, municipality_code: str, kind: str) -> str | None:
    """The newest business day of which a file of this kind was applied."""
    found = bulk.scalar(
        connection,
        """SELECT business_day FROM received_file WHERE municipality_code = :code AND kind = :kind AND state = 'applied'
           ORDER BY business_day DESC LIMIT 1""",
        code=municipality_code, kind=kind,
    )  # fmt: skip
    return None if found is None else str(found)


def is_known_content(connection: Connection, municipality_code: str, raw_id: int) -> bool:
    """Whether the very same bytes were applied before for this municipality; asked only of a file that would be refused."""
    return bool(
        bulk.scalar(
            connection,
            """SELECT 1 FROM raw n JOIN raw k ON k.sha256 = n.sha256 AND k.id < n.id JOIN received_file f ON f.raw_id = k.id
               WHERE n.id = :raw AND f.state = 'applied' AND f.municipality_code = :code LIMIT 1""",
            raw=raw_id, code=municipality_code,
        )
    )  # fmt: skip
