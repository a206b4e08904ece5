"""A server process under strace: every 2xx of a write leaves after the sync of what it tells of. Used by the command and the tests.

One client, one request after the other: what another request writes meanwhile would say nothing about this one's answer.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2

from tests.builders import bill
from tests.crash import trace
from tests.crash.journey import Base
from tests.crash.road import NOW, as_json, billing
from tests.crash.trace import CALLS, Acknowledgement

PATIENCE_S = 60.0


class Server(NamedTuple):
    """A server that runs, and where its calls are written."""

    address: str
    process: subprocess.Popen[str]


@contextmanager
def served(home: Path, seen: Path) -> Iterator[Server]:
    """A server whose worker has nothing to do, traced from its start."""
    environment = {
        **os.environ, "FUNDLINK_HOME": str(home), "FUNDLINK_NOW": NOW, "FUNDLINK_PORT": "0", "FUNDLINK_INTERVAL_S": "3600",
        "FUNDLINK_GATEWAY_URL": "http://127.0.0.1:9", "FUNDLINK_GATEWAY_ATTEMPTS": "1",
    }  # fmt: skip
    command = ["strace", "-f", "--seccomp-bpf", "-y", "-s", "80", "-o", str(seen), "-e", f"trace={CALLS}"]
    command += [sys.executable, "-c", "from fundlink.cli import main; main()", "serve"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "listening on" in line, line
        try:
            yield Server(line.split()[-1], process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)


def answers(base: Base, folder: Path, count: int) -> list[Acknowledgement]:
    """What a server acknowledged to a client of ``count`` single bills and some files."""
    home, seen = folder / "served" / "home", folder / "served" / "trace"
    shutil.copytree(base.home, home)
    with served(home, seen) as server, httpx2.Client(base_url=server.address, timeout=PATIENCE_S) as client:
        _quiet(seen)
        for number in range(1, count + 1):
            sent = {"Idempotency-Key": f"p{number}", "Content-Type": "application/json"}
            assert client.put(f"/v1/bills/{bill(number).bill_key}", content=as_json(bill(number)), headers=sent).status_code == 201
        for number in range(count // 10):
            rows = [bill(1000 + 10 * number + at) for at in range(10)]
            sent = {"Idempotency-Key": f"f{number}", "Content-Type": "text/csv"}
            assert client.post("/v1/intakes?profile=standard", content=billing(rows), headers=sent).status_code == 202
    found = [one for one in trace.order(seen, folder) if one.kind == "http"]
    shutil.rmtree(folder / "served")
    return found


def _quiet(seen: Path) -> None:
    """Wait until the worker's first round is over: two looks at the trace, a second apart, show the same."""
    deadline, before = time.monotonic() + PATIENCE_S, -1
    while (size := seen.stat().st_size) != before:
        assert time.monotonic() < deadline, "the server does not come to rest"
        before = size
        time.sleep(1)
