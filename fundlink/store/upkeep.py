"""What the installation was last found to be: the newest backup, the newest check of the invariants. Appended, never changed.

Called by desk and by the commands that do such work; read by metrics. Says nothing of money and of nobody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Connection

from fundlink.store import bulk


def note(connection: Connection, kind: str, detail: Mapping[str, Any], at: str, *, ok: bool = True) -> None:
    """``kind`` (backup, verify) was done at that instant and came out well or not."""
    row = (kind, int(ok), json.dumps(detail, ensure_ascii=False, sort_keys=True), at)
    bulk.insert_rows(connection, "upkeep", ("kind", "ok", "detail", "at"), [row])


def newest(connection: Connection, kind: str) -> tuple[bool, dict[str, Any], str] | None:
    """Whether the last one came out well, what it said and when; None when there was none."""
    found = bulk.rows(connection, "SELECT ok, detail, at FROM upkeep WHERE kind = :kind ORDER BY id DESC LIMIT 1", kind=kind)
    return (bool(found[0][0]), json.loads(found[0][1]), str(found[0][2])) if found else None
