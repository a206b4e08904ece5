"""Every released schema, with the data of its time, becomes the newest one; a killed upgrade takes effect as a whole or not at all.

``tests/samples/schemas/<revision>.zip`` are backups that were taken when that schema was the newest.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from fundlink import bootstrap
from fundlink.config import Settings
from fundlink.domain.errors import ConfigurationError
from fundlink.store import backup, migrate, restore, verify
from fundlink.store.engine import Store
from fundlink.store.ledger import ledger_hash
from fundlink.store.tables import METADATA

SAMPLES = Path(__file__).parents[1] / "samples/schemas"
RELEASED = ("0001", "0002")
LEDGERS = {
    "0001": "c59a412bd06e2a240a5f1b64821394088f3079da483ffaa0822fcc27b780d891",
    "0002": "b94c239946524742150d77bc64458c5507801c0bab6dd49b1331aa35a4019ad8",
}
"""The ledger of each sample, as it was computed on its own schema."""


def _at(database_url: str, revision: str) -> Store:
    """A database at a released schema, filled with the data of its sample."""
    store = Store(database_url)
    sample = SAMPLES / f"{revision}.zip"
    manifest = backup.manifest_of(sample)
    with store.reshaping() as connection:
        migrate.upgrade(store, revision)
        restore.fill_tables(connection, sample, manifest)
    return store


def _found(store: Store) -> dict[str, Any]:
    """What counts: the ledger, the rows of every table, the invariants that do not hold."""
    with store.read() as connection:
        rows = {name: connection.scalar(sa.text(f'SELECT COUNT(*) FROM "{name}"')) for name in sorted(METADATA.tables)}
        ledger = ledger_hash(connection)
    return {"ledger": ledger, "rows": rows, "broken": [told["id"] for told in verify.verify(store)["invariants"] if not told["ok"]]}


@pytest.mark.parametrize("revision", RELEASED)
def test_a_released_schema_becomes_the_newest_with_the_same_ledger(database_url: str, revision: str) -> None:
    store = _at(database_url, revision)
    with store.read() as connection:
        assert migrate.current(connection) == revision
    migrate.upgrade(store)
    manifest = backup.manifest_of(SAMPLES / f"{revision}.zip")
    found = _found(store)
    assert (found["ledger"], found["broken"]) == (LEDGERS[revision], [])
    kept = {record.name: record.rows for record in manifest.tables}
    assert {name: rows for name, rows in found["rows"].items() if name in kept} == kept
    store.close()


def test_every_released_schema_has_a_sample() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate._FOLDER))
    chain = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]
    assert chain[: len(RELEASED)] == list(RELEASED)
    assert set(LEDGERS) == set(RELEASED) == {sample.stem for sample in SAMPLES.glob("*.zip")}


def _upgrade_and_die(database_url: str, at: int) -> bool:
    """A process upgrades and is killed before its ``at``-th statement that changes something; whether it lived to the end."""
    child = os.fork()
    if child == 0:
        try:
            store, count = Store(database_url), 0

            def kill(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
                nonlocal count
                if statement.lstrip().split(" ", 1)[0].upper() in ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE", "COMMIT"):
                    count += 1
                    if count == at:
                        os.kill(os.getpid(), signal.SIGKILL)

            def last(_connection: Any) -> None:
                kill(None, None, "COMMIT")

            sa.event.listen(store.engine, "before_cursor_execute", kill)
            sa.event.listen(store.engine, "commit", last)
            migrate.upgrade(store)
        except BaseException:  # noqa: BLE001
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return not os.WIFSIGNALED(status)


@pytest.mark.parametrize("revision", RELEASED)
def test_an_upgrade_killed_at_each_statement_is_done_or_not_begun(database_url: str, revision: str) -> None:
    store = _at(database_url, revision)
    store.close()
    kills = 0
    while not _upgrade_and_die(database_url, kills + 1):
        kills += 1
        with store.read() as connection:
            assert migrate.current(connection) == revision, "no statement of a killed upgrade stands"
        store.close()
    assert kills >= 3  # at least a table, the revision and the commit
    migrate.upgrade(store)
    assert (_found(store)["ledger"], _found(store)["broken"]) == (LEDGERS[revision], [])
    store.close()


def test_a_table_that_others_refer_to_may_be_rebuilt(database_url: str) -> None:
    """SQLite alters a table by dropping it; with foreign keys on, that would take or break the rows that refer to it."""
    store = _at(database_url, "0002")
    before = _found_tables(store)
    with store.reshaping() as connection:
        from alembic.migration import MigrationContext
        from alembic.operations import Operations

        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("raw", recreate="always" if store.is_sqlite else "auto") as batch:
            batch.add_column(sa.Column("note", sa.String(), nullable=False, server_default=""))
    assert _found_tables(store) == before
    if store.is_sqlite:
        with store.read() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1, "and they are on again"
    store.close()


def _found_tables(store: Store) -> dict[str, int]:
    with store.read() as connection:
        return {name: connection.scalar(sa.text(f"SELECT COUNT(*) FROM {name}")) or 0 for name in ("raw", "raw_piece", "received_file")}


def test_an_older_program_refuses_a_newer_database(database_url: str) -> None:
    store = Store(database_url)
    migrate.upgrade(store)
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError) as refused:
        migrate.upgrade(store)
    assert [told.code for told in refused.value.problems] == ["FL-UPG-001"]
    assert refused.value.exit_code == 78
    store.close()


def test_who_is_refused_leaves_no_session_behind(tmp_path: Path, postgresql_url: str) -> None:
    store = Store(postgresql_url)
    migrate.upgrade(store)
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError):
        bootstrap.build(Settings(home=tmp_path / "home", database_url=postgresql_url))
    with store.read() as connection:
        others = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert connection.scalar(sa.text(others)) == 0
    store.close()
