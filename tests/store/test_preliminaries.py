"""The list of preliminary statements that nobody confirmed: it holds these and no others, and the queue says the same as all statements do."""

from __future__ import annotations

from tests.builders import World, bills

LATER = "2026-12-10T09:00:00"
NOBODY_CONFIRMED = """
    SELECT p.transaction_key FROM receipt p WHERE p.stage = 'preliminary' AND NOT EXISTS (
      SELECT 1 FROM receipt x WHERE x.transaction_key = p.transaction_key AND x.stage <> 'preliminary') ORDER BY 1"""


def listed(world: World) -> list[str]:
    """Transactions on the list."""
    found = world.sql("SELECT r.transaction_key FROM late_preliminary l JOIN receipt r ON r.id = l.receipt_id ORDER BY 1")
    return [str(row[0]) for row in found]


def waiting(world: World) -> list[str]:
    """Cases of that kind, when a week and more has passed."""
    later = world.at(LATER)
    cases = later.jobs.cases({"kind": "preliminary"})["cases"]
    assert [later.jobs.case(case["case"])["open"] for case in cases] == [True] * len(cases)
    return sorted(case["case"].partition(":")[2] for case in cases)


def test_the_list_follows_what_arrives(world: World) -> None:
    world.intake(bills(6))
    world.jobs.submit()
    early = [world.paid(number, f"T{number}", stage="preliminary") for number in range(1, 5)]
    world.receive(early)
    assert listed(world) == []  # nobody has judged them yet, and the queue knows them all the same
    assert waiting(world) == ["T1", "T2", "T3", "T4"]
    world.jobs.reconcile()
    assert listed(world) == waiting(world) == ["T1", "T2", "T3", "T4"]
    world.receive([early[0]._replace(stage="confirmed"), early[1]._replace(stage="cancelled"), world.paid(5, "T5")], day="2026-11-21")
    assert waiting(world) == ["T3", "T4"]  # also while the list still holds them
    world.jobs.reconcile()
    assert listed(world) == waiting(world) == ["T3", "T4"]
    # a confirmation that was first, and its statement after it
    late = world.paid(6, "T6", stage="preliminary")
    world.receive([late._replace(stage="confirmed")], day="2026-11-22")
    world.jobs.reconcile()
    world.receive([late], day="2026-11-23")
    world.jobs.reconcile()
    assert listed(world) == waiting(world) == [str(row[0]) for row in world.sql(NOBODY_CONFIRMED)] == ["T3", "T4"]
