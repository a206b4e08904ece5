"""What strace saw of a process: in which order it wrote, synced and acknowledged. Used by faults and by the tests.

A kill never loses what the kernel holds, so it cannot show a missing sync; the order of system calls does. An acknowledgement
(exit 0, the answer on standard output or over HTTP, a message to the gateway, a file that gets its name or moves to ``done``) may
leave only when nothing that the process has written to its files waits for a sync, or was dropped by one that failed: a kernel may
forget such pages, and a later sync that succeeds says nothing about them. A log may go only when the database it was copied into
is synced.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CALLS = "fsync,fdatasync,write,pwrite64,writev,ftruncate,sendto,sendmsg,rename,renameat,renameat2,unlink,unlinkat,exit_group"
_LINE = re.compile(r"(?P<pid>\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<call>\w+)\()(?P<rest>.*)")
_PATH = re.compile(r"^\d+<(?P<path>[^>]*)>")
_NAME = re.compile(r'"(?P<name>[^"]*)"')
_NAMES = re.compile(r'"(?P<old>[^"]*)".*"(?P<new>[^"]*)"')
_OFFSET = re.compile(r", (?P<size>\d+), (?P<at>\d+)\) += ")
_REFUSAL = re.compile(r'\\"ok\\": false|\\"status\\": [345]')
"""On standard output, but no acknowledgement: a failure in words, an answer of the API that is not 2xx."""
_CHECKPOINTED = ("fundlink.db", "fundlink.db-shm")
"""Written by checkpoints alone: what is in them is in the synced log, so that they count when the log goes and not before."""
_LOG = "-wal"
_NAMELESS = "#"
"""A file without a name (a request on its way in) is gone with the process."""
_NOTES = ("errors.log", "owner.lock", "make.lock", "engine.db", "engine.db-wal", "engine.db-shm")
"""Nobody relies on them; on SQLite the engine's records only say which step comes next, and all steps may be repeated."""


class Step(NamedTuple):
    """One system call: when it began and ended (numbers of lines), what it was about, and whether it was made to fail."""

    began: int
    ended: int
    call: str
    path: str
    text: str
    failed: bool
    thread: str = ""


class Acknowledgement(NamedTuple):
    """Something that left the process: its kind, whether anything had been written since the last one of its kind, what was not synced."""

    kind: str
    after_writes: bool
    unsynced: tuple[str, ...]


def steps(trace: Path) -> Iterator[Step]:
    """System calls in the order of their beginning."""
    open_: dict[str, tuple[int, str, str, str]] = {}
    found = []
    for number, line in enumerate(trace.read_text(errors="replace").splitlines()):
        told = _LINE.match(line)
        if told is None:
            continue
        if told["resumed"]:
            began, call, rest, _ = open_.pop(told["pid"], (number, told["resumed"], "", ""))
            found.append(_step((began, number), call, rest + told["rest"], told["pid"]))
        elif "<unfinished ...>" in told["rest"]:
            open_[told["pid"]] = (number, told["call"], told["rest"].replace("<unfinished ...>", ""), told["pid"])
        else:
            found.append(_step((number, number), told["call"], told["rest"], told["pid"]))
    found += [_step((began, number), call, rest, thread) for began, call, rest, thread in open_.values()]
    yield from sorted(found)


def _step(lines: tuple[int, int], call: str, rest: str, thread: str) -> Step:
    path = _PATH.match(rest)
    return Step(*lines, call, path["path"] if path else "", rest, "(INJECTED)" in rest or "= -1" in rest, thread)


def counts(step: Step, home: Path) -> bool:
    """Whether a file has to be on the disk: it is one of ours, and not one that only follows another or that nobody relies on."""
    name = Path(step.path).name
    return step.path.startswith(f"{home}/") and name not in (*_CHECKPOINTED, *_NOTES) and not name.startswith(_NAMELESS)


class Piece(NamedTuple):
    """A part of a file: how long it is, and when the call that wrote it ended."""

    size: int
    ended: int


class Unsynced:
    """What files hold that the disk may not: written and not synced yet, or let go by a sync that failed and not written again."""

    def __init__(self) -> None:
        self._dirty, self._dropped = dict[str, dict[int, Piece]](), dict[str, dict[int, Piece]]()

    def written(self, step: Step) -> None:
        """A call wrote to a file; without a place in it, it is one more piece."""
        place = _OFFSET.search(step.text)
        at, size = (int(place["at"]), int(place["size"])) if place else (-step.ended, 0)
        self._dirty.setdefault(step.path, {})[at] = Piece(size, step.ended)
        dropped = self._dropped.get(step.path, {})
        if at in dropped and dropped[at].size <= size:
            del dropped[at]

    def synced(self, step: Step) -> bool:
        """A sync ended, well or not; whether something was lost by it. It is about what had been written when it began."""
        held = self._dirty.get(step.path, {})
        covered = {at: piece for at, piece in held.items() if piece.ended <= step.began}
        for at in covered:
            del held[at]
        if step.failed:
            self._dropped.setdefault(step.path, {}).update(covered)
        return step.failed and bool(covered)

    def gone(self, path: str, new: str = "") -> None:
        """A file has no name any more, or another one."""
        for held in (self._dirty, self._dropped):
            found = held.pop(path, None)
            if new and found:
                held[new] = found

    def named(self, folder: str, step: Step) -> None:
        """A folder holds a new name."""
        self._dirty.setdefault(folder, {})[0] = Piece(0, step.ended)

    def paths(self) -> tuple[str, ...]:
        """The files with something unsynced in them."""
        return tuple(sorted({path for held in (self._dirty, self._dropped) for path, found in held.items() if found}))


class Order:
    """Goes through the calls of one process and notes, at each acknowledgement, what waits for a sync."""

    def __init__(self, home: Path) -> None:
        self._home, self._files, self._database = home, Unsynced(), Unsynced()
        self._wrote, self._told = 0, dict[str, int]()
        self._relied_on = False
        self.said: list[Acknowledgement] = []
        self.lossy = 0
        """Syncs that failed while something waited for them."""

    def take(self, step: Step) -> None:
        """One call."""
        if step.call in ("fsync", "fdatasync"):
            self.lossy += self._files.synced(step)
            self._database.synced(step)
            self._relied_on = self._relied_on and bool(self._database.paths())
        elif step.failed:
            return
        elif step.call.startswith("rename"):
            self._named(step)
        elif step.call.startswith("unlink"):
            self._removed(step)
        elif step.call in ("write", "pwrite64", "writev", "ftruncate") and step.path.startswith(f"{self._home}/"):
            self._written(step)
        elif kind := _kind(step):
            self._note(kind, self._waiting())

    def _waiting(self) -> tuple[str, ...]:
        """What is not on the disk: files, and the database once its log has gone."""
        return (*self._files.paths(), *(self._database.paths() if self._relied_on else ()))

    def _log_goes(self) -> None:
        unsynced = self._database.paths()
        self._note("log", unsynced)
        self._relied_on = bool(unsynced)

    def _written(self, step: Step) -> None:
        if Path(step.path).name == _CHECKPOINTED[0]:
            self._database.written(step)
        if not counts(step, self._home):
            return
        begins_anew = step.call == "ftruncate" or ((at := _OFFSET.search(step.text)) is not None and at["at"] == "0")
        if step.path.endswith(_LOG) and begins_anew:
            self._log_goes()
        self._files.written(step)
        self._wrote += 1

    def _note(self, kind: str, unsynced: tuple[str, ...]) -> None:
        self.said.append(Acknowledgement(kind, self._wrote > self._told.get(kind, 0), unsynced))
        self._told[kind] = self._wrote

    def _removed(self, step: Step) -> None:
        name = _NAME.search(step.text)
        if name is None:
            return
        if name["name"].endswith(_LOG):
            self._log_goes()
        self._files.gone(name["name"])

    def _named(self, step: Step) -> None:
        names = _NAMES.search(step.text)
        if names is None or not names["new"].startswith(f"{self._home}/"):
            return
        if "/done/" in names["new"]:  # a move that is lost shows the file again, which is a duplicate then and has no effect
            self._note("done", self._waiting())
            return
        self._note("name", tuple(path for path in self._files.paths() if path == names["old"]))
        self._files.gone(names["old"], names["new"])
        self._files.named(str(Path(names["new"]).parent), step)


def _kind(step: Step) -> str:
    """Which acknowledgement a call is, if any."""
    if step.call == "exit_group":
        return "exit" if step.text.startswith("0)") else ""
    if re.match(r"1<", step.text) and step.call == "write":
        return "" if _REFUSAL.search(step.text) else "stdout"
    if "HTTP/1.1 2" in step.text and step.call in ("sendto", "sendmsg", "write", "writev"):
        return "http"
    if step.call == "write" and step.path.startswith(("socket:", "UNIX")) and "submit" in step.text:
        return "gateway"
    return ""


def order(trace: Path, home: Path) -> Order:
    """What a trace shows: every acknowledgement in it, and the syncs that failed with something to lose."""
    found = Order(home)
    for step in steps(trace):
        found.take(step)
    return found


def tally(said: list[Acknowledgement]) -> dict[str, int]:
    """How many acknowledgements of each kind came after something had been written."""
    return dict(sorted(Counter(one.kind for one in said if one.after_writes).items()))
