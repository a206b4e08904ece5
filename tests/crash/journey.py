"""One day of a client with an adapter that is killed again and again. Used by programme.

The client keeps its journal outside of the system, does each act until it is acknowledged, and after every killed act looks whether
all that was ever acknowledged is there, once.
"""

from __future__ import annotations

import copy
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fundlink.connectors.in_memory import InMemoryGateway
from tests.crash import judge
from tests.crash.child import End, Request, aside, run
from tests.crash.judge import Said, Verdict
from tests.crash.road import Act, Place, place_files, road

KILLED, BUSY = -9, 75
PATIENCE_S = 30.0
DEEPEST = 5
"""How often an act is killed in a row: once, and then while it is repeated."""


class Base(NamedTuple):
    """An installation on which a journey begins: its home, its gateway; ``url`` makes the address of a new database, or is empty (SQLite)."""

    home: Path
    twin: InMemoryGateway
    fresh: Callable[[str], str] | None = None


class Kill(NamedTuple):
    """A kill that happened: the act, the point in it, how many kills of this act came before."""

    act: str
    point: int
    depth: int


class Journey:
    """One day. ``aim`` says at which point an act is killed (0: not any more), given how often it was already."""

    def __init__(self, base: Base, folder: Path, aim: Callable[[str, int], int]) -> None:
        self.folder, self._aim = folder, aim
        folder.mkdir()
        shutil.copytree(base.home, folder / "home")
        self.url = base.fresh(folder.name) if base.fresh else f"sqlite:///{folder / 'home' / 'fundlink.db'}"
        self.place = Place(folder / "home", copy.deepcopy(base.twin), self.url)
        place_files(self.place)
        self._environment = {
            "FUNDLINK_HOME": str(self.place.home), "FUNDLINK_NOW": "2026-11-24T09:00:00+09:00", "FUNDLINK_CHUNK_ROWS": "4",
            "FUNDLINK_MESSAGE_RECORDS": "6", **({"FUNDLINK_DATABASE_URL": self.url} if base.fresh else {}),
        }  # fmt: skip
        self.journal: list[Said] = []
        self.kills: list[Kill] = []
        self.points: dict[str, tuple[str, ...]] = {}
        self.faults: list[tuple[str, Verdict]] = []
        self.errors: list[str] = []
        self.recovery_s = 0.0

    def go(self) -> dict[str, Any]:
        """The whole day; what it ends with."""
        for act in road():
            self._until_done(act)
            if self.errors:
                return {}
        found: dict[str, Any] = aside(lambda: judge.end_of(self.url, self.place.twin, self.place.core))
        return found

    def _until_done(self, act: Act) -> None:
        act.before(self.place)
        depth, began = 0, 0.0
        deadline = time.monotonic() + PATIENCE_S
        while True:
            point = self._aim(act.name, depth) if depth < DEEPEST else 0
            end = self._tried(act, point, looked=depth > 0)
            self._note(act, end)
            if end.code == KILLED:
                self.kills.append(Kill(act.name, point, depth))
                depth, began = depth + 1, time.monotonic()
            elif end.code == BUSY and time.monotonic() < deadline:  # the database has not seen yet that its client is gone
                time.sleep(0.02)
            else:
                break
        if end.code != 0:
            self.errors.append(f"{act.name} ended with {end.code}: {end.out[-600:]} {end.error[-2000:]}")
        if depth:
            self.recovery_s = max(self.recovery_s, time.monotonic() - began)
            self._judge(act.name)
        else:
            self.points[act.name] = end.points

    def _tried(self, act: Act, point: int, *, looked: bool) -> End:
        if looked and act.done and self.place.sees(act.done):
            return End(0, "{}", "", ())
        return run(act.work(self.place), point, self._environment, self.place.twin)

    def _judge(self, name: str) -> None:
        verdict: Verdict = aside(lambda: judge.judged(self.url, self.journal, self.place.twin))
        if not verdict.clean:
            self.faults.append((name, verdict))

    def _note(self, act: Act, end: End) -> None:
        """Write down what left the process, also when it died right after it."""
        known = set(self.journal)
        self.journal += [said for said in (*self._seen(), *self._told(act, end)) if said not in known]

    def _seen(self) -> Iterator[Said]:
        """What anybody sees without asking: messages at the gateway, files that lie in done."""
        yield from (Said("message", message_id) for message_id in self.place.twin._answers)
        yield from (Said("file", judge.digest(path)) for path in sorted(self.place.drop.glob("done/*")))

    def _told(self, act: Act, end: End) -> Iterator[Said]:
        work = act.work(self.place)
        if isinstance(work[0], Request):
            yield from self._answers(end.out.splitlines(keepends=True))
        elif end.code == 0:
            yield from self._done(act, work[0], json.loads(end.out))

    def _answers(self, lines: Sequence[str]) -> Iterator[Said]:
        """Answers of the API that came whole; one that came before must come again just the same."""
        for told in (json.loads(line) for line in lines if line.endswith("\n")):
            if 200 <= told.get("status", 0) < 300:
                said = Said("answer", told["key"], str(told["status"]))
                before = self._bodies.setdefault(told["key"], told["body"])
                if before != told["body"]:
                    self.errors.append(f"{told['key']} was answered {before} and then {told['body']}")
                yield said

    @property
    def _bodies(self) -> dict[str, str]:
        held: dict[str, str] = self.__dict__.setdefault("_answered", {})
        return held

    def _done(self, act: Act, verb: str, told: dict[str, Any]) -> Iterator[Said]:
        """What exit 0 of a command promises."""
        if verb == "intake" and told["file"]:
            yield Said("file", told["file"]["sha256"])
        if verb == "collect":
            yield from (Said("collected", name) for name in self.place.twin._files)
        if verb == "export":
            yield from (Said("exported", path, judge.digest(Path(path))) for path in told["paths"])
        if verb == "backup":
            yield Said("backup", told["file"])
        if act.done:
            yield Said("did", act.done)
