"""A disk that fails: EIO at every sync, ENOSPC at every write, one after the other; and the order of calls on a disk that does not.

Run by ``python -m tests.crash --faults sync|write|order`` and by the tests. strace makes the n-th call of an act fail; the act must not
be acknowledged when that call was about a file that counts, and the next run must go on as if nothing had been.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.crash import trace
from tests.crash.child import End, run
from tests.crash.journey import KILLED, Base, Journey
from tests.crash.road import Act
from tests.crash.trace import CALLS, Acknowledgement, Step

FAULTS = {"sync": ("fsync,fdatasync", "EIO"), "write": ("write,pwrite64,ftruncate", "ENOSPC")}
_MOST = 400


class Traced(Journey):
    """A day of which every system call is seen; at its first trial an act finds its n-th call of a kind failing."""

    def __init__(self, base: Base, folder: Path, fault: str, number: int) -> None:
        super().__init__(base, folder, lambda _act, _depth: 0)
        self._fault, self._number = fault, number
        self.hits = self.harmful = 0
        self.said: list[Acknowledgement] = []

    def _tried(self, act: Act, point: int, *, looked: bool) -> End:
        if looked:
            return super()._tried(act, point, looked=True)
        calls, error = FAULTS.get(self._fault, ("", ""))
        seen = self.folder / "trace"
        inject = ["-e", f"inject={calls}:error={error}:when={self._number}"] if calls else []
        options = ["-y", "-s", "80", "-o", str(seen), "-e", f"trace={CALLS}", *inject]
        end = run(act.work(self.place), 0, self._environment, self.place.twin, options)
        self.said += trace.order(seen, self.folder)
        return self._weighed(act, end, [step for step in trace.steps(seen) if "(INJECTED)" in step.text])

    def _weighed(self, act: Act, end: End, hits: Sequence[Step]) -> End:
        """An act that failed is repeated like one that was killed; one that was acknowledged all the same is a fault."""
        self.hits += len(hits)
        harmful = [step for step in hits if trace.counts(step, self.folder)]
        self.harmful += len(harmful)
        if harmful and end.code == 0:
            self.errors.append(f"{act.name} was acknowledged after {harmful[0].call} of {harmful[0].path} had failed")
        return end._replace(code=KILLED) if hits and end.code > 0 else end


class Sweep:
    """The first call of every act fails, then the second of every act, until no act makes so many."""

    def __init__(self, base: Base, folder: Path) -> None:
        self._base, self._folder = base, folder
        self.faults: list[str] = []
        self._told = {"journeys": 0, "hits": 0, "harmful": 0}
        self.said: list[Acknowledgement] = []

    def order(self, journeys: int) -> None:
        """Undisturbed days, for the order of their calls."""
        gc.freeze()
        for number in range(journeys):
            self._one("", number)
        self.faults += [f"{one.kind} before the sync of {', '.join(one.unsynced)}" for one in self.said if one.unsynced]

    def run(self, fault: str, numbers: Sequence[int] = range(1, _MOST)) -> None:
        """All days with a fault in them."""
        gc.freeze()
        plain = Journey(self._base, self._folder / "plain", lambda _act, _depth: 0)
        wanted = plain.go()
        for number in numbers:
            hits, end = self._one(fault, number)
            if end != wanted:
                self.faults.append(f"{fault} {number}: ends with {end}, not with {wanted}")
            if not hits:
                return

    def _one(self, fault: str, number: int) -> tuple[int, dict[str, Any]]:
        day = Traced(self._base, self._folder / f"j{self._told['journeys']}", fault, number)
        end = day.go()
        self.said += day.said
        self.faults += [f"{fault} {number}: {one}" for one in day.errors]
        self.faults += [f"{fault} {number} {name}: {verdict}" for name, verdict in day.faults]
        for name, count in (("journeys", 1), ("hits", day.hits), ("harmful", day.harmful)):
            self._told[name] += count
        shutil.rmtree(day.folder)
        return day.hits, end

    def report(self) -> dict[str, Any]:
        """The numbers; ``acknowledgements`` are those that came after something had been written, by kind."""
        return {**self._told, "faults": len(self.faults), "acknowledgements": trace.tally(self.said)}
