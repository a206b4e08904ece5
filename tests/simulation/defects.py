"""Defects planted in the product on purpose: each must be caught, or the simulation proves nothing.

Called by ``python -m tests.simulation defects`` and by tests. A defect is a change of the real code, made in this process only:
a function put in the place of another, or words changed in a statement on its way to the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fundlink.store import bulk
from tests.simulation import ground, soak, storage
from tests.simulation.crew import Progress, work
from tests.simulation.plants import DEFECTS


class Plant:
    """Changes made to the product, and their undoing."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []
        self.reached = False

    def put(self, place: Any, name: str, value: Any) -> Any:
        """Put something in the place of an attribute; what stood there."""
        honest = getattr(place, name)
        self._before.append((place, name, place.__dict__[name] if isinstance(place, type) else honest))
        setattr(place, name, value)
        return honest

    def wrap(self, place: Any, name: str, around: Callable[..., Any]) -> None:
        """Call ``around(honest, *arguments)`` instead of a function."""
        honest = getattr(place, name)

        def wrapped(*arguments: Any, **named: Any) -> Any:
            self.reached = True
            return around(honest, *arguments, **named)

        self.put(place, name, wrapped)

    def words(self, old: str, new: str) -> None:
        """Change words of every statement that holds them."""
        honest = bulk._driven

        def driven(statement: str, dialect: str) -> str:
            if old in statement:
                self.reached = True
                statement = statement.replace(old, new)
            return honest(statement, dialect)

        self.put(bulk, "_driven", driven)

    def undo(self) -> None:
        """The product as it was."""
        for place, name, value in reversed(self._before):
            setattr(place, name, value)


SIGN = 50
"""After so many seeds without success a hunt says that it lives."""


@contextmanager
def planted(name: str) -> Iterator[Plant]:
    """The product with one defect."""
    plant = Plant()
    try:
        DEFECTS[name].plant(plant)
        yield plant
    finally:
        plant.undo()


def catch(name: str, *, most: int = 2000, first: int = 1, seconds: float = 1e9) -> dict[str, Any]:
    """Run seeds with a defect until one of them goes wrong."""
    *_, last = _tried(name, most=most, first=first, seconds=seconds)
    return last


def _tried(name: str, *, most: int, first: int, seconds: float = 1e9) -> Iterator[dict[str, Any]]:
    """How far it is now and then, and at the end what came of it."""
    start = time.monotonic()
    with ground.shelf() as shelf, planted(name) as plant, storage.installed():
        for seed in range(first, first + most):
            run = soak.one(shelf, seed)
            if run.violations:
                yield {"defect": name, "caught": True, "seed": run.seed, "event": run.events, "by": run.violations[0][:160]}
                return
            if not seed % SIGN:
                yield {"defect": name, "at": seed}
            if time.monotonic() - start > seconds:
                break
        yield {"defect": name, "caught": False, "seed": None, "reached": plant.reached}


def hunt(names: Sequence[str], *, most: int = 2000, first: int = 1, processes: int = 1) -> dict[str, Any]:
    """Catch each of these; progress on stderr, the seed that caught each in the answer."""
    found: dict[str, dict[str, Any]] = {}
    progress = Progress(len(names), "defects")
    for told in work(0, len(names), processes, lambda given: (one for at in given for one in _tried(names[at], most=most, first=first))):
        if "at" in told:
            progress.told(len(found), f"{told['defect']}: not until seed {told['at']}", always=True)
            continue
        found[told["defect"]] = told
        progress.told(
            len(found), f"{told['defect']}: " + (f"seed {told['seed']} {told['by']}" if told["caught"] else "NOT CAUGHT"), always=True
        )
    progress.end()
    caught = [one for one in found.values() if one["caught"]]
    return {
        "planted": len(found), "caught": len(caught), "most_seeds": max((one["seed"] for one in caught), default=0),
        "defects": {name: found[name]["seed"] for name in names if name in found},
        "by": {name: found[name].get("by", "") for name in names if name in found},
    }  # fmt: skip
