"""The log of SQLite is copied into the database beside the work."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from fundlink.store import checkpoints
from fundlink.store.checkpoints import ROWS
from fundlink.store.engine import Store

WIDE = "x" * 200


def _filled(store: Store, rows: int) -> None:
    with store.write() as connection:
        connection.execute(sa.text("CREATE TABLE IF NOT EXISTS t (x TEXT)"))
        connection.execute(sa.text("INSERT INTO t (x) VALUES (:x)"), [{"x": WIDE}] * rows)


def test_a_long_log_reaches_the_database_without_a_commit_that_waits_for_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = Store(f"sqlite:///{path}")
    _filled(store, 10)
    small = path.stat().st_size
    _filled(store, ROWS)
    with store.read() as kept_open:  # the last connection to close would copy the log as well
        kept_open.execute(sa.text("SELECT 1"))
        assert store._checkpoints is not None
        store._checkpoints.stop()
        assert path.stat().st_size > small + ROWS * len(WIDE) // 2
    store.close()


def test_few_rows_start_no_thread(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    _filled(store, 10)
    assert store._checkpoints is not None
    assert store._checkpoints._thread is None
    store.close()


def test_a_checkpoint_that_fails_loses_nothing_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def execute(self, _statement: str) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    checkpoints._checkpoint(Broken())
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    monkeypatch.setattr(checkpoints, "_checkpoint", lambda _connection: None)
    _filled(store, ROWS)
    _filled(store, ROWS)
    store.close()
    again = Store(f"sqlite:///{tmp_path / 'a.db'}")
    with again.read() as connection:
        assert connection.execute(sa.text("SELECT COUNT(*) FROM t")).scalar() == 2 * ROWS
    again.close()


@pytest.mark.parametrize("started", [False, True])
def test_a_start_that_is_interrupted_hinders_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, started: bool) -> None:
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if thread.name != "fundlink-checkpoint":
            start(thread)
            return
        if started:
            start(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(KeyboardInterrupt):
        _filled(store, ROWS)
    store.close()
    left = [thread for thread in threading.enumerate() if thread.name == "fundlink-checkpoint"]
    for thread in left:
        thread.join(10)
    assert not any(thread.is_alive() for thread in left)
