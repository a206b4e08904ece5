"""A database that stops at once, again and again, while days go on over it: PostgreSQL's immediate stop, as when its machine dies.

Run by ``python -m tests.crash --stops`` and by the tests. An act that a stop came upon may fail; it is asked for again until it is
done, and everything that was acknowledged before, during and after must be there, once.
"""

from __future__ import annotations

import gc
import multiprocessing
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import sqlalchemy as sa

from tests.crash import judge
from tests.crash.child import End, aside, run
from tests.crash.journey import KILLED, Base, Journey
from tests.crash.programme import based, copied
from tests.crash.road import Act, Place, look, road
from tests.jobs.stage import Server
from tests.postgresql import database

GONE = (sa.exc.OperationalError, sa.exc.InterfaceError, psycopg.OperationalError)
_DOWN_S = (0.1, 2.0)
_PATIENCE_S = 240.0


class Gaps(NamedTuple):
    """How long the database runs between two stops."""

    least_s: float = 5.0
    most_s: float = 40.0


class Stops:
    """What the one who stops the database tells those who work over it; shared by processes."""

    def __init__(self) -> None:
        self._began, self._up_at, self._cut, self._over = (multiprocessing.Value(kind) for kind in ("i", "d", "i", "b"))
        self._up_at.value = self._since = time.monotonic()

    @property
    def lasted_s(self) -> float:
        """Since when days go on over a database that stops."""
        return time.monotonic() - self._since

    @property
    def began(self) -> int:
        """How many stops have begun."""
        return int(self._began.value)

    @property
    def up_at(self) -> float:
        """Since when it answers; 0 while it does not."""
        return float(self._up_at.value)

    @property
    def cut(self) -> int:
        """How many acts failed because of a stop."""
        return int(self._cut.value)

    @property
    def over(self) -> bool:
        """Whether there will be no more stops."""
        return bool(self._over.value)

    def begin(self) -> None:
        """It stops now."""
        self._up_at.value = 0.0
        self._began.value += 1

    def end(self) -> None:
        """It answers again."""
        self._up_at.value = time.monotonic()

    def note_cut(self) -> None:
        """An act failed because of it."""
        with self._cut.get_lock():
            self._cut.value += 1

    def finish(self) -> None:
        """Days that are under way end, and no new ones begin."""
        self._over.value = 1


def _patiently(act: Callable[[], Any]) -> Any:
    """What a function gives once the database is there."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return act()
        except GONE:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _aside(act: Callable[[], Any]) -> Any:
    return aside(lambda: _patiently(act))


class Patient(Place):
    """A place whose database may be away for a while when somebody looks."""

    def sees(self, statement: str) -> Any:
        """As ever, once it is there."""
        return _aside(lambda: look(self.url, statement))


class Flow(Journey):
    """A day over a database that stops: nobody kills the acts."""

    def __init__(self, base: Base, folder: Path, stops: Stops) -> None:
        super().__init__(base, folder, lambda _act, _depth: 0)
        self.place = Patient(*self.place)
        self._stops = stops
        self.back_s = 0.0

    def go(self) -> dict[str, Any]:
        """As ever, with the patience of a person who knows that the database is being started again."""
        for act in road():
            self._until_done(act)
            if self.errors:
                return {}
        found: dict[str, Any] = _aside(lambda: judge.end_of(self.url, self.place.twin, self.place.core))
        return found

    def _tried(self, act: Act, point: int, *, looked: bool) -> End:
        if looked and act.done and self.place.sees(act.done):
            return End(0, "{}", "", ())
        stops, was_up = self._stops.began, self._stops.up_at > 0
        end = run(act.work(self.place), point, self._environment, self.place.twin)
        if end.code == 0 or (was_up and stops == self._stops.began):
            self._came_back(looked=looked)
            return end
        self._stops.note_cut()
        time.sleep(0.05)
        return end._replace(code=KILLED)

    def _came_back(self, *, looked: bool) -> None:
        if looked and self._stops.up_at:
            self.back_s = max(self.back_s, time.monotonic() - self._stops.up_at)

    def _judge(self, name: str) -> None:
        verdict = _aside(lambda: judge.judged(self.url, self.journal, self.place.twin))
        if not verdict.clean:
            self.faults.append((name, verdict))


def _days(number: int) -> dict[str, Any]:
    """Days one after the other until there are no more stops; what they came to."""
    assert _shared is not None
    base, folder, stops, wanted = _shared
    told: dict[str, Any] = {"days": 0, "acknowledged": 0, "back_s": 0.0, "said": [], "lost": 0, "doubled": 0}
    while not told["days"] or not stops.over:
        day = _patiently(lambda: _begun(base, folder / f"f{number}j{told['days']}", stops))
        end = day.go()
        told["days"] += 1
        told["acknowledged"] += len(day.journal)
        told["back_s"] = max(told["back_s"], day.back_s)
        told["lost"] += sum(len(verdict.lost) for _, verdict in day.faults)
        told["doubled"] += sum(len(verdict.doubled) for _, verdict in day.faults)
        told["said"] += [*day.errors, *(f"{name}: {line}" for name, verdict in day.faults for line in judge.shown(verdict))]
        if end != wanted:
            told["said"].append(f"a day ends with {end}, not with {wanted}")
        shutil.rmtree(day.folder)
        if told["said"]:
            break
    return told


def _begun(base: Base, folder: Path, stops: Stops) -> Flow:
    shutil.rmtree(folder, ignore_errors=True)
    return Flow(base, folder, stops)


_shared: tuple[Base, Path, Stops, dict[str, Any]] | None = None


class Cutter:
    """Stops the database and starts it again, until it is enough."""

    def __init__(self, server: Server, stops: Stops, seed: int) -> None:
        self._server, self._stops, self._chance = server, stops, random.Random(seed)
        self.start_s = 0.0

    def go_on(self, gaps: Gaps, enough: Callable[[Stops], bool], days: Sequence[Future[dict[str, Any]]]) -> None:
        """Stop and start; an end of all days before it is enough is one of errors, which the days tell."""
        while not enough(self._stops) and not all(day.done() for day in days):
            time.sleep(self._chance.uniform(*gaps))
            self._stops.begin()
            self._server.kill()
            time.sleep(self._chance.uniform(*_DOWN_S))
            began = time.monotonic()
            self._server.start()
            self.start_s = max(self.start_s, time.monotonic() - began)
            self._stops.end()
        self._stops.finish()


@contextmanager
def _installed() -> Iterator[tuple[Base, Path, Server]]:
    folder = Path(tempfile.mkdtemp(prefix="fundlink-cut-"))
    try:
        server = Server(folder)
        try:
            with database(server.url, "base") as url:
                yield based(folder, url)._replace(fresh=lambda name: copied(server.url, name)), folder, server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stopped(gaps: Gaps, enough: Callable[[Stops], bool], *, seed: int = 1, flows: int = 2) -> tuple[dict[str, Any], list[str]]:
    """Days over a database that stops; the report, and every fault in words."""
    global _shared  # noqa: PLW0603  (what a forked process finds)
    began = time.monotonic()
    with _installed() as (base, folder, server):
        gc.freeze()
        plain = Flow(base, folder / "plain", Stops())
        wanted, stops = plain.go(), Stops()
        _shared = base, folder, stops, wanted
        with ProcessPoolExecutor(flows, multiprocessing.get_context("fork")) as pool:
            days = [pool.submit(_days, number) for number in range(flows)]
            cutter = Cutter(server, stops, seed)
            cutter.go_on(gaps, enough, days)
            told = [day.result() for day in days]
    said = [*plain.errors, *(line for one in told for line in one["said"])]
    sums = {name: sum(one[name] for one in told) for name in ("days", "acknowledged", "lost", "doubled")}
    report = {
        "database": "postgresql", "seed": seed, "stops": stops.began, "cut": stops.cut, **sums, "faults": len(said),
        "recovery_s": round(max(one["back_s"] for one in told), 3), "start_s": round(cutter.start_s, 3), "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip
    return report, said
