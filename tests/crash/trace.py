"""What strace saw of a process: in which order it wrote, synced and acknowledged. Used by faults and by the tests.

A kill never loses what the kernel holds, so it cannot show a missing sync; the order of system calls does. An acknowledgement
(exit 0, the answer on standard output or over HTTP, a message to the gateway, a file that gets its name or moves to ``done``) may
leave only when nothing that the process has written to its files waits for a sync.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CALLS = "fsync,fdatasync,write,pwrite64,writev,ftruncate,sendto,sendmsg,rename,renameat,renameat2,exit_group"
_LINE = re.compile(r"(?P<pid>\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<call>\w+)\()(?P<rest>.*)")
_PATH = re.compile(r"^\d+<(?P<path>[^>]*)>")
_NAMES = re.compile(r'"(?P<old>[^"]*)".*"(?P<new>[^"]*)"')
_CHECKPOINTED = ("fundlink.db", "fundlink.db-shm")
"""Written by checkpoints alone: what is in them is in the synced log until they are synced themselves, which SQLite sees to."""
_NAMELESS = "#"
"""A file without a name (a request on its way in) is gone with the process."""
_NOTES = ("errors.log", "owner.lock", "make.lock")


class Step(NamedTuple):
    """One system call: when it began and ended (numbers of lines), what it was about, and whether it was made to fail."""

    began: int
    ended: int
    call: str
    path: str
    text: str
    failed: bool


class Acknowledgement(NamedTuple):
    """Something that left the process: its kind, whether anything had been written since the last one of its kind, what was not synced."""

    kind: str
    after_writes: bool
    unsynced: tuple[str, ...]


def steps(trace: Path) -> Iterator[Step]:
    """System calls in the order of their beginning."""
    open_: dict[str, tuple[int, str, str]] = {}
    found = []
    for number, line in enumerate(trace.read_text(errors="replace").splitlines()):
        told = _LINE.match(line)
        if told is None:
            continue
        if told["resumed"]:
            began, call, rest = open_.pop(told["pid"], (number, told["resumed"], ""))
            found.append(_step(began, number, call, rest + told["rest"]))
        elif "<unfinished ...>" in told["rest"]:
            open_[told["pid"]] = (number, told["call"], told["rest"].replace("<unfinished ...>", ""))
        else:
            found.append(_step(number, number, told["call"], told["rest"]))
    found += [_step(began, number, call, rest) for began, call, rest in open_.values()]
    yield from sorted(found)


def _step(began: int, ended: int, call: str, rest: str) -> Step:
    path = _PATH.match(rest)
    return Step(began, ended, call, path["path"] if path else "", rest, "(INJECTED)" in rest or "= -1" in rest)


def counts(step: Step, home: Path) -> bool:
    """Whether a file has to be on the disk: it is one of ours, and not one that only follows another or that nobody relies on."""
    name = Path(step.path).name
    if step.call == "fdatasync" and name == "home":  # SQLite syncs the folder of its files and goes on when that fails; we use fsync
        return False
    return step.path.startswith(f"{home}/") and name not in (*_CHECKPOINTED, *_NOTES) and not name.startswith(_NAMELESS)


class Order:
    """Goes through the calls of one process and notes, at each acknowledgement, what waits for a sync."""

    def __init__(self, home: Path) -> None:
        self._home, self._dirty = home, dict[str, int]()
        self._wrote, self._told = 0, dict[str, int]()
        self.said: list[Acknowledgement] = []

    def take(self, step: Step) -> None:
        """One call."""
        if step.failed:
            return
        if step.call in ("fsync", "fdatasync"):
            if self._dirty.get(step.path, step.began) <= step.began:
                self._dirty.pop(step.path, None)
        elif step.call.startswith("rename"):
            self._named(step)
        elif step.call in ("write", "pwrite64", "writev", "ftruncate") and counts(step, self._home):
            self._dirty[step.path] = step.ended
            self._wrote += 1
        elif kind := _kind(step):
            self._note(kind, tuple(self._dirty))

    def _note(self, kind: str, unsynced: tuple[str, ...]) -> None:
        self.said.append(Acknowledgement(kind, self._wrote > self._told.get(kind, 0), unsynced))
        self._told[kind] = self._wrote

    def _named(self, step: Step) -> None:
        names = _NAMES.search(step.text)
        if names is None or not names["new"].startswith(f"{self._home}/"):
            return
        if "/done/" in names["new"]:  # a move that is lost shows the file again, which is a duplicate then and has no effect
            self._note("done", tuple(self._dirty))
            return
        self._note("name", tuple(path for path in self._dirty if path == names["old"]))
        self._dirty[str(Path(names["new"]).parent)] = step.ended


def _kind(step: Step) -> str:
    """Which acknowledgement a call is, if any."""
    if step.call == "exit_group":
        return "exit" if step.text.startswith("0)") else ""
    if re.match(r"1<", step.text) and step.call == "write":
        return "stdout"
    if "HTTP/1.1 2" in step.text and step.call in ("sendto", "sendmsg", "write", "writev"):
        return "http"
    if step.call == "write" and step.path.startswith(("socket:", "UNIX")) and "submit" in step.text:
        return "gateway"
    return ""


def order(trace: Path, home: Path) -> list[Acknowledgement]:
    """Every acknowledgement of a trace."""
    found = Order(home)
    for step in steps(trace):
        found.take(step)
    return found.said


def tally(said: list[Acknowledgement]) -> dict[str, int]:
    """How many acknowledgements of each kind came after something had been written."""
    return dict(sorted(Counter(one.kind for one in said if one.after_writes).items()))
