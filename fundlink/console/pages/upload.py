"""Handing over a file: chosen or dropped, tried without a trace, looked at, and then taken, the very same bytes.

How far it is stands on the server: whoever leaves the page and comes back finds it as it is by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink import bootstrap
from fundlink.console.view import away, jobs_of, posted, refusal, show
from fundlink.console.visitor import found, held_of, may, require, sees, signature, visitor
from fundlink.desk.uploads import WORKING, Given
from fundlink.domain.errors import ConfigurationError, ProblemError, UsageError
from fundlink.domain.persons import same_person
from fundlink.formats.profiles import Listed, list_profiles

PIECE_BYTES = 1 << 20


def page(request: Request) -> Response:
    """Where a file is chosen."""
    require(request, "bills.write")
    return _page(request, 200, [])


def _page(request: Request, status: int, problems: list[dict[str, Any]]) -> Response:
    profiles = _profiles(tuple(bootstrap.profile_roots(held_of(request).settings)))
    towns = [town for town in jobs_of(request).municipalities() if sees(request, town["code"])]
    limit = held_of(request).settings.max_upload_bytes
    recent = own(request, jobs_of(request).uploads(scope=visitor(request).scope))
    return show(request, "upload.html", status=status, profiles=profiles, towns=towns, limit=limit, problems=problems, uploads=recent)


def own(request: Request, uploads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Somebody of a department sees what they handed over themselves: whose bills are in it shows only when it is taken."""
    whole = visitor(request).scope.departments is None
    return [told for told in uploads if whole or same_person(told["uploaded_by"], signature(request))]


@cache
def _profiles(roots: tuple[Path, ...]) -> list[Listed]:
    """Profiles that bills can come in by; read once, as they are when the server works."""
    return [one for one in list_profiles(roots) if "billing" in one.messages]


async def receive(request: Request) -> Response:
    """A file came, which the door has spooled."""
    return await run_in_threadpool(_receive, request, request.state.form)


def _receive(request: Request, form: FormData) -> Response:
    require(request, "bills.write")
    given, code = form.get("file"), str(form.get("municipality", ""))
    if not isinstance(given, UploadFile) or not given.filename:
        return _page(request, 422, refusal(UsageError("ファイルを選んでください。")))
    if code and not sees(request, code):
        raise HTTPException(404)
    about = Given(given.filename, str(form.get("profile", "")), code, signature(request))
    try:
        number = jobs_of(request).upload(_pieces(given), about)
    except (ProblemError, ConfigurationError, UsageError) as error:
        return _page(request, 422, refusal(error))
    return away(request, f"uploads/{number}")


def _pieces(given: UploadFile) -> Iterator[bytes]:
    given.file.seek(0)
    while piece := given.file.read(PIECE_BYTES):
        yield piece


def upload(request: Request) -> Response:
    """One upload: how far it is, or what came of it. Asked for by htmx it is only the part that changes."""
    require(request, "bills.write")
    return _upload(request, 200, [])


def _upload(request: Request, status: int, problems: list[dict[str, Any]]) -> Response:
    told = _of(request, lines=may(request, "files.content"))
    template = "upload_far.html" if request.headers.get("hx-request") else "upload_one.html"
    answer = show(request, template, status=status, told=told, working=told["event"] in WORKING, problems=problems)
    if template == "upload_far.html" and told["event"] not in WORKING:
        answer.headers["HX-Refresh"] = "true"
    return answer


def _of(request: Request, *, lines: bool = False) -> dict[str, Any]:
    told = found(jobs_of(request).uploaded, int(request.path_params["number"]), lines=lines, scope=visitor(request).scope)
    if not own(request, [told]):
        raise HTTPException(404)
    return told


def step(request: Request, form: FormData) -> Response:
    """Take what was tried, or drop it."""
    require(request, "bills.write")
    wanted, told = str(request.path_params["step"]), _of(request)
    if wanted not in ("take", "drop"):
        raise HTTPException(404)
    try:
        jobs_of(request).order_upload(told["upload_id"], wanted, signature(request), sha256=str(form.get("sha256", "-")))
    except (ProblemError, UsageError) as error:
        return _upload(request, 422, refusal(error))
    return away(request, f"uploads/{told['upload_id']}")


ROUTES = (
    Route("/upload", page, methods=["GET"]),
    Route("/upload", receive, methods=["POST"]),
    Route("/uploads/{number:int}", upload),
    Route("/uploads/{number:int}/{step:str}", posted(step), methods=["POST"]),
)
