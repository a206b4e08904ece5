"""Many seeds on several processes: progress on stderr, one JSON object at the end. Also the same seed again, word for word.

Called by ``python -m tests.simulation`` and by tests. A run that is stopped tells what it has done, which is a part (see ``parts``);
the next one goes on behind it.
"""

from __future__ import annotations

import json
import logging
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.simulation import ground, storage
from tests.simulation.crew import Progress, work
from tests.simulation.faults import FAULTS
from tests.simulation.world import EVENTS, Run, World

SHOWN = 20


def one(shelf: Path, seed: int, events: int = EVENTS, *, url: str = "", without: frozenset[str] = frozenset()) -> Run:
    """One seed on a fresh SQLite database, or at ``url``; ``storage.installed`` and a shelf around it."""
    logging.disable(logging.CRITICAL)  # what is torn down by an injected fault is no news
    own_url, own = ground.copy_of(shelf, f"seed-{seed}")
    try:
        return World(seed, url or own_url, own, without).run(events)
    finally:
        logging.disable(logging.NOTSET)


def some(seeds: Iterable[int], events: int = EVENTS) -> Iterator[Run]:
    """Seeds one after another in this process."""
    with ground.shelf() as shelf, storage.installed():
        for seed in seeds:
            yield one(shelf, seed, events)


def _timed(seeds: Iterable[int], events: int) -> Iterator[tuple[Run, float]]:
    """Each run without its trace, and the CPU seconds it took; the first seed of a process pays for what is compiled once."""
    before = time.process_time()
    for run in some(seeds, events):
        now = time.process_time()
        yield run._replace(trace=[]), now - before
        before = now


def soak(seeds: int, *, first: int = 1, events: int = EVENTS, processes: int = 2, seconds: float = 1e9) -> dict[str, Any]:
    """Run that many seeds, or as many as there is time for; what came of them."""
    start, progress = time.monotonic(), Progress(seeds, "seeds")
    done = Counter[str]()
    hits = Counter[str]()
    wrong: list[dict[str, Any]] = []
    cpu_s = 0.0
    for run, spent in work(first, seeds, processes, lambda given: _timed(given, events), seconds=seconds):
        done.update(seeds=1, events=run.events, listed=run.listed)
        hits.update(run.faults)
        cpu_s += spent
        wrong += [{"seed": run.seed, "violations": run.violations}] if run.violations else []
        progress.told(done["seeds"], f"{done['events']} events, {len(wrong)} wrong")
    progress.end()
    return {
        "seeds": done["seeds"], "first": first, "events": done["events"], "violations": len(wrong), "wrong": wrong[:SHOWN],
        "faults": {name: hits[name] for name in FAULTS}, "never": [name for name in FAULTS if not hits[name]], "listed": done["listed"],
        **rates(done["events"], time.monotonic() - start, cpu_s), "processes": processes, "commit": commit(),
    }  # fmt: skip


def commit() -> str:
    """The commit that runs, with a plus where files differ from it; '' where nobody can say."""
    asked = ("git", "-C", str(Path(__file__).parent), "describe", "--always", "--exclude=*", "--dirty=+")
    try:
        return subprocess.run(asked, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def rates(events: int, seconds: float, cpu_s: float) -> dict[str, float]:
    """How long it took and how fast it was."""
    return {
        "seconds": round(seconds, 1), "cpu_s": round(cpu_s, 1), "events_per_s": round(events / max(seconds, 0.001), 1),
        "events_per_cpu_s": round(events / max(cpu_s, 0.001), 1),
    }  # fmt: skip


def replay(seed: int, events: int = EVENTS) -> Run:
    """One seed again: its trace is the same to the byte on every run and machine."""
    return next(some([seed], events))


def as_line(told: dict[str, Any]) -> str:
    """One object on one line."""
    return json.dumps(told, ensure_ascii=False)
