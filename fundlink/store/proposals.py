"""What one person proposed about a settlement and another one has not looked at yet. Called by desk only; rows are appended."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.settlings import STANDS

_COLUMNS = ("municipality_code", "settlement_key", "suggestion", "equation", "reason", "proposed_by", "at")


class Proposal(NamedTuple):
    """One proposal; an empty ``suggestion`` takes the one before it back."""

    id: int
    municipality_code: str
    settlement_key: str
    suggestion: str
    equation: str
    reason: str
    proposed_by: str
    at: str


def add(connection: Connection, proposal: Proposal) -> None:
    """Append a proposal; its ``id`` is not looked at."""
    bulk.insert_rows(connection, "settling_proposal", _COLUMNS, [proposal[1:]])


_STANDING = f"""
    SELECT p.id, {", ".join("p." + name for name in _COLUMNS)} FROM settling_proposal p
    WHERE p.suggestion <> '' AND p.id = (SELECT MAX(x.id) FROM settling_proposal x WHERE x.settlement_key = p.settlement_key)
      AND NOT EXISTS (SELECT 1 FROM settling_line l WHERE l.settlement_key = p.settlement_key AND l.settlement_key <> '' AND {STANDS.format("l")})"""


def standing(connection: Connection, key: str) -> Proposal | None:
    """The proposal that waits for a settlement which nothing pays yet."""
    found = bulk.rows(connection, f"{_STANDING} AND p.settlement_key = :key", key=key)
    return Proposal._make(found[0]) if found else None


def waiting(connection: Connection) -> list[Proposal]:
    """Every proposal that waits, oldest first."""
    return [Proposal._make(row) for row in bulk.rows(connection, f"{_STANDING} ORDER BY p.id")]
