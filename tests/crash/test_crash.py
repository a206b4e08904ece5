"""The crash programme in short, the order of system calls, a disk that fails; and that each of these checks can fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fundlink.connectors.in_memory import InMemoryGateway
from fundlink.store import engine
from tests.crash import judge
from tests.crash.faults import Sweep
from tests.crash.journey import Base
from tests.crash.judge import Said
from tests.crash.needs import needs_strace
from tests.crash.programme import Part, Programme, installed

KILLS = 60


@pytest.fixture
def installation() -> Iterator[tuple[Base, Path]]:
    with installed("sqlite") as made:
        yield made


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_day_that_is_killed_again_and_again_loses_and_doubles_nothing(database: str) -> None:
    with installed(database) as (base, folder):
        programme = Programme(base, folder, Part(7))
        programme.spread = True
        programme.run(KILLS)
    assert {name: faults for name, faults in programme.found.items() if faults} == {}
    assert len(programme.kills) >= KILLS
    assert {kill.act for kill in programme.kills} == set(programme.points)
    assert max(kill.depth for kill in programme.kills) >= 2


def test_an_acknowledgement_without_its_fact_is_seen(installation: tuple[Base, Path]) -> None:
    base, _ = installation
    said = [Said("file", "0" * 64), Said("message", "P-1"), Said("exported", "/nowhere", ""), Said("backup", "/nowhere"), Said("did", "SELECT 1 FROM slip")]  # fmt: skip
    twin = InMemoryGateway()
    twin.effects["1" * 20, "register"] = 2
    verdict = judge.judged(f"sqlite:///{base.home / 'fundlink.db'}", said, twin)
    assert len(verdict.lost) == len(said)
    assert verdict.doubled == [f"gateway register {'1' * 20}: 2"]


@needs_strace
def test_nothing_is_acknowledged_before_it_is_synced(installation: tuple[Base, Path]) -> None:
    sweep = Sweep(*installation)
    sweep.order(1)
    assert sweep.faults == []
    assert set(sweep.report()["acknowledgements"]) == {"done", "exit", "gateway", "log", "name", "stdout"}


@needs_strace
def test_a_database_that_does_not_sync_is_seen(installation: tuple[Base, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    loose = tuple(one.replace("synchronous=FULL", "synchronous=OFF") for one in engine.SQLITE_PRAGMAS)
    monkeypatch.setattr(engine, "SQLITE_PRAGMAS", loose)
    sweep = Sweep(*installation)
    sweep.order(1)
    told = {fault.partition(": ")[2].split()[0]: fault for fault in sweep.faults}
    assert told["gateway"].endswith("fundlink.db-wal"), "a message leaves, noted in a log that is not synced"
    assert told["log"].endswith("fundlink.db"), "the log goes, copied into a database that is not synced"
    assert told["exit"].endswith("fundlink.db"), "success, resting on that database"
