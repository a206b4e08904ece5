"""Every durable step of a process is a point before it and a point after it; the process dies at the n-th one. Used by child.

A point is a commit, a file that is synced or gets its name, a call that leaves for the gateway or comes back, an answer that goes
out, the end of the command. They are counted, never timed, so that a run can be killed at each of them and at the same one again.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from fundlink import bootstrap
from fundlink.store import engine


class Points:
    """Counts the points of this process and ends it at one of them."""

    def __init__(self, kill_at: int) -> None:
        self.kill_at, self.seen = kill_at, list[str]()

    def at(self, name: str) -> None:
        """A point is reached; kill -9 if it is the one."""
        self.seen.append(name)
        if len(self.seen) == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str, honest: Callable[..., Any]) -> Callable[..., Any]:
        """The same function between two points."""

        def between(*values: Any, **named: Any) -> Any:
            self.at(f"{name} before")
            result = honest(*values, **named)
            self.at(f"{name} after")
            return result

        return between

    def watch(self, line: Connection) -> None:
        """Put points around all durable steps of this process, whose gateway is at the other end of the line."""
        engine._commit = self.around("commit", engine._commit)
        os.fsync = self.around("sync", os.fsync)
        os.replace = self.around("place", os.replace)
        os.rename = self.around("move", os.rename)
        bootstrap.EltaxGateway = lambda *_values, **_named: Gateway(line, self)  # type: ignore[assignment,misc]


class Gateway:
    """The gateway as the process reaches it: what it was told stays told when the process dies."""

    name = "in-memory"

    def __init__(self, line: Connection, points: Points) -> None:
        self._line, self._points = line, points

    def __getattr__(self, call: str) -> Callable[..., Any]:
        def ask(*values: Any) -> Any:
            self._points.at(f"{call} before")
            self._line.send((call, values))
            self._points.at(f"{call} sent")
            answer = self._line.recv()
            self._points.at(f"{call} answered")
            return answer

        return ask

    def close(self) -> None:
        """The line ends with the process."""


class Out:
    """Standard output: what is written has left before the point after it."""

    def __init__(self, points: Points) -> None:
        self._points = points

    def write(self, text: str) -> int:
        """Write and flush."""
        self._points.at("answer before")
        os.write(1, text.encode())
        self._points.at("answer after")
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def fileno(self) -> int:
        """Standard output."""
        return 1

    def isatty(self) -> bool:
        """Nobody looks."""
        return False
