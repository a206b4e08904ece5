"""What a worker can be asked for: a task with a natural key, and who may ask.

Read by verbs, engine, schedule and worker. Imports neither the engine nor a database.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from sqlalchemy.engine import Connection

from fundlink.pipeline import Ticket

ALL = "*"
"""Whose turn a task takes that is about all municipalities."""


class Task(NamedTuple):
    """One verb to be run by a worker: the rest of its natural key, the municipality whose turn it takes ("" = all), the first ticket."""

    verb: str
    key: str
    municipality_code: str
    ticket: Ticket

    @property
    def turn(self) -> str:
        """Tasks of one verb and municipality: they never overlap.

        >>> Task("submit", "1", "131016", {}).turn, Task("reconcile", "1", "", {}).turn
        ('submit:131016', 'reconcile:*')
        """
        return f"{self.verb}:{self.municipality_code or ALL}"

    @property
    def name(self) -> str:
        """The natural key: asked for again, it is the same task.

        >>> Task("submit", "1", "131016", {}).name
        'submit:131016:1'
        """
        return f"{self.turn}:{self.key}"


class Workers(Protocol):
    """Who asks the workers of a database."""

    def anybody(self) -> bool:
        """Whether there is any worker now; if not, whoever wanted to ask does it himself."""
        ...

    def ask(self, task: Task) -> None:
        """Ask for a task; one that was asked for before is not begun anew."""
        ...

    def ask_within(self, connection: Connection, task: Task, /) -> bool:
        """Ask for a task in the caller's transaction, with it or not at all; False where that cannot be had."""
        ...

    def answer(self, task: Task) -> Ticket:
        """What a task came to; waits for it. Its problems are raised as they would be without the engine."""
        ...
