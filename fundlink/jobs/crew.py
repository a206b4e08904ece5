"""The crew of a PostgreSQL database: each worker has a seat under its name, and looks after the seats of the others.

Called by worker. A name whose seat is vacant while it has tasks in hand is dead, on whatever machine it was: the tasks go back
into the queue. The database says who is alive; no clock is compared, and nobody leads.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from typing import NoReturn

import psycopg
import sqlalchemy as sa

from fundlink.domain.errors import ConfigurationError, NameTakenError
from fundlink.domain.problems import problem
from fundlink.jobs.engine import Engine
from fundlink.store.seats import Seat, vacant

_LOG = logging.getLogger("fundlink.work")
LOOK_S = 5.0
SLOTS = 64
AGAIN = "--again"


def sit_down(url: sa.engine.URL, wanted: str) -> Seat:
    """Take the seat of a name, or without one the first free seat of this machine. A taken name is refused (FL-LCK-002)."""
    names = [wanted] if wanted else [f"{socket.gethostname()}-{slot}" for slot in range(1, SLOTS + 1)]
    for name in names:
        seat = Seat(url, name)
        if _taken(seat):
            return seat
    raise NameTakenError(names[0])


def _taken(seat: Seat) -> bool:
    try:
        return _alone(seat)
    except psycopg.OperationalError as error:
        cause = (str(error).splitlines() or [""])[0]
        raise ConfigurationError([problem("FL-CFG-001", detail=f"FUNDLINK_DATABASE_URL: {cause}")]) from None


def sit_down_again(url: sa.engine.URL, name: str) -> Seat:
    """Wait for the database, and for the server to notice that the former life of this worker is over."""
    while True:
        seat = Seat(url, name)
        try:
            if _alone(seat):
                return seat
        except psycopg.OperationalError:
            pass
        time.sleep(1)


def _alone(seat: Seat) -> bool:
    """Whether the seat was free; what an earlier life under this name still holds is ended."""
    if not seat.take():
        return False
    seat.end_sessions()
    return True


def begin_anew(name: str) -> NoReturn:
    """Whoever has lost its seat may have lost its work to another: everything in hand stops here, and the process starts from nothing."""
    sys.stderr.write(f'{{"event": "seat_lost", "worker": "{name}"}}\n')
    sys.stderr.flush()
    kept = [word for at, word in enumerate(sys.orig_argv[1:]) if word != AGAIN and sys.orig_argv[at] != AGAIN]
    os.execv(sys.executable, [sys.executable, *kept, AGAIN, name])  # noqa: S606  (itself; nothing of the old process is left)


class LookOut:
    """Looks for dead workers every few seconds."""

    def __init__(self, engine: Engine, url: sa.engine.URL) -> None:
        self._engine, self._url = engine, url
        self._thread = threading.Thread(target=self._run, name="fundlink-look-out", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def _run(self) -> None:
        while not self._engine.stopping.wait(LOOK_S):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001  (a database that is away for now: the next look may see more)
                _LOG.warning("look-out: %s", type(error).__name__)

    def look(self) -> dict[str, int]:
        """Adopt what dead workers left: how much of each."""
        adopted: dict[str, int] = {}
        for name in sorted(self._engine.workers_with_work()):
            with vacant(self._url, name) as seat:
                if seat is not None:
                    seat.end_sessions()  # it can write nothing more, wherever it is
                    adopted[name] = self._engine.adopt(name)
        for name, count in adopted.items():
            _LOG.warning("adopted %d tasks of %s", count, name)
        return adopted
