"""API keys of machines: digests, what they are bound to, and their end. Called by desk; a key itself is never here."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk

_COLUMNS = ("prefix", "sha256", "name", "role", "municipality_code", "profile", '"by"', "at")


class Key(NamedTuple):
    """A key as stored. ``ended_at`` is '' while it is good."""

    key_id: int
    prefix: str
    sha256: str
    name: str
    role: str
    municipality_code: str
    profile: str
    by: str
    at: str
    ended_at: str


_SEEN = f"SELECT k.id, {', '.join('k.' + name for name in _COLUMNS)}, COALESCE(e.at, '') FROM api_key k LEFT JOIN api_key_end e ON e.key_id = k.id"


def add(connection: Connection, values: tuple[str, str, str, str, str, str, str, str]) -> None:
    """Keep a key: prefix, sha256, name, role, municipality_code, profile, by, at."""
    bulk.insert_rows(connection, "api_key", _COLUMNS, [values])


def by_prefix(connection: Connection, prefix: str) -> Key | None:
    """The key with this prefix, ended or not."""
    found = bulk.rows(connection, f"{_SEEN} WHERE k.prefix = :prefix", prefix=prefix)
    return Key(*found[0]) if found else None


def all_keys(connection: Connection) -> list[Key]:
    """Every key there ever was, the oldest first."""
    return [Key(*row) for row in bulk.rows(connection, f"{_SEEN} ORDER BY k.id")]


def end(connection: Connection, key_id: int, by: str, at: str) -> None:
    """A key is good for nothing from now on."""
    bulk.insert_rows(connection, "api_key_end", ("key_id", '"by"', "at"), [(key_id, by, at)])
