"""Changes of accounts and roles that wait for a second administrator. Called by desk.account_proposals; few, and read whole."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk


class Proposed(NamedTuple):
    """A change that one administrator prepared."""

    proposal_id: int
    kind: str
    content: str
    prepared_by: str
    at: str


def add(connection: Connection, values: tuple[str, str, str, str]) -> int:
    """Keep a proposal (kind, content, prepared_by, at); its number."""
    kind, content, prepared_by, at = values
    statement = "INSERT INTO access_proposal (kind, content, prepared_by, at) VALUES (:kind, :content, :by, :at) RETURNING id"
    return int(bulk.scalar(connection, statement, kind=kind, content=content, by=prepared_by, at=at))


def waiting(connection: Connection) -> list[Proposed]:
    """Proposals without an end, the oldest first."""
    found = bulk.rows(
        connection,
        """SELECT p.id, p.kind, p.content, p.prepared_by, p.at FROM access_proposal p
           WHERE NOT EXISTS (SELECT 1 FROM access_proposal_end e WHERE e.proposal_id = p.id) ORDER BY p.id""",
    )
    return [Proposed._make(row) for row in found]


def end(connection: Connection, proposal_id: int, told: tuple[str, str, str]) -> None:
    """A proposal is approved or dropped (event, by, at)."""
    bulk.insert_rows(connection, "access_proposal_end", ("proposal_id", "event", '"by"', "at"), [(proposal_id, *told)])
