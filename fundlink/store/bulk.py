"""Rows by the thousand: prepared inserts of tuples in SQLite, COPY in PostgreSQL, and the temporary tables of set work.

Called by the other modules of this room. Tuples go in as they are; nothing is looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

STREAMED_ROWS = 5_000
_text = lru_cache(1024)(sa.text)
_NAME = re.compile(r"(?<![:\w]):([a-z_]\w*)")
COPIED_ROWS = 2_000
_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
"""What would end a value or a row of COPY text before its time."""


def insert_rows(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert tuples in the order of ``columns``. Source: one chunk, at most some ten thousand rows."""
    names = ", ".join(columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        many = [tuple(row) for row in rows]
        if many:
            connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", many)
        return
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for block in copy_text(rows, len(columns)):
            copy.write(block)


def copy_text(rows: Iterable[Sequence[Any]], width: int) -> Iterator[bytes]:
    """Rows as COPY wants to read them, some thousand at a time; written value by value they cost three times as much."""
    rest = iter(rows)
    while block := list(islice(rest, COPIED_ROWS)):
        yield (_plain(block, width) or "\n".join(map(_line, block))).encode() + b"\n"


def _plain(block: Sequence[Sequence[Any]], width: int) -> str:
    """Rows without a value that needs care, or nothing."""
    if any(None in row for row in block) or bytes in map(type, block[0]):  # a column of bytes has them in every row
        return ""
    text = "\n".join(["\t".join(map(str, row)) for row in block])
    parted = text.count("\t") == (width - 1) * len(block) and text.count("\n") == len(block) - 1
    return text if parted and "\\" not in text and "\r" not in text else ""


def _line(row: Sequence[Any]) -> str:
    return "\t".join(map(_value, row))


def _value(value: Any) -> str:
    if value is None:
        return "\\N"
    return "\\\\x" + value.hex() if isinstance(value, bytes) else str(value).translate(_ESCAPED)


def fresh_temporary(connection: Connection, name: str, definition: str) -> None:
    """An empty temporary table of this connection; what an earlier step left in it is gone."""
    if connection.dialect.name == "sqlite":  # only so is the key the row number itself, and not an index beside it
        definition = definition.replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY")
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {name} ({definition})")


def hold(connection: Connection, name: str) -> None:
    """Until the transaction ends, no other one that holds the same name goes on (PostgreSQL; SQLite has one writer anyway)."""
    if connection.dialect.name == "postgresql":
        run(connection, "SELECT pg_advisory_xact_lock(hashtextextended(:name, 1))", name=name)


def analyze(connection: Connection, *names: str) -> None:
    """Tell the planner of PostgreSQL how large tables are that were just filled; without it it guesses, and guesses badly."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {', '.join(names)}")


def prepare_set_work(connection: Connection) -> None:
    """For this transaction PostgreSQL may hash and sort in memory, and need not think that an index costs a turn of a disk."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL work_mem = '64MB'")
        connection.exec_driver_sql("SET LOCAL random_page_cost = 1.1")


def grown(connection: Connection, rows: int, *names: str) -> None:
    """The same for stored tables after a step that may have multiplied them."""
    if rows >= STREAMED_ROWS:
        analyze(connection, *names)


@lru_cache(1024)
def _driven(statement: str, dialect: str) -> str:
    """A statement in the words of the driver; a text object would be worked through on every call, at several times the price."""
    return statement if dialect == "sqlite" else _NAME.sub(r"%(\1)s", statement.replace("%", "%%"))


def _executed(connection: Connection, statement: str, values: dict[str, Any]) -> sa.CursorResult[Any]:
    return connection.exec_driver_sql(_driven(statement, connection.dialect.name), values)


def run(connection: Connection, statement: str, **values: Any) -> int:
    """Execute one statement with bound values; the number of rows it touched."""
    return _executed(connection, statement, values).rowcount


def newest_id(connection: Connection, table: str) -> int:
    """The highest id of a table; 0 when it is empty."""
    return int(scalar(connection, f"SELECT MAX(id) FROM {table}") or 0)


def keep_newest(connection: Connection, table: str, key: Sequence[str], *, after: int) -> None:
    """Drop rows of running totals that those numbered after ``after`` take the place of; there is an index on the key and the id."""
    same = " AND ".join(f"o.{name} = n.{name}" for name in key)
    run(
        connection,
        f"DELETE FROM {table} WHERE id IN (SELECT o.id FROM {table} n CROSS JOIN {table} o WHERE n.id > :after AND {same} AND o.id <= :after)",
        after=after,
    )


def rows(connection: Connection, statement: str, **values: Any) -> Sequence[Any]:
    """All rows of a query whose answer is known to be small."""
    return _executed(connection, statement, values).all()


def stream(connection: Connection, statement: str, **values: Any) -> Iterator[Any]:
    """The rows of a query of any size, some thousand at a time."""
    with connection.execute(_text(statement).execution_options(yield_per=STREAMED_ROWS), values) as result:  # closed also when left early
        for block in result.partitions(STREAMED_ROWS):  # without the number it is one row a block
            yield from block


def scalar(connection: Connection, statement: str, **values: Any) -> Any:
    """The first column of the first row, or None."""
    return _executed(connection, statement, values).scalar()
