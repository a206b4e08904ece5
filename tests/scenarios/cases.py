"""Plays the tables once and compares: what both orders have in common. Called by the test modules of this folder only."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from tests.scenarios.stage import Stage
from tests.scenarios.tables import Scenario, scenarios

Seen = dict[str, dict[str, list[str]]]
"""By scenario and kind of expectation: what stood at the end, in the words of the tables."""

MEMORY = Path("/dev/shm")
ROOM_BYTES = 128 << 20


def played(database_url: str = "", *, shuffled: bool) -> Seen:
    """What every scenario saw at its end; on SQLite unless told otherwise. Thousands of small transactions are not about the disk."""
    in_memory = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    with tempfile.TemporaryDirectory(prefix="fundlink-scenarios-", dir=MEMORY if in_memory else None) as folder:
        stage = Stage(Path(folder), database_url, scenarios(), shuffled=shuffled)
        stage.play()
    return stage.seen


def cases() -> list[ParameterSet]:
    """One case a scenario."""
    return [pytest.param(scenario, id=scenario.name) for scenario in scenarios()]


def as_told(scenario: Scenario, seen: Seen) -> None:
    """All that the table says stands, and nothing else."""
    found = seen[scenario.name]
    assert {name: found[name] for name in scenario.expected} == scenario.expected


def whatever_the_order(scenario: Scenario, seen: Seen) -> None:
    """The same ledger; only the way there may differ, so of the entries the last stands and a day that is empty may be missing."""
    found = seen[scenario.name]
    for name in scenario.expected:
        told = {"entries": _standing, "days": _alive}.get(name, list)
        assert told(found[name]) == told(scenario.expected[name]), name


def _standing(entries: list[str]) -> list[str]:
    """The last entry of each transaction, unless it was withdrawn."""
    last = {entry.split()[0]: entry for entry in entries}
    return [entry for entry in last.values() if entry.split()[1] != "9"]


def _alive(days: list[str]) -> list[str]:
    """Days with something in them: whether an empty one was ever noted depends on what came first."""
    return [day for day in days if not day.endswith(" empty")]
