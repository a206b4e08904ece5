"""What the installation was last found to be: the newest backup, the newest check of the invariants. Appended, never changed.

Called by desk; read by metrics. Also tells whether a row could be written at all, for readiness. Says nothing of money and of nobody.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from fundlink.store import bulk
from fundlink.store.engine import Store


def note(connection: Connection, kind: str, detail: Mapping[str, Any], at: str, *, ok: bool = True) -> None:
    """``kind`` (backup, verify) was done at that instant and came out well or not."""
    row = (kind, int(ok), json.dumps(detail, ensure_ascii=False, sort_keys=True), at)
    bulk.insert_rows(connection, "upkeep", ("kind", "ok", "detail", "at"), [row])


def newest(connection: Connection, kind: str) -> tuple[bool, dict[str, Any], str] | None:
    """Whether the last one came out well, what it said and when; None when there was none."""
    found = bulk.rows(connection, "SELECT ok, detail, at FROM upkeep WHERE kind = :kind ORDER BY id DESC LIMIT 1", kind=kind)
    return (bool(found[0][0]), json.loads(found[0][1]), str(found[0][2])) if found else None


def why_not_writable(store: Store) -> str:
    """'' when a row could be written now (it is taken back); a database in which somebody else is just writing is well."""
    try:
        if store.is_sqlite:
            _try_sqlite(str(store.url.database))
        else:
            with store.engine.connect() as connection:
                connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
                connection.exec_driver_sql(_TRIED)
                connection.rollback()
    except sqlite3.OperationalError as error:
        return "" if "locked" in str(error) else "書き込めません"
    except (sqlite3.Error, SQLAlchemyError):
        return "書き込めません"
    return ""


_TRIED = "INSERT INTO upkeep (kind, ok, detail, at) VALUES ('tried', 1, '{}', '')"


def _try_sqlite(path: str) -> None:
    """By a connection of its own: a held one goes on in a file that is not there any more."""
    with closing(sqlite3.connect(f"{Path(path).as_uri()}?mode=rw", uri=True, timeout=1, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_TRIED)
        connection.execute("ROLLBACK")
