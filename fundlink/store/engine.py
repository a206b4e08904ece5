"""One door to the database: SQLite or PostgreSQL behind one URL, transactions that say whether they write.

Opened by bootstrap, used by pipeline and desk through ``Store``. A write transaction commits when its block ends; a failed
COMMIT raises ``NotKeptError`` because it may have happened. Inside ``rehearsal`` nothing is ever committed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from fundlink.domain.errors import BusyError, NotKeptError
from fundlink.store import audit, bulk
from fundlink.store.checkpoints import Checkpoints

SQLITE_PRAGMAS = (
    "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000", "cache_size=-6144", "temp_store=FILE",
    "journal_size_limit=67108864", "wal_autocheckpoint=16384",
)  # fmt: skip
"""Of every connection; the floors of bench take them from here. Checkpoints are made beside the work (checkpoints.py), and within
a commit only when the log has grown to 64 MiB all the same."""
POSTGRESQL_OPTIONS = "-c jit=off -c join_collapse_limit=1"
"""Tables are joined in the order in which a statement names them, as with CROSS JOIN in SQLite: conditions with subqueries look
so rare to the planner that it once put 100,000 rows beside 100,000 others one by one."""
_WRITES = "fundlink_writes"
_CONFLICTS = ("40001", "40P01")  # serialization failure, deadlock: taken back whole, and harmless to repeat


class Store:
    """A database with our tables. Every query of this room takes the connection that ``read`` or ``write`` yields."""

    def __init__(self, url: str) -> None:
        self.url = sa.engine.make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url)
        self._reading = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        audit.follow_savepoints(self.engine)
        self._checkpoints = Checkpoints(self.url.database or "") if self.is_sqlite else None
        self._mine = threading.local()
        self._writing = threading.RLock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for queries; sees one state from its first query on."""
        joined: Connection | None = getattr(self._mine, "connection", None)
        if joined is not None:
            yield joined
            return
        with self._reading.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: everything in the block takes effect together, or nothing does. Joins the one of this thread, if any."""
        joined: Connection | None = getattr(self._mine, "connection", None)
        if joined is not None:
            yield joined
            return
        with self._transaction() as (connection, transaction):
            before = self._changes(connection)
            yield connection
            audit.chain(connection)
            _commit(transaction)
            if self._checkpoints is not None:
                self._checkpoints.note(self._changes(connection) - before)

    @contextmanager
    def together(self) -> Iterator[Connection]:
        """All writes of this thread inside the block are one transaction, however many steps make them."""
        with self.write() as connection, self._joined(connection):
            yield connection

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Everything inside runs for real in one transaction that is taken back at the end (dry run)."""
        with self._transaction() as (connection, transaction):
            with self._joined(connection):
                yield
            transaction.rollback()

    @contextmanager
    def _joined(self, connection: Connection) -> Iterator[None]:
        before = getattr(self._mine, "connection", None)
        self._mine.connection = connection
        try:
            yield
        finally:
            self._mine.connection = before

    @contextmanager
    def _transaction(self) -> Iterator[tuple[Connection, sa.engine.RootTransaction]]:
        with self._one_writer(), self.engine.connect() as plain:
            connection = plain.execution_options(**{_WRITES: True})
            transaction = connection.begin()
            audit.begin(connection)
            try:
                yield connection, transaction
            except BaseException:
                if transaction.is_active:
                    transaction.rollback()
                raise

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        """On SQLite the threads of this process queue here rather than on the file lock, which is much slower."""
        if not self.is_sqlite:
            yield
            return
        with self._writing:
            yield

    @contextmanager
    def stream_lock(self, name: str) -> Iterator[None]:
        """Holds the named stream among all processes of a PostgreSQL database; BusyError when another one has it.

        On SQLite the data folder has one owner at a time, which bootstrap sees to.
        """
        if self.is_sqlite:
            yield
            return
        # no transaction stays open around the work: a server may cut idle ones, and the lock with them
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            key = {"name": f"fundlink:{name}"}
            if not connection.scalar(sa.text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))"), key):
                raise BusyError(name)
            try:
                yield
            finally:
                _let_go(connection, key)

    def serialise(self, connection: Connection, name: str) -> None:
        """Until the transaction ends, no other one that names the same thing goes on (PostgreSQL; SQLite has one writer anyway)."""
        bulk.hold(connection, name)

    def _changes(self, connection: Connection) -> int:
        """Rows that the database connection has changed so far (SQLite)."""
        if self._checkpoints is None:
            return 0
        raw: Any = connection.connection.driver_connection
        return int(raw.total_changes)

    def close(self) -> None:
        """Give all connections back."""
        if self._checkpoints is not None:
            self._checkpoints.stop()
        self.engine.dispose()


def _commit(transaction: sa.engine.RootTransaction) -> None:
    try:
        transaction.commit()
    except (DBAPIError, OperationalError) as error:
        raise NotKeptError("commit") from error


def _let_go(connection: Connection, key: dict[str, str]) -> None:
    try:
        connection.scalar(sa.text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), key)
    except DBAPIError:  # the session was cut and the lock went with it; what was done stands on locks of its own transactions
        connection.invalidate()


def _sqlite_engine(url: sa.engine.URL) -> Engine:
    engine = sa.create_engine(
        url, connect_args={"timeout": 30, "check_same_thread": False}, poolclass=sa.pool.QueuePool, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # BEGIN is ours, below
        cursor = raw.cursor()
        for pragma in SQLITE_PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # a reader that becomes a writer half way could fail with "locked": writers say so at once
        immediate = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _postgresql_engine(url: sa.engine.URL) -> Engine:
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        connect_args={"options": POSTGRESQL_OPTIONS},
    )

    @event.listens_for(engine, "handle_error")
    def _tell_conflict(context: sa.engine.ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlstate", None) in _CONFLICTS:
            raise BusyError("database") from context.original_exception

    return engine
