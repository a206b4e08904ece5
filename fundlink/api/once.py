"""Once: a keyed write happens one time, however often and however concurrently it is sent.

Used by the write routes. Within the process a key in flight is a member of a set; among processes of one PostgreSQL database
it is an advisory lock. The answer is stored in the transaction of the effect; what had no effect is not stored.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple

from sqlalchemy.engine import Connection
from starlette.requests import Request

from fundlink.api.answers import Answer, restored
from fundlink.api.bill_rows import Row
from fundlink.api.callers import caller_of
from fundlink.api.writer import Wish, Writer
from fundlink.domain.errors import BusyError, ProblemError
from fundlink.domain.problems import problem
from fundlink.pipeline import Rooms
from fundlink.store import idempotency
from fundlink.store.idempotency import Stored

_KEY = re.compile(r"[ -~]{1,255}").fullmatch


class Keyed(NamedTuple):
    """A write as its key knows it: the key, and the digest of method, address and content."""

    key: str
    request_sha256: str


def key_of(request: Request) -> str:
    """The Idempotency-Key of a request; FL-IDM-001 without one, FL-IDM-004 for one that is none."""
    given = request.headers.getlist("idempotency-key")
    if not given:
        raise ProblemError([problem("FL-IDM-001", place="Idempotency-Key")])
    if len(given) > 1 or not _KEY(given[0]) or not given[0].strip():
        raise ProblemError([problem("FL-IDM-004", place="Idempotency-Key")])
    return given[0]


async def wants_key(request: Request) -> None:
    """Refuses a write without a key before anything else of it is looked at."""
    key_of(request)


def keyed(request: Request, content_sha256: str) -> Keyed:
    """Key and digest of a request whose content has this SHA-256."""
    address = f"{request.method} {request.scope['path']}?{request.scope['query_string'].decode('latin-1')}\n{content_sha256}"
    owner = caller_of(request).key
    key = f"{owner}/{key_of(request)}" if owner else key_of(request)  # the keys of one machine say nothing to another
    return Keyed(key, hashlib.sha256(address.encode()).hexdigest())


Take = Callable[[Connection, Sequence[Row]], Sequence[Answer]]
"""From rows to their answers, in their order."""


class Once:
    """The keys of one process."""

    def __init__(self, rooms: Rooms, writer: Writer) -> None:
        self._rooms, self._writer = rooms, writer
        self._flying: set[str] = set()
        self._guard = threading.Lock()

    async def single(self, write: Keyed, act: Callable[[Connection], Answer]) -> Answer:
        """Effect and stored answer in one transaction."""
        return await self._written(write, Wish(self._each, (write, act), "single", write.key))

    async def row(self, write: Keyed, row: Row, take: Take) -> Answer:
        """The same for a row, which may take the road together with others of its municipality, though not with its like."""
        return await self._written(write, Wish(partial(self._rows, take), (write, row), ("row", row.municipality_code), row.name))

    async def _written(self, write: Keyed, wish: Wish) -> Answer:
        with self._in_flight(write.key):
            answer: Answer = await self._writer.write(wish)
            return answer

    def _each(self, connection: Connection, items: Sequence[tuple[Keyed, Callable[[Connection], Answer]]]) -> list[Answer | Exception]:
        """One after the other, each in a savepoint of its own: a refusal takes nothing from the others."""
        return [self._alone_in(connection, write, act) for write, act in items]

    def _alone_in(self, connection: Connection, write: Keyed, act: Callable[[Connection], Answer]) -> Answer | Exception:
        try:
            with connection.begin_nested():
                return self._first_time(connection, [write], lambda _new: [act(connection)])[0]
        except Exception as error:  # noqa: BLE001  (handed to the one who asked)
            return error

    def _rows(self, take: Take, connection: Connection, items: Sequence[tuple[Keyed, Row]]) -> list[Answer | Exception]:
        def act(new: Sequence[int]) -> Sequence[Answer]:
            return take(connection, [items[at][1] for at in new])

        return self._first_time(connection, [write for write, _ in items], act)

    def _first_time(
        self, connection: Connection, writes: Sequence[Keyed], act: Callable[[Sequence[int]], Sequence[Answer]]
    ) -> list[Answer | Exception]:
        """Let those writes act that are new, and store their answers; the others get the answer they had, or are told why not."""
        keys = [write.key for write in writes]
        mine, before = idempotency.claim(self._rooms.store, connection, keys), idempotency.find(connection, keys)
        told = {at: _known(before[key], writes[at]) for at, key in enumerate(keys) if key in before}
        told |= {at: ProblemError([problem("FL-IDM-003")]) for at, key in enumerate(keys) if key not in mine}
        new = [at for at in range(len(keys)) if at not in told]
        made = dict(zip(new, act(new) if new else [], strict=True))
        self._keep(connection, [(writes[at], answer) for at, answer in made.items()])
        return [told[at] if at in told else made[at] for at in range(len(keys))]

    def bulk(self, write: Keyed, act: Callable[[], Answer]) -> Answer:
        """An effect of several transactions: the answer is stored after them, and a repeat after a crash runs the road again."""
        store = self._rooms.store
        with self._in_flight(write.key), self._alone(write.key):
            with store.read() as connection:
                before = idempotency.find(connection, [write.key])
            if write.key in before:
                return _replayed(_known(before[write.key], write))
            answer = act()
            with store.write() as connection:
                self._keep(connection, [(write, answer)])
            return answer

    def _keep(self, connection: Connection, given: Sequence[tuple[Keyed, Answer]]) -> None:
        lasting = {write.key: Stored(write.request_sha256, answer.status, answer.stored()) for write, answer in given if answer.lasting}
        if lasting:
            idempotency.add(connection, lasting, self._rooms.now())

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        with ExitStack() as held:
            try:
                held.enter_context(self._rooms.store.stream_lock(f"idempotency:{key}"))
            except BusyError:
                raise ProblemError([problem("FL-IDM-003")]) from None
            yield

    @contextmanager
    def _in_flight(self, key: str) -> Iterator[None]:
        with self._guard:
            if key in self._flying:
                raise ProblemError([problem("FL-IDM-003")])
            self._flying.add(key)
        try:
            yield
        finally:
            with self._guard:
                self._flying.discard(key)


def _known(stored: Stored, write: Keyed) -> Answer | Exception:
    """What a key that was used before is told."""
    if stored.request_sha256 != write.request_sha256:
        return ProblemError([problem("FL-IDM-002")])
    return restored(stored.status, stored.answer)


def _replayed(known: Answer | Exception) -> Answer:
    if isinstance(known, Exception):
        raise known
    return known
