"""The crash programme in parts, several at a time; each is kept when it is done, and kept ones are not run again.

Called by the command (``python -m tests.crash``). The parts' points together are all points of the road.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from tests.crash.journey import Base
from tests.crash.programme import Asked, Part, crashed, installed

_ADDED = ("kills", "nested", "lost", "doubled", "broken", "ledger_differences", "errors", "journeys", "cpu_s", "seconds")
_HIGHEST = ("deepest", "points", "recovery_s")


class Kept:
    """The file with one JSON line a part; without a file nothing is kept."""

    def __init__(self, path: Path | None, database: str) -> None:
        self._path, self._database, self._commit = path, database, commit()

    def told(self) -> list[dict[str, Any]]:
        """The parts of this database that are there."""
        if self._path is None or not self._path.exists():
            return []
        found = [json.loads(line) for line in self._path.read_text().splitlines()]
        return [one for one in found if one["database"] == self._database]

    def keep(self, report: dict[str, Any]) -> dict[str, Any]:
        """One more."""
        told = {"database": self._database, "commit": self._commit, **report}
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps(told, ensure_ascii=False) + "\n")
        return told


def run(kept: Kept, database: str, parts: Sequence[Part], asked: Asked, processes: int) -> list[dict[str, Any]]:
    """The parts that are not kept yet, and those that are."""
    told = [one for one in kept.told() if Part(one["part"], one["of"]) in parts]
    missing = [part for part in parts if not any((one["part"], one["of"]) == part for one in told)]
    if missing:
        with installed(database) as (base, folder):
            told += [kept.keep(report) for report in _side_by_side(base, folder, missing, asked, processes)]
    return told


def _side_by_side(base: Base, folder: Path, parts: Sequence[Part], asked: Asked, processes: int) -> Iterator[dict[str, Any]]:
    global _base  # noqa: PLW0603  (what a forked process finds: an installation cannot be sent to it)
    _base = base, folder
    with ProcessPoolExecutor(processes, multiprocessing.get_context("fork")) as pool:
        yield from (done.result() for done in as_completed(pool.submit(_part, part, asked) for part in parts))


_base: tuple[Base, Path] | None = None


def _part(part: Part, asked: Asked) -> dict[str, Any]:
    assert _base is not None
    return crashed(*_base, part, asked)


def added(told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The parts as one."""
    hit = {point for one in told for point in one["hit"]}
    sums = {name: round(sum(one[name] for one in told), 1) for name in _ADDED}
    highest = {name: max(one[name] for one in told) for name in _HIGHEST}
    parts = sorted(one["part"] for one in told)
    return {
        "database": told[0]["database"], **sums, **highest, "points_hit": len(hit), "parts": f"{parts[0]}-{parts[-1]}",
        "commits": sorted({one["commit"] for one in told}),
    }  # fmt: skip


def faults(told: Sequence[dict[str, Any]], *, whole: bool) -> list[str]:
    """What is wrong, in words; with all parts of the road also a point that nobody died at."""
    found = [fault for one in told for fault in one["said"]]
    sums = added(told)
    if whole and sums["points_hit"] < sums["points"]:
        found.append(f"nobody died at {sums['points'] - sums['points_hit']} of {sums['points']} points")
    return found


def commit() -> str:
    """The commit that this was run at; with a plus sign where files differ from it."""
    if not Path(".git").exists():
        return os.environ.get("COMMIT", "")
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    changed = subprocess.run(["git", "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True).stdout
    return head + ("+" if changed else "")
