"""The crash programme: journeys until every point of the road was a place of death, and as many kills as were asked for.

Called by the command (``python -m tests.crash``) and by the tests. One seed gives one series of kills.
"""

from __future__ import annotations

import gc
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


class Programme:
    """Kills by a plan: first the points that nobody died at yet, then any, and again during the recovery."""

    def __init__(self, base: Base, folder: Path, seed: int) -> None:
        self._base, self._folder, self._chance = base, folder, random.Random(seed)
        self.points: dict[str, tuple[str, ...]] = {}
        self.covered: set[tuple[str, int]] = set()
        self.kills: list[Kill] = []
        self.journeys, self.recovery_s = 0, 0.0
        self.found: dict[str, list[str]] = {"lost": [], "doubled": [], "broken": [], "differing": [], "errors": []}
        self._wanted: dict[str, Any] = {}
        self.spread = False
        """Die anywhere, and enough is enough: for the suite, which has no time for every point."""

    def run(self, kills: int, seconds: float = float("inf")) -> None:
        """Undisturbed once, then killed until it is enough, time is up or something is wrong."""
        deadline = time.monotonic() + seconds
        gc.freeze()  # a fork copies what its collector touches
        self._wanted = self._one(lambda _act, _depth: 0)
        while (
            not any(self.found.values()) and (len(self.kills) < kills or (self.left() and not self.spread)) and time.monotonic() < deadline
        ):
            self._one(self._aim)

    def left(self) -> list[str]:
        """Points at which nobody died yet."""
        return [f"{act} {at} ({name})" for act, names in self.points.items() for at, name in enumerate(names, 1) if (act, at) not in self.covered]  # fmt: skip

    def _aim(self, act: str, depth: int) -> int:
        many = len(self.points[act])
        if depth:
            return self._chance.randint(1, many) if self._chance.random() < NESTED else 0
        new = [at for at in range(1, many + 1) if (act, at) not in self.covered]
        return new[0] if new and not self.spread else self._chance.randint(1, many)

    def _one(self, aim: Callable[[str, int], int]) -> dict[str, Any]:
        journey = Journey(self._base, self._folder / f"j{self.journeys}", aim)
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
        """The numbers."""
        depths = [kill.depth + 1 for kill in self.kills]
        return {
            "kills": len(self.kills), "lost": len(self.found["lost"]), "doubled": len(self.found["doubled"]),
            "broken": len(self.found["broken"]), "differing": len(self.found["differing"]), "errors": len(self.found["errors"]),
            "recovery_s": round(self.recovery_s, 3), "points": sum(map(len, self.points.values())), "covered": len(self.covered),
            "deepest": max(depths, default=0), "nested": sum(depth > 1 for depth in depths), "journeys": self.journeys,
        }  # fmt: skip


@contextmanager
def installed(database: str) -> Iterator[tuple[Base, Path]]:
    """An installation whose copies journeys begin with, and a folder for them; a PostgreSQL server where one is asked for."""
    folder = Path(tempfile.mkdtemp(prefix="fundlink-crash-"))
    try:
        if database == "sqlite":
            yield _based(folder, ""), folder
            return
        with postgresql.server() as server, postgresql.database(server, "base") as url:
            base = _based(folder, url)
            yield base._replace(fresh=lambda name: _copied(server, name)), folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _based(folder: Path, url: str) -> Base:
    twin = InMemoryGateway()

    def install() -> dict[str, bytes]:
        rooms = bootstrap.build(Settings(home=folder / "base", database_url=url), gateway=twin)
        rooms.trust.pinned(INSTITUTION)
        rooms.close()
        return twin._adapters

    twin._adapters = aside(install)
    return Base(folder / "base", twin)


def _copied(server: str, name: str) -> str:
    """A copy of the base's database; the one of the journey before is dropped."""
    with psycopg.connect(server, autocommit=True) as connection:
        for (old,) in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'j%'").fetchall():
            connection.execute(f'DROP DATABASE "{old}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE base'.encode())
    return f"{server.rpartition('/')[0]}/{name}"


def crashed(database: str, kills: int, seed: int, seconds: float = float("inf")) -> tuple[dict[str, Any], list[str]]:
    """Run the programme on a database; its report, and every fault in words."""
    began = time.monotonic()
    with installed(database) as (base, folder):
        programme = Programme(base, folder, seed)
        programme.run(kills, seconds)
    taken = time.monotonic() - began
    report = {**programme.report(), "database": database, "seed": seed, "seconds": round(taken, 1), "kills_per_s": round(len(programme.kills) / taken, 1)}  # fmt: skip
    return report, [fault for faults in programme.found.values() for fault in faults] + [f"not reached: {one}" for one in programme.left()]
