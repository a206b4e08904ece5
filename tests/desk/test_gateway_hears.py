"""The gateway hears when an act settles a bill, and when that is undone. On both databases, against the in-memory twin."""

from __future__ import annotations

import pytest

from fundlink.domain.errors import ProblemError
from tests.builders import World
from tests.desk.cases import NOBODY, act, queue, receipt, sound, town


def at_gateway(world: World, number: int, issue: int = 0) -> str:
    """The state of a slip in the gateway's register."""
    (keys) = world.sql(
        "SELECT s.case_key FROM slip s JOIN bill b ON b.id = s.bill_id WHERE b.bill_key LIKE :key ORDER BY s.issue_count",
        key=f"%{number:016d}%",
    )
    return world.twin.slips.get(keys[issue][0], {"state": "unknown"})["state"]  # fmt: skip


def test_a_bill_that_an_act_pays_is_cancelled_there_and_comes_back_under_another_number(world: World) -> None:
    town(world)
    done = act(world, "attach", "transaction:T3", bill="K2")
    assert at_gateway(world, 2) == "registered"
    told = world.jobs.submit()
    assert (told["slips"], at_gateway(world, 2), world.state(2)) == (1, "cancelled", "paid")
    assert world.jobs.submit()["slips"] == 0
    act(world, "reverse", f"act:{done['act_id']}")
    world.jobs.reconcile()
    assert (world.state(2), queue(world)["transaction:T3"]) == ("issued", "unknown_bill")
    world.jobs.submit()
    assert (at_gateway(world, 2, 0), at_gateway(world, 2, 1), world.state(2)) == ("cancelled", "registered", "registered")
    sound(world)


def test_undone_before_anybody_was_told_the_slip_stays(world: World) -> None:
    town(world)
    done = act(world, "attach", "transaction:T3", bill="K2")
    act(world, "reverse", f"act:{done['act_id']}")
    world.jobs.submit()
    assert (at_gateway(world, 2), world.state(2)) == ("registered", "registered")
    assert world.sql("SELECT MAX(issue_count) FROM slip") == [(1,)]
    sound(world)


def test_a_debt_given_up_is_cancelled_there_and_its_bill_gets_another_slip(world: World) -> None:
    town(world)
    done = act(world, "write_off", "bill:" + _key(world, 3), code="time_barred")
    world.jobs.submit()
    assert (at_gateway(world, 3), world.state(3)) == ("cancelled", "cancelled")
    act(world, "reverse", f"act:{done['act_id']}")
    world.jobs.submit()
    assert (at_gateway(world, 3, 1), world.state(3)) == ("registered", "registered")
    sound(world)


def test_a_payment_that_comes_nevertheless_is_a_duplicate(world: World) -> None:
    town(world)
    paid = world.paid(2, "T9")
    done = act(world, "attach", "transaction:T3", bill="K2")
    world.jobs.submit()
    world.receive([paid])
    world.jobs.reconcile()
    assert (queue(world)["transaction:T9"], world.state(2)) == ("duplicate_payment", "paid")
    sound(world)
    act(world, "reverse", f"act:{done['act_id']}")
    world.jobs.reconcile()  # the bill was paid all the same: no other number is given out
    assert world.sql("SELECT MAX(issue_count) FROM slip") == [(1,)]
    assert (world.state(2), "transaction:T9" in queue(world)) == ("paid", False)
    sound(world)


def test_an_act_on_a_slip_whose_registration_is_not_known(world: World) -> None:
    """The answer was lost, an act pays the bill, then the gateway says that it had taken the slip: it is cancelled there."""
    from tests.desk.cases import bills

    world.twin.faults.append("lose_answer")
    world.intake(bills(1))
    world.jobs.submit()
    world.receive([receipt("T3", NOBODY, "000000", amount_yen=1001)])
    world.jobs.reconcile()
    act(world, "attach", "transaction:T3", bill="K1")
    for _ in range(2):
        world.jobs.submit()
    assert (at_gateway(world, 1), world.state(1)) == ("cancelled", "paid")
    sound(world)


def test_a_slip_that_was_never_told_is_not_told(world: World) -> None:
    from tests.desk.cases import bills

    world.intake(bills(1))
    world.receive([receipt("T3", NOBODY, "000000", amount_yen=1001)])
    world.jobs.reconcile()
    done = act(world, "attach", "transaction:T3", bill="K1")
    assert world.jobs.submit()["slips"] == 0
    assert at_gateway(world, 1) == "unknown"
    act(world, "reverse", f"act:{done['act_id']}")
    assert (world.jobs.submit()["slips"], at_gateway(world, 1), world.state(1)) == (1, "registered", "registered")
    sound(world)


def _key(world: World, number: int) -> str:
    found = world.sql("SELECT bill_key FROM bill WHERE bill_key LIKE :key", key=f"%{number:016d}%")
    return str(found[0][0])


def test_refused_acts_tell_nobody(world: World) -> None:
    town(world)
    with pytest.raises(ProblemError):
        act(world, "attach", "transaction:T3", bill="K2", yen=5000)
    assert world.jobs.submit()["slips"] == 0


def test_a_quarantined_bill_file_is_a_case_until_it_is_taken_or_done_with(world: World) -> None:
    for _ in range(2):  # handed in twice, it is one case
        assert world.intake_bytes(b"\xff\xfe\x00")["quarantined"]
    ((name, reason),) = queue(world, kind="file").items()
    assert (name[:5], reason) == ("file:", "quarantined")
    assert [verb["verb"] for verb in world.jobs.case(name)["verbs"]] == ["wait", "dismiss"]
    act(world, "dismiss", name)
    assert queue(world, kind="file") == {}
