"""The writer: what waits when it is free becomes one transaction, and everybody in it is answered after its commit.

Used by once. Wishes of one lot are handed to their act together; when that fails as a whole, each is taken alone, which is the
same act with one wish. When a commit fails, nobody is told that anything happened. One thread, alive while there is work.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.domain.errors import OutcomeUnknownError, ProblemError
from fundlink.domain.problems import problem
from fundlink.store.engine import Store

TOGETHER = 64
"""Writes a transaction at most, so that nobody at the end of a long queue keeps the others waiting."""
WAITING = 2048
"""Writes that wait at most; more are asked to come again, so that a queue cannot grow without end."""
_HOPELESS = (OutcomeUnknownError, sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)
"""Failures of the database: asking again for each alone would only hold up all of them."""

Act = Callable[[Connection, Sequence[Any]], Sequence[Any]]
"""From the items of a lot to what each came to, in their order: a result, or an exception for that one only."""


class Wish(NamedTuple):
    """One write: its act and what is given to it. ``lot`` says with whom it may be taken, ``name`` with whom it may not."""

    act: Act
    item: Any
    lot: Hashable
    name: Hashable


class _Waiting(NamedTuple):
    wish: Wish
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]

    def fits(self, first: _Waiting, names: set[Hashable]) -> bool:
        """Whether it may go with ``first`` and those of these names."""
        return self.wish.lot == first.wish.lot and self.loop is first.loop and self.wish.name not in names


class Writer:
    """The queue of single writes of one process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._guard, self._busy = threading.Lock(), False
        self._thread = ThreadPoolExecutor(1, "fundlink-write")

    async def write(self, wish: Wish) -> Any:
        """The result of the wish, or its exception, once the transaction it is in is committed or failed."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(wish, loop, loop.create_future())
        with self._guard:
            if len(self._waiting) >= WAITING:
                raise ProblemError([problem("FL-API-011")])
            self._waiting.append(waiting)
            begins, self._busy = not self._busy, True
        if begins:
            self._thread.submit(self._serve)
        return await waiting.answer

    def _serve(self) -> None:
        while lot := self._next():
            results = self._done(lot)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                lot[0].loop.call_soon_threadsafe(_tell, lot, results)

    def _next(self) -> list[_Waiting]:
        """The first in the queue and all that may go with it; the others keep their places."""
        taken: list[_Waiting] = []
        left: list[_Waiting] = []
        names: set[Hashable] = set()
        with self._guard:
            for one in self._waiting:
                if not taken or (len(taken) < TOGETHER and one.fits(taken[0], names)):
                    taken.append(one)
                    names.add(one.wish.name)
                else:
                    left.append(one)
            self._waiting, self._busy = left, bool(taken)
        return taken

    def _done(self, lot: Sequence[_Waiting]) -> Sequence[Any]:
        try:
            with self._store.together() as connection:
                return lot[0].wish.act(connection, [one.wish.item for one in lot])
        except _HOPELESS as error:
            return [error] * len(lot)
        except BaseException as error:  # noqa: BLE001  (handed to those who asked)
            return [error] if len(lot) == 1 else [self._done([one])[0] for one in lot]


def _tell(lot: Sequence[_Waiting], results: Sequence[Any]) -> None:
    for one, result in zip(lot, results, strict=True):
        if one.answer.done():  # whoever asked has gone
            continue
        if isinstance(result, BaseException):
            one.answer.set_exception(result)
        else:
            one.answer.set_result(result)
