"""How far a long step is: a bar with rate and time left on a terminal, one line a minute elsewhere. Always on stderr.

Called by the command modules; the steps tell it through ``rooms.progress``. A thread of its own draws, so that one long
statement of the database is no silence. What takes less than two seconds shows nothing.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

LABELS = {
    "intake": "取込",
    "accept": "取込の確定",
    "compose": "電文作成",
    "submit": "送信",
    "collect": "受信",
    "reconcile": "突合",
    "export": "引渡し",
}  # fmt: skip
AFTER_S, EVERY_S, TICK_S = 2.0, 60.0, 0.2


def pace(done: int, total: int | None, seconds: float) -> str:
    """``50,000 / 1,000,000 件（毎秒 8,000 件、残り 0:01:59）``: the same words for the bar and for the line."""
    rate = done / max(seconds, 0.001)
    of = f" / {total:,}" if total else ""
    left = f"、残り {_clock((total - done) / rate)}" if total and rate else ""
    return f"{done:,}{of} 件（毎秒 {rate:,.0f} 件{left}）"


def _clock(seconds: float) -> str:
    whole = max(round(seconds), 0)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


class ProgressTeller:
    """Remembers the newest word of the running step and shows it from time to time, until it is closed."""

    def __init__(self, *, after_s: float | None = None, every_s: float | None = None) -> None:
        self._after_s = AFTER_S if after_s is None else after_s
        self._every_s = EVERY_S if every_s is None else every_s
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._lock, self._over = threading.RLock(), threading.Event()
        self._label, self._done = "", 0
        self._total: int | None = None
        self._since = self._told = time.monotonic()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def __call__(self, label: str, done: int, total: int | None) -> None:
        """A step says how far it is; another label is another step with a rate of its own."""
        with self._lock:
            if label != self._label:
                self._clear()
                self._label, self._since = label, time.monotonic()
            self._done, self._total = done, total

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Room for lines of somebody else: the bar is away in the block and comes back below them."""
        with self._lock:
            self._clear()
            yield

    def close(self) -> None:
        """Nothing is shown any more."""
        self._over.set()
        self._thread.join()
        self._clear()

    def _watch(self) -> None:
        while not self._over.wait(TICK_S):
            with self._lock:
                if self._label:
                    self._show(time.monotonic())

    def _show(self, now: float) -> None:
        label, words = LABELS.get(self._label, self._label), pace(self._done, self._total, now - self._since)
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            if now - self._since >= self._after_s:
                self._draw(label, words)
        elif now - self._told >= self._every_s:
            self._told = now
            sys.stderr.write(f"{label}: {words}\n")
            sys.stderr.flush()

    def _draw(self, label: str, words: str) -> None:
        if self._bar is None:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[words]}"))
            # what is printed meanwhile belongs to stdout, which may be a file
            self._bar = Progress(
                *columns, console=self._console, transient=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
            )
            self._bar.add_task(label, total=self._total, words=words)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=self._done, total=self._total, words=words, refresh=True)

    def _clear(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
