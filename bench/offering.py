"""The gateway as a process that offers files by the clock, whatever the other side has taken so far: ``python -m bench.offering KEYS FILES``.

Speaks docs/gateway.md over the folder gateway. Nothing is offered before ``POST /start``; from then on every file has its moment.
Started by receipts and recovery.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from bench import inputs
from bench.gateway import FolderGateway
from fundlink.domain.records import ReceiptRecord
from fundlink.formats.message import Message

FEWEST, MOST = 200, 2_000
BEFORE_S = -1.0
DAY = "2026-11-20"
_OFFERS, _SEED = "offers.json", 3


class Offer(NamedTuple):
    """A file, when it is offered (seconds after the start), and its receipts."""

    file_id: str
    after_s: float
    records: int


def write(gateway: FolderGateway, message: Message, made: Sequence[tuple[str, ReceiptRecord]], rate: int) -> list[Offer]:
    """Signed files of some hundred to two thousand receipts; each is offered when the last of its receipts is due at this rate.

    The first one lies there before the start, to warm up with; with rate 0 all the others are offered at the start.
    """
    offers: list[Offer] = []
    done, lot = 0, random.Random(_SEED)
    for number, group in enumerate(_groups(made, lot), 1):
        records = [record._replace(paid_on=DAY, booked_on=DAY) for _, record in group]
        done += len(records) if offers else 0
        header = {
            "message_id": f"R-{number:06d}", "municipality_code": inputs.CODE, "institution_code": inputs.INSTITUTION, "business_day": DAY,
            "created_at": f"{DAY}T23:59:00+09:00", "record_count": len(records), "total_yen": sum(record.amount_yen for record in records),
        }  # fmt: skip
        gateway.put(inputs.INSTITUTION, DAY, message.writer(records, header))
        offers.append(Offer(f"receipt-{number}", (done / rate if rate else 0.0) if offers else BEFORE_S, len(records)))
    gateway.save()
    gateway.folder.joinpath(_OFFERS).write_text(json.dumps(offers))
    return offers


def _groups(made: Sequence[tuple[str, ReceiptRecord]], lot: random.Random) -> Iterator[Sequence[tuple[str, ReceiptRecord]]]:
    at = 0
    while at < len(made):
        size = lot.randint(FEWEST, MOST)
        yield made[at : at + size]
        at += size


class Offering(ThreadingHTTPServer):
    """A server that counts from its start; the clock is the machine's monotonic one, which every process of it shares."""

    daemon_threads = True

    def __init__(self, keys: Path, files: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.gateway = FolderGateway(keys, files)
        self._due = {offer.file_id: offer.after_s for offer in (Offer(*row) for row in json.loads((files / _OFFERS).read_text()))}
        self._start: float | None = None
        self._turn = threading.Lock()

    def begin(self) -> dict[str, float]:
        """From now on."""
        self._start = time.monotonic()
        return {"start": self._start}

    def answer(self, path: str, query: dict[str, list[str]], body: bytes) -> bytes:
        """Bytes for a request."""
        if path == "/start":
            return json.dumps(self.begin()).encode()
        if path == "/gateway/certificate":
            return self.gateway.certificate()
        if path == "/gateway/enrolments":
            return b"{}"
        if path == "/gateway/files":
            return json.dumps({"files": self._offered(query["institution_code"][0], int(query["after"][0]))}).encode()
        if path.startswith("/gateway/files/"):
            return self.gateway.fetch(path.rsplit("/", 1)[1])
        with self._turn:
            return self.gateway.submit(path.rsplit("/", 1)[1], body)

    def _offered(self, institution_code: str, after: int) -> list[dict[str, Any]]:
        gone_s = BEFORE_S if self._start is None else time.monotonic() - self._start
        page = [one for one in self.gateway.files(institution_code, after) if self._due[one.file_id] <= gone_s]
        return [{**one._asdict(), "bytes": one.size} for one in page]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        assert isinstance(self.server, Offering)
        told = self.server.answer(address.path, parse_qs(address.query), body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing is said of single requests."""


def main() -> None:
    """Serve until ended."""
    server = Offering(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"offering on http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
