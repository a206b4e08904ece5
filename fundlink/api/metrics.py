"""Metrics for Prometheus: the state of the work as gauges read from the database at each scrape, requests as they are counted here.

Made in app, counted by the door, served at ``/metrics`` or on a port of its own. Labels are names of ours and municipality codes:
no person, no bill, no notice number, no address that was asked for.
"""

from __future__ import annotations

import datetime as dt
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any, NamedTuple

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from fundlink import __version__
from fundlink.api.context import Here
from fundlink.config import Settings
from fundlink.desk import queue
from fundlink.domain.errors import FundlinkError
from fundlink.pipeline import Rooms, absence
from fundlink.store import gauges, outcomes, upkeep

routes = APIRouter(include_in_schema=False)
STREAMS = ("receipt", "settlement", "bank_credit")
RECENT_DAYS = 62
_CLEAR = ("matched", "paid_after_limit", "withdrawn")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CONVERTER = re.compile(r":\w+}")
"""What a path says of the form of a part: {name:path} is {name}."""
Samples = Iterable[tuple[tuple[str, ...], int | float]]


class Gauge(NamedTuple):
    """One gauge: what it says, its labels, and where its samples come from (several gauges may come from one reading)."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[Rooms], Samples]


def _age_s(rooms: Rooms, at: str) -> float:
    return max(0.0, (rooms.clock() - dt.datetime.fromisoformat(at)).total_seconds())


def _messages(rooms: Rooms) -> Samples:
    with rooms.store.read() as connection:
        counted = {found.name: found.number for found in gauges.open_messages(connection)}
    return [((state,), counted.get(state, 0)) for state in sorted({"stored", "sent", "unknown", *counted})]


def _queue_age(rooms: Rooms) -> Samples:
    with rooms.store.read() as connection:
        waiting = [found.oldest_at for found in gauges.open_messages(connection)]
        receipts = gauges.unposted(connection).oldest_at
        files = gauges.undelivered(connection).oldest_at
    yield ("submit",), _age_s(rooms, min(waiting)) if waiting else 0
    yield ("reconcile",), _age_s(rooms, receipts) if receipts else 0
    yield ("export",), _age_s(rooms, files) if files else 0


def _unposted(rooms: Rooms) -> Samples:
    with rooms.store.read() as connection:
        yield (), gauges.unposted(connection).number


def _outcomes(rooms: Rooms) -> list[tuple[str, int, int]]:
    with rooms.store.read() as connection:
        return outcomes.count_outcomes(connection, None)


def _waiting_yen(rooms: Rooms) -> Samples:
    """What lies on accounts that must become empty."""
    with rooms.store.read() as connection:
        moved = gauges.moved_yen(connection)
    yield ("suspense",), sum(yen for name, _, yen in _outcomes(rooms) if name not in _CLEAR) + moved.get("suspense", 0)
    yield ("overpaid",), moved.get("overpaid", 0)


def _watermarks(rooms: Rooms) -> Samples:
    today = dt.date.fromisoformat(rooms.today())
    with rooms.store.read() as connection:
        found = gauges.newest_days(connection, STREAMS)
    return [((code, kind), (today - dt.date.fromisoformat(day)).days) for code, kind, day in found]


def _days(rooms: Rooms) -> Samples:
    since = (dt.date.fromisoformat(rooms.today()) - dt.timedelta(days=RECENT_DAYS)).isoformat()
    with rooms.store.read() as connection:
        counted = gauges.days(connection, since)
    return [((state,), counted.get(state, 0)) for state in ("open", "tied", "difference", "closed")]


def _upkeep(kind: str, tell: Callable[[Rooms, bool, str], float]) -> Callable[[Rooms], Samples]:
    def read(rooms: Rooms) -> Samples:
        with rooms.store.read() as connection:
            found = upkeep.newest(connection, kind)
        return [] if found is None else [((), tell(rooms, found[0], found[2]))]

    return read


def _database(rooms: Rooms) -> Samples:
    with rooms.store.read() as connection:
        yield (), gauges.database_bytes(connection)


def _disk(rooms: Rooms) -> Samples:
    found = shutil.disk_usage(rooms.folder)
    yield ("free",), found.free
    yield ("total",), found.total


GAUGES: tuple[Gauge, ...] = (
    Gauge("fundlink_info", "Version of the program.", ("version",), lambda _: [((__version__,), 1)]),
    Gauge("fundlink_messages_open", "Payment messages without a final answer, by the last thing that happened.", ("state",), _messages),
    Gauge("fundlink_queue_oldest_seconds", "Age of the oldest thing that waits, 0 when nothing does.", ("queue",), _queue_age),
    Gauge("fundlink_receipts_unposted", "Receipts that were taken and not reconciled yet.", (), _unposted),
    Gauge("fundlink_outcome_transactions", "Payments by outcome.", ("outcome",), lambda r: [((n,), c) for n, c, _ in _outcomes(r)]),
    Gauge("fundlink_outcome_yen", "Yen of payments by outcome.", ("outcome",), lambda r: [((n,), y) for n, _, y in _outcomes(r)]),
    Gauge("fundlink_waiting_yen", "Yen on accounts that must become empty.", ("account",), _waiting_yen),
    Gauge("fundlink_cases_open", "Cases that wait for a person.", ("kind",), lambda r: [((k,), n) for k, n in queue.counts(r).items()]),
    Gauge("fundlink_source_age_days", "Days since the newest business day of a stream.", ("municipality", "stream"), _watermarks),
    Gauge(
        "fundlink_expected_files", "Files that are expected, by state.", ("state",),
        lambda r: [((state,), count) for state, count in absence.expected(r, {})["counts"].items()],
    ),
    Gauge("fundlink_days", f"Days and funds of the last {RECENT_DAYS} days by state; every difference.", ("state",), _days),
    Gauge("fundlink_invariants_ok", "1 when the last verify found every invariant to hold.", (), _upkeep("verify", lambda _r, ok, _at: ok)),
    Gauge("fundlink_invariants_age_seconds", "Since the last verify.", (), _upkeep("verify", lambda r, _ok, at: _age_s(r, at))),
    Gauge("fundlink_backup_age_seconds", "Since the last backup.", (), _upkeep("backup", lambda r, _ok, at: _age_s(r, at))),
    Gauge("fundlink_database_bytes", "Room that the database takes.", (), _database),
    Gauge("fundlink_disk_bytes", "Room where the data lie.", ("kind",), _disk),
)  # fmt: skip
UNREAD = "fundlink_unread_gauges"
REQUESTS, SECONDS = "fundlink_http_requests_total", "fundlink_http_request_seconds"
NAMES = frozenset((*(gauge.name for gauge in GAUGES), UNREAD, REQUESTS, SECONDS))
"""Every metric there is; alert rules may name no other."""


class Metrics(Collector):
    """The metrics of one application."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms, self._turn = rooms, threading.Lock()
        self.registry = CollectorRegistry(auto_describe=False)
        self._requests = Counter(REQUESTS, "Requests answered.", ("method", "route", "status"), registry=self.registry)
        self._seconds = Histogram(SECONDS, "Time to the answer.", ("route",), buckets=_BUCKETS, registry=self.registry)
        self.registry.register(self)

    def answered(self, scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
        """Count a request under the route that took it; what no route took has no name of its own."""
        route = _CONVERTER.sub("}", str(getattr(scope.get("route"), "path", "none")))
        method = str(scope["method"])
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def describe(self) -> Iterable[Metric]:
        """Nothing is read before the first scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every gauge; one that cannot be read is left out and counted, the others are told."""
        unread = 0
        with self._turn:  # two scrapes at once would ask everything twice
            for gauge in GAUGES:
                family = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
                try:
                    samples = list(gauge.read(self._rooms))
                except (FundlinkError, SQLAlchemyError, OSError):
                    unread += 1
                    continue
                for labels, value in samples:
                    family.add_metric(labels, value)
                yield family
        yield GaugeMetricFamily(UNREAD, "Gauges that could not be read at this scrape.", value=unread)

    def text(self) -> bytes:
        """All of it in the text format."""
        return generate_latest(self.registry)


def is_open(settings: Settings) -> bool:
    """Whether the port of the API serves them: not in production, and not when they have a port of their own."""
    return settings.environment != "production" and settings.metrics_port is None


@routes.get("/metrics", operation_id="metrics")
def metrics(api: Here) -> Response:
    """What Prometheus reads."""
    return Response(api.metrics.text(), media_type=CONTENT_TYPE_LATEST)
