"""The application of the console: its door, its pages, its static files, what a failure looks like.

``create_console`` is called by api.app, which mounts it. No page of it stands here: see ``pages`` and ``account``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from fundlink.config import Settings
from fundlink.console import account, refusals
from fundlink.console.door import UNAVAILABLE, Door
from fundlink.console.pages import NAVIGATION, ROUTES
from fundlink.console.view import HERE, Console
from fundlink.domain.errors import ConfigurationError, ProblemError, UsageError
from fundlink.jobs import Jobs

FAILURES: dict[Any, Any] = {
    **dict.fromkeys((ProblemError, ConfigurationError, UsageError), refusals.refused),
    **dict.fromkeys(UNAVAILABLE, refusals.busy),
    HTTPException: refusals.http,
    Exception: refusals.broken,
}
"""What each kind of failure is shown as."""


def create_console(jobs: Jobs, settings: Settings, *, routes: Sequence[BaseRoute] = (*account.routes, *ROUTES)) -> Door:
    """The console over these verbs, behind its door, which is outside of everything: the page of a failure has the headers too."""
    static = Mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app = Starlette(routes=[static, *routes], exception_handlers=FAILURES)
    return Door(app, Console(jobs, NAVIGATION, settings.environment == "demo"), settings)
