"""Brings a database to the newest schema with Alembic. Called by bootstrap at every start; a current database costs one query."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.domain.errors import ConfigurationError
from fundlink.domain.problems import problem
from fundlink.store.engine import Store

_FOLDER = Path(__file__).parent / "migrations"
HEAD = "0014"  # the newest revision; a test compares it with the folder, so that a start need not load Alembic


def upgrade(store: Store, revision: str = HEAD) -> None:
    """Run the missing migrations in one transaction; two processes at once take turns. A database of a later version is refused."""
    with store.read() as connection:
        found = current(connection)
    if found == revision:
        return
    if found is not None and not is_known(found):
        raise ConfigurationError([problem("FL-UPG-001", actual=found, expected=HEAD)])
    from alembic import command  # noqa: PLC0415  (11 MB that a current database does not need)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    with store.reshaping() as connection:
        store.serialise(connection, "migration")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def is_known(revision: str) -> bool:
    """Whether this version of the program has the migration that made a schema."""
    return revision.isalnum() and any((_FOLDER / "versions").glob(f"{revision}_*.py"))


def current(connection: Connection) -> str | None:
    """The schema a database is at; None when it has none of ours."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return str(found) if found is not None else None
