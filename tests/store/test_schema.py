"""The migrated schema is that of the models, on both databases; a start knows the newest revision without loading the migrations."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import IntegrityError

from fundlink.store import bulk, clearings, migrate
from fundlink.store.engine import Store
from fundlink.store.tables import METADATA
from tests.builders import World


def test_the_migrated_schema_equals_the_models(world: World) -> None:
    with world.jobs.rooms.store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_checks_are_those_of_the_models(world: World) -> None:
    """Alembic does not compare them."""
    inspector = sa.inspect(world.jobs.rooms.store.engine)
    for table in METADATA.sorted_tables:
        wanted = {str(found.name) for found in table.constraints if isinstance(found, sa.CheckConstraint)}
        assert {found["name"] for found in inspector.get_check_constraints(table.name)} == wanted, table.name


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate._FOLDER))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


def test_a_migrated_database_is_left_alone_and_an_empty_one_is_made(database_url: str) -> None:
    store = Store(database_url)
    migrate.upgrade(store)
    with store.read() as connection:
        assert migrate.current(connection) == migrate.HEAD
    migrate.upgrade(store)
    assert {table.name for table in METADATA.sorted_tables} | {"alembic_version"} == set(sa.inspect(store.engine).get_table_names())
    store.close()


def test_files_that_waited_for_their_delivery_still_do_after_the_upgrade(database_url: str) -> None:
    store, config = Store(database_url), Config()
    config.set_main_option("script_location", str(migrate._FOLDER))
    with store.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        bulk.run(
            connection, "INSERT INTO raw (id, sha256, size, direction, kind, name, kept_at) VALUES (1, '', 0, 'out', 'clearing', '', '')"
        )
        for number in (1, 2, 3):
            bulk.run(
                connection,
                """INSERT INTO export_file (id, kind, name, municipality_code, profile, raw_id, records, yen, at)
                   VALUES (:number, 'clearing', 'x', '990019', 'standard', 1, 0, 0, '')""",
                number=number,
            )
        bulk.run(connection, "INSERT INTO export_delivery (export_file_id, at) VALUES (1, '')")
    migrate.upgrade(store)
    with store.read() as connection:
        assert [row[0] for row in clearings.undelivered(connection)] == [2, 3]
        assert clearings.undelivered(connection, "131016") == []
    store.close()


NEGATIVE_ALLOWED = {
    ("bank_statement", "opening_balance_yen"): "an account may be overdrawn",
    ("bank_statement", "closing_balance_yen"): "an account may be overdrawn",
    ("day_book", "yen"): "a compensating row takes back what stood before",
    ("day_state", "difference_yen"): "what is missing has a sign",
    ("day_state", "credited_yen"): "a bank may take back more than it gave",
    ("export_file", "yen"): "withdrawn entries count negative",
    ("month_total", "yen"): "a running total: what is taken back may be counted before what it takes back from",
    ("rejected_row", "yen"): "what a refused row said, whatever that was",
    ("settling_line", "yen"): "a credit that is taken back, and money that goes out",
}
"""Amounts that may be below zero, with the reason."""


def _money() -> list[tuple[str, str]]:
    return [(table.name, column.name) for table in METADATA.sorted_tables for column in table.columns if column.name.endswith("yen")]


def test_money_is_64_bit_integer_and_checked() -> None:
    for table, column in _money():
        found = METADATA.tables[table]
        assert isinstance(found.columns[column].type, sa.BigInteger), (table, column)
        checks = [str(check.sqltext) for check in found.constraints if isinstance(check, sa.CheckConstraint)]
        checked = any(text.split()[0] == column for text in checks)
        assert checked != ((table, column) in NEGATIVE_ALLOWED), (table, column)


@pytest.mark.parametrize(("table", "column"), [place for place in _money() if place not in NEGATIVE_ALLOWED])
def test_the_database_refuses_negative_money(world: World, table: str, column: str) -> None:
    found = METADATA.tables[table]
    row = {name.name: _plain(name) for name in found.columns}  # its foreign keys lead nowhere, and are looked at later
    with (  # noqa: PT012  (the commit is what fails)
        pytest.raises(IntegrityError, match=r"(?i)check"),
        world.jobs.rooms.store.write() as connection,
    ):
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.execute(found.insert(), {**row, column: -1})


def _plain(column: sa.Column[object]) -> object:
    return 1 if isinstance(column.type, sa.Integer) else b"x" if isinstance(column.type, sa.LargeBinary) else "x"
