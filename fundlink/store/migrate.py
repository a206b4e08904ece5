"""Brings a database to the newest schema with Alembic. Called by bootstrap at every start; a current database costs one query."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from fundlink.store.engine import Store

_FOLDER = Path(__file__).parent / "migrations"


def upgrade(store: Store) -> None:
    """Run the missing migrations, each in its transaction; two processes at once take turns."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    with store.read() as connection:
        if _current(connection) == ScriptDirectory.from_config(config).get_current_head():
            return
    with store.write() as connection:
        store.serialise(connection, "migration")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _current(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return str(found) if found is not None else None
