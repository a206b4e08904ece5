"""Bills by an amount and their last day, where most versions that fit are not the present ones any more."""

from __future__ import annotations

from fundlink.domain.scope import EVERYWHERE
from fundlink.store import bill_search
from fundlink.store.bill_search import Pair
from tests.builders import CODE, World, bill


def test_a_page_is_filled_from_behind_many_old_versions(world: World) -> None:
    """Every stretch that is read holds old versions only, until the last few bills, which never changed."""
    flat = [bill(number, charge_yen=5_000) for number in range(1, 31)]
    world.intake(flat)
    world.intake([bill(number, charge_yen=6_000) for number in range(1, 26)])
    pair = Pair(CODE, 5_000, "2027-01-09", "limit")
    with world.jobs.rooms.store.read() as connection:
        first = bill_search.by_pair(connection, pair, EVERYWHERE, after=0, limit=2)
        rest = bill_search.by_pair(connection, pair, EVERYWHERE, after=first[-1].cursor, limit=5)
    assert [hit.bill_key for hit in (*first, *rest)] == [one.bill_key for one in flat[25:]]
