"""The demo by many processes: whichever of them is killed, and however often, the ledger ends the same.

``FAILOVER_BILLS=50000`` (`make failover`) plays it at size; the suite plays it small.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.jobs.stage import COMMAND, NOW, Server

BILLS = int(os.environ.get("FAILOVER_BILLS", "160"))
PAUSE_S = float(os.environ.get("FAILOVER_PAUSE_S", "1"))
ORDER = ("worker-1", "api-1", "mock", "worker-2", "api-2")
pytestmark = pytest.mark.postgresql


class Told(NamedTuple):
    """What a demo said, and whom it lost."""

    result: dict[str, Any]
    killed: list[str]


def play(home: Path, url: str, *, kill: bool) -> Told:
    """A demo of two workers and two API servers; with ``kill`` one process after the other is killed as it goes on."""
    environment = {**os.environ, "FUNDLINK_HOME": str(home), "FUNDLINK_DATABASE_URL": url, "FUNDLINK_NOW": NOW}
    command = [*COMMAND, "demo", "--bills", str(BILLS), "--seed", "5", "--workers", "2", "--apis", "2", "--json"]
    killer = Killer(home / "demo")
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stderr is not None
        assert demo.stdout is not None
        said = []
        for line in demo.stderr:
            said.append(line)
            if kill and line.lstrip()[:1].isdigit():
                killer.strike()
        out = demo.stdout.read()
    logs = {path.name: path.read_text()[-400:] for path in (home / "demo").glob("*.log")}
    assert demo.returncode == 0, (said[-20:], logs)
    return Told(json.loads(out), killer.killed)


class Killer:
    """Strikes whenever the demo has come a step further (a file is in, the next verb begins), at a moment that only the seed knows.

    So something is done between two kills on any machine, and each process dies at work in many places.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._lot, self._turn = folder, random.Random(7), 0
        self.killed: list[str] = []

    def strike(self) -> None:
        """Kill the next one that is at work."""
        for _ in ORDER:
            name, self._turn = ORDER[self._turn % len(ORDER)], self._turn + 1
            if self._begun(name) > self.killed.count(name):
                break
        else:
            return  # all of them are coming back just now
        time.sleep(self._lot.uniform(0, PAUSE_S))
        with suppress(ProcessLookupError):
            os.kill(json.loads((self._folder / "processes.json").read_text())[name], signal.SIGKILL)
            self.killed.append(name)

    def _begun(self, name: str) -> int:
        """How often it said that it is ready."""
        log = self._folder / f"{name}.log"
        return log.read_text().count("listening on" if "worker" not in name else '{"worker":') if log.exists() else 0


def test_killing_every_process_in_turn_ends_in_the_same_ledger(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        told = {}
        for name, kill in (("undisturbed", False), ("killed", True)):
            server.sql(f"CREATE DATABASE {name}")
            told[name] = play(tmp_path / name, server.url.rsplit("/", 1)[0] + f"/{name}", kill=kill)
    finally:
        server.stop()
    quiet, torn = told["undisturbed"].result, told["killed"].result
    assert quiet["ok"]
    assert torn["ok"]
    assert torn["ledger"] == quiet["ledger"]
    assert (torn["bills"], torn["slips"], torn["receipts"]) == (quiet["bills"], quiet["slips"], quiet["receipts"])
    assert quiet["restarts"] == 0
    assert set(told["killed"].killed) == set(ORDER)
