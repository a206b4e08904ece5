"""The door: what holds for every request before any route sees it, and for every answer after.

Wraps the application (ASGI). Correlation id, Content-Encoding, the size of bodies (announced and counted), security headers,
and the last resort for failures. Never reads a body into memory and never logs one.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from fundlink.api.answers import Answer, problem_answer
from fundlink.config import Settings
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.logs import correlated, way_to

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOG = logging.getLogger("fundlink.api")


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
_NUMBER = re.compile(r"[0-9]{1,18}").fullmatch
_SECURITY = _raw(
    {
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
    }
)
_OURS = {b"x-correlation-id", *(name for name, _ in _SECURITY)}
"""No route has a say in these."""
CONSOLE = "/console"
"""Below here are pages for people, which say themselves what they may load and how long it keeps."""
UPLOADS = ("/v1/intakes", f"{CONSOLE}/upload", f"{CONSOLE}/small-funds/send")
"""Where files come in."""


class Door:
    """ASGI middleware around the whole application."""

    def __init__(self, app: App, settings: Settings, answered: Callable[[Scope, int, float], None]) -> None:
        self._app, self._settings, self._answered = app, settings, answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or say at once why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=dict(scope))
        wanted = headers.get("x-request-id")
        known = wanted is None or _REQUEST_ID(wanted) is not None
        correlation_id = wanted if wanted is not None and known else uuid.uuid4().hex
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        visit = _Visit(send, correlation_id, pages=scope["path"].startswith(f"{CONSOLE}/"))
        began = time.perf_counter()
        with correlated(correlation_id):
            try:
                await self._see(scope, receive, visit, known=known)
            finally:
                if visit.status:
                    self._answered(scope, visit.status, time.perf_counter() - began)

    async def _see(self, scope: Scope, receive: Receive, visit: _Visit, *, known: bool) -> None:
        headers = Headers(scope=dict(scope))
        limit = self._limit(scope)
        refused = problem("FL-API-010", place="X-Request-ID") if not known else _refusal(headers, limit)
        if refused is not None and refused.code == "FL-API-007" and visit.is_page:
            refused = None  # the console says it in a page, before it reads anything
        if refused is not None:
            await visit.tell(refused)
            return
        await self._let_in(scope, _counted(receive, limit), visit)

    def _limit(self, scope: Scope) -> int:
        upload = scope["method"] == "POST" and scope["path"] in UPLOADS
        return self._settings.max_upload_bytes if upload else self._settings.max_body_bytes

    async def _let_in(self, scope: Scope, receive: Receive, visit: _Visit) -> None:
        try:
            await self._app(scope, receive, visit.send)
        except ClientDisconnect:
            return  # nobody is there to be told
        except Exception as error:  # noqa: BLE001  (the last resort: whatever failed, no detail leaves the house)
            # the text of an exception may quote what came in, and not every handler of records leaves it out: its kind and way alone
            _LOG.error("request failed: %s %s %s", scope["method"], visit.correlation_id, way_to(error))
            if not visit.begun:
                await visit.tell(problem("FL-API-012"))


def _refusal(headers: Headers, limit: int) -> Problem | None:
    """Why a request is refused by its headers alone."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        return problem("FL-API-004", place="Content-Encoding")
    length = headers.get("content-length")
    if length is None:
        return None
    if not _NUMBER(length):
        return problem("FL-API-007", expected=limit) if length.isdigit() else problem("FL-API-010", place="Content-Length")
    return problem("FL-API-007", expected=limit) if int(length) > limit else None


def _counted(receive: Receive, limit: int) -> Receive:
    """Messages of a body, as long as they stay within the limit: a chunked body announces no length."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise ProblemError([problem("FL-API-007", expected=limit)])
        return message

    return counted


class _Visit:
    """One answer on its way out: gets its headers, and it is known whether it has begun."""

    def __init__(self, send: Send, correlation_id: str, *, pages: bool = False) -> None:
        self._send, self.correlation_id, self.begun, self.status, self.is_page = send, correlation_id, False, 0, pages

    async def send(self, message: Message) -> None:
        """Pass a message on; the first one carries the headers every answer has."""
        if message["type"] == "http.response.start":
            self.begun, self.status = True, int(message["status"])
            ours = {b"x-correlation-id"} if self.is_page else _OURS
            given = [pair for pair in message["headers"] if pair[0] not in ours]
            said = {name for name, _ in given}
            security = [pair for pair in _SECURITY if pair[0] not in said]
            message["headers"] = [*given, (b"x-correlation-id", self.correlation_id.encode()), *security]
        await self._send(message)

    async def tell(self, told: Problem) -> None:
        """Answer with one problem, without the application."""
        answer = problem_answer([told], self.correlation_id)
        await self.send({"type": "http.response.start", "status": answer.status, "headers": _raw_headers(answer)})
        await self.send({"type": "http.response.body", "body": answer.body})


def _raw_headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    given = (("content-type", answer.media_type), ("content-length", str(len(answer.body))), *answer.headers)
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given]
