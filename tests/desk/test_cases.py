"""The queue: every fact that waits for a person is in it once, with its reason, and leaves it when it is settled."""

from __future__ import annotations

from typing import Any

import pytest

from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.records import SettlementRecord
from fundlink.reconcile.case_kinds import KINDS, REASONS, reason_words
from fundlink.reconcile.verbs import BY_NAME, PRECONDITIONS, VERBS, verbs_for
from tests.builders import CODE, DAY, INSTITUTION, World, bill, bills, receipt
from tests.desk.cases import NOBODY, ONE, act, balances, codes, prepare, queue, sound, town
from tests.journeys.test_slip_life import Answering


def test_every_unsettled_payment_is_a_case_and_no_other(world: World) -> None:
    town(world)
    assert queue(world) == {
        "transaction:T2": "duplicate_payment", "transaction:T3": "unknown_bill", "transaction:T4": "amount_mismatch",
    }  # fmt: skip
    case = world.jobs.cases({})["cases"][0]
    assert (case["reason_ja"], case["yen"], case["age_days"], case["municipality_code"], case["owner"]) == ("二重納付", 1001, 0, CODE, "")
    assert case["next"]
    assert "wait" in case["verbs"]


def test_a_page_at_a_time_and_filters(world: World) -> None:
    town(world)
    found: list[str] = []
    after = None
    while True:
        page = world.jobs.cases({}, after, 1)
        found += [case["case"] for case in page["cases"]]
        after = page["next"]
        if after is None:
            break
    assert found == ["transaction:T2", "transaction:T3", "transaction:T4"]
    assert queue(world, municipality_code="131016") == {}
    assert queue(world, kind="day") == {}
    with pytest.raises(UsageError):
        world.jobs.cases({"kind": "nonsense"})


def test_a_case_is_given_to_somebody_and_back(world: World) -> None:
    town(world)
    world.jobs.assign_case("transaction:T3", "田中", ONE)
    assert list(queue(world, owner="田中")) == ["transaction:T3"]
    assert world.jobs.assign_case("transaction:T3", "", ONE)["before"] == "田中"
    assert queue(world, owner="田中") == {}
    assert [row[0] for row in world.sql("SELECT act FROM audit WHERE act = 'case.assign'")] == ["case.assign"] * 2
    assert codes(lambda: world.jobs.assign_case("transaction:T1", "田中", ONE)) == ["FL-ACT-005"]
    with pytest.raises(UsageError):
        world.jobs.assign_case("transaction:T3", "田中", " ")


def test_a_case_shows_what_it_rests_on_and_what_was_done(world: World) -> None:
    town(world)
    pending = prepare(world, "accept", "transaction:T2")["act_id"]
    told = world.jobs.case("transaction:T2")
    assert (told["open"], told["pending_act"], told["facts"]["payments"]["T2"]["balances"]) == (True, pending, {"suspense": 1001})
    world.jobs.withdraw_act(pending, ONE)
    act(world, "refund", "transaction:T2")
    told = world.jobs.case("transaction:T2")
    assert (told["open"], told["facts"], [done["state"] for done in told["acts"]]) == (False, None, ["withdrawn", "carried_out"])
    assert world.jobs.case(f"bill:{bill(2).bill_key}")["verbs"] == [
        {"verb": "write_off", "ja": "不納欠損とする", "needs": "code", "now": True}
    ]
    assert codes(lambda: world.jobs.case("transaction:nobody")) == ["FL-ACT-005"]


def test_a_change_of_a_paid_bill_waits_and_is_accepted_as_overpayment(world: World) -> None:
    town(world)
    world.intake([bill(1, charge_yen=900)], name="less.csv")
    (name,) = queue(world, kind="conflict")
    assert queue(world)[name] == "changed_after_payment"
    assert world.jobs.cases({"kind": "conflict"})["cases"][0]["yen"] == 101
    told = act(world, "accept", name)
    assert [(move["transaction_key"], move["from_account"], move["to_account"], move["yen"]) for move in told["moves"]] == [
        ("T1", "collected", "overpaid", 101)
    ]
    assert (queue(world, kind="conflict"), queue(world)["transaction:T1"], world.state(1)) == ({}, "overpaid", "paid")
    act(world, "refund", "transaction:T1")
    assert (balances(world, "T1"), "transaction:T1" in queue(world)) == ({"collected": 900, "refunded": 101}, False)
    act(world, "reverse", "act:2")
    act(world, "reverse", "act:1")
    assert list(queue(world, kind="conflict")) == [name]
    sound(world)


def test_a_bill_cancelled_or_raised_after_payment(world: World) -> None:
    town(world)
    world.intake([bill(1, action="9")], name="cancel.csv")
    (name,) = queue(world, kind="conflict")
    assert queue(world)[name] == "cancelled_after_payment"
    act(world, "suspend", name)
    assert balances(world, "T1") == {"suspense": 1001}
    assert queue(world)["transaction:T1"] == "suspense"
    world.receive([world.paid(3, "T8")])
    world.jobs.reconcile()
    world.intake([bill(3, charge_yen=2000)], name="more.csv")
    (name,) = queue(world, kind="conflict")
    assert codes(lambda: prepare(world, "accept", name)) == ["FL-ACT-008"]
    act(world, "dismiss", name)
    assert queue(world, kind="conflict") == {}
    sound(world)


def test_a_quarantined_file_is_a_case_until_it_is_applied_or_dismissed(world: World) -> None:
    world.intake(bills(1))
    world.twin.put(INSTITUTION, "bank_credit", DAY, pieces=[b"nonsense"])
    world.jobs.collect()
    (name,) = queue(world, kind="received")
    assert queue(world)[name] == "quarantined"
    with pytest.raises(ProblemError):
        prepare(world, "accept", name)
    act(world, "dismiss", name)
    assert queue(world) == {}


def test_a_message_is_a_case_while_its_slips_are_not_taken(world: World) -> None:
    world.intake(bills(2))
    answering = Answering(world.twin)
    answering.reject("R005")
    world.jobs.submit()
    assert list(queue(world, kind="message").values()) == ["rejected"]
    answering.honestly()
    world.jobs.submit()
    assert queue(world, kind="message") == {}


def test_refused_slips_are_a_case_of_their_message(world: World) -> None:
    world.intake(bills(2))
    answering = Answering(world.twin)
    answering.tell((world.slip(1)[0], "registered", "", 1), (world.slip(2)[0], "refused", "R010", 2))
    world.jobs.submit()
    case = world.jobs.cases({"kind": "message"})["cases"][0]
    assert (case["reason"], case["yen"], world.state(2)) == ("refused", 1002, "refused")
    answering.honestly()
    world.intake([bill(2, charge_yen=70)], name="again.csv")
    world.jobs.submit()
    assert (queue(world, kind="message"), world.state(2)) == ({}, "registered")


def test_a_day_that_does_not_tie_is_a_case_until_it_does(world: World) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    world.receive([world.paid(1, "T1")])
    line = SettlementRecord("S1", 1, INSTITUTION, "601", DAY, 1, 1000, 0, 1000, "2026-11-26")
    world.settle([line])
    world.jobs.reconcile()
    assert queue(world) == {f"day:{DAY}/{CODE}/601": "amount_difference"}
    assert world.jobs.cases({})["cases"][0]["yen"] == 1
    world.settle([line._replace(edition=2, gross_yen=1001, net_yen=1001)])
    world.jobs.reconcile()
    assert queue(world) == {}


def test_a_cancellation_without_its_payment_and_a_preliminary_nobody_confirms(world: World) -> None:
    world.intake(bills(2))
    world.jobs.submit()
    world.receive([world.paid(1, "T1", stage="cancelled"), world.paid(2, "T2", stage="preliminary", booked_on="2026-11-16")])
    world.jobs.reconcile()
    assert queue(world) == {"cancellation:T1": "cancelled_first", "preliminary:T2": "not_confirmed"}
    act(world, "wait", "preliminary:T2", until="2026-12-01")
    world.receive([world.paid(1, "T1"), world.paid(2, "T2", booked_on="2026-11-16")])
    world.jobs.reconcile()
    assert queue(world) == {}


def test_every_kind_of_case_can_be_waited_for_and_every_verb_says_what_must_hold() -> None:
    for kind in KINDS:
        assert "wait" in [verb.verb for verb in verbs_for(kind.name)]
    assert {name for verb in VERBS for name in verb.requires} == set(PRECONDITIONS)
    assert len(BY_NAME) == len(VERBS)
    assert all(word != reason for reason, word in REASONS.items())
    assert reason_words("a,amount_difference") == "a・金額の差"


def test_a_duplicate_is_no_case_after_its_first_payment_was_taken_back(world: World) -> None:
    town(world)
    world.receive([world.paid(1, "T1", stage="cancelled")])
    world.jobs.reconcile()
    assert "transaction:T2" not in queue(world)
    assert world.state(1) == "paid"


def test_an_offset_whose_payment_turned_out_to_be_the_first_one_is_a_case(world: World) -> None:
    town(world)
    act(world, "accept", "transaction:T2")
    act(world, "offset", "transaction:T2", parts=(("K2", 1001),))
    world.receive([world.paid(1, "T1", stage="cancelled")])
    world.jobs.reconcile()
    assert set(queue(world, kind="act")) == {"act:1", "act:2"}
    act(world, "reverse", "act:2")
    act(world, "reverse", "act:1")
    assert (queue(world, kind="act"), balances(world, "T2")) == ({}, {"collected": 1001})
    sound(world)


def _unknown(world: World) -> dict[str, Any]:
    world.receive([receipt("T1", NOBODY, "000000")])
    return world.jobs.reconcile()


def test_an_unknown_payment_whose_slip_appears_is_settled_by_itself(world: World) -> None:
    world.intake(bills(1))
    _unknown(world)
    assert list(queue(world)) == ["transaction:T1"]
