"""Checkpoints of SQLite's write-ahead log, beside the work instead of in the middle of somebody's commit.

Used by engine. A commit that finds the log long copies it into the database and waits for the disk: a second or more among
millions of bills, in which nobody is answered. Here a thread with a connection of its own does so (PASSIVE: it blocks neither
writers nor readers), started when there is first something to do. It decides nothing about durability: a commit is on the disk
when it is in the log, and when this thread is late, commits do the work as before (``wal_autocheckpoint``).
"""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

ROWS = 2_000
"""Changed rows after which the log is worth copying: some hundred pages, so that the disk is never busy for long."""
RETRY_S = 1.0


class Checkpoints:
    """The checkpoints of one database file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._changed = threading.Condition()
        self._rows, self._stopped = 0, False
        self._thread: threading.Thread | None = None

    def note(self, rows: int) -> None:
        """A commit changed so many rows."""
        with self._changed:
            self._rows += rows
            if self._rows < ROWS or self._stopped:
                return
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="fundlink-checkpoint", daemon=True)
                thread.start()  # may be interrupted: what has not been started cannot be waited for
                self._thread = thread
            self._changed.notify()

    def stop(self) -> None:
        """No more; what is left is copied when the last connection closes."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        connection = sqlite3.connect(self._path, timeout=RETRY_S, isolation_level=None)
        try:
            while self._wanted():
                _checkpoint(connection)
        finally:
            connection.close()

    def _wanted(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._rows >= ROWS)
            due, self._rows = self._rows >= ROWS, 0
            return due


def _checkpoint(connection: Any) -> None:
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except sqlite3.OperationalError:
        return  # a full disk, a lock, a file that is gone: whoever writes next meets it and says so
