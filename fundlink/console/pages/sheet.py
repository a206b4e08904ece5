"""日計表 as it prints, and the papers of a day as files to keep."""

from __future__ import annotations

import tempfile
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from fundlink.console.pages.day import of
from fundlink.console.view import jobs_of, show
from fundlink.pipeline.papers import Asked

MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
OF_A_DAY = ("day-sheet", "breakdown", "overpayments")


def sheet(request: Request) -> Response:
    """The day sheet on paper."""
    day, code = of(request)
    paper = jobs_of(request).shown_paper(Asked("day-sheet", day=day, municipality=code))
    return show(request, "sheet.html", paper=paper, day=day, code=code, now=jobs_of(request).rooms.now())


def download(request: Request) -> Response:
    """A paper as a file."""
    day, code = of(request)
    name, _, form = str(request.path_params["file"]).partition(".")
    if name not in OF_A_DAY or form not in MEDIA_TYPES:
        raise HTTPException(404)
    with tempfile.NamedTemporaryFile(prefix="fundlink-", delete=False) as kept:
        out = Path(kept.name)
    try:
        jobs_of(request).paper(Asked(name, day=day, municipality=code), form, out)
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    gone = BackgroundTask(out.unlink, missing_ok=True)
    return FileResponse(out, media_type=MEDIA_TYPES[form], filename=f"{name}-{code}-{day}.{form}", background=gone)


ROUTES = (
    Route("/days/{day}/{code}/sheet", sheet),
    Route("/days/{day}/{code}/papers/{file}", download),
)
