"""The application of the console: its pages, its static files, what a failure looks like, and the headers of every answer.

``create_console`` is called by api.app, which mounts it. No page of it stands here: see ``pages``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from fundlink.console.pages import NAVIGATION, ROUTES
from fundlink.console.view import HERE, Console, refusal, show
from fundlink.domain.errors import BusyError, ConfigurationError, ProblemError, UsageError
from fundlink.jobs import Jobs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin", "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}  # fmt: skip
KEPT = "public, max-age=31536000, immutable"
"""Static files carry their content in their address."""


def create_console(jobs: Jobs, *, demo: bool) -> Guard:
    """The console over these verbs. ``demo``: made-up persons may use it; otherwise nobody may as long as there are no accounts."""
    app = Starlette(
        routes=[Mount("/static", StaticFiles(directory=HERE / "static"), name="static"), *ROUTES],
        exception_handlers={
            **dict.fromkeys((ProblemError, ConfigurationError, UsageError), _refused), HTTPException: _http,
            **dict.fromkeys((BusyError, sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError), _busy), Exception: _broken,
        },
    )  # fmt: skip
    app.state.console = Console(jobs, NAVIGATION, demo)
    return Guard(app, demo=demo)  # outside of everything, so that the page of a failure has the headers too


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError | ConfigurationError | UsageError)
    problems = refusal(error)
    missing = all(one["code"] in ("FL-DAY-002", "FL-RCP-004", "FL-SET-102", "FL-MUN-003") for one in problems)
    return show(request, "failure.html", status=404 if missing else 422, word="missing" if missing else "refused", problems=problems)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    word = {404: "missing", 403: "forbidden"}.get(error.status_code, "refused")
    return show(request, "failure.html", status=error.status_code, word=word)


def _busy(request: Request, _error: Exception) -> Response:
    return show(request, "failure.html", status=503, word="busy")


def _broken(request: Request, _error: Exception) -> Response:
    # the framework raises it again, and the door of the API logs it
    return show(request, "failure.html", status=500, word="broken")


class Guard:
    """Around every page: shut where nobody can be known, no write from another site, and the headers of every answer."""

    def __init__(self, app: Any, *, demo: bool) -> None:
        self._app, self._demo = app, demo

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or say at once why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_static = "/static/" in scope["path"]

        async def out(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=dict(message))
                for name, value in SECURITY.items():
                    headers[name] = value
                if is_static and message["status"] == 200:
                    headers["Cache-Control"] = KEPT
                message["headers"] = headers.raw
            await send(message)

        refused = self._refusal(scope)
        await (self._app if refused is None else refused)(scope, receive, out)

    def _refusal(self, scope: Scope) -> Response | None:
        if not self._demo and scope.get("state", {}).get("visitor") is None:
            return PlainTextResponse("管理画面はまだ使えません（利用者の登録がありません）。\nThe console has no accounts yet.\n", 403)
        if scope["method"] not in ("GET", "HEAD") and _is_foreign(Headers(scope=dict(scope))):
            return PlainTextResponse("ほかのサイトからの操作は受け付けません。\nNot from another site.\n", 403)
        return None


def _is_foreign(headers: Headers) -> bool:
    """Whether a browser says that a request was made by a page of another site."""
    origin = headers.get("origin")
    own = origin is None or origin.partition("://")[2] == headers.get("host")
    return not own or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
