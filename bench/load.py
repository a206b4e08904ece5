"""The load on the API: single-bill writes over kept-alive connections, bounded in number and time. A process of its own.

Run by child. Saturation: every connection sends as soon as it has its answer. Fixed rate: every write has its moment, and its
latency counts from that moment, whether or not a connection was free (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from bench import inputs
from bench.child import Told, Values

PUT = "PUT /v1/bills/{name} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {size}\r\n\r\n"
_LEFT_OUT = {"payer_name", "payer_kana", "payer_postal_code", "payer_address", "action"}


class Due(NamedTuple):
    """One write and when it is due (0: at once)."""

    number: int
    at: float


class Load:
    """What is still to be sent, and what was answered."""

    def __init__(self, values: Values) -> None:
        self._rate, self._count = float(values["rate"]), int(values["requests"])
        self._first = int(values["first"])
        self.start = time.perf_counter()
        self.deadline = self.start + float(values["limit_s"])
        self._todo = self._writes()
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()

    def _writes(self) -> Iterator[Due]:
        for at in range(self._count):
            due = self.start + at / self._rate if self._rate else 0.0
            if max(due, time.perf_counter()) >= self.deadline:
                return
            yield Due(self._first + at, due)

    async def connection(self, url: str) -> None:
        """Send and receive until there is nothing more to send."""
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            for due in self._todo:
                await asyncio.sleep(max(due.at - time.perf_counter(), 0))
                started = due.at or time.perf_counter()
                writer.write(request(due.number))
                self.statuses[await _status(reader)] += 1
                self.latencies.append(time.perf_counter() - started)
        finally:
            writer.close()


def request(number: int) -> bytes:
    """The PUT of a bill that is not stored yet."""
    record = inputs.bill(number)
    body = json.dumps({name: value for name, value in record._asdict().items() if name not in _LEFT_OUT and value != ""}).encode()
    return PUT.format(name=record.bill_key, key=f"bench-{number}", size=len(body)).encode() + body


async def _status(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    size = next(int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:"))
    await reader.readexactly(size)
    return int(head.split()[1])


async def _sent(load: Load, urls: list[str], connections: int) -> None:
    await asyncio.gather(*(load.connection(urls[at % len(urls)]) for at in range(connections)))


def run(values: Values) -> Told:
    """``requests`` writes at most, from bill ``first`` on, over ``connections`` to ``urls`` in turn, at ``rate`` a second (0: as fast as it goes)."""
    load = Load(values)
    asyncio.run(_sent(load, values["urls"], int(values["connections"])))
    seconds = time.perf_counter() - load.start
    millis = sorted(latency * 1000 for latency in load.latencies)
    details = {
        "statuses": {str(status): count for status, count in sorted(load.statuses.items())}, "connections": values["connections"],
        "rate": values["rate"], "p50_ms": round(millis[len(millis) // 2], 2), "p99_ms": round(millis[len(millis) * 99 // 100], 2),
        "max_ms": round(millis[-1], 2),
    }  # fmt: skip
    return {"rows": len(millis), "seconds": seconds, "details": details}


def warm(values: Values) -> Told:
    """Write one bill after the other until the server answers at once: its first round of other work is over then."""
    values = {**values, "rate": 0, "connections": 1, "requests": 10}
    told: Told = {}
    for attempt in range(100):
        told = run({**values, "first": int(values["first"]) + 10 * attempt})
        if told["details"]["max_ms"] < values["calm_ms"]:
            break
    return told


def upload(values: Values) -> Told:
    """One file as a chunked body; seconds until its answer."""
    start = time.perf_counter()
    status, body = asyncio.run(_uploaded(values))
    seconds = time.perf_counter() - start
    told = json.loads(body)
    assert status == 202, told
    return {"rows": told["created"], "seconds": seconds, "details": {"bytes": told["file"]["bytes"]}}


async def _uploaded(values: Values) -> tuple[int, bytes]:
    address = urlsplit(values["urls"][0])
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = "POST /v1/intakes HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-ndjson\r\nIdempotency-Key: bench\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode())
    with open(values["path"], "rb") as stream:  # noqa: ASYNC230, PTH123 - nothing else runs in this process
        while piece := stream.read(1 << 16):
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
    writer.write(b"0\r\n\r\n")
    answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    size = next(int(line[15:]) for line in answer.split("\r\n") if line.startswith("content-length:"))
    body = await reader.readexactly(size)
    writer.close()
    return int(answer.split()[1]), body
