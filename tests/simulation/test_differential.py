"""SQLite and PostgreSQL come to the same ledger from the same seed."""

from __future__ import annotations

from tests.simulation.differential import both


def test_both_databases_end_in_the_same_ledger(postgresql_server: str) -> None:
    for here, there in both(postgresql_server, (3, 11), 30):
        assert (here.violations, there.violations) == ([], [])
        assert here.ledger == there.ledger
