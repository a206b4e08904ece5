"""The product's own invariants after every event, cheaply: each check runs again only when a table it reads was written since.

Used by checks. On SQLite the checks of ``store.verify`` run on a plain connection of the driver beside the product's own, at a
tenth of the price; on PostgreSQL they run as they are.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

from fundlink.store import tables, verify
from fundlink.store.engine import Store

_TABLES = re.compile(r"\b(" + "|".join(sorted(tables.METADATA.tables, key=len, reverse=True)) + r")\b")


class _Dialect:
    name = "sqlite"


class _Rows:
    """Rows of a query in the few ways that checks ask for them."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cursor.close()

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._cursor)

    def all(self) -> list[tuple[Any, ...]]:
        return self._cursor.fetchall()

    def scalar(self) -> Any:
        found = self._cursor.fetchone()
        return found[0] if found else None

    def partitions(self, size: int = 1000) -> Iterator[list[tuple[Any, ...]]]:
        while found := self._cursor.fetchmany(size):
            yield found


class Glass:
    """A look at the database of a run: what stands in it, and which tables were asked for."""

    dialect = _Dialect()

    def __init__(self, path: str) -> None:
        self._raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=2000)
        self.asked: set[str] = set()

    def execute(self, statement: Any, values: dict[str, Any] | None = None) -> _Rows:
        text = str(getattr(statement, "text", statement))
        self.asked |= _tables_of(text)
        return _Rows(self._raw.execute(text, values or {}))

    def exec_driver_sql(self, statement: str, values: dict[str, Any] | None = None) -> _Rows:
        return self.execute(statement, values)

    def execution_options(self, **_: Any) -> Glass:
        return self

    def scalar(self, statement: Any, values: dict[str, Any] | None = None) -> Any:
        found = self.execute(statement, values).all()
        return found[0][0] if found else None

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        """All rows of a query of our own."""
        return self._raw.execute(text).fetchall()

    def close(self) -> None:
        self._raw.close()


_KNOWN: dict[str, frozenset[str]] = {}


def _tables_of(text: str) -> frozenset[str]:
    found = _KNOWN.get(text)
    if found is None:
        found = _KNOWN[text] = frozenset(_TABLES.findall(text))
    return found


class _Check(NamedTuple):
    ident: str
    run: Any


def _every() -> list[_Check]:
    """All checks of the product, each giving how many things break it."""

    def of_query(check: verify.Check) -> _Check:
        return _Check(check.id, lambda glass: int(glass.scalar(check.broken) or 0))

    def of_walk(ident: str, walk: Any) -> _Check:
        return _Check(ident, lambda glass: int(walk(glass)[1]))

    walks = [(ident, walk) for ident, _, walk in verify.WALKS if ident != "I-09"]
    return [*map(of_query, verify.CHECKS), *(of_walk(ident, walk) for ident, walk in walks)]


class Invariants:
    """The invariants of one run's database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.glass = Glass(str(store.url.database)) if store.is_sqlite else None
        self._checks = _every()
        self._reads: dict[str, set[str]] = {}
        self._kept = 0

    def broken(self, written: set[str] | None) -> list[str]:
        """What is broken now; ``written`` are the tables written since the last time (None: look at everything)."""
        if self.glass is None:
            return self._all_of_them()
        found = []
        for at, check in enumerate(self._checks):
            name = f"{at} {check.ident}"
            reads = self._reads.get(name)
            if written is not None and reads is not None and not reads & written:
                continue
            self.glass.asked = set(reads or ())
            if check.run(self.glass):
                found.append(check.ident)
            self._reads[name] = self.glass.asked
        return found + self._fresh_bytes(written)

    def _fresh_bytes(self, written: set[str] | None) -> list[str]:
        """I-09 over what was kept since the last look; at the end over everything."""
        if written is not None and "raw" not in written:
            return []
        assert self.glass is not None
        after = 0 if written is None else self._kept
        wrong = False
        for raw_id, sha256, size in self.glass.rows(f"SELECT id, sha256, size FROM raw WHERE id > {after} ORDER BY id"):
            pieces = self.glass.rows(f"SELECT data FROM raw_piece WHERE raw_id = {int(raw_id)} ORDER BY seq")
            body = b"".join(piece[0] for piece in pieces)
            wrong |= hashlib.sha256(body).hexdigest() != sha256 or len(body) != size
            self._kept = int(raw_id)
        return ["I-09"] if wrong else []

    def _all_of_them(self) -> list[str]:
        told = verify.verify(self._store)
        return [str(item["id"]) for item in told["invariants"] if not item["ok"]]

    def close(self) -> None:
        if self.glass is not None:
            self.glass.close()
