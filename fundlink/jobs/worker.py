"""A worker: the engine, what is due, the drop folders, and on PostgreSQL a seat among the others.

Called by api.server (on SQLite, where the server contains it) and by the ``work`` command. The process already owns its folder.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from fundlink.config import Settings
from fundlink.domain.errors import BusyError, OutcomeUnknownError, ProblemError
from fundlink.domain.problems import problem
from fundlink.jobs import crew
from fundlink.jobs.engine import Engine
from fundlink.jobs.schedule import shifts_due, slot, tasks_due
from fundlink.jobs.verbs import Jobs, problems_json
from fundlink.store.seats import Seat, session_name

Tell = Callable[[dict[str, Any]], None]
_LOG = logging.getLogger("fundlink.work")
ALONE = "single"
KEPT_DAYS = 2
PATIENCE_S = 20


class Worker:
    """One worker of this process. ``scheduled`` false: it does only what others ask for."""

    def __init__(self, jobs: Jobs, settings: Settings, *, scheduled: bool = True, again: str = "") -> None:
        self._jobs, self._settings, self._scheduled, self._again = jobs, settings, scheduled, again
        self._stop = threading.Event()
        self._seat: Seat | None = None
        self._engine: Engine | None = None
        self._threads: list[threading.Thread] = []
        self._swept = ""

    def start(self, tell: Tell) -> str:
        """Sit down, run the engine, begin with the first round; the name this worker has."""
        store, settings = self._jobs.rooms.store, self._settings
        alone = store.is_sqlite
        if not alone:
            self._seat = crew.sit_down_again(store.url, self._again) if self._again else crew.sit_down(store.url, settings.worker)
        name = self._seat.name if self._seat is not None else ALONE
        self._engine = Engine(self._jobs, name, at_once=settings.worker_tasks, poll_s=min(settings.worker_poll_s, settings.interval_s))
        if self._seat is not None:
            store.sign(session_name(name))
            self._seat.watch(lambda: crew.begin_anew(name))
        self._engine.start()
        if self._seat is not None:
            crew.LookOut(self._engine, store.url).start()
        if self._scheduled:
            folders = self._jobs.asking(self._engine)
            for act in (self._ask_for_what_is_due, folders.drop_folders):
                self._threads.append(threading.Thread(target=self._rounds, args=(act, tell), name="fundlink-work", daemon=True))
        for thread in self._threads:
            thread.start()
        return name

    def lives(self) -> bool:
        """Whether all that it began still runs."""
        return self._engine is not None and all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """End after the steps in hand; what is not done goes on at the next start, or with another worker."""
        self._stop.set()
        if self._engine is not None:
            self._engine.stop(PATIENCE_S)
        for thread in self._threads:
            thread.join(timeout=PATIENCE_S)
        if self._seat is not None:
            self._seat.leave()

    def _rounds(self, act: Callable[[], dict[str, Any]], tell: Tell) -> None:
        """Round after round; a problem of one round is told and does not end the work."""
        while not self._stop.is_set():
            try:
                told = act()
                if any(told.values()):
                    tell(told)
            except ProblemError as error:
                tell({"problems": problems_json(error.problems)})
            except (BusyError, OutcomeUnknownError) as error:
                tell({"problems": problems_json([problem("FL-LCK-001" if isinstance(error, BusyError) else "FL-GTW-002")])})
            except Exception as error:  # noqa: BLE001  (a round that failed must not end all rounds)
                _LOG.error("round failed", exc_info=error)
            self._stop.wait(self._settings.interval_s)

    def _ask_for_what_is_due(self) -> dict[str, Any]:
        engine, rooms = self._engine, self._jobs.rooms
        assert engine is not None
        self._sweep(engine)
        asked: dict[str, int] = {}
        for task in tasks_due(rooms, self._settings.interval_s, engine.unfinished()):
            engine.ask(task)
            asked[task.verb] = asked.get(task.verb, 0) + 1
        return {"asked": asked, "absent": {name: count for name, count in self._jobs.absent().items() if count}}

    def _sweep(self, engine: Engine) -> None:
        """Delete the records of old tasks, once in each of its times, and in one worker at a time."""
        for shift in shifts_due(self._jobs.rooms):
            now = slot(shift, self._settings.interval_s)
            if shift.verb != "sweep" or now == self._swept:
                continue
            try:
                with self._jobs.rooms.store.stream_lock("sweep"):
                    before = dt.datetime.fromtimestamp(time.time() - KEPT_DAYS * 86400, dt.UTC)
                    engine.forget(before.isoformat())
            except BusyError:
                continue
            self._swept = now
