"""Once: a keyed write happens one time, however often and however concurrently it is sent.

Used by the write routes. Within the process a key in flight is a member of a set; among processes of one PostgreSQL database
it is an advisory lock. The answer is stored in the transaction of the effect; what had no effect is not stored.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from sqlalchemy.engine import Connection
from starlette.requests import Request

from fundlink.api.answers import Answer, restored
from fundlink.api.writer import Writer
from fundlink.domain.errors import BusyError, ProblemError
from fundlink.domain.problems import problem
from fundlink.pipeline import Rooms
from fundlink.store import idempotency

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


def keyed(request: Request, content_sha256: str) -> Keyed:
    """Key and digest of a request whose content has this SHA-256."""
    address = f"{request.method} {request.url.path}?{request.url.query}\n{content_sha256}"
    return Keyed(key_of(request), hashlib.sha256(address.encode()).hexdigest())


class Once:
    """The keys of one process."""

    def __init__(self, rooms: Rooms, writer: Writer) -> None:
        self._rooms, self._writer = rooms, writer
        self._flying: set[str] = set()
        self._guard = threading.Lock()

    def single(self, write: Keyed, act: Callable[[Connection], Answer]) -> Answer:
        """Effect and stored answer in one transaction."""
        with self._in_flight(write.key):
            return self._writer.write(lambda connection: self._act(connection, write, act))

    def _act(self, connection: Connection, write: Keyed, act: Callable[[Connection], Answer]) -> Answer:
        if not idempotency.claim(self._rooms.store, connection, write.key):
            raise ProblemError([problem("FL-IDM-003")])
        before = _before(connection, write)
        if before is not None:
            return before
        answer = act(connection)
        self._keep(connection, write, answer)
        return answer

    def bulk(self, write: Keyed, act: Callable[[], Answer]) -> Answer:
        """An effect of several transactions: the answer is stored after them, and a repeat after a crash runs the road again."""
        store = self._rooms.store
        with self._in_flight(write.key), self._alone(write.key):
            with store.read() as connection:
                before = _before(connection, write)
            if before is not None:
                return before
            answer = act()
            with store.write() as connection:
                self._keep(connection, write, answer)
            return answer

    def _keep(self, connection: Connection, write: Keyed, answer: Answer) -> None:
        if answer.lasting:
            stored = idempotency.Stored(write.request_sha256, answer.status, answer.stored())
            idempotency.add(connection, write.key, stored, self._rooms.now())

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


def _before(connection: Connection, write: Keyed) -> Answer | None:
    stored = idempotency.find(connection, write.key)
    if stored is None:
        return None
    if stored.request_sha256 != write.request_sha256:
        raise ProblemError([problem("FL-IDM-002")])
    return restored(stored.status, stored.answer)
