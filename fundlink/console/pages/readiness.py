"""Getting ready (導入準備): what of a municipality and its departments stands, and declaring what the database cannot know."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from fundlink.console.pages.sheet import MEDIA_TYPES
from fundlink.console.view import away, jobs_of, posted, refusal, show
from fundlink.console.visitor import require, sees, signature, visitor
from fundlink.desk import readiness
from fundlink.desk.readiness import Asked
from fundlink.desk.readiness import items as all_items
from fundlink.domain.errors import ProblemError, UsageError


def first(request: Request) -> Response:
    """The list of the first municipality."""
    require(request, "readiness.read")
    towns = jobs_of(request).morning(visitor(request).scope.municipalities)["municipalities"]
    return away(request, f"readiness/{towns[0]['municipality_code']}") if towns else show(request, "home_empty.html")


def page(request: Request) -> Response:
    """What stands."""
    return _page(request, 200, [])


def _page(request: Request, status: int, problems: list[dict[str, Any]]) -> Response:
    told = readiness.shown(jobs_of(request).rooms, _code(request))
    declared = [item for item in all_items() if item.source == "declared"]
    return show(request, "readiness.html", status=status, told=told, declared=declared, problems=problems)


def _code(request: Request) -> str:
    require(request, "readiness.read")
    code = str(request.path_params["code"])
    if not sees(request, code):
        raise HTTPException(404)
    return code


def declare(request: Request, form: FormData) -> Response:
    """Somebody declares an item."""
    require(request, "readiness.declare")
    code = _code(request)
    words = {name: str(form.get(name, "")).strip() for name in ("department", "item", "state", "note")}
    asked = Asked(code, words["department"], words["item"], words["state"] == "done", words["note"])
    try:
        readiness.declare(jobs_of(request).rooms, asked, signature(request))
    except (ProblemError, UsageError) as error:
        return _page(request, 422, refusal(error))
    return away(request, f"readiness/{code}?done=declare")


def download(request: Request) -> Response:
    """The list as a file."""
    code, form = _code(request), str(request.path_params["form"])
    if form not in MEDIA_TYPES:
        raise HTTPException(404)
    with tempfile.NamedTemporaryFile(prefix="fundlink-", delete=False) as kept:
        out = Path(kept.name)
    try:
        readiness.write(jobs_of(request).rooms, code, form=form, out=out)
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    gone = BackgroundTask(out.unlink, missing_ok=True)
    return FileResponse(out, media_type=MEDIA_TYPES[form], filename=f"readiness-{code}.{form}", background=gone)


ROUTES = (
    Route("/readiness", first),
    Route("/readiness/{code}", page),
    Route("/readiness/{code}/declare", posted(declare), methods=["POST"]),
    Route("/readiness/{code}/list.{form}", download),
)
