"""Disks that fail at a sync, at a write, or are full: nothing acknowledged is lost, and work goes on when they are well again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import full
from tests.crash.faults import Numbers, Sweep
from tests.crash.journey import Base, Journey
from tests.crash.needs import needs_strace
from tests.crash.programme import installed

NO_ROOM = {"FL-STO-001", "FL-API-011"}
VERBS = {"intake", "collect", "export", "backup"}


@pytest.fixture
def installation() -> Iterator[tuple[Base, Path]]:
    with installed("sqlite") as made:
        yield made


@needs_strace
@pytest.mark.parametrize(("fault", "number"), [("sync", 3), ("write", 20)])
def test_a_disk_that_fails_once_in_every_act(fault: str, number: int, installation: tuple[Base, Path]) -> None:
    sweep = Sweep(*installation)
    sweep.run(fault, Numbers(number, number))
    assert sweep.faults == []
    assert sweep.report()["harmful"] >= 5


@pytest.mark.parametrize("left", [0, 128 * 1024])
def test_a_day_on_a_full_disk(left: int, installation: tuple[Base, Path]) -> None:
    base, folder = installation
    with full.disk() as place:
        if place is None:  # nobody may mount here: the same by failing calls, later in each act
            return _failing_later(installation, 40 if left else 8)
        day = full.Full(base, place / "day", left)
        end = day.go()
        assert (day.errors, day.faults) == ([], [])
    assert [told for told in day.refusals if told.code not in NO_ROOM or not told.next] == []
    assert {told.act for told in day.refusals} >= (set() if left else VERBS)
    assert day.refusals
    assert end == Journey(base, folder / "plain", lambda _act, _depth: 0).go()
    return None


@needs_strace
def _failing_later(installation: tuple[Base, Path], number: int) -> None:
    sweep = Sweep(*installation)
    sweep.run("write", Numbers(number, number))
    assert sweep.faults == []
