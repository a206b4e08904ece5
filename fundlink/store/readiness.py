"""What says that a municipality is ready: facts that other work left behind, and what persons declared. Called by desk.readiness.

Facts are looked for, not counted: each question ends at the first row that answers it.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk

_COLUMNS = ("municipality_code", "department_code", "item", "done", "note", '"by"', "at")


class Declared(NamedTuple):
    """The newest declaration of an item."""

    department_code: str
    item: str
    done: int
    note: str
    by: str
    at: str


def declare(connection: Connection, municipality_code: str, said: Declared) -> None:
    """Somebody says that an item is done, or is not."""
    bulk.insert_rows(connection, "readiness_declaration", _COLUMNS, [(municipality_code, *said)])


def declared(connection: Connection, municipality_code: str) -> list[Declared]:
    """What stands declared of a municipality and its departments."""
    found = bulk.rows(
        connection,
        """SELECT d.department_code, d.item, d.done, d.note, d."by", d.at FROM readiness_declaration d
           WHERE d.municipality_code = :code AND d.id = (SELECT MAX(x.id) FROM readiness_declaration x
             WHERE x.municipality_code = d.municipality_code AND x.department_code = d.department_code AND x.item = d.item)
           ORDER BY d.department_code, d.item""",
        code=municipality_code,
    )
    return [Declared._make(row) for row in found]


def departments(connection: Connection, municipality_code: str) -> list[str]:
    """Departments that the frozen books know."""
    found = bulk.rows(
        connection, "SELECT DISTINCT b.department_code FROM day_book b WHERE b.municipality_code = :code", code=municipality_code
    )
    return sorted(str(row[0]) for row in found)


def first_accepted(connection: Connection, municipality_code: str) -> str:
    """When a file of the municipality was first accepted; '' when none was."""
    statement = "SELECT MIN(e.at) FROM file_event e WHERE e.event = 'accepted' AND e.municipality_code = :code"
    return str(bulk.scalar(connection, statement, code=municipality_code) or "")


def first_answered(connection: Connection, municipality_code: str) -> str:
    """When the gateway first answered a message of the municipality; '' when it did not."""
    statement = """SELECT MIN(e.at) FROM message m JOIN message_event e ON e.message_id = m.id AND e.event = 'answered'
                   WHERE m.municipality_code = :code"""
    return str(bulk.scalar(connection, statement, code=municipality_code) or "")
