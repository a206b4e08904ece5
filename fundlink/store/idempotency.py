"""Answers given to keyed writes, kept as long as the facts they tell of.

Called by api. An answer is stored in the transaction of its effect, so it exists exactly when the effect does; it is never
changed. It holds keys, yen and states of bills, no personal data.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.engine import Store


class Stored(NamedTuple):
    """The request that used a key (its digest) and what it was answered."""

    request_sha256: str
    status: int
    answer: str


def claim(store: Store, connection: Connection, key: str) -> bool:
    """Hold the key until this transaction ends; False when another process holds it (PostgreSQL; SQLite has one process)."""
    if store.is_sqlite:
        return True
    held = connection.scalar(sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 2))"), {"name": key})
    return bool(held)


def find(connection: Connection, key: str) -> Stored | None:
    """The answer stored under a key."""
    found = bulk.rows(connection, "SELECT request_sha256, status, answer FROM idempotency WHERE key = :key", key=key)
    return Stored(*found[0]) if found else None


def add(connection: Connection, key: str, stored: Stored, at: str) -> bool:
    """Store an answer; False when the key has one already, which then stands."""
    made = bulk.run(
        connection,
        """INSERT INTO idempotency (key, request_sha256, status, answer, at) VALUES (:key, :request, :status, :answer, :at)
           ON CONFLICT (key) DO NOTHING""",
        key=key, request=stored.request_sha256, status=stored.status, answer=stored.answer, at=at,
    )  # fmt: skip
    return made == 1
