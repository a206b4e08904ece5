"""Where the road stands still between two steps, or refuses part of a file, nothing is wrong and verify says so. On both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fundlink.pipeline import VERBS
from tests.books.days import broken
from tests.builders import World, bill


def test_rows_that_contradict_each_other_are_rejected_and_nothing_is_wrong(world: World) -> None:
    told = world.intake([bill(1), bill(2), bill(2, charge_yen=4711), bill(3)])
    assert (told["accepted"], told["rejected"]) == (2, 2)
    assert broken(world) == []


def test_a_file_that_waits_to_be_delivered_is_sound(world: World, tmp_path: Path) -> None:
    """Killed between writing the file and delivering it: the entry comes with the delivery, and so does the fact."""
    world.intake([bill(1)])
    world.jobs.submit()
    ticket: dict[str, Any] = {"out": str(tmp_path / "out")}
    for name, step in VERBS["export"]:
        if name != "deliver":
            ticket |= step(world.jobs.rooms, ticket)
    assert ticket["slips"] == 1
    assert broken(world) == []
    assert world.jobs.export(tmp_path / "out")["files"] == 1
    assert broken(world) == []
