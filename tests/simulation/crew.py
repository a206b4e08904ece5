"""Several processes that take numbered work one piece after another, and what a person sees of it meanwhile.

Used by soak and defects. Work is handed out in order, so whenever it is stopped (time is up, Ctrl-C, a TERM signal) what was done is
an unbroken stretch from the first piece on; a piece that was begun is finished.
"""

from __future__ import annotations

import multiprocessing
import queue
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

_FORK = multiprocessing.get_context("fork")
_SILENT_S = 900.0
"""So long no piece takes: a worker that says nothing was killed from outside."""
_TOLD_S = 15.0


def work(first: int, count: int, processes: int, piece: Callable[[Iterator[int]], Iterator[Any]], *, seconds: float = 1e9) -> Iterator[Any]:
    """What ``piece`` makes of the numbers, as it comes; each process calls it once with those that fall to it."""
    told, following = _FORK.Queue(), _FORK.Value("q", first)
    last, until = first + count - 1, time.monotonic() + seconds
    before = [(which, signal.signal(which, lambda *_: _stop(following, last))) for which in (signal.SIGINT, signal.SIGTERM)]
    crew = [_FORK.Process(target=_worker, args=(following, last, piece, told), daemon=True) for _ in range(processes)]
    try:
        for one in crew:
            one.start()
        working = processes
        while working:
            if time.monotonic() > until:
                _stop(following, last)
            kind, found = _next(told, crew)
            working -= kind == "end"
            if kind == "broke":
                raise SystemExit(f"the programme itself broke:\n{found}")
            if kind == "made":
                yield found
    finally:
        for one in crew:
            one.kill()
        for which, honest in before:
            signal.signal(which, honest)


def _stop(following: Any, last: int) -> None:
    """Nothing more is handed out."""
    following.value = last + 1  # no lock: the one who holds it may be waiting for this very signal


def _next(told: Any, crew: list[Any]) -> tuple[str, Any]:
    waited = 0.0
    while waited < _SILENT_S:
        try:
            found: tuple[str, Any] = told.get(timeout=5)
        except queue.Empty:
            waited += 5
            if any(one.exitcode not in (None, 0) for one in crew):
                return "broke", "a worker was killed"
        else:
            return found
    return "broke", "no worker says anything any more"


def _worker(following: Any, last: int, piece: Callable[[Iterator[int]], Iterator[Any]], told: Any) -> None:
    for which in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group; the one who hands out work decides
        signal.signal(which, signal.SIG_IGN)
    try:
        for found in piece(_numbers(following, last)):
            told.put(("made", found))
        told.put(("end", None))
    except BaseException:
        told.put(("broke", traceback.format_exc()))
        raise


def _numbers(following: Any, last: int) -> Iterator[int]:
    while True:
        with following.get_lock():
            number = following.value
            if number > last:
                return
            following.value = number + 1
        yield number


class Progress:
    """One line on stderr: rewritten every second on a terminal, a new one now and then elsewhere."""

    def __init__(self, wanted: int, unit: str) -> None:
        self._wanted, self._unit, self._start = wanted, unit, time.monotonic()
        self._shown = self._start
        self._live = sys.stderr.isatty()

    def told(self, done: int, words: str = "", *, always: bool = False) -> None:
        """So much is done; ``always`` where every step is worth a line of its own."""
        now = time.monotonic()
        if not always and now - self._shown < (1 if self._live else _TOLD_S) and done < self._wanted:
            return
        self._shown = now
        rate = done / max(now - self._start, 0.001)
        left = _span((self._wanted - done) / rate) if rate else "?"
        line = f"{done}/{self._wanted} {self._unit} ({rate:.2f}/s, {left} left) {words}".rstrip()
        sys.stderr.write(f"\r\x1b[K{line}" if self._live else f"{line}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the line as it stands."""
        if self._live:
            sys.stderr.write("\n")


def _span(seconds: float) -> str:
    """A stretch of time in the words of a person.

    >>> _span(42), _span(150), _span(7500)
    ('42 s', '2 min 30 s', '2 h 5 min')
    """
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
