"""Two persons for money: by person and not by name, both active with their roles at that instant, on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from fundlink.desk import accounts, throwaway
from fundlink.desk.accounts import NewAccount
from fundlink.desk.acts import Asked
from fundlink.desk.proposals import Wanted
from fundlink.domain.errors import BusyError, ConfigurationError, ProblemError, UsageError
from fundlink.domain.scope import Scope
from fundlink.jobs import Jobs
from tests.access.staff import HERE, OTHER, administrators, person
from tests.builders import CODE, DAY, World, bill, bills

WAIVER = {"municipality": CODE, "kind": "receipt", "day": DAY, "reason": "休業"}


def duplicate(world: World) -> str:
    """A case: bill 1 was paid twice."""
    world.intake(bills(3))
    world.jobs.submit()
    world.receive([world.paid(1, "T1"), world.paid(1, "T2")])
    world.jobs.reconcile()
    return "transaction:T2"


def refused(match: str, act: object, *arguments: object, **more: object) -> None:
    with pytest.raises(ProblemError, match=match):
        act(*arguments, **more)  # type: ignore[operator]


def test_names_are_free_until_somebody_is_registered(world: World) -> None:
    case = duplicate(world)
    world.jobs.reissue("K2", "担当", "係長")
    prepared = world.jobs.prepare_act(Asked("accept", case, "担当", "二重"))
    administrators(world.jobs.rooms)
    refused("FL-AUTH-004", world.jobs.reissue, "K3", "担当", "係長")
    refused("FL-AUTH-004", world.jobs.approve_act, prepared["act_id"], "係長")
    person(world.jobs.rooms, "suzuki", "approve")
    refused("FL-AUTH-004", world.jobs.approve_act, prepared["act_id"], "suzuki")  # who prepared it is nobody now


def test_production_knows_no_free_names(world: World) -> None:
    duplicate(world)
    jobs = Jobs(replace(world.jobs.rooms, production=True))
    refused("FL-AUTH-004", jobs.reissue, "K2", "担当", "係長")
    refused("FL-AUTH-004", jobs.close_day, DAY, "担当", "係長")


def test_two_accounts_of_one_person_are_one_person(world: World) -> None:
    case, rooms, jobs = duplicate(world), world.jobs.rooms, world.jobs
    person(rooms, "sato", "input", "treasury", "approve", "review", number="7")
    accounts.add(rooms, NewAccount("sato.2", "7", "佐藤"), "root.admin", "second.admin")
    prepared = jobs.prepare_act(Asked("accept", case, "sato", "二重"))
    assert prepared["prepared_by"] == "7"
    for who in ("sato.2", "7", "ＳＡＴＯ"):
        with pytest.raises(ProblemError, match=r"FL-4EY-001|FL-ACT-003"):
            jobs.approve_act(prepared["act_id"], who)
        with pytest.raises(ProblemError, match=r"FL-4EY-001|FL-ACT-003"):
            jobs.refuse_act(prepared["act_id"], who, "x")
    refused("FL-4EY-001", jobs.reissue, "K2", "sato", "sato.2")
    refused("FL-4EY-001", jobs.roll_back, 1, "sato", "sato.2")
    refused("FL-4EY-001", jobs.close_day, DAY, "sato", "sato.2", override="x")
    refused("FL-4EY-001", jobs.waive, {**WAIVER, "who": "sato", "approved_by": "sato.2"})
    prepared_close = jobs.prepare_close(DAY, "sato", override="試し")
    assert prepared_close["prepared"]
    assert [one["code"] for one in jobs.approve_close(DAY, "sato.2")["refused"]] == ["FL-DAY-012"]
    assert world.sql("SELECT COUNT(*) FROM act_event") == [(0,)]


@pytest.mark.parametrize(
    ("role", "allowed"), [("input", True), ("review", False), ("approve", False), ("treasury", True), ("audit", False), ("admin", False)]
)
def test_who_prepares_has_the_role(world: World, role: str, allowed: bool) -> None:
    case = duplicate(world)
    person(world.jobs.rooms, "sato", role)
    if allowed:
        assert world.jobs.prepare_act(Asked("accept", case, "sato", "二重"))["state"] == "prepared"
    else:
        refused("FL-AUTH-003", world.jobs.prepare_act, Asked("accept", case, "sato", "二重"))


@pytest.mark.parametrize(
    ("role", "allowed"), [("input", False), ("review", False), ("approve", True), ("treasury", False), ("audit", False), ("admin", False)]
)
def test_who_approves_has_the_role(world: World, role: str, allowed: bool) -> None:
    case = duplicate(world)
    person(world.jobs.rooms, "sato", "treasury")
    person(world.jobs.rooms, "suzuki", role)
    act_id = world.jobs.prepare_act(Asked("accept", case, "sato", "二重"))["act_id"]
    if allowed:
        assert world.jobs.approve_act(act_id, "suzuki")["state"] == "carried_out"
    else:
        refused("FL-AUTH-003", world.jobs.approve_act, act_id, "suzuki")


def test_somebody_elses_municipality_is_out_of_reach(world: World) -> None:
    case, rooms = duplicate(world), world.jobs.rooms
    person(rooms, "sato", "treasury", "approve", scope=Scope(frozenset({OTHER})))
    person(rooms, "tanaka", "treasury", scope=HERE)
    person(rooms, "suzuki", "approve", scope=HERE)
    refused("FL-AUTH-003", world.jobs.prepare_act, Asked("accept", case, "sato", "二重"))
    act_id = world.jobs.prepare_act(Asked("accept", case, "tanaka", "二重"))["act_id"]
    refused("FL-AUTH-003", world.jobs.approve_act, act_id, "sato")
    refused("FL-AUTH-003", world.jobs.prepare_close, DAY, "tanaka", override="x")  # of all municipalities
    refused("FL-4EY-003", world.jobs.close_day, DAY, "tanaka", "suzuki", municipality=CODE, override="x")  # each for themselves
    assert world.jobs.prepare_close(DAY, "tanaka", municipality=CODE, override="x")["prepared"]
    assert world.jobs.approve_close(DAY, "suzuki", municipality=CODE)["closed"]
    assert world.jobs.approve_act(act_id, "suzuki")["state"] == "carried_out"


def test_t44_who_left_between_preparing_and_approving_stands_for_nothing(world: World) -> None:
    case, rooms, jobs = duplicate(world), world.jobs.rooms, world.jobs
    for login, role in (("sato", "treasury"), ("suzuki", "approve"), ("mori", "approve")):
        person(rooms, login, role)
    act_id = jobs.prepare_act(Asked("accept", case, "sato", "二重"))["act_id"]
    jobs.prepare_close(DAY, "sato", override="試し")
    accounts.disable(rooms, "suzuki", "異動", "root.admin")
    refused("FL-AUTH-004", jobs.approve_act, act_id, "suzuki")
    accounts.disable(rooms, "sato", "異動", "root.admin")
    refused("FL-AUTH-004", jobs.approve_act, act_id, "mori")
    refused("FL-AUTH-004", jobs.approve_close, DAY, "mori")
    assert world.sql("SELECT COUNT(*) FROM act_event") == [(0,)]
    person(rooms, "kato", "treasury")
    assert jobs.refuse_act(act_id, "mori", "準備し直す")["state"] == "refused"
    again = jobs.prepare_act(Asked("accept", case, "kato", "二重"))["act_id"]
    assert jobs.approve_act(again, "mori")["state"] == "carried_out"


def test_a21_what_was_looked_at_is_what_is_approved(world: World) -> None:
    case, rooms, jobs = duplicate(world), world.jobs.rooms, world.jobs
    person(rooms, "sato", "treasury")
    person(rooms, "suzuki", "approve")
    seen = jobs.prepare_act(Asked("accept", case, "sato", "二重"))
    refused("FL-VER-002", jobs.approve_act, seen["act_id"], "suzuki", sha256="0" * 64)
    assert jobs.approve_act(seen["act_id"], "suzuki", sha256=seen["sha256"])["state"] == "carried_out"
    refused("FL-ACT-002", jobs.approve_act, seen["act_id"], "suzuki", sha256=seen["sha256"])  # U04: one effect


def test_approving_while_the_approver_is_cut_is_one_or_the_other(world: World) -> None:
    case, rooms, jobs = duplicate(world), world.jobs.rooms, world.jobs
    person(rooms, "sato", "treasury")
    person(rooms, "suzuki", "approve")
    act_id = jobs.prepare_act(Asked("accept", case, "sato", "二重"))["act_id"]
    told: list[str] = []

    def approve() -> None:
        try:
            told.append(str(jobs.approve_act(act_id, "suzuki")["state"]))
        except (ProblemError, BusyError) as error:
            told.append(str(error))

    thread = threading.Thread(target=approve)
    thread.start()
    accounts.disable(rooms, "suzuki", "異動", "root.admin")
    thread.join(timeout=60)
    carried = world.sql("SELECT seq FROM audit WHERE act = 'act.carried_out'")
    cut = world.sql("SELECT seq FROM audit WHERE act = 'users.disable'")
    assert told in (["carried_out"], ["FL-AUTH-004"])
    assert bool(carried) == (told == ["carried_out"])
    assert not carried or carried[0] < cut[0], "approved after the leaver was cut"


def test_every_step_is_in_the_trail_with_the_person(world: World) -> None:
    case, rooms, jobs = duplicate(world), world.jobs.rooms, world.jobs
    person(rooms, "sato", "treasury", number="7")
    person(rooms, "suzuki", "approve", "review", number="8")
    jobs.approve_act(jobs.prepare_act(Asked("accept", case, "sato", "二重"))["act_id"], "suzuki")
    refused("FL-4EY-003", jobs.reissue, "K2", "sato", "suzuki")  # each one acts for themselves
    jobs.approve_proposal(jobs.propose(Wanted("reissue", "K2", "sato"))["proposal_id"], "suzuki")
    told = world.sql("SELECT actor, act FROM audit WHERE act LIKE 'act.%' OR act LIKE 'desk.%' OR act LIKE 'users.%' ORDER BY seq")
    assert told[-5:] == [
        ("7", "act.prepare"), ("8", "act.carried_out"), ("7", "desk.reissue.propose"), ("7", "desk.reissue"), ("8", "desk.reissue.approve"),
    ]  # fmt: skip
    assert ("100", "users.add") in told
    from fundlink.store import verify

    broken = [one["id"] for one in verify.verify(rooms.store)["invariants"] if not one["ok"]]
    assert broken == []


def test_role_changes_take_two_others(world: World) -> None:
    rooms = world.jobs.rooms
    accounts.first_admin(rooms, NewAccount("root.admin", "100", "管理"))
    with pytest.raises(UsageError):
        accounts.add(rooms, NewAccount("sato", "7", "佐藤", ("treasury",)), "root.admin", "")
    accounts.add(rooms, NewAccount("second.admin", "101", "管理", ("admin",)), "root.admin", "")
    with pytest.raises(UsageError):
        accounts.add(rooms, NewAccount("third.admin", "102", "管理", ("admin",)), "root.admin", "")
    person(rooms, "sato", "treasury", number="7")
    refused("FL-4EY-001", accounts.change_roles, rooms, "root.admin", (("admin",), Scope()), ("root.admin", "second.admin"))
    refused("FL-AUTH-003", accounts.change_roles, rooms, "second.admin", ((), Scope()), ("sato", "root.admin"))
    refused("FL-AUTH-005", accounts.change_roles, rooms, "sato", (("admin", "approve"), Scope()), ("root.admin", "second.admin"))
    refused("FL-AUTH-008", accounts.first_admin, rooms, NewAccount("again", "103", "管理"))
    refused("FL-AUTH-009", accounts.add, rooms, NewAccount("sato", "9", "別"), "root.admin", "second.admin")
    refused("FL-AUTH-009", accounts.add, rooms, NewAccount("100x", "sato", "別"), "root.admin", "second.admin")
    changed = accounts.change_roles(rooms, "sato", (("input",), HERE), ("root.admin", "second.admin"))
    assert (changed["before"]["roles"], changed["roles"], changed["municipalities"]) == (["treasury"], ["input"], CODE)
    accounts.disable(rooms, "second.admin", "異動", "root.admin")
    with pytest.raises(UsageError):
        accounts.disable(rooms, "root.admin", "異動", "root.admin")


def test_stock_taking_names_what_should_be_looked_at(world: World) -> None:
    rooms = world.jobs.rooms
    person(rooms, "sato", "treasury")
    accounts.disable(rooms, "sato", "退職", "root.admin")
    marks = {row["login"]: row["look_at"] for row in accounts.stock(rooms)["users"]}
    assert marks["sato"] == ["disabled_with_roles"]
    assert marks["root.admin"] == ["never_used", "no_second_factor"]


def test_throw_away_persons_are_told_and_refused_in_production(world: World) -> None:
    rooms = world.jobs.rooms
    made = throwaway.accounts(rooms)
    assert throwaway.accounts(rooms) == made
    assert len({one["password"] for one in made}) == len(made) == 6
    duplicate(world)
    world.jobs.reissue("K2", "担当", "係長")  # a demo holds nobody else to accounts
    refused("FL-AUTH-003", world.jobs.reissue, "K3", "demo-audit", "demo-approve")
    production = replace(rooms, production=True)
    with pytest.raises(ConfigurationError, match="FL-AUTH-007"):
        throwaway.refuse_in_production(production)
    with pytest.raises(ConfigurationError, match="FL-AUTH-007"):
        throwaway.accounts(production)
    refused("FL-AUTH-007", Jobs(production).reissue, "K3", "demo-treasury", "demo-approve")
    assert bill(3).core_key == "K3"
    administrators(rooms)
    with pytest.raises(ConfigurationError, match="FL-AUTH-015"):
        throwaway.refuse_among_real_ones(rooms)
