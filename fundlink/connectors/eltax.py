"""The gateway over HTTP(S): docs/gateway.md spoken with httpx2.

Built by bootstrap, called by pipeline through the Gateway protocol. It never decides what an answer means; a timeout, a broken
connection, a 5xx or an empty answer is ``NoAnswerError``, never "no". What is repeated within a call stands in ``retrying``.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import httpx2

from fundlink.connectors.gateway import NoAnswerError, RemoteFile, UnreachableError
from fundlink.connectors.retrying import repeating, retry_after_s
from fundlink.domain.errors import OutcomeUnknownError, ProblemError
from fundlink.domain.problems import problem

_XML = {"Content-Type": "application/xml"}
_DEADLINE_TIMES = 10
"""A whole answer may take so many times the timeout of one read: a side that drips bytes does not hold the worker for ever."""
_MOST_KEPT = 65_536
"""Bytes of an answer that is none which are kept to be looked at."""


class EltaxGateway:
    """One gateway address with its connection pool. Repeats are harmless: a message id has one effect, reading has none."""

    def __init__(self, url: str, *, timeout_s: float, attempts: int) -> None:
        self._client = httpx2.Client(base_url=url, timeout=timeout_s, follow_redirects=False)
        self._attempts, self._deadline_s = attempts, timeout_s * _DEADLINE_TIMES
        self.name = self._client.base_url.netloc.decode("ascii")

    def submit(self, message_id: str, body: bytes) -> bytes:
        """Send the stored bytes; the same bytes again on every attempt."""
        return self._call("PUT", f"/gateway/messages/{message_id}", content=body, headers=_XML)

    def inquire(self, message_id: str, institution_code: str) -> bytes:
        """Ask what became of a message."""
        return self._call("GET", f"/gateway/messages/{message_id}", params={"institution_code": institution_code})

    def files(self, institution_code: str, after: int) -> list[RemoteFile]:
        """One page of the list of files."""
        answer = self._json("GET", "/gateway/files", params={"institution_code": institution_code, "after": after, "limit": 100})
        return [
            RemoteFile(
                str(item["file_id"]), int(item["sequence"]), str(item["kind"]), str(item["name"]),
                str(item["business_day"]), str(item["sha256"]), int(item["bytes"]),
            )
            for item in answer["files"]
        ]  # fmt: skip

    def fetch(self, file_id: str) -> bytes:
        """The bytes of a file."""
        return self._call("GET", f"/gateway/files/{file_id}")

    def certificate(self) -> bytes:
        """The certificate offered."""
        return self._call("GET", "/gateway/certificate")

    def enrol(self, institution_code: str, certificate_pem: bytes) -> None:
        """Pin our certificate at the gateway; a 409 means another one is pinned there."""
        try:
            self._call(
                "POST", "/gateway/enrolments", json={"institution_code": institution_code, "certificate_pem": certificate_pem.decode()}
            )
        except ProblemError as error:
            raise ProblemError([problem("FL-CFG-003", detail=f"enrolment of {institution_code}: {error}")]) from error

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _json(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        import json  # noqa: PLC0415  (the rest of this module handles bytes only)

        try:
            found = json.loads(self._call(method, path, **more))
        except ValueError as error:
            raise OutcomeUnknownError("not JSON") from error
        if not isinstance(found, dict):
            raise OutcomeUnknownError("not an object")
        return found

    def _call(self, method: str, path: str, **more: Any) -> bytes:
        return repeating("eltax", self._attempts)(self._once, method, path, **more)

    def _once(self, method: str, path: str, **more: Any) -> bytes:
        try:
            with self._client.stream(method, path, **more) as answer:
                body = self._body(answer)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise UnreachableError(type(error).__name__) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NoAnswerError(type(error).__name__) from error
        return _told(answer, body)

    def _body(self, answer: httpx2.Response) -> bytes:
        until, pieces = time.monotonic() + self._deadline_s, []
        for piece in answer.iter_bytes():
            pieces.append(piece)
            if time.monotonic() > until:
                raise NoAnswerError("deadline", body=b"".join(pieces)[:_MOST_KEPT])
        return b"".join(pieces)


def _told(answer: httpx2.Response, body: bytes) -> bytes:
    """The bytes of an answer that may be one; everything else by what it says about trying again."""
    status = answer.status_code
    if status >= 500 or status in (408, 429):
        asked = retry_after_s(answer.headers.get("Retry-After"), dt.datetime.now(dt.UTC))
        result = "busy" if status == 429 or (status == 503 and asked is not None) else "error"
        raise NoAnswerError(f"HTTP {status}", result, status=status, asked_s=asked, body=body[:_MOST_KEPT])
    if status >= 300:
        raise ProblemError([problem("FL-GTW-001", reason=f"HTTP {status}")])
    if not body:
        raise NoAnswerError("empty answer", "unusable", status=status)
    return body
