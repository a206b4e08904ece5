"""Whose turn it is: the streams of one process and of one database, and a rehearsal of all that happens in one.

The ground of verbs and desk; called by nobody else.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from fundlink import bootstrap
from fundlink.domain.errors import BusyError
from fundlink.jobs.tasks import Workers
from fundlink.pipeline import Rooms

TURN_S = 60.0
"""How long a thread waits for another one of this process in the same stream before it is told that it is busy."""


class Streams:
    """The rooms and their streams. ``owned``: this process already owns the data folder (serve, work, demo)."""

    def __init__(self, rooms: Rooms, *, owned: bool = False, workers: Workers | None = None) -> None:
        self.rooms, self._owned, self._workers = rooms, owned, workers
        self._turns: dict[str, threading.Lock] = {}

    @contextmanager
    def _stream(self, name: str, part: str = "") -> Iterator[None]:
        """A stream, or on PostgreSQL the part of a municipality in it: two workers serve two of them at once."""
        turn = name if self.rooms.store.is_sqlite else f"{name}:{part}"
        with self._turn(turn), self._owner(), self.rooms.store.stream_lock(name, part):
            yield

    def _owner(self) -> AbstractContextManager[None]:
        """On SQLite this process works in the data folder, or is told that another one does."""
        return nullcontext() if self._owned else bootstrap.owner(self.rooms)

    @contextmanager
    def _turn(self, name: str) -> Iterator[None]:
        """Threads of one process (worker and API share one Jobs) take turns in a stream."""
        lock = self._turns.setdefault(name, threading.Lock())
        if not lock.acquire(timeout=TURN_S):
            raise BusyError(name)
        try:
            yield
        finally:
            lock.release()

    def _rehearsed(self, dry_run: bool) -> AbstractContextManager[None]:
        """With ``dry_run`` everything happens and is taken back."""
        return self.rooms.store.rehearsal() if dry_run else nullcontext()
