"""Answers given to keyed writes, kept as long as the facts they tell of.

Called by api. An answer is stored in the transaction of its effect, so it exists exactly when the effect does; it is never
changed. It holds keys, yen and states of bills, no personal data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.engine import Store

_FIND = sa.text("SELECT key, request_sha256, status, answer FROM idempotency WHERE key IN :keys").bindparams(
    sa.bindparam("keys", expanding=True)
)
_ADD = sa.text(
    """INSERT INTO idempotency (key, request_sha256, status, answer, at) VALUES (:key, :request_sha256, :status, :answer, :at)
       ON CONFLICT (key) DO NOTHING"""
)


class Stored(NamedTuple):
    """The request that used a key (its digest) and what it was answered."""

    request_sha256: str
    status: int
    answer: str


def claim(store: Store, connection: Connection, keys: Sequence[str]) -> set[str]:
    """Hold keys until this transaction ends; without those that another process holds (PostgreSQL; SQLite has one process)."""
    if store.is_sqlite:
        return set(keys)
    statement = "SELECT k FROM unnest(CAST(:keys AS TEXT[])) AS k WHERE pg_try_advisory_xact_lock(hashtextextended(k, 2))"
    return {str(row[0]) for row in bulk.rows(connection, statement, keys=list(keys))}


def find(connection: Connection, keys: Sequence[str]) -> dict[str, Stored]:
    """The answers stored under keys, by key."""
    return {str(key): Stored(*rest) for key, *rest in connection.execute(_FIND, {"keys": list(keys)})}


def add(connection: Connection, answers: Mapping[str, Stored], at: str) -> None:
    """Store answers by key; where a key has one already, that one stands."""
    rows = [{"key": key, **stored._asdict(), "at": at} for key, stored in answers.items()]
    connection.execute(_ADD, rows)
