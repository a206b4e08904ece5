"""A part of the crash programme: journeys until its share of the points was a place of death, and as many kills as were asked for.

Called by parts and by the tests. One part (its number is the seed) gives one series of kills.
"""

from __future__ import annotations

import gc
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from fundlink import bootstrap
from fundlink.config import Settings
from fundlink.connectors.in_memory import InMemoryGateway
from tests import postgresql
from tests.builders import INSTITUTION
from tests.crash.child import aside
from tests.crash.journey import Base, Journey, Kill

NESTED = 0.6
"""How likely a killed act is killed once more while it is repeated."""


class Part(NamedTuple):
    """Which part of how many: each has its share of the points (every ``of``-th one)."""

    number: int = 1
    of: int = 1

    def has(self, at: int) -> bool:
        """Whether this part sees to the n-th point of the road."""
        return at % self.of == self.number % self.of


class Asked(NamedTuple):
    """How many kills of a part, and after how many seconds it ends all the same."""

    kills: int
    seconds: float = float("inf")


class Programme:
    """Kills by a plan: first the points that nobody died at yet, then any, and again during the recovery."""

    def __init__(self, base: Base, folder: Path, part: Part) -> None:
        self._base, self._folder, self._part = base, folder, part
        self._chance = random.Random(part.number)
        self.points: dict[str, tuple[str, ...]] = {}
        self.covered: set[tuple[str, int]] = set()
        self.kills: list[Kill] = []
        self.journeys, self.recovery_s = 0, 0.0
        self.found: dict[str, list[str]] = {"lost": [], "doubled": [], "broken": [], "differing": [], "errors": []}
        self._wanted: dict[str, Any] = {}
        self._mine: set[tuple[str, int]] = set()
        self._kills = 0
        self.spread = False
        """Die anywhere, and enough is enough: for the suite, which has no time for every point."""

    def run(self, kills: int, seconds: float = float("inf")) -> None:
        """Undisturbed once, then killed until it is enough, time is up or something is wrong."""
        deadline, self._kills = time.monotonic() + seconds, kills
        gc.freeze()  # a fork copies what its collector touches
        self._wanted = self._one(lambda _act, _depth: 0)
        every = [(act, at) for act, names in self.points.items() for at in range(1, len(names) + 1)]
        self._mine = {point for number, point in enumerate(every) if self._part.has(number)}
        while (
            not any(self.found.values()) and (len(self.kills) < kills or (self.left() and not self.spread)) and time.monotonic() < deadline
        ):
            self._one(self._aim)

    def left(self) -> list[str]:
        """Points of this part at which nobody died yet."""
        return [f"{act} {at} ({self.points[act][at - 1]})" for act, at in sorted(self._mine - self.covered)]

    def _aim(self, act: str, depth: int) -> int:
        many, enough = len(self.points[act]), len(self.kills) >= self._kills
        new = [at for name, at in self._mine - self.covered if name == act]
        if new and not (depth or self.spread):
            return min(new)
        if enough or (depth and self._chance.random() >= NESTED):
            return 0
        return self._chance.randint(1, many)

    def _one(self, aim: Callable[[str, int], int]) -> dict[str, Any]:
        journey = Journey(self._base, self._folder / f"p{self._part.number}j{self.journeys}", aim)
        end = journey.go()
        self.journeys += 1
        self.points = self.points or journey.points
        self.kills += journey.kills
        self.covered |= {(kill.act, kill.point) for kill in journey.kills if kill.depth == 0}
        self.recovery_s = max(self.recovery_s, journey.recovery_s)
        self._judge(journey, end)
        shutil.rmtree(journey.folder)
        return end

    def _judge(self, journey: Journey, end: dict[str, Any]) -> None:
        where = f"journey {self.journeys}: {journey.kills[-8:]}"
        for name, verdict in journey.faults:
            for kind, faults in verdict._asdict().items():
                self.found[kind] += [f"{where} {name}: {fault}" for fault in faults]
        self.found["errors"] += [f"{where} {fault}" for fault in journey.errors]
        other = {key: (value, end.get(key)) for key, value in self._wanted.items() if end.get(key) != value}
        if other and not journey.errors:
            self.found["differing"].append(f"{where} {other}")

    def report(self) -> dict[str, Any]:
        """The numbers of this part; ``hit`` names the points that were places of death."""
        depths = [kill.depth + 1 for kill in self.kills]
        return {
            "kills": len(self.kills), "nested": sum(depth > 1 for depth in depths), "deepest": max(depths, default=0),
            "points": sum(map(len, self.points.values())), "lost": len(self.found["lost"]), "doubled": len(self.found["doubled"]),
            "broken": len(self.found["broken"]), "ledger_differences": len(self.found["differing"]), "errors": len(self.found["errors"]),
            "recovery_s": round(self.recovery_s, 3), "journeys": self.journeys, "hit": [f"{act} {at}" for act, at in sorted(self.covered)],
        }  # fmt: skip


@contextmanager
def installed(database: str) -> Iterator[tuple[Base, Path]]:
    """An installation whose copies journeys begin with, and a folder for them; a PostgreSQL server where one is asked for."""
    folder = Path(tempfile.mkdtemp(prefix="fundlink-crash-"))
    try:
        if database == "sqlite":
            yield based(folder, ""), folder
            return
        with postgresql.server() as server, postgresql.database(server, "base") as url:
            base = based(folder, url)
            yield base._replace(fresh=lambda name: copied(server, name)), folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def based(folder: Path, url: str) -> Base:
    """An installation in a folder, on a database or on SQLite ("")."""
    twin = InMemoryGateway()

    def install() -> dict[str, bytes]:
        rooms = bootstrap.build(Settings(home=folder / "base", database_url=url), gateway=twin)
        rooms.trust.pinned(INSTITUTION)
        rooms.close()
        return twin._adapters

    twin._adapters = aside(install)
    return Base(folder / "base", twin)


def copied(server: str, name: str) -> str:
    """A copy of the base's database; those of the same part before it are dropped."""
    earlier = f"{name.rpartition('j')[0]}j%"
    with psycopg.connect(server, autocommit=True) as connection:
        for (old,) in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [earlier]).fetchall():
            connection.execute(f'DROP DATABASE "{old}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE base'.encode())
    return f"{server.rpartition('/')[0]}/{name}"


def crashed(base: Base, folder: Path, part: Part, asked: Asked) -> dict[str, Any]:
    """Run one part; its report, with every fault in words."""
    began, spent = time.monotonic(), _cpu_s()
    programme = Programme(base, folder, part)
    programme.run(asked.kills, asked.seconds)
    said = [fault for faults in programme.found.values() for fault in faults]
    return {
        "part": part.number, "of": part.of, **programme.report(), "said": said,
        "cpu_s": round(_cpu_s() - spent, 1), "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip


def _cpu_s() -> float:
    """What this process and those that it waited for have used; not what a database server did for them."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
