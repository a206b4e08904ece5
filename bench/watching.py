"""Looks at a database from outside, many times a second: when a file's receipts are stored, judged, and told by their day.

What another process can read is on the disk, on both databases, so a moment seen here is at most one look too late. Used by
receipts and recovery.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import sqlalchemy as sa

from bench.stages import Bed, Place
from fundlink.config import Settings
from fundlink.store import marks
from fundlink.store.engine import Store
from fundlink.store.outcomes import count_outcomes

LOOK_S = 0.04
_FILES = sa.text(
    """SELECT f.id, f.remote_id, CASE WHEN p.id IS NULL THEN 1 ELSE 0 END FROM received_file f
       LEFT JOIN pending_receipt p ON p.received_id = f.id WHERE f.id > :low AND f.state = 'applied' ORDER BY f.id"""
)


class Watch:
    """The moments (monotonic seconds) at which each file was first seen as stored, judged and tied."""

    def __init__(self, bed: Bed, place: Place) -> None:
        self._store = Store(Settings(home=place.home, database_url=place.url, profiles=bed.profiles).url)
        self.stored: dict[str, float] = {}
        self.judged: dict[str, float] = {}
        self.tied: dict[str, float] = {}
        self._home = place.home
        self._needs: dict[str, int] = {}
        self._low = 0

    def look(self) -> None:
        """One look at everything, in one state of the database."""
        with self._store.read() as connection, connection.begin():
            files = connection.execute(_FILES, {"low": self._low}).all()
            last = int(connection.scalar(sa.text("SELECT MAX(id) FROM outcome")) or 0)
            told = marks.until(connection, "outcomes in days")
        now = time.monotonic()
        for file_id, name, judged in files:
            self.stored.setdefault(name, now)
            if judged and name not in self.judged:
                self.judged[name], self._needs[name] = now, last
            if name in self.judged and told >= self._needs[name]:
                self.tied.setdefault(name, now)
            if name in self.tied and file_id == self._low + 1:
                self._low = file_id

    def until(self, what: Callable[[], bool], patience_s: float) -> bool:
        """Look until something is so; whether it came to that."""
        deadline = time.monotonic() + patience_s
        while not what():
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_S)
            self.look()
        return True

    def outcomes(self) -> dict[str, int]:
        """How many payments have which outcome."""
        with self._store.read() as connection:
            return {name: count for name, count, _ in count_outcomes(connection, None)}

    def at_work(self, verb: str) -> bool:
        """Whether a worker has a task of a verb in hand."""
        asked = "SELECT 1 FROM {}workflow_status WHERE status = 'PENDING' AND workflow_uuid LIKE :verb LIMIT 1"
        try:
            if not self._store.is_sqlite:
                with self._store.read() as connection:
                    return connection.scalar(sa.text(asked.format("dbos.")), {"verb": f"{verb}:%"}) is not None
            with closing(sqlite3.connect(f"file:{self._home}/engine.db?mode=ro", uri=True)) as records:
                return records.execute(asked.format(""), {"verb": f"{verb}:%"}).fetchone() is not None
        except (sqlite3.OperationalError, sa.exc.DBAPIError):
            return False  # no worker has ever begun here

    def close(self) -> None:
        """Give the connection back."""
        self._store.close()
