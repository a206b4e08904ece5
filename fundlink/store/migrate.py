"""Brings a database to the newest schema with Alembic. Called by bootstrap at every start; a current database costs one query."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.store.engine import Store

_FOLDER = Path(__file__).parent / "migrations"
HEAD = "0009"  # the newest revision; a test compares it with the folder, so that a start need not load Alembic


def upgrade(store: Store) -> None:
    """Run the missing migrations in one transaction; two processes at once take turns."""
    with store.read() as connection:
        if _current(connection) == HEAD:
            return
    from alembic import command  # noqa: PLC0415  (11 MB that a current database does not need)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    with store.write() as connection:
        store.serialise(connection, "migration")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _current(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return str(found) if found is not None else None
