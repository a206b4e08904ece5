"""A day on a disk that is full: every act meets it, says so, and is done when there is room again. Used by the tests.

A disk is a small file system in memory, mounted for the test. What fills it is a file beside the adapter's.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.crash.child import End, run
from tests.crash.journey import KILLED, Base, Journey
from tests.crash.road import Act

SIZE_MIB = 24


@contextmanager
def disk() -> Iterator[Path | None]:
    """A small disk, gone with the block; None where nobody may mount one."""
    folder = Path(tempfile.mkdtemp(prefix="fundlink-disk-"))
    mounted = os.getuid() == 0 and _done("mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(folder))
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            _done("umount", "-l", str(folder))
        folder.rmdir()


def _done(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Refusal(NamedTuple):
    """What an act said when the disk was full: its exit code, and code and next step of what it named first."""

    act: str
    exit: int
    code: str
    next: str


class Full(Journey):
    """A day whose acts all begin on a disk with ``left`` bytes on it; when one has failed there is room."""

    def __init__(self, base: Base, folder: Path, left: int) -> None:
        super().__init__(base, folder, lambda _act, _depth: 0)
        self._left, self._ballast = left, folder.parent / "ballast"
        self.refusals: list[Refusal] = []
        self.passed: list[str] = []

    def _tried(self, act: Act, point: int, *, looked: bool) -> End:
        if looked:
            return super()._tried(act, point, looked=True)
        work = act.work(self.place)
        self._fill()
        end = run(work, 0, self._environment, self.place.twin)
        self._ballast.unlink()
        if end.code == 0:
            self.passed.append(act.name)
            return end
        self.refusals.append(_refusal(act.name, end))
        return end._replace(code=KILLED)

    def _fill(self) -> None:
        """Write until nothing goes any more, then give back what is to be left."""
        piece = b"\0" * 4096
        handle = os.open(self._ballast, os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(handle, piece)
        except OSError:
            os.ftruncate(handle, max(0, os.fstat(handle).st_size - self._left))
        finally:
            os.close(handle)


def _refusal(name: str, end: End) -> Refusal:
    """The words of a command, or of the first call of the API that was refused."""
    try:
        told: dict[str, Any] = next(one for one in map(json.loads, end.out.splitlines()) if one.get("status", 500) >= 300)
        first = json.loads(told["body"]) if "body" in told else told["problems"][0]
        return Refusal(name, end.code, first["code"], first["next"])
    except (ValueError, KeyError, IndexError, StopIteration):
        return Refusal(name, end.code, "", f"{end.out} {end.error}")
