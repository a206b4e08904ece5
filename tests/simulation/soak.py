"""Many seeds on several processes: progress on stderr, one JSON object at the end. Also the same seed again, word for word.

Called by ``python -m tests.simulation`` and by tests.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.simulation import ground, storage
from tests.simulation.faults import FAULTS
from tests.simulation.world import EVENTS, Run, World

TOLD_S = 15.0
SHOWN = 20


def one(shelf: Path, seed: int, events: int = EVENTS, *, url: str = "", without: frozenset[str] = frozenset()) -> Run:
    """One seed on a fresh SQLite database, or at ``url``; ``storage.installed`` and a shelf around it."""
    logging.disable(logging.CRITICAL)  # what is torn down by an injected fault is no news
    own_url, own = ground.copy_of(shelf, f"seed-{seed}")
    try:
        return World(seed, url or own_url, own, without).run(events)
    finally:
        logging.disable(logging.NOTSET)


def some(seeds: Sequence[int], events: int = EVENTS) -> Iterator[Run]:
    """Seeds one after another in this process."""
    with ground.shelf() as shelf, storage.installed():
        for seed in seeds:
            yield one(shelf, seed, events)


def _worker(seeds: Sequence[int], events: int, told: Any) -> None:
    try:
        _run_all(seeds, events, told)
    except BaseException:
        told.put(traceback.format_exc())
        raise


def _run_all(seeds: Sequence[int], events: int, told: Any) -> None:
    start = 0.0
    for run in some(seeds, events):
        start = start or time.process_time()  # the first seed pays for what is compiled once
        told.put((run.seed, run.events, run.violations, run.faults, run.listed))
    told.put(time.process_time() - start)


def soak(seeds: int, *, first: int = 1, events: int = EVENTS, processes: int = 2) -> dict[str, Any]:
    """Run that many seeds; what came of them."""
    start, told, working = time.monotonic(), multiprocessing.get_context("fork").Queue(), processes
    for number in range(processes):
        share = range(first + number, first + seeds, processes)
        multiprocessing.get_context("fork").Process(target=_worker, args=(share, events, told), daemon=True).start()
    total: dict[str, Any] = {"seeds": 0, "events": 0, "listed": 0}
    hits: Counter[str] = Counter()
    wrong: list[dict[str, Any]] = []
    shown, cpu_s = start, 0.0
    while working:
        found = told.get(timeout=600)
        if isinstance(found, float):
            working, cpu_s = working - 1, cpu_s + found
            continue
        if isinstance(found, str):
            raise SystemExit(f"a seed ended the programme itself:\n{found}")
        seed, count, violations, faults, listed = found
        total["seeds"], total["events"], total["listed"] = total["seeds"] + 1, total["events"] + count, total["listed"] + listed
        hits.update(faults)
        wrong += [{"seed": seed, "violations": violations}] if violations else []
        if time.monotonic() - shown > TOLD_S:
            shown = time.monotonic()
            print(f"{total['seeds']}/{seeds} seeds, {total['events']} events, {len(wrong)} wrong", file=sys.stderr, flush=True)
    seconds = time.monotonic() - start
    return {
        "seeds": total["seeds"], "first": first, "events": total["events"], "violations": len(wrong), "wrong": wrong[:SHOWN],
        "faults": {name: hits[name] for name in FAULTS}, "never": [name for name in FAULTS if not hits[name]], "listed": total["listed"],
        "seconds": round(seconds, 1), "events_per_s": round(total["events"] / seconds, 1), "processes": processes,
        "events_per_cpu_s": round(total["events"] / max(cpu_s, 0.001), 1),
    }  # fmt: skip


def replay(seed: int, events: int = EVENTS) -> Run:
    """One seed again: its trace is the same to the byte on every run and machine."""
    return next(some([seed], events))


def as_line(told: dict[str, Any]) -> str:
    """One object on one line."""
    return json.dumps(told, ensure_ascii=False)
