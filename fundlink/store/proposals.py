"""What one person proposed and another one has not looked at yet, and what became of it. Called by desk only; rows are appended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.store import bulk, scoped
from fundlink.store.settlings import STANDS

_COLUMNS = ("kind", "municipality_code", "subject", "content", "content_sha256", "prepared_by", "prepared_at")


class Proposed(NamedTuple):
    """One proposal with its end; ``event`` is empty while it waits."""

    proposal_id: int
    kind: str
    municipality_code: str
    subject: str
    content: str
    content_sha256: str
    prepared_by: str
    prepared_at: str
    event: str
    by: str
    note: str
    told: str
    at: str


def add(connection: Connection, values: Mapping[str, str]) -> int:
    """Keep a proposal (the columns above); its number."""
    names = ", ".join(_COLUMNS)
    marks = ", ".join(f":{name}" for name in _COLUMNS)
    return int(bulk.scalar(connection, f"INSERT INTO proposal ({names}) VALUES ({marks}) RETURNING id", **values))


def end(connection: Connection, proposal_id: int, told: tuple[str, str, str, str, str]) -> None:
    """A proposal is carried out, refused or withdrawn: event, by, note, told (JSON), at. It has one end."""
    bulk.insert_rows(connection, "proposal_end", ("proposal_id", "event", '"by"', "note", "told", "at"), [(proposal_id, *told)])


_SEEN = f"""
    SELECT p.id, {", ".join("p." + name for name in _COLUMNS)}, COALESCE(e.event, ''), COALESCE(e."by", ''), COALESCE(e.note, ''),
           COALESCE(e.told, ''), COALESCE(e.at, '')
    FROM proposal p LEFT JOIN proposal_end e ON e.proposal_id = p.id"""
_SETTLED = f"""(p.kind = 'settle' AND EXISTS
    (SELECT 1 FROM settling_line l WHERE l.settlement_key = p.subject AND l.settlement_key <> '' AND {STANDS.format("l")}))"""
"""A settlement that something settled meanwhile: what was proposed about it waits for nobody."""


def find(connection: Connection, proposal_id: int) -> Proposed | None:
    """A proposal by its number."""
    found = bulk.rows(connection, f"{_SEEN} WHERE p.id = :id", id=proposal_id)
    return Proposed._make(found[0]) if found else None


def standing(connection: Connection, kind: str, subject: str) -> Proposed | None:
    """The proposal of a kind that waits for a subject."""
    found = bulk.rows(
        connection,
        f"{_SEEN} WHERE p.kind = :kind AND p.subject = :subject AND e.proposal_id IS NULL AND NOT {_SETTLED} ORDER BY p.id DESC LIMIT 1",
        kind=kind, subject=subject,
    )  # fmt: skip
    return Proposed._make(found[0]) if found else None


def adopted(connection: Connection, kind: str, subject: str) -> str:
    """The digest in the answer of the proposal of a kind that was carried out last for a subject; '' when none was."""
    found = bulk.scalar(
        connection,
        """SELECT e.told FROM proposal p JOIN proposal_end e ON e.proposal_id = p.id
           WHERE p.kind = :kind AND p.subject = :subject AND e.event = 'carried_out' ORDER BY p.id DESC LIMIT 1""",
        kind=kind, subject=subject,
    )  # fmt: skip
    return str(json.loads(found)["digest"]) if found else ""


def waiting(connection: Connection, scope: Scope = EVERYWHERE) -> list[Proposed]:
    """Every proposal in scope that waits, oldest first: few, and read whole."""
    inside, held = scoped.within(scope, "p.municipality_code")
    found = bulk.rows(connection, f"{_SEEN} WHERE e.proposal_id IS NULL AND NOT {_SETTLED}{inside} ORDER BY p.id", **held)
    return [Proposed._make(row) for row in found]
