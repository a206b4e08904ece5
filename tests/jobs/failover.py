"""The demo by many processes, undisturbed and with one process after the other killed: ``python -m tests.jobs.failover --bills N``.

Ends with one JSON line, and with 1 when the two ledgers differ or not every process was killed. Used by test_crowd too.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import queue
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from fundlink.config import TOKYO
from fundlink.store.engine import Store
from fundlink.store.ledger import ledger
from tests.jobs.stage import COMMAND, Server

ORDER = ("worker-1", "api-1", "mock", "worker-2", "api-2")
LOOK_S = 0.05
AIM_S, AIMED = 0.004, 0.5
"""How often the wire is looked at, and which share of the messages loses its worker while their answer is under way."""
_HELD = """SELECT workflow_uuid, status, executor_id, recovery_attempts, started_at_epoch_ms
           FROM dbos.workflow_status WHERE status = 'PENDING' AND executor_id = %(name)s"""
_UNDER_WAY = """SELECT o.message_id, w.executor_id FROM open_message o JOIN message m ON m.id = o.message_id
                JOIN dbos.workflow_status w ON w.status = 'PENDING' AND w.queue_partition_key = 'submit:' || m.municipality_code
                WHERE 'sent' = (SELECT e.event FROM message_event e WHERE e.message_id = m.id ORDER BY e.id DESC LIMIT 1)"""
_STATE = "SELECT status, executor_id, recovery_attempts, started_at_epoch_ms FROM dbos.workflow_status WHERE workflow_uuid = %(name)s"


class Told(NamedTuple):
    """What a demo said, whom it lost, and how long the work of each lost one lay."""

    result: dict[str, Any]
    killed: list[str]
    aimed: int
    adopted_s: list[float]
    seconds: float


class Pace(NamedTuple):
    """How the killer goes about: at most so long after a step of the demo, and so long when it says nothing."""

    pause_s: float = 1.0
    silence_s: tuple[float, float] = (6.0, 14.0)

    def beside(self, whole_s: float) -> Pace:
        """Slower where an undisturbed run takes long: a process that dies in its first breath each time shows nothing."""
        least, most = self.silence_s
        return self._replace(silence_s=(max(least, whole_s / 60), max(most, whole_s / 25)))


def play(home: Path, url: str, bills: int, pace: Pace | None = None) -> Told:
    """A demo of two workers and two API servers; with a ``pace`` one process after the other is killed as it goes on."""
    environment = {**os.environ, "FUNDLINK_HOME": str(home), "FUNDLINK_DATABASE_URL": url, "FUNDLINK_MESSAGE_RECORDS": "2000"}
    environment.pop("FUNDLINK_NOW", None)  # a gateway that fails is left alone until a later instant, which has to come
    command = [*COMMAND, "demo", "--bills", str(bills), "--seed", "5", "--workers", "2", "--apis", "2", "--json"]
    killer, began = Killer(home / "demo", url, pace or Pace()), time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stderr is not None
        assert demo.stdout is not None
        said = []
        if pace:
            killer.start()
        for line in demo.stderr:
            said.append(line)
            killer.heard(line)
        killer.stop()
        out = demo.stdout.read()
    logs = {path.name: path.read_text()[-400:] for path in (home / "demo").glob("*.log")}
    assert out, (demo.returncode, said[-20:], logs)  # a demo that is not tied says so, and that is compared too
    return Told(json.loads(out), killer.killed, killer.aimed, killer.adopted_s, time.monotonic() - began)


class Killer:
    """Strikes whenever the demo has come a step further (a file is in, the next verb begins) or has long said nothing, after a
    moment that only the seed knows.

    So something is done between two kills on any machine, and each process dies at work in many places. One place is hardly ever
    hit by chance, for an answer comes at once: a message is out and its worker dies before it hears of it. That one is aimed at.
    """

    def __init__(self, folder: Path, url: str, pace: Pace) -> None:
        self._folder, self._url, self._pace, self._lot, self._turn = folder, url, pace, random.Random(7), 0
        self._steps: queue.Queue[bool] = queue.Queue()
        self._threads: list[threading.Thread] = []
        self._over = threading.Event()
        self.killed: list[str] = []
        self.aimed = 0
        self.adopted_s: list[float] = []

    def start(self) -> None:
        """Begin."""
        for act in (self._run, self._aim):
            self._threads.append(threading.Thread(target=act))
            self._threads[-1].start()

    def heard(self, line: str) -> None:
        """The demo said something."""
        if line.lstrip()[:1].isdigit():
            self._steps.put(True)

    def stop(self) -> None:
        """The demo is over, and with it all that is looked at."""
        self._over.set()
        self._steps.put(False)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while True:
            try:
                goes_on = self._steps.get(timeout=self._lot.uniform(*self._pace.silence_s))
            except queue.Empty:
                goes_on = True
            if not goes_on:
                return
            self._strike()

    def _strike(self) -> None:
        """Kill the next one that is at work."""
        for _ in ORDER:
            name, self._turn = ORDER[self._turn % len(ORDER)], self._turn + 1
            if self._begun(name) > self.killed.count(name):
                break
        else:
            return  # all of them are coming back just now
        self._over.wait(self._lot.uniform(0, self._pace.pause_s))
        self._kill(name)

    def _kill(self, name: str) -> None:
        with suppress(ProcessLookupError, FileNotFoundError):
            os.kill(json.loads((self._folder / "processes.json").read_text())[name], signal.SIGKILL)
            self.killed.append(name)
            if name.startswith("worker"):
                self._threads.append(threading.Thread(target=self._look_after, args=(name.replace("worker", "demo"), time.monotonic())))
                self._threads[-1].start()

    def _aim(self) -> None:
        """Kill workers whose message is out and has no answer yet."""
        lot, seen = random.Random(8), set[str]()
        while not self._over.wait(LOOK_S):
            with suppress(psycopg.Error), psycopg.connect(self._url, autocommit=True) as connection:  # its tables come in a moment
                while not self._over.wait(AIM_S):
                    for message, worker in connection.execute(_UNDER_WAY).fetchall():
                        if message not in seen and lot.random() < AIMED:
                            self.aimed += 1
                            self._kill(worker.replace("demo", "worker"))
                        seen.add(message)

    def _begun(self, name: str) -> int:
        """How often it said that it is ready."""
        log = self._folder / f"{name}.log"
        return log.read_text().count("listening on" if "worker" not in name else '{"worker":') if log.exists() else 0

    def _look_after(self, name: str, killed: float) -> None:
        """How long what a dead worker had in hand lies as it left it."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            left = {task: tuple(state) for task, *state in connection.execute(_HELD, {"name": name})}
            while left and not self._over.wait(LOOK_S):
                for task, state in list(left.items()):
                    if connection.execute(_STATE, {"name": task}).fetchone() != state:
                        self.adopted_s.append(time.monotonic() - killed)
                        del left[task]


def compare(folder: Path, bills: int, pace: Pace) -> tuple[Told, Told]:
    """The same demo twice on a server of its own: undisturbed, and with kills."""
    server, day = Server(folder), _today()
    try:
        quiet = _played(server, folder / "undisturbed", bills)
        torn = _played(server, folder / "killed", bills, pace.beside(quiet.seconds))
        if torn.result["ledger"] != quiet.result["ledger"]:
            sys.stderr.write(f"differ in: {_differing(server, ('undisturbed', 'killed'))}\n")
    finally:
        server.stop()
    assert _today() == day, "the day changed meanwhile, and with it what the two have played: run it again"
    return quiet, torn


def _differing(server: Server, names: tuple[str, str]) -> list[str]:
    """The parts of the ledger that are not the same in two databases, as they are now."""
    found = []
    for name in names:
        store = Store(server.url.rsplit("/", 1)[0] + f"/{name}")
        with store.read() as connection:
            found.append(ledger(connection).parts)
        store.close()
    return [part for part in found[0] if found[0][part] != found[1][part]]


def _played(server: Server, home: Path, bills: int, pace: Pace | None = None) -> Told:
    server.sql(f"CREATE DATABASE {home.name}")
    return play(home, server.url.rsplit("/", 1)[0] + f"/{home.name}", bills, pace)


def _today() -> dt.date:
    """The business date: the demo plays the day before it."""
    return dt.datetime.now(TOKYO).date()


def report(bills: int, quiet: Told, torn: Told) -> dict[str, Any]:
    """Both runs as one line."""
    return {
        "bills": bills, "processes": len(ORDER), "kills": dict(sorted(Counter(torn.killed).items())), "answers_under_way": torn.aimed,
        "adopted": len(torn.adopted_s), "adoption_s": round(max(torn.adopted_s, default=0.0), 1),
        "ledger_equal": torn.result["ledger"] == quiet.result["ledger"], "tied": quiet.result["ok"] and torn.result["ok"],
        "receipts": torn.result["receipts"], "undisturbed_s": round(quiet.seconds, 1), "seconds": round(torn.seconds, 1),
    }  # fmt: skip


def main() -> int:
    """Play, tell, judge."""
    asked = argparse.ArgumentParser(prog="python -m tests.jobs.failover")
    asked.add_argument("--bills", type=int, default=50_000)
    bills = asked.parse_args().bills
    with tempfile.TemporaryDirectory(prefix="failover-") as folder:
        quiet, torn = compare(Path(folder), bills, Pace())
    told = report(bills, quiet, torn)
    sys.stdout.write(json.dumps(told) + "\n")
    return 0 if told["ledger_equal"] and told["tied"] and set(torn.killed) == set(ORDER) else 1


if __name__ == "__main__":
    sys.exit(main())
