"""How far something has been looked at, so that a run depends on what is new and not on all that ever was.

Called by the other modules of this room. Rows are appended; the newest of a name counts. A mark only saves looking: what lies
behind it was found to need nothing, in the same transaction that moved it.
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

from fundlink.store import bulk


def until(connection: Connection, name: str) -> int:
    """The highest id that was looked at under this name; 0 when none was."""
    return int(bulk.scalar(connection, "SELECT until_id FROM mark WHERE name = :name ORDER BY id DESC LIMIT 1", name=name) or 0)


def move(connection: Connection, name: str, until_id: int, at: str) -> None:
    """Everything up to this id was looked at; a mark never goes back."""
    if until_id > until(connection, name):
        bulk.insert_rows(connection, "mark", ("name", "until_id", "at"), [(name, until_id, at)])
