"""The product's workers: each runs verbs step by step, can be killed between two steps or inside one, and may go on with another's job.

Driven by the world. A verb is the product's own list of named steps; its ticket goes through JSON between two of them, as an
engine would keep it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fundlink import pipeline
from fundlink.domain.errors import BusyError, OutcomeUnknownError
from fundlink.pipeline import Rooms, Ticket, Verb
from tests.simulation.core import BillFile, Core
from tests.simulation.storage import Killed, OutOfRoom
from tests.simulation.wire import Wire

if TYPE_CHECKING:
    from tests.simulation.world import World

VERBS = ("intake", "submit", "collect", "reconcile", "export")


def _report(rooms: Rooms, ticket: Ticket) -> Ticket:
    return pipeline.intake_report(rooms, ticket)


def steps_of(verb: str) -> Verb:
    """The steps of a verb as they run in a job."""
    found = pipeline.VERBS[verb]
    return (*found, ("report", _report)) if verb == "intake" else found


@dataclass
class Job:
    """One verb under way."""

    verb: str
    ticket: Ticket
    at: int = 0
    core: Core | None = None
    file: BillFile | None = None
    ended: bool = False

    def copy(self) -> Job:
        return Job(self.verb, json.loads(json.dumps(self.ticket)), self.at, self.core, self.file, self.ended)


@dataclass
class Worker:
    """One process of the product."""

    name: str
    rooms: Rooms
    wire: Wire
    job: Job | None = None


@dataclass
class Workers:
    """All workers, who holds which stream, and jobs whose worker died."""

    world: World
    staff: list[Worker] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)
    orphans: list[Job] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)

    def move(self, worker: Worker) -> str:
        """Steps of a worker up to the first that wrote something (one that did not is no event); what happened in a few words."""
        told = self._move(worker)
        while worker.job is not None and not self.world.storage.written and not told.startswith("!"):
            told = f"{told} | {self._move(worker)}"
        return told

    def _move(self, worker: Worker) -> str:
        world = self.world
        if worker.job is None:
            told = self._begin(worker)
            if worker.job is None:
                return told
        job = worker.job
        if world.faults.strikes("T21", 0.2):
            self._die(worker)
            return f"! {job.verb} killed before step {job.at}"
        others = [other for other in self.staff if other.job is None]
        if others and world.faults.strikes("T35", 0.5):
            other = world.rng.choice(others)
            other.job = job.copy()
            self.held[job.verb] = other.name
        return self.step(worker)

    def _begin(self, worker: Worker) -> str:
        rng = self.world.rng
        free = [job for job in self.orphans if job.verb not in self.held]
        if free and rng.random() < 0.7:
            worker.job = free[0]
            self.orphans.remove(free[0])
        else:
            verb = rng.choice([one for one in VERBS if one != "intake" or any(core.waiting for core in self.world.cores)])
            if verb in self.held:
                return f"{verb} busy"
            worker.job = self.new_job(verb)
            if worker.job is None:
                return "nothing to take in"
        self.held[worker.job.verb] = worker.name
        return ""

    def new_job(self, verb: str, *, retry: bool = False) -> Job | None:
        """A job from its beginning; an intake needs a file that waits."""
        if verb == "intake":
            waiting = [core for core in self.world.cores if core.waiting and "core" not in self.world.stopped]
            if not waiting:
                return None
            core = self.world.rng.choice(waiting)
            file = core.waiting[0]
            path = self.world.folder / "drop" / file.name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(file.body)
            self.world.sent[file.sha256] = file
            ticket = {"path": str(path), "profile": core.profile, "municipality": "", "channel": "file", "dry_run": False}
            return Job(verb, ticket, core=core, file=file)
        tickets: dict[str, Ticket] = {
            "submit": {}, "collect": {"retry": retry}, "reconcile": {"day": None, "municipality": None}, "export": {"out": str(self.world.out)}
        }  # fmt: skip
        return Job(verb, tickets[verb])

    def step(self, worker: Worker) -> str:
        """Run the next step of a worker's job."""
        job = worker.job
        assert job is not None
        name, step = steps_of(job.verb)[job.at]
        if job.ended and name != "report":
            job.at += 1
            return self._onward(worker, job, f"{job.verb}.{name} skipped")
        what = f"{job.verb}.{name}"
        try:
            with self.world.storage.at_work(what):
                added = step(worker.rooms, json.loads(json.dumps(job.ticket)))
        except Killed:
            self._die(worker)
            return f"! {what} killed"
        except (BusyError, OutcomeUnknownError, *OutOfRoom) as error:
            if self.world.rng.random() < 0.5:
                self._drop(worker)
            return f"! {what} failed: {type(error).__name__}"
        job.ticket = {**job.ticket, **json.loads(json.dumps(added))}
        job.ended = bool(job.ticket.get("end"))
        job.at += 1
        return self._onward(worker, job, what + _shown(added))

    def _onward(self, worker: Worker, job: Job, told: str) -> str:
        if job.at == len(steps_of(job.verb)) or (job.ended and job.verb != "intake"):
            self._finish(worker, job)
        return told

    def _finish(self, worker: Worker, job: Job) -> None:
        self._drop(worker)
        self.done[job.verb] = self.done.get(job.verb, 0) + 1
        if job.verb == "submit":
            self.world.violations += self.world.checks.submitted(job.ticket["unknown"])
        if job.file is None or job.core is None or job.file.told is not None:
            return
        told = {name: job.ticket.get(name) for name in ("quarantined", "created", "updated", "duplicate_of")}
        self.world.violations += self.world.checks.acknowledged(job.file.sha256, told)
        job.file.told = {"told": 1}
        if job.file in job.core.waiting:
            job.core.waiting.remove(job.file)

    def _drop(self, worker: Worker) -> None:
        if worker.job is not None and self.held.get(worker.job.verb) == worker.name:
            del self.held[worker.job.verb]
        worker.job = None

    def _die(self, worker: Worker) -> None:
        job = worker.job
        self._drop(worker)
        if job is not None and self.world.rng.random() < 0.5:
            self.orphans.append(job)


def _shown(added: dict[str, Any]) -> str:
    """What a step told, without what is different on every machine."""
    hidden = ("path", "paths", "result_file", "control", "days", "problems")
    told = {name: value for name, value in added.items() if name not in hidden}
    codes = sorted({str(one["code"]) for one in added.get("problems") or []})
    return " " + json.dumps(told, ensure_ascii=False, sort_keys=True) + (f" {codes}" if codes else "")
