"""Where the product meets disk and database: the places at which a run can be cut, told no, or told nothing.

Installed once a process; acts on the simulation that is running. A commit fails before, after or in doubt; a statement or a
file finds no room; the process is killed. Also notes which tables were written, so that checks know what to look at again.
"""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy as sa

from fundlink.connectors import core_files
from fundlink.domain.errors import BusyError
from fundlink.pipeline import collect, compose
from fundlink.store import bulk, engine, tables
from tests.simulation.faults import Faults

_STORED = frozenset(tables.METADATA.tables)
WRITES = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)", re.IGNORECASE)
OutOfRoom = (sa.exc.OperationalError, sa.exc.TimeoutError, OSError)


class Killed(BaseException):
    """What a kill -9 looks like from inside: nobody may catch it and go on."""


class _NoCommit:
    """A transaction whose COMMIT fails: taken back first, or done first."""

    def __init__(self, transaction: Any, *, done: bool, why: str) -> None:
        self._transaction, self._done, self._why = transaction, done, why

    def commit(self) -> None:
        if self._done:
            self._transaction.commit()
        else:
            self._transaction.rollback()
        raise sa.exc.OperationalError("COMMIT", {}, sqlite3.OperationalError(self._why))


class Storage:
    """The faults of one run's disk and database."""

    def __init__(self, rng: Random, faults: Faults) -> None:
        self._rng, self._faults = rng, faults
        self.working = False  # a step of the product is running: only then something may fail
        self.written: set[str] = set()
        self._statement: int | None = None
        self.doing = ""
        self.stopped: set[str] = set()

    @contextmanager
    def at_work(self, doing: str) -> Iterator[None]:
        """A step runs; draws whether one of its statements will fail."""
        before = self.working, self._statement, self.doing
        self.working, self.doing = True, doing
        self._statement = self._rng.randrange(1, 25) if self._faults.strikes("T27", 0.3) else None
        if self._statement is None and self._faults.strikes("T26", 0.3):
            self._statement = 0
        try:
            yield
        finally:
            self.working, self._statement, self.doing = before

    def statement(self, text: str) -> None:
        """Before every statement."""
        found = WRITES.match(text)
        if found and (table := found.group(1).lower()) in _STORED:
            self.written.add(table)
        if self.working and "db" in self.stopped:
            raise sa.exc.OperationalError(text[:40], {}, sqlite3.OperationalError("could not connect to server"))
        if not self.working or self._statement is None:
            return
        if self._statement == 0:
            self._statement = None
            raise sa.exc.TimeoutError("QueuePool limit reached")
        self._statement -= 1
        if self._statement == 0:
            self._statement = None
            raise sa.exc.OperationalError(text[:40], {}, sqlite3.OperationalError("database or disk is full"))

    def rows(self, table: str, given: Iterable[Any]) -> list[Any]:
        """Before rows go in by the thousand, which passes no statement on PostgreSQL."""
        found = list(given)
        if found and table in _STORED:
            self.written.add(table)
        return found

    def commit(self, honest: Callable[[Any], None], transaction: Any) -> None:
        """At every commit."""
        strikes = self._faults.strikes if self.working else lambda _name, _share=1.0: False
        if self.doing == "close" and strikes("T39", 4):
            if self._rng.random() < 0.5:
                honest(transaction)
            raise Killed
        if strikes("T21", 0.4):
            if self._rng.random() < 0.5:
                honest(transaction)
            raise Killed
        if strikes("T24", 0.4):
            honest(_NoCommit(transaction, done=True, why="server closed the connection unexpectedly"))
        if strikes("T25", 0.4):
            transaction.rollback()
            raise BusyError("database")
        if strikes("T27", 0.3):
            honest(_NoCommit(transaction, done=False, why="database or disk is full"))
        if strikes("T29", 0.4):
            honest(_NoCommit(transaction, done=self._rng.random() < 0.5, why="disk I/O error"))
        honest(transaction)

    def put(self, honest: Callable[..., None], path: Path, content: Iterable[bytes], mode: int) -> None:
        """At every file that is put in its place."""
        if self.working and self._faults.strikes("T28", 0.3):
            raise OSError(28, "No space left on device")
        if self.working and self.doing == "export.deliver" and self._faults.strikes("T36"):
            (path.parent / f".fundlink-{self._rng.getrandbits(40):010x}.tmp").write_bytes(b"half of it")
            raise Killed
        honest(path, content, mode=mode)
        if self.working and self._faults.strikes("T30", 0.3):
            raise OSError(5, "Input/output error")
        if self.working and self.doing == "export.deliver" and self._faults.strikes("T36", 2):
            raise Killed


_THREADS = "ThreadPoolExecutor"


class _AtOnce(Executor):
    """One world has one thread: what another would read or check meanwhile is done at once, at a fraction of the price."""

    def __init__(self, *_: Any) -> None:
        pass

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        """Do it now; its error is told when somebody asks for the result."""
        found: Future[Any] = Future()
        try:
            found.set_result(work(*given, **named))
        except Exception as error:  # noqa: BLE001  (as an executor does)
            found.set_exception(error)
        return found


class _Running:
    storage: Storage | None = None
    names: Random | None = None


RUNNING = _Running()


def watch(found: sa.Engine) -> None:
    """Have every statement of a database told."""

    @sa.event.listens_for(found, "before_cursor_execute")
    def _before(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if RUNNING.storage is not None:
            RUNNING.storage.statement(statement)


@contextmanager
def installed() -> Iterator[None]:
    """The product's commit and its way of putting files, with us in between."""
    commit, put = engine._commit, core_files.put

    def committing(transaction: Any) -> None:
        if RUNNING.storage is None:
            commit(transaction)
        else:
            RUNNING.storage.commit(commit, transaction)

    def putting(path: Path, content: Iterable[bytes], *, mode: int = 0o640) -> None:
        if RUNNING.storage is None:
            put(path, content, mode=mode)
        else:
            RUNNING.storage.put(put, path, content, mode)

    def named() -> uuid.UUID:
        names = RUNNING.names
        return honest_uuid() if names is None else uuid.UUID(int=names.getrandbits(128), version=4)

    def inserting(connection: Any, table: str, columns: Any, rows: Iterable[Any]) -> None:
        insert(connection, table, columns, rows if RUNNING.storage is None else RUNNING.storage.rows(table, rows))

    honest_uuid, insert = uuid.uuid4, bulk.insert_rows
    bulk.insert_rows = inserting
    threads = [(room, getattr(room, _THREADS)) for room in (collect, compose)]
    for room, _ in threads:
        setattr(room, _THREADS, _AtOnce)
    engine._commit, core_files.put, uuid.uuid4 = committing, putting, named
    try:
        yield
    finally:
        engine._commit, core_files.put, uuid.uuid4 = commit, put, honest_uuid
        bulk.insert_rows = insert
        for room, honest in threads:
            setattr(room, _THREADS, honest)
