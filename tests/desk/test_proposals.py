"""What two persons do outside of cases: proposed by one, approved by another, done as it was shown or not at all; on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from fundlink.desk.proposals import Wanted
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.scope import Scope
from fundlink.store import verify
from tests.access.staff import OTHER, person
from tests.builders import CODE, DAY, World, bill, bills

WHY = "窓口で紛失の申出"


@pytest.fixture
def office(world: World) -> World:
    """Three bills, two persons of each side, and one of another municipality."""
    world.intake(bills(3))
    world.intake([bill(1, charge_yen=1500), bill(9)], name="second.csv")
    world.jobs.submit()
    for login, role in (("sato", "input"), ("kato", "input"), ("suzuki", "approve"), ("mori", "approve")):
        person(world.jobs.rooms, login, role)
    person(world.jobs.rooms, "yoso", "approve", scope=Scope(frozenset({OTHER})))
    return world


def codes(act: Any, *arguments: Any, **more: Any) -> list[str]:
    with pytest.raises(ProblemError) as told:
        act(*arguments, **more)
    return [one.code for one in told.value.problems]


def wanted(kind: str, subject: str, **more: Any) -> Wanted:
    return Wanted(kind, subject, "sato", WHY, **more)


def test_a_file_is_taken_back_by_two_persons_as_it_was_shown(office: World) -> None:
    jobs, before = office.jobs, office.sql("SELECT COUNT(*) FROM revision")
    told = jobs.propose(wanted("rollback", "2"))
    assert (told["state"], told["after"]) == ("prepared", {"file": "second.csv", "created": 1, "updated": 1, "cancelled": 0})
    assert told["before"]["event"] == "accepted"
    assert office.sql("SELECT COUNT(*) FROM revision") == before, "a proposal changes nothing"
    assert office.sql("SELECT act FROM audit WHERE act LIKE 'desk.rollback%'") == [("desk.rollback.propose",)]
    number = told["proposal_id"]
    assert codes(jobs.approve_proposal, number, "sato") == ["FL-4EY-001"]
    assert codes(jobs.approve_proposal, number, "kato") == ["FL-AUTH-003"]
    assert codes(jobs.approve_proposal, number, "yoso") == ["FL-AUTH-003"]
    assert codes(jobs.approve_proposal, number, "suzuki", sha256="0" * 64) == ["FL-VER-002"]
    done = jobs.approve_proposal(number, "suzuki", sha256=told["sha256"])
    assert (done["state"], done["by"], done["done"]["created"]) == ("carried_out", "P-suzuki", 1)
    assert office.sql("SELECT event FROM file_event WHERE file_id = 2 ORDER BY id DESC LIMIT 1") == [("rolled_back",)]
    assert codes(jobs.approve_proposal, number, "mori") == ["FL-PRP-002"], "once"
    acts = office.sql("SELECT actor, act FROM audit WHERE act LIKE 'desk.%' ORDER BY seq")
    assert acts == [("P-sato", "desk.rollback.propose"), ("P-sato", "desk.rollback"), ("P-suzuki", "desk.rollback.approve")]
    assert [one["id"] for one in verify.verify(jobs.rooms.store)["invariants"] if not one["ok"]] == []


def test_what_cannot_be_done_cannot_be_proposed(office: World) -> None:
    assert codes(office.jobs.propose, wanted("rollback", "1")) == ["FL-FIL-008"]  # file 2 changed a bill of it
    assert codes(office.jobs.propose, wanted("rollback", "77")) == ["FL-FIL-006"]
    assert codes(office.jobs.propose, wanted("rollback", "x")) == ["FL-FIL-006"]
    assert codes(office.jobs.propose, wanted("reissue", "nothing")) == ["FL-BIL-004"]
    with pytest.raises(UsageError):
        office.jobs.propose(wanted("nothing", "1"))
    with pytest.raises(UsageError):
        office.jobs.propose(Wanted("give_up", "P1", "sato", " "))
    assert office.sql("SELECT COUNT(*) FROM proposal") == [(0,)]


def test_a_change_of_the_ground_voids_the_approval(office: World) -> None:
    jobs = office.jobs
    reissue = jobs.propose(wanted("reissue", "K2"))
    assert reissue["after"]["issue_count"] == 2
    assert codes(jobs.propose, Wanted("reissue", "K2", "kato")) == ["FL-PRP-003"]
    office.intake([bill(2, charge_yen=9000)], name="third.csv")
    assert jobs.proposal(reissue["proposal_id"])["changed"]
    assert codes(jobs.approve_proposal, reissue["proposal_id"], "suzuki") == ["FL-PRP-004"]
    assert office.sql("SELECT MAX(issue_count) FROM slip") == [(1,)]
    assert codes(jobs.withdraw_proposal, reissue["proposal_id"], "kato") == ["FL-PRP-005"]
    assert jobs.withdraw_proposal(reissue["proposal_id"], "sato")["state"] == "withdrawn"
    again = jobs.propose(wanted("reissue", "K2"))
    assert jobs.approve_proposal(again["proposal_id"], "suzuki")["done"]["issue_count"] == 2


def test_content_that_was_changed_in_the_database_is_not_done(office: World) -> None:
    told = office.jobs.propose(wanted("reissue", "K2"))
    with office.jobs.rooms.store.write() as connection:
        connection.exec_driver_sql("UPDATE proposal SET content = REPLACE(content, 'reason', 'reasom')")
    assert codes(office.jobs.approve_proposal, told["proposal_id"], "suzuki") == ["FL-PRP-006"]


def test_another_person_refuses_with_a_reason(office: World) -> None:
    number = office.jobs.propose(wanted("reissue", "K3"))["proposal_id"]
    with pytest.raises(UsageError):
        office.jobs.refuse_proposal(number, "suzuki", " ")
    assert codes(office.jobs.refuse_proposal, number, "sato", "x") == ["FL-4EY-001"]
    assert [one["proposal_id"] for one in office.jobs.proposals()] == [number]
    assert office.jobs.proposals(scope=Scope(frozenset({OTHER}))) == []
    assert codes(office.jobs.proposal, number, scope=Scope(frozenset({OTHER}))) == ["FL-PRP-001"]
    refused = office.jobs.refuse_proposal(number, "mori", "相手に確かめてから")
    assert (refused["state"], refused["note"]) == ("refused", "相手に確かめてから")
    assert office.jobs.proposals() == []
    assert office.sql("SELECT MAX(issue_count) FROM slip") == [(1,)]


def test_one_call_for_two_persons_is_refused_where_persons_are_accounts(office: World) -> None:
    jobs = office.jobs
    assert codes(jobs.reissue, "K2", "sato", "suzuki") == ["FL-4EY-003"]
    assert codes(jobs.roll_back, 2, "sato", "suzuki") == ["FL-4EY-003"]
    waiver = {"municipality": CODE, "kind": "receipt", "day": DAY, "reason": WHY, "who": "sato", "approved_by": "suzuki"}
    assert codes(jobs.waive, waiver) == ["FL-4EY-003"]
