"""Real processes over a real PostgreSQL that can be killed, started again and cut off."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from fundlink.jobs.crew import AGAIN
from tests import postgresql

PATIENCE_S = 240.0
"""For what a loaded machine may take. What the product promises is measured apart."""
COMMAND = [sys.executable, "-c", "from fundlink.cli import main; main()"]
NOW = "2026-11-24T09:00:00+09:00"


def until(what: Callable[[], Any], why: str, patience_s: float = PATIENCE_S) -> Any:
    """Wait until something is true; what it gave."""
    deadline = time.monotonic() + patience_s
    while not (found := what()):
        assert time.monotonic() < deadline, why
        time.sleep(0.1)
    return found


class Server:
    """A PostgreSQL server of its own, which may be killed like any process."""

    def __init__(self, folder: Path, listen: str = "127.0.0.1") -> None:
        self._data, self._listen = folder / "data", listen
        self._binaries = postgresql._binaries(folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._data.mkdir()
        for above in (folder, *folder.parents):
            if above.is_dir() and os.access(above, os.W_OK) and above != Path("/") and not above.stat().st_mode & 0o001:
                above.chmod(above.stat().st_mode | 0o011)
        self._servant: dict[str, Any] = dict(postgresql._servant())
        if self._servant:
            os.chown(self._data, int(self._servant["user"]), int(self._servant["group"]))
        made = ["initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run([str(self._binaries / made[0]), *made[1:]], check=True, capture_output=True, cwd="/", **self._servant)
        with (self._data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.0.0.0/8 trust\n")
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        settings = ["listen_addresses=" + self._listen, "unix_socket_directories=", "max_connections=90"]
        command = [str(self._binaries / "postgres"), "-D", str(self._data), "-p", str(self.port), *(word for one in settings for word in ("-c", one))]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **self._servant)
        until(self._answers, "PostgreSQL did not start")
        return process

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """Stop at once, as if the power went (all its processes, nothing is written any more)."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(60)

    def start(self) -> None:
        """Start again on the same data."""
        self._process = self._started()

    def stop(self) -> None:
        """End for good."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Look at a database as it is."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(statement.encode())
            return list(found.fetchall()) if found.description else []


HALTED = "stands still"
_HALTING = f"""
import sys, threading
from fundlink.store import bills
honest, taken = bills.stage_versions, []
def staged(connection, rows):
    taken.append(rows)
    if len(taken) > {{chunks}}:
        print("{HALTED}", flush=True)
        threading.Event().wait()
    honest(connection, rows)
if "{AGAIN}" not in sys.argv:
    bills.stage_versions = staged
"""
"""Before the command: a worker that never gets beyond so many chunks of a file, whatever time it is given. When it has lost its seat
and begins anew, it works."""


class Worker:
    """A worker process, by default one that does only what it is asked for. ``halt``: the chunks of a file after which it stands still."""

    def __init__(
        self,
        home: Path,
        url: str,
        *,
        prefix: Sequence[str] = (),
        options: Sequence[str] = ("--on-request",),
        halt: int = 0,
        **settings: str,
    ) -> None:
        set_here = {
            "FUNDLINK_HOME": str(home),
            "FUNDLINK_DATABASE_URL": url,
            "FUNDLINK_NOW": NOW,
            "FUNDLINK_WORKER_POLL_S": "0.1",
            **settings,
        }
        self.log = home.parent / f"worker-{time.monotonic_ns()}.log"
        interpreter, flag, program = COMMAND
        command = [interpreter, flag, (_HALTING.format(chunks=halt) if halt else "") + program]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*prefix, *command, "work", *options], env={**os.environ, **set_here}, stdout=log, stderr=subprocess.STDOUT
            )

    def said(self, event: str) -> int:
        """How often it said something."""
        return self.log.read_text().count(event)

    def ready(self, times: int = 1) -> Worker:
        """Wait until it works (for the ``times``-th time)."""
        until(lambda: self.said('{"worker":') >= times or self.process.poll() is not None, self.log.read_text())
        assert self.process.poll() is None, self.log.read_text()
        return self

    @property
    def name(self) -> str:
        """What it calls itself."""
        line = next(line for line in self.log.read_text().splitlines() if line.startswith('{"worker":'))
        return str(json.loads(line)["worker"])

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(30)


@contextmanager
def running(*workers: Worker) -> Iterator[None]:
    """They end with the block, whatever happened."""
    try:
        yield
    finally:
        for worker in workers:
            if worker.process.poll() is None:
                worker.process.kill()
            worker.process.wait(30)
