"""The measured road: each task opens the rooms, then times one verb as a command would run it.

Run by child in a fresh process. Steps are timed by wrapping those of the pipeline; nothing of them is left out or replaced.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bench.child import Clock, Told, Values
from bench.stages import open_jobs
from fundlink import pipeline
from fundlink.jobs import Jobs
from fundlink.pipeline import Rooms, Step, Ticket, Verb

FILES_STEP = "send"
"""The step of submit that begins when all files are written, signed, checked and stored."""


def _watched(verb: Verb, took: dict[str, float]) -> Verb:
    return tuple((name, _timed(name, step, took)) for name, step in verb)


def _timed(name: str, step: Step, took: dict[str, float]) -> Step:
    def run(rooms: Rooms, ticket: Ticket) -> Ticket:
        start = time.perf_counter()
        try:
            return step(rooms, ticket)
        finally:
            took[name] = round(took.get(name, 0.0) + time.perf_counter() - start, 4)

    return run


def _watch() -> dict[str, float]:
    """From here on every step notes its seconds."""
    took: dict[str, float] = {}
    pipeline.INTAKE = _watched(pipeline.INTAKE, took)
    for name in pipeline.VERBS:
        pipeline.VERBS[name] = _watched(pipeline.VERBS[name], took)
    return took


def _told(clock: Clock, rows: int, took: dict[str, float], **details: Any) -> Told:
    return {"rows": rows, "seconds": clock.seconds, "steps": took, "details": details, "profile": clock.top()}


def _opened(values: Values) -> tuple[Jobs, Clock, dict[str, float], Any]:
    jobs, gateway = open_jobs(values)
    return jobs, Clock(profiled=values.get("profile", False)), _watch(), gateway


def intake(values: Values) -> Told:
    """``path`` by ``form_profile``; rows read, all of them new."""
    jobs, clock, took, _ = _opened(values)
    with clock.running():
        done = jobs.intake(Path(values["path"]), values["form_profile"])
    jobs.rooms.close()
    assert done["created"] == done["read"] == values["rows"], done
    assert not done["problems"], done["problems"][:3]  # rows with faults or doubts cost more and are not what is measured here
    took["report"] = round(clock.seconds - sum(took.values()), 4)
    return _told(clock, done["read"], took)


def submit(values: Values) -> Told:
    """All stored slips; seconds until the files are there, whole_seconds with the answers taken in."""
    jobs, clock, took, gateway = _opened(values)
    with clock.running():
        done = jobs.submit()
    jobs.rooms.close()
    assert done["registered"] == values["rows"], done
    whole = clock.seconds - gateway.own_seconds
    took[FILES_STEP] = round(took.get(FILES_STEP, 0.0) - gateway.own_seconds, 4)
    clock.seconds = whole - max(took[FILES_STEP], 0.0)
    return _told(clock, done["slips"], took, whole_seconds=round(whole, 4), messages=done["messages"])


def collect(values: Values) -> Told:
    """All files of the gateway."""
    jobs, clock, took, gateway = _opened(values)
    with clock.running():
        done = jobs.collect()
    jobs.rooms.close()
    assert done["receipts"] == values["rows"], done
    clock.seconds -= gateway.own_seconds
    return _told(clock, done["receipts"], took)


def reconcile(values: Values) -> Told:
    """All receipts that were collected; the outcomes must be the expected ones."""
    jobs, clock, took, _ = _opened(values)
    with clock.running():
        done = jobs.reconcile()
    jobs.rooms.close()
    assert done["outcomes"] == values["expected"], done["outcomes"]
    return _told(clock, sum(done["outcomes"].values()), took, outcomes=done["outcomes"])


def export(values: Values) -> Told:
    """All outcomes, as clearing files in ``out``."""
    jobs, clock, took, _ = _opened(values)
    with clock.running():
        done = jobs.export(Path(values["out"]))
    jobs.rooms.close()
    assert done["entries"] == values["rows"], done
    return _told(clock, done["entries"], took, files=done["files"])


def incremental(values: Values) -> Told:
    """Collect and reconcile a day's receipts against many stored bills."""
    jobs, clock, took, gateway = _opened(values)
    with clock.running():
        collected = jobs.collect()
    collect_seconds = clock.seconds - gateway.own_seconds
    with clock.running():
        done = jobs.reconcile()
    jobs.rooms.close()
    assert collected["receipts"] == values["rows"], collected
    assert done["outcomes"] == values["expected"], done["outcomes"]
    clock.seconds -= gateway.own_seconds
    reconcile_seconds = round(clock.seconds - collect_seconds, 4)
    return _told(clock, collected["receipts"], took, collect_seconds=round(collect_seconds, 4), reconcile_seconds=reconcile_seconds)
