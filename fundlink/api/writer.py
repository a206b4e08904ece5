"""One transaction for all single writes that wait: the disk is asked once for many of them, and each is answered after it.

Used by the write routes. Whoever gets the turn serves everybody in the queue, each in a savepoint of its own, so one refusal
takes nothing from the others; when the commit fails, nobody is told that anything happened. No thread of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.engine import Connection

from fundlink.store.engine import Store

T = TypeVar("T")
Act = Callable[[Connection], T]
TOGETHER = 64
"""Writes a transaction at most, so that nobody at the end of a long queue keeps the others waiting."""


class _Wish(Generic[T]):
    """One write that waits, and later what came of it."""

    def __init__(self, act: Act[T]) -> None:
        self.act, self.done = act, False
        self.result: T | None = None
        self.error: BaseException | None = None

    def fulfil(self, connection: Connection) -> None:
        """Run it in a savepoint; an error takes back this write only."""
        try:
            with connection.begin_nested():
                self.result = self.act(connection)
        except Exception as error:  # noqa: BLE001  (handed to the thread that asked)
            self.error = error

    def told(self) -> T:
        """What the thread that asked gets."""
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]


class Writer:
    """The queue of single writes of one process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Wish[object]] = []
        self._guard, self._turn = threading.Lock(), threading.Lock()

    def write(self, act: Act[T]) -> T:
        """Run ``act`` in the next common transaction; returns or raises once that is committed or failed."""
        wish = _Wish(act)
        with self._guard:
            self._waiting.append(wish)  # type: ignore[arg-type]
        while not wish.done:
            with self._turn:
                if not wish.done:
                    self._serve()
        return wish.told()

    def _serve(self) -> None:
        with self._guard:
            taken, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
        try:
            with self._store.together() as connection:
                for wish in taken:
                    wish.fulfil(connection)
        except BaseException as error:  # the commit, or the way to it: nobody's write is known to have happened
            _failed(taken, error)
            if not isinstance(error, Exception):
                raise
        finally:
            for wish in taken:
                wish.done = True


def _failed(wishes: Sequence[_Wish[object]], error: BaseException) -> None:
    for wish in wishes:
        wish.error = wish.error or error
