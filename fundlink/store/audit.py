"""Who did what: one entry a file or message, one a single act, chained by hash in the transaction of the act itself.

Called by pipeline and desk. Personal data never enter an entry: subjects are keys, details are counts, yen and digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.engine import Store

_START = "0" * 64
_COLUMNS = ("seq", "at", "actor", "act", "subject", "detail", "previous", "hash")


class Entry(NamedTuple):
    """One act as it is told to the audit trail."""

    actor: str
    act: str
    subject: str
    detail: Mapping[str, Any]
    at: str


def append(store: Store, connection: Connection, entry: Entry) -> None:
    """Add one entry at the end of the chain."""
    store.serialise(connection, "audit")
    last = bulk.rows(connection, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    seq, previous = (int(last[0][0]) + 1, str(last[0][1])) if last else (1, _START)
    detail = json.dumps(entry.detail, ensure_ascii=False, sort_keys=True)
    values = (seq, entry.at, entry.actor, entry.act, entry.subject, detail, previous)
    bulk.insert_rows(connection, "audit", _COLUMNS, [(*values, _link(values))])


def _link(values: tuple[Any, ...]) -> str:
    return hashlib.sha256("\x1f".join(str(value) for value in values).encode()).hexdigest()


def verify(connection: Connection) -> dict[str, Any]:
    """Walk the chain: ``ok``, ``entries`` and the first sequence number that does not follow (or None)."""
    previous, entries = _START, 0
    for row in bulk.stream(connection, f"SELECT {', '.join(_COLUMNS)} FROM audit ORDER BY seq"):
        *values, found = row
        entries += 1
        if values[0] != entries or values[6] != previous or _link(tuple(values)) != found:
            return {"ok": False, "entries": entries, "first_bad": int(values[0])}
        previous = str(found)
    return {"ok": True, "entries": entries, "first_bad": None}
