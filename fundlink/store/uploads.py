"""Files that a person handed over at the console, and how far each one is: tried, taken, dropped. Called by desk.uploads; rows are appended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.store import bulk, scoped

_COLUMNS = ("raw_id", "name", "profile", "municipality_code", "uploaded_by", "at")


class Upload(NamedTuple):
    """One upload and its newest event."""

    upload_id: int
    raw_id: int
    name: str
    profile: str
    municipality_code: str
    uploaded_by: str
    uploaded_at: str
    sha256: str
    size: int
    event: str
    by: str
    told: dict[str, Any]
    at: str


def add(connection: Connection, values: Mapping[str, Any]) -> int:
    """Note an upload (the columns above); its number."""
    marks = ", ".join(f":{name}" for name in _COLUMNS)
    statement = f"INSERT INTO upload ({', '.join(_COLUMNS)}) VALUES ({marks}) RETURNING id"
    return int(bulk.scalar(connection, statement, **values))


def add_event(connection: Connection, upload_id: int, told: tuple[str, str, Mapping[str, Any], str]) -> None:
    """How far it is now: event, by, what there is to tell, at."""
    event, by, words, at = told
    columns = ("upload_id", "event", '"by"', "told", "at")
    bulk.insert_rows(connection, "upload_event", columns, [(upload_id, event, by, json.dumps(words, ensure_ascii=False), at)])


_SEEN = """
    SELECT u.id, u.raw_id, u.name, u.profile, u.municipality_code, u.uploaded_by, u.at, r.sha256, r.size, e.event, e."by", e.told, e.at
    FROM upload u JOIN raw r ON r.id = u.raw_id
    JOIN upload_event e ON e.upload_id = u.id AND e.id = (SELECT MAX(x.id) FROM upload_event x WHERE x.upload_id = u.id)"""


def find(connection: Connection, upload_id: int, scope: Scope = EVERYWHERE) -> Upload | None:
    """An upload in scope."""
    found = _uploads(connection, "u.id = :id", scope, id=upload_id)
    return found[0] if found else None


def newest(connection: Connection, scope: Scope, limit: int) -> list[Upload]:
    """The newest uploads in scope."""
    return _uploads(connection, "1 = 1", scope, limit=limit)


def _uploads(connection: Connection, condition: str, scope: Scope, **values: Any) -> list[Upload]:
    inside, held = scoped.within(scope, "u.municipality_code")
    end = " LIMIT :limit" if "limit" in values else ""
    rows = bulk.rows(connection, f"{_SEEN} WHERE {condition}{inside} ORDER BY u.id DESC{end}", **values, **held)
    return [Upload._make([*row[:11], json.loads(row[11]), row[12]]) for row in rows]
