"""The same seeds on SQLite and on PostgreSQL: both must hold, and end in the same ledger.

Called by ``python -m tests.simulation differential`` and by tests. A statement that finds no room (T27) is left out: the two
databases do not say the same number of statements, so it would strike at other places.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from fundlink.store import migrate
from fundlink.store.engine import Store
from tests import postgresql
from tests.simulation import ground, soak, storage
from tests.simulation.world import EVENTS, Run

WITHOUT = frozenset({"T27"})
EMPTY = "simulated_empty"


@contextmanager
def prepared(server: str) -> Iterator[None]:
    """A migrated database without a row, to be copied."""
    with postgresql.database(server, EMPTY) as url:
        store = Store(url)
        migrate.upgrade(store)
        store.close()
        yield


@contextmanager
def copied(server: str, name: str) -> Iterator[str]:
    """A copy of it for one run."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{EMPTY}"'.encode())
    try:
        yield server.rsplit("/", 1)[0] + f"/{name}"
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def both(server: str, seeds: Iterable[int], events: int = EVENTS) -> Iterator[tuple[Run, Run]]:
    """Each seed on both; around it everything that is needed."""
    with prepared(server), ground.shelf() as shelf, storage.installed():
        for seed in seeds:
            with copied(server, f"simulated_{seed}") as url:
                there = soak.one(shelf, seed, events, url=url, without=WITHOUT)
            yield soak.one(shelf, seed, events, without=WITHOUT), there


def compare(seeds: Iterable[int], events: int = EVENTS) -> dict[str, Any]:
    """What came of it, as one object."""
    told: dict[str, Any] = {"seeds": 0, "events": 0, "different": [], "violations": []}
    with postgresql.server() as server:
        for here, there in both(server, seeds, events):
            told["seeds"], told["events"] = told["seeds"] + 1, told["events"] + here.events + there.events
            told["violations"] += [{"seed": run.seed, "violations": run.violations} for run in (here, there) if run.violations]
            if not (here.violations or there.violations) and here.ledger != there.ledger:
                told["different"].append(here.seed)
            print(f"seed {here.seed}: {here.ledger[:12]} {there.ledger[:12]}", file=sys.stderr, flush=True)
    return told
