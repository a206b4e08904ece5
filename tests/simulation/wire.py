"""The line to the gateway as one worker sees it: the product's gateway protocol over the fake register, with all that lines do.

Handed to the rooms of each worker. At every call something else may happen first (another worker, a payer, a clock).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from random import Random

from fundlink.connectors.gateway import RemoteFile, UnreachableError
from fundlink.domain.errors import OutcomeUnknownError
from tests.simulation.faults import Faults
from tests.simulation.offers import Offers
from tests.simulation.register import Register
from tests.simulation.seals import FORGERIES, pair

HTML = "<html><body><h1>メンテナンス中</h1></body></html>".encode()


class Wire:
    """One worker's line."""

    name = "simulated"

    def __init__(self, rng: Random, faults: Faults, register: Register, offers: Offers) -> None:
        self._rng, self._faults, self.register, self.offers = rng, faults, register, offers
        self.meanwhile: Callable[[], None] = lambda: None
        self.pass_time: Callable[[dt.timedelta], None] = lambda _: None
        self.before_submit: Callable[[str, bytes], None] = lambda _message, _body: None
        self.closed_until: dt.datetime | None = None
        self.now: Callable[[], dt.datetime]
        self.stopped: set[str] = set()

    def _line(self) -> None:
        """What may go wrong before anything is sent."""
        self.meanwhile()
        if self.closed_until is not None and self.now() < self.closed_until and self._faults.on:
            raise OutcomeUnknownError("HTTP 503")
        if "gateway" in self.stopped:
            raise OutcomeUnknownError("ConnectTimeout")
        if self._faults.strikes("T11", 0.6):
            raise OutcomeUnknownError(self._rng.choice(("HTTP 500", "HTTP 502", "HTTP 503", "HTTP 504", "HTTP 429")))
        if self._faults.strikes("T14", 0.3):
            raise UnreachableError("ConnectError")
        if self._faults.strikes("T15", 0.3):
            raise UnreachableError("ConnectError")

    def submit(self, message_id: str, body: bytes) -> bytes:
        self.before_submit(message_id, body)
        self._line()
        if self._faults.strikes("T02", 1.5):
            raise OutcomeUnknownError("ReadTimeout")
        if message_id not in self.register.messages and self._faults.strikes("T47"):
            return self.register.forged(message_id, body, self._rng.choice(FORGERIES))  # and the gateway never hears of it
        if self._faults.strikes("T12", 0.8) and message_id not in self.register.messages:
            answer = self.register.reject(message_id, body)
            return self._told(message_id, answer)
        double = self.register.would_double(message_id) and (message_id in self.register.denied or self._faults.draws("T18", 4))
        if double:
            self._faults.note("T18")
        answer = self.register.take(message_id, body, double=double)
        if self._faults.strikes("T01", 2):
            raise OutcomeUnknownError("ReadError")
        if self._faults.strikes("T13"):
            self.pass_time(dt.timedelta(seconds=90))
            raise OutcomeUnknownError("ReadTimeout")
        if self._faults.strikes("T03"):
            self.meanwhile()  # the answer is on its way while others go on; then nobody listens any more
            raise OutcomeUnknownError("ReadTimeout")
        if self._faults.strikes("T12", 0.6):
            return self._spoiled(answer)
        return self._told(message_id, answer)

    def _told(self, message_id: str, answer: bytes) -> bytes:
        if message_id in self.register.messages:
            self.register.messages[message_id].heard = True
        return answer

    def _spoiled(self, answer: bytes) -> bytes:
        kind = self._rng.randrange(4)
        if kind == 0:
            return HTML
        if kind == 1:
            raise OutcomeUnknownError("empty answer")
        if kind == 2:
            return answer[: answer.index(b"<ds:Signature")] + b"</AcknowledgementFile>"
        at = answer.index(b"<AmountYen>") + 11 if b"<AmountYen>" in answer else 40
        return answer[:at] + b"9" + answer[at:]  # a seal that does not hold

    def inquire(self, message_id: str, institution_code: str) -> bytes:
        self._line()
        if self._faults.strikes("T04", 2):
            if self._rng.random() < 0.5 or message_id not in self.register.messages:
                raise OutcomeUnknownError("ReadTimeout")
            return self.register.absent(message_id, institution_code)
        if self.register.would_double(message_id) and self._faults.draws("T18", 3):
            self.register.denied.add(message_id)  # it lost count: says no now, and takes it once more when it comes again
            return self.register.absent(message_id, institution_code)
        if self._faults.strikes("T12", 0.4):
            return self._spoiled(self.register.tell(message_id, institution_code))
        return self._told(message_id, self.register.tell(message_id, institution_code))

    def files(self, institution_code: str, after: int) -> list[RemoteFile]:
        self._line()
        if self._faults.strikes("T12", 0.2):
            raise OutcomeUnknownError("not JSON")
        return [
            RemoteFile(offer.file_id, offer.sequence, offer.kind, offer.file_id, offer.day, offer.sha256, len(offer.body))
            for offer in self.offers.listed(institution_code, after)
        ]

    def fetch(self, file_id: str) -> bytes:
        self._line()
        body = self.offers.files[file_id].body
        if self._faults.strikes("T08", 0.3):
            return body[: self._rng.randrange(len(body))]
        if self._faults.strikes("T09", 0.3):
            at = self._rng.randrange(len(body))
            return body[:at] + bytes([body[at] ^ (1 << self._rng.randrange(8))]) + body[at + 1 :]
        if self._faults.strikes("T12", 0.2):
            return HTML
        return body

    def certificate(self) -> bytes:
        return pair("gateway").pem

    def enrol(self, institution_code: str, certificate_pem: bytes) -> None:
        """Both sides know each other from the start."""

    def close(self) -> None:
        """There is nothing to give back."""


class PinnedTrust:
    """The gateway's certificate, agreed on paper."""

    def pinned(self, institution_code: str) -> bytes:
        return pair("gateway").pem
