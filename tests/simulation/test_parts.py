"""A soak can be stopped and gone on with: its parts add up to what one run would have told."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulation import page, parts, soak
from tests.simulation.crew import work

_KEPT = ("seeds", "events", "violations", "faults", "listed")


def test_parts_add_up_to_the_whole(tmp_path: Path) -> None:
    whole = soak.soak(4, first=21, events=12, processes=1)
    for first in (23, 21):
        (tmp_path / f"{first}.json").write_text(
            "told on the way\n" + soak.as_line(soak.soak(2, first=first, events=12, processes=2)) + '\n{"cut'
        )
    added = parts.merge(parts.read(map(str, sorted(tmp_path.iterdir()))))
    assert {name: added[name] for name in _KEPT} == {name: whole[name] for name in _KEPT}
    assert (whole["seeds"], added["spans"], added["parts"]) == (4, [[21, 24]], 2)
    assert "| 21–24 | 4 |" in page.rows(json.dumps(added))


def _part(first: int, seeds: int) -> dict[str, Any]:
    numbers = dict.fromkeys(("events", "violations", "listed", "seconds", "cpu_s"), 1)
    return {"first": first, "seeds": seeds, "wrong": [], "faults": {}, "processes": 1, **numbers}


def test_a_seed_in_two_parts_is_refused_and_a_gap_is_told() -> None:
    with pytest.raises(SystemExit, match="seeds 10-12"):
        parts.merge([_part(1, 12), _part(10, 5)])
    assert parts.merge([_part(20, 5), _part(1, 5), _part(6, 5)])["spans"] == [[1, 10], [20, 24]]


def test_stopped_work_is_an_unbroken_stretch() -> None:
    """A TERM signal, in the middle: what was begun is finished, nothing behind it is begun."""
    done, ahead = [], multiprocessing.get_context("fork").Semaphore(8)  # nobody runs to the end before the signal comes

    def piece(given: Iterator[int]) -> Iterator[int]:
        for number in given:
            ahead.acquire()
            yield number

    for number in work(5, 10_000, 2, piece):
        done.append(number)
        if len(done) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        ahead.release()
    assert sorted(done) == list(range(5, 5 + len(done)))
    assert 3 <= len(done) < 10_000


def test_a_worker_that_breaks_breaks_the_whole() -> None:
    def piece(given: Iterator[int]) -> Iterator[int]:
        for number in given:
            yield number // (3 - number)

    with pytest.raises(SystemExit, match="ZeroDivisionError"):
        list(work(1, 5, 1, piece))
