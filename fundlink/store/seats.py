"""A worker's place among all of a PostgreSQL database: a session lock on its name, on a connection used for nothing else.

Called by jobs. The lock is held exactly as long as the worker is alive and can reach the database: the server gives it up when it
has not heard of the worker for SILENT_S, and the worker stops itself before that, when it has not heard of the server for LOST_S.
Never decides what happens to the work of a worker that is gone.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.store import bulk

PING_S = 2.0
LOST_S = 15.0
SILENT_S = 30
_KEY = "hashtextextended('fundlink:worker:' || %s, 0)"  # 64 bits: two names meet once in 10**19


def session_name(worker: str) -> str:
    """What all sessions of a worker are called.

    >>> session_name("host-1")
    'fundlink worker host-1'
    """
    return f"fundlink worker {worker}"


def anybody(connection: Connection) -> bool:
    """Whether any worker of this database is there."""
    found = bulk.scalar(
        connection,
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE :any LIMIT 1",
        any=session_name("%"),
    )
    return found is not None


class Seat:
    """One name, taken or not. ``by``: what the session is called."""

    def __init__(self, url: sa.engine.URL, name: str, by: str = "") -> None:
        self.name, self._by = name, by or session_name(name)
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: psycopg.Connection[Any] | None = None
        self._heard, self._left = time.monotonic(), threading.Event()

    def take(self) -> bool:
        """Take the place; False when somebody has it."""
        connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5, application_name=self._by)
        try:
            connection.execute(f"SET idle_session_timeout = {SILENT_S * 1000}".encode())
            row = connection.execute(f"SELECT pg_try_advisory_lock({_KEY})".encode(), (self.name,)).fetchone()
        except psycopg.Error:
            connection.close()
            raise
        if row is None or not row[0]:
            connection.close()
            return False
        self._connection, self._heard = connection, time.monotonic()
        return True

    def watch(self, lost: Callable[[], None]) -> None:
        """From now on ask for the place again and again, and call ``lost`` at once when it is lost or cannot be known to be held."""
        threading.Thread(target=self._ping, args=(lost,), name="fundlink-seat", daemon=True).start()
        threading.Thread(target=self._guard, args=(lost,), name="fundlink-seat-guard", daemon=True).start()

    def _ping(self, lost: Callable[[], None]) -> None:
        connection = self._connection
        assert connection is not None
        while not self._left.wait(PING_S):
            try:
                connection.execute("SELECT 1")
            except psycopg.Error:
                if not self._left.is_set():
                    lost()
                return
            self._heard = time.monotonic()

    def _guard(self, lost: Callable[[], None]) -> None:
        """An answer that does not come is found here: the thread that waits for it can wait for ever."""
        while not self._left.wait(PING_S / 4):
            if time.monotonic() - self._heard > LOST_S:
                lost()
                return

    def leave(self) -> None:
        """Give the place up."""
        self._left.set()
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()

    def end_sessions(self) -> int:
        """End what is left of the worker that had this place before: sessions of a machine that was cut off hold their locks. How many."""
        assert self._connection is not None
        ended = self._connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()",
            (session_name(self.name),),
        )
        return len(ended.fetchall())


@contextmanager
def vacant(url: sa.engine.URL, name: str) -> Iterator[Seat | None]:
    """The place of a name if nobody has it, and nobody takes it inside the block either; None if it is taken."""
    seat = Seat(url, name, "fundlink look-out")
    try:
        yield seat if seat.take() else None
    finally:
        seat.leave()
