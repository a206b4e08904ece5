"""A server on a real socket, seen by strace: each answer of 2xx leaves after the sync of what it says was done.

Run by ``python -m tests.crash --faults http`` and by the tests. The client is this process; the server is started under strace, on
SQLite, with its worker at rest, so that every write belongs to a request.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.builders import bill
from tests.crash import trace
from tests.crash.road import as_json, billing
from tests.crash.trace import CALLS, Acknowledgement

_QUIET_S, _PATIENCE_S = 3.0, 240.0
_SERVE = "import os, sys; print(os.getpid(), flush=True); sys.argv = ['fundlink', 'serve']; from fundlink.cli import main; main()"


@contextmanager
def _serving(folder: Path, prelude: str) -> Iterator[str]:
    """The address of a server, once it has come to rest; it has ended with the block."""
    settings = {
        "FUNDLINK_HOME": str(folder / "home"), "FUNDLINK_PORT": "0", "FUNDLINK_GATEWAY_URL": "http://127.0.0.1:9",
        "FUNDLINK_GATEWAY_ATTEMPTS": "1", "FUNDLINK_INTERVAL_S": "86400", "FUNDLINK_WORKER_POLL_S": "60",
    }  # fmt: skip
    traced = ["strace", "-f", "--seccomp-bpf", "-y", "-s", "80", "-o", str(folder / "trace"), "-e", f"trace={CALLS}"]
    command = [*traced, sys.executable, "-c", f"{prelude}\n{_SERVE}"]
    with subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        server = int(process.stdout.readline())  # strace itself passes no signal on
        try:
            line = process.stdout.readline()
            assert line.startswith("fundlink listening on "), line
            _until_quiet(folder / "trace")
            yield line.split()[-1]
        finally:
            os.kill(server, signal.SIGTERM)
            process.wait(_PATIENCE_S)


def _until_quiet(seen: Path) -> None:
    """Wait until the server writes nothing any more: the first turn of its worker is over."""
    deadline = time.monotonic() + _PATIENCE_S
    size, since = -1, time.monotonic()
    while time.monotonic() - since < _QUIET_S:
        assert time.monotonic() < deadline, "the server does not come to rest"
        if (now := seen.stat().st_size) != size:
            size, since = now, time.monotonic()
        time.sleep(0.1)


def answers(rounds: int, prelude: str = "") -> list[Acknowledgement]:
    """What left on the socket with 2xx: each round a bill, its change, its cancellation, and a file. ``prelude`` runs before the server."""
    folder = Path(tempfile.mkdtemp(prefix="fundlink-served-"))
    try:
        (folder / "home").mkdir()
        with _serving(folder, prelude) as address, httpx2.Client(base_url=address, timeout=_PATIENCE_S) as client:
            for number in range(1, rounds + 1):
                _round(client, number)
        return [one for one in trace.order(folder / "trace", folder / "home").said if one.kind == "http"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _round(client: httpx2.Client, number: int) -> None:
    one, sent = bill(2 * number), [bill(2 * number + 1)]
    wanted = (
        ("PUT", f"/v1/bills/{one.bill_key}", as_json(one), "application/json"),
        ("PUT", f"/v1/bills/{one.bill_key}", as_json(one._replace(charge_yen=one.charge_yen + 1)), "application/json"),
        ("POST", f"/v1/bills/{one.bill_key}/cancel", b"", "application/json"),
        ("POST", "/v1/intakes?profile=standard", billing(sent), "text/csv"),
    )
    for at, (method, address, body, media_type) in enumerate(wanted):
        headers = {"Idempotency-Key": f"k{number}-{at}", "Content-Type": media_type}
        answer = client.request(method, address, content=body, headers=headers)
        assert answer.is_success, answer.text
