"""One door to the database: SQLite or PostgreSQL behind one URL, transactions that say whether they write.

Opened by bootstrap, used by pipeline and desk through ``Store``. A write transaction commits when its block ends; a failed
COMMIT raises ``NotKeptError`` because it may have happened. Inside ``rehearsal`` nothing is ever committed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from fundlink.domain.errors import BusyError, NotKeptError, ProblemError
from fundlink.domain.problems import problem
from fundlink.store import audit, bulk
from fundlink.store.checkpoints import Checkpoints

SQLITE_PRAGMAS = (
    "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000", "cache_size=-6144", "temp_store=FILE",
    "journal_size_limit=67108864", "wal_autocheckpoint=16384",
)  # fmt: skip
"""Of every connection; the floors of bench take them from here. Checkpoints are made beside the work (checkpoints.py), and within
a commit only when the log has grown to 64 MiB all the same."""
POSTGRESQL_OPTIONS = "-c jit=off -c join_collapse_limit=1 -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4"
"""A server notices within half a minute that a client is gone, and frees its locks. Tables are joined in the order in which a
statement names them, as with CROSS JOIN in SQLite: conditions with subqueries look
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
        self._ended = False
        event.listen(self.engine, "checkin", self._returned)

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
    def reshaping(self) -> Iterator[Connection]:
        """As ``together``, for work that rebuilds or fills whole tables: SQLite looks at foreign keys once, before the commit.

        Its way of altering a table is to make another one and to drop the first, which would take the rows that refer to it along.
        """
        joined: Connection | None = getattr(self._mine, "connection", None)
        if joined is not None:
            yield joined
            return
        with self._transaction(unchecked=self.is_sqlite) as (connection, transaction):
            with self._joined(connection):
                yield connection
            audit.chain(connection)
            if self.is_sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                raise ProblemError([problem("FL-UPG-002")])
            _commit(transaction)

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
    def _transaction(self, *, unchecked: bool = False) -> Iterator[tuple[Connection, sa.engine.RootTransaction]]:
        with self._one_writer(), self.engine.connect() as plain, _foreign_keys_off(plain) if unchecked else nullcontext():
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
    def stream_lock(self, name: str, part: str = "") -> Iterator[None]:
        """Holds the named stream among all processes of a PostgreSQL database; BusyError when another one has it.

        With ``part`` (a municipality) only that part of it: others may hold other parts meanwhile, and nobody the whole.
        On SQLite the data folder has one owner at a time, which bootstrap sees to.
        """
        if self.is_sqlite:
            yield
            return
        whole = {"name": f"fundlink:{name}"}
        wanted = [("_shared", whole), ("", {"name": f"fundlink:{name}:{part}"})] if part else [("", whole)]
        # no transaction stays open around the work: a server may cut idle ones, and the lock with them
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            held: list[tuple[str, dict[str, str]]] = []
            try:
                for kind, key in wanted:
                    if not connection.scalar(sa.text(f"SELECT pg_try_advisory_lock{kind}(hashtextextended(:name, 0))"), key):
                        raise BusyError(name)
                    held.append((kind, key))
                yield
            finally:
                _let_go(connection, held)

    def serialise(self, connection: Connection, name: str) -> None:
        """Until the transaction ends, no other one that names the same thing goes on (PostgreSQL; SQLite has one writer anyway)."""
        bulk.hold(connection, name)

    def _changes(self, connection: Connection) -> int:
        """Rows that the database connection has changed so far (SQLite)."""
        if self._checkpoints is None:
            return 0
        raw: Any = connection.connection.driver_connection
        return int(raw.total_changes)

    def sign(self, name: str) -> None:
        """Open all sessions under a name from now on, so that another process can end them when this one is taken for dead."""
        self.engine.dispose()

        @event.listens_for(self.engine, "do_connect")
        def _signed(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
            parameters["application_name"] = name

    def _returned(self, _raw: Any, record: Any) -> None:
        if self._ended:
            record.invalidate()

    def close(self) -> None:
        """Give all connections back; one that a thread still has in hand is closed as soon as it lets go of it."""
        self._ended = True
        if self._checkpoints is not None:
            self._checkpoints.stop()
        self.engine.dispose()


def _commit(transaction: sa.engine.RootTransaction) -> None:
    try:
        transaction.commit()
    except (DBAPIError, OperationalError) as error:
        raise NotKeptError("commit") from error


@contextmanager
def _foreign_keys_off(plain: Connection) -> Iterator[None]:
    """SQLite takes this only outside a transaction, so it goes past the one that SQLAlchemy would begin."""
    driver: Any = plain.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        if plain.in_transaction():
            plain.rollback()
        driver.execute("PRAGMA foreign_keys=ON")


def _let_go(connection: Connection, held: list[tuple[str, dict[str, str]]]) -> None:
    try:
        for kind, key in reversed(held):
            connection.scalar(sa.text(f"SELECT pg_advisory_unlock{kind}(hashtextextended(:name, 0))"), key)
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
