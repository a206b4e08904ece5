"""verify finds each planted corruption, by exactly the invariants that the table names, on both databases."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.pipeline.reconcile import classify
from fundlink.store import verify
from tests.books.days import broken, hash_of
from tests.builders import World, bill
from tests.store.corruptions import TABLE, Planted
from tests.store.story import told


@pytest.fixture
def town(world: World) -> World:
    """The town of the story, sound and looked at everywhere."""
    told(world)
    found = verify.verify(world.jobs.rooms.store)
    assert [one["id"] for one in found["invariants"] if not one["ok"]] == []
    assert [one["id"] for one in found["invariants"] if not one["checked"]] == []
    return world


def test_there_is_a_corruption_for_every_invariant() -> None:
    assert len(TABLE) >= 43
    assert len({row.name for row in TABLE}) == len(TABLE)
    # the type of a column cannot be corrupted in PostgreSQL: I-16 has a test of its own
    known = {check.id for check in verify.CHECKS} | {ident for ident, *_ in verify.WALKS}
    assert {ident for row in TABLE for ident in row.found_by.split()} == known - {"I-16"}


def test_every_planted_corruption_is_found_by_exactly_its_invariants(town: World) -> None:
    found = {row.name: _planted(town, row) for row in TABLE}
    assert found == {row.name: sorted(row.found_by.split()) for row in TABLE}
    assert broken(town) == []


def _planted(world: World, row: Planted) -> list[str]:
    """What verify finds while the corruption stands; it is taken back."""
    with world.jobs.rooms.store.rehearsal(), world.jobs.rooms.store.write() as connection:
        # no key of another table stands in the way: what is corrupt is seldom corrupt in an orderly way
        sqlite = world.jobs.rooms.store.is_sqlite
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON" if sqlite else "SET LOCAL session_replication_role = replica")
        for statement in row.statements:
            done = connection.execute(sa.text(statement)).rowcount
            assert done != 0, f"{row.name}: {statement}"
        if row.forged:
            _forge(world, connection)
        return sorted(broken(world))


def _forge(world: World, connection: Connection) -> None:
    forge = sa.text("UPDATE day_close SET books_sha256 = :sha WHERE day = :day AND step = 'approved'")
    for (day,) in world.sql("SELECT DISTINCT day FROM day_close WHERE step = 'approved'"):
        connection.execute(forge, {"sha": hash_of(world, str(day)), "day": day})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_yen_that_are_no_whole_number_are_found(town: World) -> None:
    """On SQLite only: PostgreSQL keeps nothing but whole numbers in a column of whole numbers."""
    half = Planted("half a yen", "I-16", ("UPDATE settling_line SET yen = 1000.5 WHERE credit_id IS NULL",))
    assert "I-16" in _planted(town, half)


def test_a_day_is_not_held_against_outcomes_that_it_has_not_been_told(world: World) -> None:
    """Between two steps of reconcile, where a run may be cut, nothing is wrong; a wrong sum is, before and after."""
    world.intake([bill(1), bill(2)])
    world.receive([world.paid(1, "T1")])
    world.jobs.reconcile()
    world.receive([world.paid(2, "T2")])
    classify(world.jobs.rooms, {})
    assert broken(world) == []
    world.jobs.reconcile()
    assert broken(world) == []
    with world.jobs.rooms.store.write() as connection:
        connection.execute(sa.text("UPDATE day_state SET receipts_yen = receipts_yen + 1 WHERE id = (SELECT MAX(id) FROM day_state)"))
    assert "I-02" in broken(world)
