"""What a planner says it will do: every statement of a block is explained with its own values, on its own connection, before it runs.

So temporary tables are there and filled as they are for the statement itself. Both databases; used by the tests of plans.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import sqlalchemy as sa

_EXPLAINED = re.compile(r"\s*(SELECT|WITH|UPDATE|DELETE|INSERT(?!.*\bVALUES\s*\())\b", re.IGNORECASE | re.DOTALL)
_OWN = re.compile(r"\b(pg_catalog|pg_advisory|sqlite_master|set_config|pg_try)", re.IGNORECASE)
_WORDS = {"where", "join", "left", "on", "order", "group", "set", "select", "values", "limit", "cross", "using", "inner", "union"}


MANY = 1_000
"""Rows of a table that nobody should read in a loop."""


class Scan(NamedTuple):
    """A whole table, or a whole index of it, read by one statement."""

    verb: str
    table: str
    how: str
    statement: str

    def __str__(self) -> str:
        return f"{self.verb}: {self.how} on {self.table}: {self.statement}"


class Watcher:
    """Collects scans of the grown tables; ``verb`` names whose they are."""

    def __init__(self, grown: Sequence[str]) -> None:
        self.grown, self.verb = frozenset(grown), ""
        self.scans: list[Scan] = []
        self.repeats: list[Scan] = []
        """Tables of many rows that PostgreSQL means to read once a row of another one."""
        self.explained = 0

    def note(self, _connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        """Explain one statement that is about to run."""
        if not _EXPLAINED.match(statement) or _OWN.search(statement):
            return
        values = parameters[0] if executemany else parameters
        self.explained += 1
        told = " ".join(statement.split())
        if context.dialect.name == "sqlite":
            self.scans += [Scan(self.verb, table, how, told) for table, how in self._sqlite(cursor, statement, values)]
            return
        plan = _explained(cursor, statement, values)
        self.scans += [Scan(self.verb, table, how, told) for table, how in self._scanned(plan, limited=False)]
        self.repeats += [Scan(self.verb, table, "read once a row", told) for table in _read_again(plan)]

    def _sqlite(self, cursor: Any, statement: str, values: Any) -> Iterator[tuple[str, str]]:
        names = _aliases(statement, self.grown)
        for row in cursor.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall():
            match = re.match(
                r"(?:SCAN (\S+)|SEARCH (\S+) USING AUTOMATIC)(.*)", row[3]
            )  # an index made for a statement is made of all rows
            table = names.get(match[1] or match[2]) if match else None
            if match and table:
                yield table, f"{'SCAN' if match[1] else 'AUTOMATIC'}{match[3]}"

    def _scanned(self, node: dict[str, Any], *, limited: bool) -> Iterator[tuple[str, str]]:
        """Sequential scans, and index scans that no condition bounds, unless only their first rows are wanted."""
        kind, table = str(node["Node Type"]), str(node.get("Relation Name", ""))
        whole = kind in ("Index Scan", "Index Only Scan") and "Index Cond" not in node and not limited
        if table in self.grown and (kind == "Seq Scan" or whole):
            yield table, kind
        for child in node.get("Plans", []):
            yield from self._scanned(child, limited=kind == "Limit")


def _explained(cursor: Any, statement: str, values: Any) -> dict[str, Any]:
    with cursor.connection.cursor() as beside:
        beside.execute(f"EXPLAIN (FORMAT JSON) {statement}", values or None)
        told = beside.fetchone()[0]
    plan: dict[str, Any] = (told if isinstance(told, list) else json.loads(told))[0]["Plan"]
    return plan


def _read_again(node: dict[str, Any]) -> Iterator[str]:
    """Tables of MANY rows on the inner side of a loop, read from end to end in each turn. How many turns the planner expects is not asked: it is wrong there."""
    inner = [child for child in node.get("Plans", []) if child.get("Parent Relationship") == "Inner"]
    while node["Node Type"] == "Nested Loop" and inner and inner[0]["Node Type"] in ("Materialize", "Memoize"):
        inner = inner[0]["Plans"]
    for child in inner:
        if node["Node Type"] == "Nested Loop" and child["Node Type"] in ("Seq Scan", "CTE Scan") and child["Plan Rows"] >= MANY:
            yield str(child.get("Relation Name") or child.get("CTE Name"))
    for child in node.get("Plans", []):
        yield from _read_again(child)


def _aliases(statement: str, grown: frozenset[str]) -> dict[str, str]:
    """The names under which a statement reads grown tables."""
    found = {}
    for table, alias in re.findall(r"(?:\b(?:FROM|JOIN|UPDATE|INTO)|,)\s+(\w+)(?:\s+(?:AS\s+)?(?!FROM\b)(\w+))?", statement, re.IGNORECASE):
        if table in grown:
            found[alias if alias and alias.lower() not in _WORDS else table] = table
    return found


@contextmanager
def watched(grown: Sequence[str]) -> Iterator[Watcher]:
    """Explain everything in the block."""
    watcher = Watcher(grown)
    sa.event.listen(sa.engine.Engine, "before_cursor_execute", watcher.note)
    try:
        yield watcher
    finally:
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", watcher.note)
