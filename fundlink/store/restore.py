"""Fills an empty database from a backup, of whichever kind of database it was made. Called by desk.backup, inside its transaction.

Nothing is merged: a database that holds a row is refused.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.store import backup, bulk, copied, migrate
from fundlink.store.backup import Manifest
from fundlink.store.engine import Store

_OURS = "alembic_version"


def fill(store: Store, path: Path, manifest: Manifest) -> None:
    """The schema of the backup, its rows, then the migrations since; all in the transaction of the caller (``store.reshaping``)."""
    with store.reshaping() as connection:
        store.serialise(connection, "migration")
        _check_empty(connection, manifest)
        migrate.upgrade(store, manifest.revision)
        fill_tables(connection, path, manifest)
        migrate.upgrade(store)
        bulk.analyze(connection, *(record.name for record in manifest.tables))


def fill_tables(connection: Connection, path: Path, manifest: Manifest) -> None:
    """The rows of a backup into the tables of its schema; what the manifest names and the schema has not is refused."""
    known = set(sa.inspect(connection).get_table_names()) - {_OURS}
    with backup.opened(path) as container:
        for record in manifest.tables:
            if record.name not in known or not set(record.columns) <= set(copied.columns(connection, record.name)):
                raise ProblemError([problem("FL-BAK-001", detail="manifest")])
            copied.fill(connection, record.name, record.columns, backup.pieces(container, record.member))
    _count_on(connection, manifest)


def _check_empty(connection: Connection, manifest: Manifest) -> None:
    """No table of ours, or all of them empty and of the backup's schema (FL-BAK-003)."""
    found = migrate.current(connection)
    names = [name for name in sa.inspect(connection).get_table_names() if name != _OURS]
    filled = any(connection.exec_driver_sql(f"SELECT 1 FROM {_quoted(connection, name)} LIMIT 1").first() for name in names)
    if filled or (names and found != manifest.revision):
        raise ProblemError([problem("FL-BAK-003")])


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)


def _count_on(connection: Connection, manifest: Manifest) -> None:
    """PostgreSQL numbers new rows after those that were filled in; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for record in manifest.tables:
        if "id" in record.columns and bulk.scalar(connection, "SELECT pg_get_serial_sequence(:name, 'id')", name=f'"{record.name}"'):
            bulk.run(
                connection,
                f"SELECT setval(pg_get_serial_sequence(:name, 'id'), (SELECT COALESCE(MAX(id), 0) + 1 FROM {record.name}), false)",
                name=f'"{record.name}"',
            )
