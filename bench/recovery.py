"""The product killed among many open bills while it collects, and while it reconciles; seconds until it is ready again and has done what it had in hand.

Called by the command line. Every process of the product dies at once, as with its machine, and all of them are started again at
once; time is counted from the kill.
"""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, NamedTuple

from bench.processes import Process, ended, gateway
from bench.receipts import OFFERED, begin, offered, running
from bench.stages import Bed, Place, open_jobs
from bench.watching import LOOK_S, Watch

PATIENCE_S = 900.0
AT_WORK_S = 1.0
"""How long reconcile has been at work when it is killed; ``interrupted`` says that it was still at work."""


class Scene(NamedTuple):
    """Everything that a kill is about."""

    bed: Bed
    place: Place
    watch: Watch
    other: Process
    workers: int

    def start(self) -> list[Process]:
        """The product, about to be ready."""
        return running(self.bed, self.place, self.other, workers=self.workers, INTERVAL_S="1")


def recovery(bed: Bed, count: int, workers: int) -> dict[str, Any]:
    """The figure: each verb killed once, every receipt stored and judged once and as expected."""
    offers, expected = offered(bed, count, 0)
    told: dict[str, Any] = {"bench": "recovery", "database": bed.databases.kind, "bills": bed.rows, "receipts": count, "files": len(offers)}
    for verb, act in (("collect", _in_collect), ("reconcile", _in_reconcile)):
        with _scene(bed, workers, collected=verb == "reconcile") as scene:
            told[verb] = act(scene, len(offers))
            assert (found := scene.watch.outcomes()) == expected, (found, expected)
    worst = [told[verb][name] for verb in ("collect", "reconcile") for name in ("ready_s", "done_s")]
    return {**told, "interrupted": all(told[verb]["interrupted"] for verb in ("collect", "reconcile")), "recovery_s": max(worst)}


@contextmanager
def _scene(bed: Bed, workers: int, *, collected: bool) -> Iterator[Scene]:
    """A place of its own and the gateway beside it; ``collected``: all receipts are in, and not judged yet."""
    with bed.copied("known") as place, closing(Watch(bed, place)) as watch:
        if collected:
            jobs, _ = open_jobs(bed.values(place, bed.folder / OFFERED))
            jobs.collect()
            jobs.rooms.close()
        other = gateway(bed, bed.folder / OFFERED)
        with ended(other):
            yield Scene(bed, place, watch, other, workers)


def _in_collect(scene: Scene, files: int) -> dict[str, Any]:
    """Killed when a third of the files is stored; done when all of them are."""
    watch, started = scene.watch, scene.start()
    with ended(*started):
        for process in started:
            process.ready()
        assert watch.until(lambda: len(watch.tied) > 0, PATIENCE_S), "nobody works"
        begin(scene.other)
        assert watch.until(lambda: len(watch.stored) > files // 3, PATIENCE_S), "nothing is collected"
        return _killed(scene, started, lambda: len(watch.stored) == files)


def _in_reconcile(scene: Scene, files: int) -> dict[str, Any]:
    """Killed a second after it began; done when every receipt is judged and told by its day."""
    watch, started = scene.watch, scene.start()
    with ended(*started):
        assert watch.until(lambda: watch.at_work("reconcile"), PATIENCE_S), "nothing is reconciled"
        time.sleep(AT_WORK_S)
        return _killed(scene, started, lambda: len(watch.tied) == files)


def _killed(scene: Scene, started: Sequence[Process], done: Callable[[], bool]) -> dict[str, Any]:
    """Kill, start again, and look until the verb is done, everything is tied and the server says that it is ready.

    ``cpu_s``: seconds of a core that the new processes used until the verb was done, which a busy machine changes least.
    """
    watch = scene.watch
    for process in started:
        process.kill()
    killed = time.monotonic()
    watch.look()
    at_kill = {"interrupted": not done(), "files_stored": len(watch.stored), "files_judged": len(watch.judged)}
    again = scene.start()
    ready = _Readiness(again[0])
    with ended(*again):
        assert watch.until(done, PATIENCE_S), "it was not gone on with"
        done_s, cpu_s = time.monotonic() - killed, sum(process.cpu_s for process in again)
        assert watch.until(lambda: len(watch.tied) == len(watch.stored), PATIENCE_S), "it was not tied"
        tied_s = time.monotonic() - killed
        ready.join(PATIENCE_S)
    took = {"ready_s": ready.at - killed, "done_s": done_s, "tied_s": tied_s, "cpu_s": cpu_s}
    return {**at_kill, **{name: round(seconds, 2) for name, seconds in took.items()}}


class _Readiness(threading.Thread):
    """Asks a server that has just been started until it says that it is ready; ``at`` is when."""

    def __init__(self, server: Process) -> None:
        super().__init__(daemon=True)
        self._server, self.at = server, float("inf")
        self.start()

    def run(self) -> None:
        """Ask."""
        url = f"{self._server.ready().url}/readyz"
        while self.at == float("inf"):
            with suppress(OSError), urllib.request.urlopen(url, timeout=30):
                self.at = time.monotonic()
            time.sleep(LOOK_S)
