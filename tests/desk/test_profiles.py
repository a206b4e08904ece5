"""A profile of the municipality's own: two administrators look at it before anything is read or written with it; on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fundlink import bootstrap
from fundlink.desk import profiles
from fundlink.desk.proposals import Wanted
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.store import verify
from tests.access.staff import administrators, person
from tests.builders import World, bill, bills, world

NAME = "kawabe"
ADMINS = ("root.admin", "second.admin")


def _town(folder: Path, database_url: str) -> World:
    """A process of a town that has a profile of its own."""
    return world(folder, database_url, profiles=folder / "profiles")


@pytest.fixture
def town(tmp_path: Path, database_url: str) -> Iterator[World]:
    shutil.copytree(bootstrap.SCHEMAS / "profiles" / "standard", tmp_path / "profiles" / NAME)
    _edit(tmp_path, 'name = "standard"', f'name = "{NAME}"')
    built = _town(tmp_path, database_url)
    yield built
    built.jobs.rooms.close()


def _edit(folder: Path, old: str, new: str) -> None:
    path = folder / "profiles" / NAME / "profile.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _another(town: World) -> World:
    """A process that begins now."""
    return _town(town.folder, town.jobs.rooms.store.url.render_as_string(hide_password=False))


def _codes(act: Any, *arguments: Any, **more: Any) -> list[str]:
    with pytest.raises(ProblemError) as told:
        act(*arguments, **more)
    return [one.code for one in told.value.problems]


def _take_in(town: World, number: int = 1) -> dict[str, Any]:
    message = bootstrap.profile_loader(bootstrap.settings())("standard").message("billing")
    body = b"".join(message.writer([bill(number)]))
    return town.intake_bytes(body, name=f"{number}.csv", profile=NAME)


def _wanted(who: str = ADMINS[0], name: str = NAME) -> Wanted:
    return Wanted("profile", name, who, "様式の版が変わった")


def test_before_anybody_is_registered_a_profile_is_used_as_it_is(town: World) -> None:
    assert _take_in(town)["accepted"] == 1


def test_two_administrators_adopt_a_profile_and_it_is_used_from_then_on(town: World) -> None:
    administrators(town.jobs.rooms)
    person(town.jobs.rooms, "sato", "input")
    assert _codes(_take_in, town) == ["FL-PRF-005"]
    assert town.sql("SELECT COUNT(*) FROM file_event") == [(0,)], "nothing was done to the file"
    town.intake(bills(1), name="bundled.csv")
    assert _codes(town.jobs.propose, _wanted("sato")) == ["FL-AUTH-003"]
    told = town.jobs.propose(_wanted())
    assert (told["before"]["in_use"], told["after"]["digest"]) == ("", told["before"]["digest"])
    assert told["after"]["messages"] == ["billing", "clearing", "slips"]
    assert _codes(_take_in, town) == ["FL-PRF-005"], "a proposal changes nothing"
    assert _codes(town.jobs.approve_proposal, told["proposal_id"], ADMINS[0]) == ["FL-4EY-001"]
    assert _codes(town.jobs.approve_proposal, told["proposal_id"], "sato") == ["FL-AUTH-003"]
    assert town.jobs.approve_proposal(told["proposal_id"], ADMINS[1], sha256=told["sha256"])["state"] == "carried_out"
    assert _take_in(town, 2)["accepted"] == 1
    acts = town.sql("SELECT act FROM audit WHERE act LIKE 'desk.profile%' ORDER BY seq")
    assert acts == [("desk.profile.propose",), ("desk.profile",), ("desk.profile.approve",)]
    assert [one["id"] for one in verify.verify(town.jobs.rooms.store)["invariants"] if not one["ok"]] == []


def test_an_edit_voids_the_proposal_and_the_approval(town: World) -> None:
    administrators(town.jobs.rooms)
    told = town.jobs.propose(_wanted())
    _edit(town.folder, f'name = "{NAME}"', f'name = "{NAME}"  # looked at twice')
    assert town.jobs.proposal(told["proposal_id"])["changed"] is True
    assert _codes(town.jobs.approve_proposal, told["proposal_id"], ADMINS[1]) == ["FL-PRP-004"]
    town.jobs.withdraw_proposal(told["proposal_id"], ADMINS[0])
    again = town.jobs.propose(_wanted())
    town.jobs.approve_proposal(again["proposal_id"], ADMINS[1])
    assert _take_in(town, 1)["accepted"] == 1
    _edit(town.folder, "# looked at twice", "# and changed after that")
    assert _take_in(town, 2)["accepted"] == 1, "this process holds what was approved"
    new = _another(town)
    assert _codes(_take_in, new, 3) == ["FL-PRF-005"]
    third = new.jobs.propose(_wanted())
    assert third["before"]["in_use"] == again["after"]["digest"] != third["after"]["digest"]
    new.jobs.approve_proposal(third["proposal_id"], ADMINS[1])
    assert _take_in(new, 3)["accepted"] == 1
    new.jobs.rooms.close()


def test_nothing_stands_in_for_a_profile_that_waits(town: World) -> None:
    """No slip by the rules of another profile, no clearing in the form of another one: both wait."""
    _take_in(town, 1)
    town.jobs.submit()
    town.receive([town.paid(1, "T1")])
    town.jobs.reconcile()
    administrators(town.jobs.rooms)
    _edit(town.folder, f'name = "{NAME}"', f'name = "{NAME}"  # not looked at')
    new = _another(town)
    told = new.jobs.export(new.folder / "out")
    assert (told["entries"], {one["code"] for one in told["problems"]}) == (0, {"FL-PRF-005"})
    assert list((new.folder / "out").glob("clearing-*")) == []
    assert new.jobs.bill_life(bill(1).bill_key)["payload"] is None
    new.jobs.approve_proposal(new.jobs.propose(_wanted())["proposal_id"], ADMINS[1])
    assert new.jobs.export(new.folder / "out")["entries"] == 1
    assert [path.name.split("-")[2] for path in (new.folder / "out").glob("clearing-*")] == [NAME]
    new.jobs.rooms.close()


def test_what_came_with_the_product_needs_nobody_and_what_is_not_there_is_told(town: World) -> None:
    administrators(town.jobs.rooms)
    assert _codes(town.jobs.propose, _wanted(name="standard")) == ["FL-PRF-006"]
    assert _codes(town.jobs.propose, _wanted(name="nobody")) == ["FL-PRF-001"]
    with pytest.raises(UsageError):
        town.jobs.propose(_wanted()._replace(reason=" "))


def test_the_next_person_sees_line_by_line_what_is_other_than_adopted(town: World) -> None:
    rooms = town.jobs.rooms
    administrators(rooms)
    first = profiles.compared(rooms, NAME)
    assert (first.in_use, first.known, {change.state for change in first.changes}) == ("", True, {"new"})
    assert {change.file for change in first.changes} >= {"billing.csv", "clearing.csv", "profile.toml", "slips.csv", "fund_codes.csv"}
    told = town.jobs.propose(_wanted())
    assert town.sql("SELECT COUNT(*) FROM raw WHERE kind = 'profile'") == [(0,)], "nothing is kept before it is adopted"
    town.jobs.approve_proposal(told["proposal_id"], ADMINS[1])
    adopted = profiles.compared(rooms, NAME)
    assert (adopted.in_use, adopted.changes) == (adopted.digest, [])
    assert town.sql("SELECT sha256 FROM raw WHERE kind = 'profile'") == [(adopted.digest,)]
    _edit(town.folder, f'name = "{NAME}"', f'name = "{NAME}"\npayable_days = 41 # \u202e')
    layout = town.folder / "profiles" / NAME / "slips.csv"
    layout.write_bytes(layout.read_bytes().replace(b"\n", b"\r\n"))
    (layout.parent / "other.csv").touch()  # no message uses it, so it is no file of the profile
    now = profiles.compared(rooms, NAME)
    assert now.in_use == adopted.digest != now.digest
    toml, unseen = now.changes
    assert (toml.file, toml.state, unseen) == ("profile.toml", "changed", profiles.Change("slips.csv", "changed", []))
    assert [line for line in toml.lines if line.startswith(("+", "-"))] == ["+payable_days = 41 # \\u202e"], "nothing hides in a line"


def test_a_profile_adopted_before_contents_were_kept_is_shown_whole(town: World) -> None:
    administrators(town.jobs.rooms)
    told = town.jobs.propose(_wanted())
    town.jobs.approve_proposal(told["proposal_id"], ADMINS[1])
    with town.jobs.rooms.store.write() as connection:
        connection.exec_driver_sql("UPDATE raw SET kind = 'other' WHERE kind = 'profile'")
    found = profiles.compared(town.jobs.rooms, NAME)
    assert (found.in_use, found.known, {change.state for change in found.changes}) == (found.digest, False, {"new"})
