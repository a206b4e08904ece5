"""A store that is closed keeps no session, whoever was at work in it; on both databases."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
import sqlalchemy as sa

from fundlink.store.engine import Store


def _is_closed(raw: Any) -> bool:
    if not isinstance(raw, sqlite3.Connection):
        return bool(raw.closed)
    try:
        raw.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return True
    return False


def _used(store: Store, *, ends: bool) -> Any:
    """The driver's connection of a piece of work that is in hand when the store is closed, or begins after that."""
    with store.read() as connection:
        connection.execute(sa.text("SELECT 1"))
        if ends:
            store.close()
        return connection.connection.driver_connection


@pytest.mark.parametrize("work", ["in hand", "afterwards"])
def test_work_that_outlives_the_store_leaves_no_session(database_url: str, work: str) -> None:
    store = Store(database_url)
    if work == "afterwards":
        assert not _is_closed(_used(store, ends=False)), "while the store is open its sessions are kept"
        store.close()
    assert _is_closed(_used(store, ends=work == "in hand"))
    assert _is_closed(_used(store, ends=False)), "and whoever comes after that can work, with a session of his own"
