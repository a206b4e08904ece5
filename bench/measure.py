"""Runs tasks in fresh child processes, road and floor in turn, and makes one result of what they tell.

Used by verbs. The peak of a task is the peak of its process plus those of the processes it started.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.child import Told, Values, peak_mib

ROOT = Path(__file__).resolve().parents[1]
POLL_S = 0.05
LIMIT_S = 3 * 3600.0


class Failed(Exception):  # noqa: N818 - it names what happened to the task
    """A task that did not end well."""


class Run(NamedTuple):
    """What one task told."""

    rows: int
    seconds: float
    peak_mib: float
    told: Told


def environment() -> dict[str, str]:
    """That of this process without settings of the product: a run depends on nothing but its values."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FUNDLINK_")}


def run(name: str, values: Values, *, python: str = sys.executable) -> Run:
    """Run a task in a fresh process; Failed with the end of its error output when it fails."""
    os.sync()  # what making the input left to be written is not this task's business
    command = [python, "-m", "bench.child"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment()
    )
    workers = _Workers(process.pid)
    workers.start()
    try:
        out, errors = process.communicate(json.dumps({"task": name, "values": values}), timeout=LIMIT_S)
    finally:
        workers.stop()
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode:
        raise Failed(f"{name}: {errors.strip()[-2000:]}")
    told = json.loads(out.splitlines()[-1])
    return Run(int(told["rows"]), float(told["seconds"]), round(told["peak_mib"] + workers.peak_mib, 1), told)


class _Workers(threading.Thread):
    """Looks at the processes a task starts; the sum of their peaks. Pages shared with the task count for each of them."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._done = pid, threading.Event()
        self._peaks: dict[int, float] = {}
        self._seen: set[int] = set()

    @property
    def peak_mib(self) -> float:
        """The sum of the peaks of all workers, whether they lived at the same time or not."""
        return sum(self._peaks.values())

    def run(self) -> None:
        """Look until told to stop. A process seen once may be one about to become another program: it still has the task's own pages."""
        while not self._done.wait(POLL_S):
            found = set(descendants(self._pid))
            for pid in found & self._seen:
                self._peaks[pid] = max(self._peaks.get(pid, 0.0), peak_mib(pid))
            self._seen = found

    def stop(self) -> None:
        """No more looking."""
        self._done.set()
        self.join()


def descendants(pid: int) -> list[int]:
    """The processes below a process."""
    found: list[int] = []
    try:  # it may end while it is looked at
        words = [word for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text(encoding="ascii").split()]
    except OSError:
        return found
    for child in map(int, words):
        found += [child, *descendants(child)]
    return found


def result(about: dict[str, Any], roads: Sequence[Run], floors: Sequence[Run], floor: str) -> dict[str, Any]:
    """One JSON object: medians, all times, ratio, rate, peaks, and what the floor did."""
    seconds = median(run.seconds for run in roads)
    below = median(run.seconds for run in floors) if floors else None
    last = roads[-1].told
    return {
        **about,
        "rows": roads[-1].rows,
        "runs": len(roads),
        "seconds": {"median": round(seconds, 4), "all": [round(run.seconds, 4) for run in roads]},
        "floor_seconds": None if below is None else round(below, 4),
        "floor_seconds_all": [round(run.seconds, 4) for run in floors],
        "floor_rows": floors[-1].rows if floors else None,
        "ratio": None if below is None else round(seconds / below, 2),
        "rows_per_s": round(roads[-1].rows / seconds),
        "peak_mib": max(run.peak_mib for run in roads),
        "floor_peak_mib": max(run.peak_mib for run in floors) if floors else None,
        "floor": floor,
        "steps": last.get("steps", {}),
        "details": last.get("details", {}),
    }
