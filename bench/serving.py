"""The figures of the API: single-bill writes under load and a bulk upload, against ``fundlink serve`` in processes of its own.

Called by the command line and by tests. The server is the product's command with its settings in the environment; the load
comes from another process.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from bench import inputs
from bench.child import peak_mib
from bench.measure import ROOT, Run, environment, result, run
from bench.stages import Bed, Place
from bench.verbs import Asked

START_S = 120.0
CALM_MS = 100
FIRST = 2_000_000_000
"""Bills from this number on are in no stage."""


class Pressure(NamedTuple):
    """How hard to press: writes at most, seconds at most, connections, writes a second (0: as fast as it goes), server processes."""

    requests: int = 30_000
    limit_s: float = 30.0
    connections: int = 32
    rate: int = 0
    processes: int = 1


class Served(NamedTuple):
    """A server that listens."""

    url: str
    pid: int


@contextmanager
def served(bed: Bed, place: Place) -> Iterator[Served]:
    """``fundlink serve`` over a place, stopped with the block. Its worker has one round at the start and none after."""
    settings = {
        "HOME": str(place.home), "DATABASE_URL": place.url, "PROFILES": str(bed.profiles), "NOW": inputs.NOW, "PORT": "0",
        "INTERVAL_S": "86400", "GATEWAY_URL": "http://127.0.0.1:9", "GATEWAY_ATTEMPTS": "1", "GATEWAY_TIMEOUT_S": "1",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", "from fundlink.cli import main; main()", "serve"], cwd=ROOT, text=True,
        env={**environment(), **{f"FUNDLINK_{name}": value for name, value in settings.items()}},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found is not None, "the server did not start"
        yield Served(found[0], process.pid)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def api(bed: Bed, asked: Asked, pressure: Pressure) -> dict[str, Any]:
    """Single-bill writes with all bills of the bed stored, each durable before its answer."""
    runs = []
    for _ in range(asked.runs):
        with bed.copied("known") as place, ExitStack() as held:
            servers = [held.enter_context(served(bed, place)) for _ in range(pressure.processes)]
            runs.append(_pressed(servers, pressure))
    about = {
        "bench": "api",
        "database": bed.databases.kind,
        "bills": bed.rows,
        "mode": f"{pressure.rate}/s" if pressure.rate else "saturation",
    }
    return result(about, runs, [], "none: the targets are absolute (requests a second, p99)")


def _pressed(servers: list[Served], pressure: Pressure) -> Run:
    values = {
        "urls": [server.url for server in servers], "requests": pressure.requests, "limit_s": pressure.limit_s,
        "connections": pressure.connections, "rate": pressure.rate,
    }  # fmt: skip
    for at, server in enumerate(servers):
        run("bench.load:warm", {**values, "urls": [server.url], "first": FIRST * 2 + 10_000 * at, "calm_ms": CALM_MS})
    found = run("bench.load:run", {**values, "first": FIRST})
    found.told["details"]["processes"] = len(servers)
    return found._replace(peak_mib=round(max(peak_mib(server.pid) for server in servers), 1))


def upload(bed: Bed, asked: Asked) -> dict[str, Any]:
    """All bills of the bed as NDJSON through HTTP; the floor is the intake of the very same file by the command."""
    path, roads, floors = bed.bills_file("ndjson"), list[Run](), list[Run]()
    for _ in range(asked.runs):
        with bed.copied("empty") as place, served(bed, place) as server:
            found = run("bench.load:upload", {"urls": [server.url], "path": str(path)})
            roads.append(found._replace(peak_mib=round(peak_mib(server.pid), 1)))
        with bed.copied("empty") as place:
            values = bed.values(place, path=str(path), form_profile=inputs.FORMS["ndjson"], rows=bed.rows)
            floors.append(run("bench.roads:intake", values))
    about = {"bench": "upload", "database": bed.databases.kind, "bytes": path.stat().st_size}
    told = result(about, roads, floors, "the same NDJSON file taken by the intake verb from disk")
    assert all(found.rows == bed.rows for found in roads)
    return told
