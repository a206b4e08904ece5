"""The check of the invariants as an act of care: run, and kept, so that metrics can say when it last was and what it found.

Called by the command; nothing of the money is touched.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from fundlink.domain.errors import NotKeptError
from fundlink.pipeline.rooms import Rooms
from fundlink.store import upkeep, verify


def check(rooms: Rooms) -> dict[str, Any]:
    """Every invariant by its own SQL. A database that cannot take a row any more is checked all the same."""
    found = verify.verify(rooms.store)
    broken = [told["id"] for told in found["invariants"] if not told["ok"]]
    with suppress(sa.exc.OperationalError, NotKeptError), rooms.store.write() as connection:
        upkeep.note(connection, "verify", {"broken": broken, "checks": len(found["invariants"])}, rooms.now(), ok=found["ok"])
    return found
