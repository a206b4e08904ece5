"""The figures of the API: single-bill writes under load and a bulk upload, against ``fundlink serve`` in processes of its own.

Called by the command line and by tests. The server is the product's command with its settings in the environment; the load
comes from another process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from bench import inputs
from bench.child import peak_mib
from bench.measure import Run, result, run
from bench.processes import ended, product, settings
from bench.stages import Bed, Place
from bench.verbs import Asked

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
    process = product("serve", settings(bed, place))
    with ended(process):
        process.ready()
        yield Served(process.url, process.pid)


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
