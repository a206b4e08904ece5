"""One measured task in a fresh process: reads what to do as JSON from stdin, tells time and memory as JSON on stdout.

Started by measure. The task times itself, so that starting Python and importing modules is in nobody's figure; the peak of
memory is that of the whole process, imports included.
"""

from __future__ import annotations

import cProfile
import importlib
import json
import pstats
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Values = dict[str, Any]
Told = dict[str, Any]
SHOWN = 15


class Clock:
    """Seconds of a block, and its profile when one is asked for."""

    def __init__(self, *, profiled: bool = False) -> None:
        self.seconds = 0.0
        self.profile = cProfile.Profile() if profiled else None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time of the block."""
        if self.profile is not None:
            self.profile.enable()
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start
            if self.profile is not None:
                self.profile.disable()

    def top(self) -> list[dict[str, Any]]:
        """The functions that took most time themselves."""
        if self.profile is None:
            return []
        stats: Any = pstats.Stats(self.profile)
        rows = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:SHOWN]
        return [
            {"at": _place(where), "calls": counted[1], "own_s": round(counted[2], 3), "s": round(counted[3], 3)} for where, counted in rows
        ]


def _place(where: tuple[str, int, str]) -> str:
    path, line, name = where
    if path == "~":
        return name
    parts = Path(path).parts
    start = max((at for at, part in enumerate(parts) if part in {"fundlink", "bench", "site-packages"}), default=max(len(parts) - 2, 0))
    return f"{'/'.join(parts[start:])}:{line} {name}"


def peak_mib(pid: int | str = "self") -> float:
    """The highest resident memory a process ever had (VmHWM), in MiB; 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    found = next((line for line in text.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(found.split()[1]) / 1024


def task(name: str) -> Callable[[Values], Told]:
    """The function that ``module:function`` names."""
    module, _, function = name.partition(":")
    found: Callable[[Values], Told] = getattr(importlib.import_module(module), function)
    return found


def main() -> None:
    """Run the task that stdin names."""
    asked = json.load(sys.stdin)
    told = task(asked["task"])(asked["values"])
    print(json.dumps({**told, "peak_mib": round(peak_mib(), 1)}))


if __name__ == "__main__":
    main()
