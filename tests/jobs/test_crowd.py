"""The demo by many processes: whichever of them is killed, and however often, the ledger ends the same.

``FAILOVER_BILLS=50000`` (`make failover`) plays it at size; the suite plays it small.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import cycle
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
    """A demo of two workers and two API servers; with ``kill`` one process after the other is killed until it ends."""
    environment = {**os.environ, "FUNDLINK_HOME": str(home), "FUNDLINK_DATABASE_URL": url, "FUNDLINK_NOW": NOW}
    command = [*COMMAND, "demo", "--bills", str(BILLS), "--seed", "5", "--workers", "2", "--apis", "2", "--json"]
    (home / "demo").mkdir(parents=True)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        ended, killed = threading.Event(), list[str]()
        killer = threading.Thread(target=_kill_in_turn, args=(home / "demo", ended, killed))
        if kill:
            killer.start()
        out, said = demo.communicate()
        ended.set()
        if kill:
            killer.join()
    logs = {path.name: path.read_text()[-400:] for path in (home / "demo").glob("*.log")}
    assert demo.returncode == 0, (said[-2000:], logs)
    return Told(json.loads(out), killed)


def _kill_in_turn(folder: Path, ended: threading.Event, killed: list[str]) -> None:
    """One after the other; the next one as long after the last is back as its coming back took: on any machine something gets done."""
    _wait(ended, lambda: all(_begun(folder, name) for name in ORDER))
    for name in cycle(ORDER):
        if ended.is_set():
            return
        with suppress(ProcessLookupError):
            os.kill(json.loads((folder / "processes.json").read_text())[name], signal.SIGKILL)
            killed.append(name)
        gone = time.monotonic()
        _wait(ended, partial(_is_back, folder, name, killed.count(name)))
        ended.wait(max(PAUSE_S, time.monotonic() - gone))


def _is_back(folder: Path, name: str, times: int) -> bool:
    return _begun(folder, name) > times


def _wait(ended: threading.Event, what: Callable[[], bool]) -> None:
    while not what() and not ended.wait(0.1):
        pass


def _begun(folder: Path, name: str) -> int:
    """How often it said that it is ready."""
    log = folder / f"{name}.log"
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
    assert len(set(told["killed"].killed)) >= 3  # all of them, unless the machine is so fast that the demo ends before
