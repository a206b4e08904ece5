"""The worker as a process: begins, tells what it does, ends when it is told to. Called by the ``work`` command."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

from fundlink import bootstrap, logs
from fundlink.cli.show import emit
from fundlink.config import Settings
from fundlink.domain.errors import ConfigurationError
from fundlink.jobs import Jobs
from fundlink.jobs.worker import Worker
from fundlink.pipeline import Rooms

LOOK_S = 1.0


def work(settings: Settings, *, on_request: bool = False, again: str = "") -> int:
    """Work until told to stop. ``again``: the name of this very worker before it lost its database, for which it waits now."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    logs.configure(settings.log_format, settings.log_level)
    rooms = _rooms(settings, stop, wait=bool(again))
    if rooms is None:
        return 0
    with bootstrap.owner(rooms):
        worker = Worker(Jobs(rooms, owned=True), settings, scheduled=not on_request, again=again)
        _tell({"worker": worker.start(_tell)})
        stop.wait()
        worker.stop()
    rooms.close()
    return 0


def _rooms(settings: Settings, stop: threading.Event, *, wait: bool) -> Rooms | None:
    while not stop.is_set():
        try:
            return bootstrap.build(settings)
        except ConfigurationError:
            if not wait:
                raise
            time.sleep(LOOK_S)
    return None


def _tell(told: dict[str, Any]) -> None:
    emit(told, as_json=True, words=str)
