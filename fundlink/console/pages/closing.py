"""Closing a day in two steps: one person prepares and stands for the report, another one sees the same report and approves."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.pages.day import of
from fundlink.console.view import away, jobs_of, posted, show
from fundlink.console.visitor import require, signature
from fundlink.domain.persons import same_person


def report(request: Request) -> Response:
    """What would be frozen, or was."""
    return _report(request, 200, [])


def _report(request: Request, status: int, problems: list[dict[str, Any]], reason: str = "") -> Response:
    day, code = of(request)
    told = jobs_of(request).close_report(code, day)
    close = told["close"]
    mine = close is not None and same_person(close["by"], signature(request))
    return show(request, "close.html", status=status, told=told, mine=mine, problems=problems, reason=reason)


def step(request: Request, form: FormData) -> Response:
    """Prepare or approve; what is refused comes back with its reasons."""
    if request.path_params["step"] not in ("prepare", "approve"):
        raise HTTPException(404)
    require(request, f"day.{request.path_params['step']}", money=True)
    day, code = of(request)
    jobs, who, reason = jobs_of(request), signature(request), str(form.get("reason", "")).strip()
    if request.path_params["step"] == "prepare":
        told = jobs.prepare_close(day, who, municipality=code, override=reason or None)
    else:
        told = jobs.approve_close(day, who, municipality=code)
    if told["refused"]:
        return _report(request, 422, told["refused"], reason)
    return away(request, f"days/{day}/{code}/close?done={told['step']}")


ROUTES = (
    Route("/days/{day}/{code}/close", report),
    Route("/days/{day}/{code}/close/{step:str}", posted(step), methods=["POST"]),
)
