"""The gateway over HTTP(S): docs/gateway.md spoken with httpx2, one tenacity policy for everything that may be repeated.

Built by bootstrap, called by pipeline through the Gateway protocol. It never decides what an answer means; a timeout, a broken
connection, a 5xx or an empty answer is ``OutcomeUnknownError``, never "no".
"""

from __future__ import annotations

from typing import Any

import httpx2
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_exponential_jitter

from fundlink.connectors.gateway import RemoteFile
from fundlink.domain.errors import OutcomeUnknownError, ProblemError
from fundlink.domain.problems import problem

_XML = {"Content-Type": "application/xml"}


class UnreachableError(OutcomeUnknownError):
    """No connection was made, so nothing was sent."""


class EltaxGateway:
    """One gateway address with its connection pool. Repeats are harmless: a message id has one effect, reading has none."""

    def __init__(self, url: str, *, timeout_s: float, attempts: int) -> None:
        self._client = httpx2.Client(base_url=url, timeout=timeout_s, follow_redirects=False)
        self._attempts = attempts

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
        policy = Retrying(
            stop=stop_after_attempt(self._attempts) | stop_after_delay(120),
            wait=wait_exponential_jitter(multiplier=0.2, max=5),
            retry=retry_if_exception_type(OutcomeUnknownError),
            reraise=True,
        )
        return policy(self._once, method, path, **more)

    def _once(self, method: str, path: str, **more: Any) -> bytes:
        try:
            answer = self._client.request(method, path, **more)
        except httpx2.ConnectError as error:
            raise UnreachableError(type(error).__name__) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise OutcomeUnknownError(type(error).__name__) from error
        if answer.status_code >= 500 or answer.status_code in (408, 429):
            raise OutcomeUnknownError(f"HTTP {answer.status_code}")
        if answer.status_code >= 300:
            raise ProblemError([problem("FL-GTW-001", reason=f"HTTP {answer.status_code}")])
        if not answer.content:
            raise OutcomeUnknownError("empty answer")
        return answer.content
