"""Receipts at a steady rate into the running product: the time of each from being offered to being stored, judged and told by its day.

Called by the command line. The gateway offers by the clock and waits for nobody; collect, reconcile and export run as in operation,
by ``fundlink serve`` (SQLite) or workers (PostgreSQL), only at shorter intervals. What starts and offers is used by recovery too.
"""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from bench import inputs, offering
from bench.child import peak_mib
from bench.gateway import FolderGateway
from bench.offering import Offer
from bench.processes import Process, ended, gateway, product, settings
from bench.stages import Bed, Place, open_jobs, payables
from bench.watching import Watch

WARM_S, LATE_S = 300.0, 300.0
LIMIT_S = 1.0
OFFERED = "offered"
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999, "max": 1.0}


class Rate(NamedTuple):
    """Receipts a second, for so many seconds; how often the product looks for files, and workers on PostgreSQL."""

    per_s: int = 1_200
    seconds: int = 600
    interval_s: float = 0.25
    workers: int = 2

    @property
    def rows(self) -> int:
        """Receipts (and bills) that this takes, with those to warm up with."""
        return self.per_s * self.seconds + offering.MOST


class Seen(NamedTuple):
    """What was offered when, and what a watch saw of it."""

    offers: Sequence[Offer]
    start: float
    watch: Watch

    def waits(self, seen: Mapping[str, float]) -> list[tuple[float, int]]:
        """(seconds from being offered, receipts) of every file that was seen, the shortest first."""
        return sorted((seen[one.file_id] - self.start - one.after_s, one.records) for one in self.offers if one.file_id in seen)


def receipts(bed: Bed, rate: Rate) -> dict[str, Any]:
    """The figure. The bed holds as many registered bills as there are receipts."""
    offers, expected = offered(bed, rate.rows, rate.per_s)
    with bed.copied("known") as place, closing(Watch(bed, place)) as watch:
        other = gateway(bed, bed.folder / OFFERED)
        started = running(bed, place, other, workers=rate.workers, INTERVAL_S=str(rate.interval_s), WORKER_POLL_S="0.1")
        with ended(*started, other):
            for process in started:
                process.ready()
            assert watch.until(lambda: offers[0].file_id in watch.tied, WARM_S), "nobody works"
            before = [process.cpu_s for process in started]
            seen = Seen(offers[1:], begin(other), watch)
            whole = watch.until(lambda: len(watch.tied) == len(offers), rate.seconds + LATE_S)
            took_s = time.monotonic() - seen.start
            cores = [round((process.cpu_s - used) / took_s, 3) for process, used in zip(started, before, strict=True)]
            peak = max(peak_mib(process.pid) for process in started)
        found = watch.outcomes()
        assert found == expected or not whole, (found, expected)
        return {**_told(bed, rate, seen), "whole": whole, "took_s": round(took_s, 1), "cores": cores, "peak_mib": round(peak, 1)}


def offered(bed: Bed, count: int, rate: int) -> tuple[list[Offer], dict[str, int]]:
    """Files of receipts for registered slips in the folder of the gateway, and the outcomes they must give."""
    shutil.rmtree(bed.folder / OFFERED, ignore_errors=True)
    jobs, _ = open_jobs(bed.values(bed.stage("known")))
    made = list(inputs.receipts(payables(jobs, max(bed.rows // count, 1), count), count))
    offers = offering.write(FolderGateway(bed.keys, bed.folder / OFFERED), jobs.rooms.profile("gateway").message("receipt"), made, rate)
    jobs.rooms.close()
    return offers, dict(sorted(Counter(outcome for outcome, _ in made).items()))


def running(bed: Bed, place: Place, other: Process, *, workers: int, **more: str) -> list[Process]:
    """The product over a place: one server that contains its worker (SQLite), or a server and workers (PostgreSQL)."""
    given = settings(bed, place, other.url, GATEWAY_TIMEOUT_S="30", **more)
    if bed.databases.kind == "sqlite":
        return [product("serve", given)]
    return [product("serve", given), *(product("work", {**given, "WORKER": f"bench-{number}"}) for number in range(1, workers + 1))]


def begin(other: Process) -> float:
    """Let the gateway offer from now on; the moment it began."""
    with urllib.request.urlopen(urllib.request.Request(f"{other.url}/start", method="POST"), timeout=30) as answer:
        return float(json.loads(answer.read())["start"])


def _told(bed: Bed, rate: Rate, seen: Seen) -> dict[str, Any]:
    offers, watch = seen.offers, seen.watch
    stored = seen.waits(watch.stored)
    count = sum(one.records for one in offers)
    return {
        "bench": "receipts", "database": bed.databases.kind, "rate": rate.per_s, "bills": bed.rows, "receipts": count,
        "files": len(offers), "offered_s": round(offers[-1].after_s, 1), "stored": sum(records for _, records in stored),
        "over_1s": round(1 - sum(records for wait, records in stored if wait <= LIMIT_S) / count, 5),
        "stored_s": spread(stored), "judged_s": spread(seen.waits(watch.judged)), "tied_s": spread(seen.waits(watch.tied)),
        "interval_s": rate.interval_s, "workers": rate.workers if bed.databases.kind == "postgresql" else 1,
    }  # fmt: skip


def spread(waits: Sequence[tuple[float, int]]) -> dict[str, float]:
    """Percentiles over receipts."""
    count, told, passed = sum(records for _, records in waits), dict[str, float](), 0
    for wait, records in waits:
        passed += records
        for name, share in SHARES.items():
            if name not in told and passed >= share * count:
                told[name] = round(wait, 3)
    return told
