"""A disk that fails: EIO at every sync, ENOSPC at every write, one after the other; and the order of calls on a disk that does not.

Run by ``python -m tests.crash --faults sync|write|order`` and by the tests. strace makes the n-th call of an act fail. An act whose
data was lost by it must not be acknowledged, and the next run must go on as if nothing had been.
"""

from __future__ import annotations

import gc
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.crash import judge, trace
from tests.crash.child import End, run
from tests.crash.journey import KILLED, Base, Journey
from tests.crash.road import Act
from tests.crash.trace import CALLS, Acknowledgement, Order, Step

FAULTS = {"sync": ("fsync,fdatasync", "EIO"), "write": ("write,pwrite64,ftruncate", "ENOSPC")}
_LOG = "fundlink.db-wal"


class Traced(Journey):
    """A day of which system calls are seen; at its first trial an act finds its n-th call of a kind failing.

    ``many`` says how many such calls each act makes: one that makes fewer runs as usual.
    """

    def __init__(self, base: Base, folder: Path, fault: str, number: int, many: Mapping[str, int] | None = None) -> None:
        super().__init__(base, folder, lambda _act, _depth: 0)
        self._fault, self._number, self._many = fault, number, many
        self.calls: dict[str, int] = {}
        self.hits = self.harmful = 0
        self.said: list[Acknowledgement] = []

    def _tried(self, act: Act, point: int, *, looked: bool) -> End:
        if looked or (self._many is not None and self._many[act.name] < self._number):
            return super()._tried(act, point, looked=looked)
        calls, error = FAULTS.get(self._fault, ("", ""))
        seen = self.folder / "trace"
        inject = ["-e", f"inject={calls}:error={error}:when={self._number}"] if self._number else []
        options = ["-y", "-s", "80", "-o", str(seen), "-e", f"trace={CALLS}", *inject]
        end = run(act.work(self.place), 0, self._environment, self.place.twin, options)
        order = trace.order(seen, self.folder)
        self.said += order.said
        steps = list(trace.steps(seen))
        self.calls[act.name] = _most(steps, calls.split(","))
        return self._weighed(act, end, order, [step for step in steps if "(INJECTED)" in step.text])

    def _weighed(self, act: Act, end: End, order: Order, hits: Sequence[Step]) -> End:
        """An act that failed is repeated like one that was killed; one that was acknowledged all the same is a fault."""
        if not hits:
            return end
        self.hits += len(hits)
        unwritten = [step for step in hits if step.call not in ("fsync", "fdatasync") and trace.counts(step, self.folder)]
        self.harmful += order.lossy + len(unwritten)
        if unwritten and end.code == 0:
            self.errors.append(f"{act.name} was acknowledged after {unwritten[0].call} of {unwritten[0].path} had failed")
        self.errors += [
            f"{act.name}: {one.kind} although {', '.join(one.unsynced)} is not on the disk" for one in order.said if one.unsynced
        ]
        if end.code == 0:  # then the copying of the log failed, which loses nothing because the log stays
            if any(Path(step.path).name == _DATABASE for step in hits) and not (self.place.home / _LOG).exists():
                self.errors.append(f"{act.name}: the log went although the database could not be written")
            self._judge(act.name)
        return end._replace(code=KILLED) if end.code > 0 else end


_DATABASE = "fundlink.db"


def _most(steps: Sequence[Step], calls: Sequence[str]) -> int:
    """The highest number at which strace can make a call fail: it counts by thread and by call."""
    counted = Counter((step.thread, step.call) for step in steps if step.call in calls)
    return max(counted.values(), default=0)


class Numbers(NamedTuple):
    """Which calls of an act are made to fail, one a day: every ``step``-th from the first to the last, or to where no act makes so many."""

    first: int = 1
    last: int | None = None
    step: int = 1

    def until(self, most: int) -> range:
        """The numbers, when no act makes more calls than that."""
        return range(self.first, min(self.last or most, most) + 1, self.step)


class Sweep:
    """The first call of every act fails, then the second of every act, until no act makes so many.

    With ``kept`` each day is a line of that file when it is over, and is not run again.
    """

    def __init__(self, base: Base, folder: Path, kept: Path | None = None) -> None:
        self._base, self._folder, self._kept = base, folder, kept
        self.days: list[dict[str, Any]] = []
        self.numbers = 0

    @property
    def faults(self) -> list[str]:
        """Everything that was wrong, in words."""
        return [fault for day in self.days for fault in day["said"]]

    def order(self, journeys: int) -> None:
        """Undisturbed days, for the order of their calls."""
        gc.freeze()
        for number in range(1, journeys + 1):
            day, _ = self._one("order", 0)
            early = [f"{one.kind} before the sync of {', '.join(one.unsynced)}" for one in day.said if one.unsynced]
            self._keep("order", number, day, early)

    def run(self, fault: str, numbers: Numbers) -> None:
        """Days with a fault in them."""
        gc.freeze()
        self.days = [day for day in self._told() if day["fault"] == fault]
        plain, wanted = self._one(fault, 0)
        self.numbers = max(plain.calls.values())
        for number in numbers.until(self.numbers):
            if any(day["number"] == number for day in self.days):
                continue
            day, end = self._one(fault, number, plain.calls)
            differs = [] if end == wanted else [f"ends with {end}, not with {wanted}"]
            self._keep(fault, number, day, differs)

    def _one(self, fault: str, number: int, many: Mapping[str, int] | None = None) -> tuple[Traced, dict[str, Any]]:
        day = Traced(self._base, self._folder / f"{fault}{len(self.days)}n{number}", fault, number, many)
        end = day.go()
        shutil.rmtree(day.folder)
        return day, end

    def _told(self) -> list[dict[str, Any]]:
        if self._kept is None or not self._kept.exists():
            return []
        return [json.loads(line) for line in self._kept.read_text().splitlines()]

    def _keep(self, fault: str, number: int, day: Traced, more: Sequence[str]) -> None:
        said = [*day.errors, *(f"{name}: {line}" for name, verdict in day.faults for line in judge.shown(verdict)), *more]
        told = {
            "fault": fault, "number": number, "hits": day.hits, "harmful": day.harmful, "acknowledgements": trace.tally(day.said),
            "said": [f"{fault} {number}: {one}" for one in said],
        }  # fmt: skip
        self.days.append(told)
        if self._kept is not None:
            with self._kept.open("a") as file:
                file.write(json.dumps(told, ensure_ascii=False) + "\n")

    def report(self) -> dict[str, Any]:
        """The sums; ``acknowledgements`` are those that came after something had been written, by kind."""
        kinds = sum((Counter(day["acknowledgements"]) for day in self.days), Counter[str]())
        sums = {name: sum(day[name] for day in self.days) for name in ("hits", "harmful")}
        return {
            "days": len(self.days),
            **sums,
            "numbers": self.numbers,
            "faults": len(self.faults),
            "acknowledgements": dict(sorted(kinds.items())),
        }
