"""A whole table as COPY text, the same bytes from either database: what backups hold. Called by backup and restore of this room.

One line a row, values parted by tabs, as PostgreSQL writes them; SQLite's rows are put into that form and taken out of it here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.store import bulk

_PIECE = 1 << 18
_ROWS, _BLOB_ROWS = 2_000, 8
"""Read at a time; a blob is up to 1 MiB and twice that as text."""
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_PLAIN = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}


def columns(connection: Connection, table: str) -> dict[str, sa.types.TypeEngine[Any]]:
    """Names and types of a table's columns as the database has them."""
    return {str(found["name"]): found["type"] for found in sa.inspect(connection).get_columns(table)}


def blocks(connection: Connection, table: str, names: Sequence[str]) -> Iterator[bytes]:
    """All rows, some at a time; every block ends with a row."""
    statement = f"SELECT {_listed(names)} FROM {table}"
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        with driver.cursor() as cursor, cursor.copy(f"COPY ({statement}) TO STDOUT") as copy:
            yield from _joined(bytes(row) for row in copy)
        return
    kinds = columns(connection, table)
    blobs = any(isinstance(kinds[name], sa.LargeBinary) for name in names)
    cursor = driver.execute(statement)
    while rows := cursor.fetchmany(_BLOB_ROWS if blobs else _ROWS):
        yield from bulk.copy_text(rows, len(names))


def _listed(names: Sequence[str]) -> str:
    """Names as both databases take them, also where one is a word of theirs."""
    return ", ".join(f'"{name}"' for name in names)


def _joined(rows: Iterable[bytes]) -> Iterator[bytes]:
    held, size = [], 0
    for row in rows:
        held.append(row)
        size += len(row)
        if size >= _PIECE:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def fill(connection: Connection, table: str, names: Sequence[str], pieces: Iterable[bytes]) -> None:
    """Put the rows of COPY text into a table; ``pieces`` may break anywhere."""
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({_listed(names)}) FROM STDIN") as copy:
            for piece in pieces:
                copy.write(piece)
        return
    kinds = columns(connection, table)
    blobs = frozenset(at for at, name in enumerate(names) if isinstance(kinds[name], sa.LargeBinary))
    quoted = [_listed([name]) for name in names]
    held: list[list[Any]] = []
    for line in _lines(pieces):
        held.append(_row(line, blobs))
        if len(held) >= (_BLOB_ROWS if blobs else _ROWS):
            bulk.insert_rows(connection, table, quoted, held)
            held = []
    bulk.insert_rows(connection, table, quoted, held)


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    rest: list[bytes] = []
    for piece in chain(pieces, (b"",)):
        *whole, last = piece.split(b"\n")
        if whole:
            yield b"".join((*rest, whole[0])).decode()
            yield from (line.decode() for line in whole[1:])
            rest = []
        rest.append(last)


def _row(line: str, blobs: frozenset[int]) -> list[Any]:
    # SQLite makes numbers of texts in columns of numbers by itself
    if "\\" not in line:
        return list(line.split("\t"))
    return [_value(text, blob=at in blobs) for at, text in enumerate(line.split("\t"))]


def _value(text: str, *, blob: bool) -> Any:
    if text == "\\N":
        return None
    if blob:
        return bytes.fromhex(text.removeprefix("\\\\x"))
    return _ESCAPE.sub(lambda found: _PLAIN.get(found[1], found[1]), text) if "\\" in text else text
