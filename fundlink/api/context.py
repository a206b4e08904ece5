"""What the routes share: one ``Api`` an application, found through the request. Made in app, used by every route module."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Request, Response

from fundlink.api.answers import Answer
from fundlink.api.once import Once
from fundlink.config import Settings
from fundlink.jobs import Jobs
from fundlink.pipeline import Rooms

UPLOADS_AT_ONCE = 8
"""More uploads than this are asked to come again before a byte of them is read: disk and threads are finite."""


class Scraped(Protocol):
    """The metrics of this process."""

    def text(self) -> bytes:
        """All of them as a monitoring system reads them."""
        ...


@dataclass(frozen=True)
class Api:
    """The rooms, the verbs, the keys in flight, the metrics and the schema this process was started with."""

    rooms: Rooms
    settings: Settings
    jobs: Jobs
    once: Once
    uploads: threading.BoundedSemaphore
    schema: tuple[str, ...]
    metrics: Scraped


def api_of(request: Request) -> Api:
    """The ``Api`` of the application that serves this request."""
    found: Api = request.app.state.api
    return found


def correlation_of(request: Request) -> str:
    """The correlation id that the door gave to this request."""
    return str(request.scope.get("state", {}).get("correlation_id", ""))


def sent(answer: Answer) -> Response:
    """An answer as the framework sends it."""
    return Response(answer.body, answer.status, dict(answer.headers), answer.media_type)


async def _here(request: Request) -> Api:
    return api_of(request)  # a dependency that is no coroutine would cost every request a thread


async def _correlation(request: Request) -> str:
    return correlation_of(request)


Here = Annotated[Api, Depends(_here)]
Correlation = Annotated[str, Depends(_correlation)]
