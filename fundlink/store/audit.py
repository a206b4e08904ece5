"""Who did what: one entry a file or message, one a single act, chained by hash in the transaction of the act itself.

Called by pipeline and desk; the door of the database chains what was told just before it commits, so that the one lock all
writers share is the last one any of them takes and is held for a moment. Personal data never enter an entry: subjects are
keys, details are counts, yen and digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from fundlink.store import bulk

_TOLD, _MARKS = "fundlink_acts", "fundlink_marks"
_START = "0" * 64
_COLUMNS = ("seq", "at", "actor", "act", "subject", "detail", "previous", "hash")


class Entry(NamedTuple):
    """One act as it is told to the audit trail."""

    actor: str
    act: str
    subject: str
    detail: Mapping[str, Any]
    at: str


def begin(connection: Connection) -> None:
    """A write transaction starts: nothing is told yet."""
    connection.info[_TOLD], connection.info[_MARKS] = [], []


def append(connection: Connection, entry: Entry) -> None:
    """Tell an act of this transaction; it stands in the trail exactly when the transaction is committed."""
    connection.info[_TOLD].append(entry)


def follow_savepoints(engine: Engine) -> None:
    """What a savepoint takes back was not done: its entries go with it."""

    @event.listens_for(engine, "savepoint")
    def _mark(connection: Connection, _name: str | None) -> None:
        connection.info[_MARKS].append(len(connection.info[_TOLD]))

    @event.listens_for(engine, "release_savepoint")
    def _keep(connection: Connection, _name: str, _context: None) -> None:
        connection.info[_MARKS].pop()

    @event.listens_for(engine, "rollback_savepoint")
    def _forget(connection: Connection, _name: str, _context: None) -> None:
        del connection.info[_TOLD][connection.info[_MARKS].pop() :]


def chain(connection: Connection) -> None:
    """Add what was told at the end of the chain, all of it at once; the transaction is about to be committed."""
    told: list[Entry] = connection.info[_TOLD]
    if not told:
        return
    bulk.hold(connection, "audit")
    seq, previous = head(connection)
    rows = []
    for seq_of_entry, entry in enumerate(told, seq + 1):
        detail = json.dumps(entry.detail, ensure_ascii=False, sort_keys=True)
        values = (seq_of_entry, entry.at, entry.actor, entry.act, entry.subject, detail, previous)
        previous = _link(values)
        rows.append((*values, previous))
    bulk.insert_rows(connection, "audit", _COLUMNS, rows)


def _link(values: tuple[Any, ...]) -> str:
    return hashlib.sha256("\x1f".join(str(value) for value in values).encode()).hexdigest()


def head(connection: Connection) -> tuple[int, str]:
    """Number and hash of the newest entry; 0 and the start of the chain where there is none."""
    last = bulk.rows(connection, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    return (int(last[0][0]), str(last[0][1])) if last else (0, _START)


def verify(connection: Connection, kept: tuple[int, str] | None = None) -> dict[str, Any]:
    """Walk the chain: ``ok``, ``entries`` and the first sequence number that does not follow (or None).

    ``kept``: a head from before. An end that was cut off shows as the first number that is missing, and a chain that was written
    anew from some place on shows at the head at the latest.
    """
    previous, entries = _START, 0
    for row in bulk.stream(connection, f"SELECT {', '.join(_COLUMNS)} FROM audit ORDER BY seq"):
        *values, found = row
        entries += 1
        if values[0] != entries or values[6] != previous or _link(tuple(values)) != found:
            return {"ok": False, "entries": entries, "first_bad": int(values[0])}
        previous = str(found)
        if kept is not None and kept[0] == entries and kept[1] != previous:
            return {"ok": False, "entries": entries, "first_bad": entries}
    if kept is not None and kept[0] > entries:
        return {"ok": False, "entries": entries, "first_bad": entries + 1}
    return {"ok": True, "entries": entries, "first_bad": None}
