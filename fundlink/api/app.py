"""The application: routes, the door around them, and what each failure is answered with.

``create_app`` is called by server and by tests. Who calls is found in callers; server keeps it away from other machines.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from fundlink.api import bill_writes, bills, cases, feeds, health, intakes, metrics, proposals
from fundlink.api.answers import problem_answer
from fundlink.api.callers import Gate, admitted
from fundlink.api.context import UPLOADS_AT_ONCE, Api, correlation_of, sent
from fundlink.api.door import CONSOLE, Door
from fundlink.api.health import schema_of
from fundlink.api.once import Once
from fundlink.api.openapi import describe
from fundlink.api.queries import known_queries, misfit
from fundlink.api.writer import Writer
from fundlink.config import Settings
from fundlink.console.app import create_console
from fundlink.domain.errors import BusyError, ConfigurationError, OutcomeUnknownError, ProblemError, UsageError
from fundlink.domain.problems import Problem, problem
from fundlink.jobs import Jobs, Workers
from fundlink.pipeline import Rooms

_STATUS_CODES = {404: "FL-API-008", 405: "FL-API-009", 413: "FL-API-007", 415: "FL-API-004", 503: "FL-API-011"}
_UNAVAILABLE = (BusyError, OutcomeUnknownError, sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)


def create_app(rooms: Rooms, settings: Settings, *, workers: Workers | None = None) -> FastAPI:
    """The API over these rooms. The caller owns the data folder. With ``workers`` files are taken in by them."""
    # pages that explain the API would load scripts from elsewhere, so there are none; /openapi.json is the description
    app = FastAPI(docs_url=None, redoc_url=None, redirect_slashes=False, dependencies=[Depends(admitted), Depends(known_queries)])
    counted = metrics.Metrics(rooms)
    app.state.api = Api(
        rooms=rooms,
        settings=settings,
        jobs=Jobs(rooms, owned=True, workers=workers),
        once=Once(rooms, Writer(rooms.store)),
        uploads=threading.BoundedSemaphore(UPLOADS_AT_ONCE),
        schema=schema_of(rooms),
        metrics=counted,
    )
    app.state.gate = Gate(rooms, settings)
    app.include_router(bill_writes.puts)  # first, so that it is found first
    for module in (intakes, bill_writes, bills, feeds, cases, proposals, health):
        app.include_router(module.routes)
    if metrics.is_open(settings):
        app.include_router(metrics.routes)
    app.mount(CONSOLE, create_console(app.state.api.jobs, settings))
    for kind, tell in _TELLING.items():
        app.add_exception_handler(kind, _handler(tell))
    app.add_middleware(Door, settings=settings, answered=counted.answered)
    describe(app, rooms)
    return app


def _handler(tell: Any) -> Any:
    async def handle(request: Request, error: Exception) -> Response:
        told = list(tell(error))
        answer = problem_answer(told, correlation_of(request))
        await request.app.state.gate.note(request, told, answer.status)
        kept = getattr(error, "headers", None) or {}
        return sent(answer._replace(headers=(*answer.headers, *kept.items())))

    return handle


def _http(error: HTTPException) -> list[Problem]:
    return [problem(_STATUS_CODES.get(error.status_code, "FL-API-012" if error.status_code >= 500 else "FL-API-001"))]


def _validation(error: RequestValidationError) -> list[Problem]:
    """Query parameters of the wrong type or range."""
    return [misfit(str(found["loc"][-1])) for found in error.errors()]


def _usage(error: UsageError) -> list[Problem]:
    return [problem("FL-VAL-002", expected=str(error))]


def _carried(error: ProblemError | ConfigurationError) -> Iterable[Problem]:
    return error.problems


_TELLING: dict[type[Exception], Any] = {
    ProblemError: _carried,
    ConfigurationError: _carried,
    UsageError: _usage,
    RequestValidationError: _validation,
    HTTPException: _http,
    **dict.fromkeys(_UNAVAILABLE, lambda _error: [problem("FL-API-011")]),
}
"""What each kind of failure is told as. Everything else reaches the door, which tells FL-API-012 and nothing more."""
