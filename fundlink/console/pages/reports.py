"""Reports (集計): one page a report, its picture drawn here on the server with the same numbers in the table beneath, and files to keep."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from fundlink.console.pages.sheet import MEDIA_TYPES
from fundlink.console.view import away, jobs_of, show
from fundlink.console.visitor import require, sees, visitor
from fundlink.desk import reports
from fundlink.desk.reports import REPORTS

KEPT = {**MEDIA_TYPES, "pdf": "application/pdf"}
"""A report is printed too."""
FULL = 480
"""Width of the longest bar, in units of the picture."""
LEAST = 3
"""What is not nothing is never drawn as nothing."""
_WHOLE = 1000
"""A rate is drawn against all there is, everything else against the longest."""


def first(request: Request) -> Response:
    """The first report of the first municipality."""
    require(request, "days.read")
    towns = jobs_of(request).morning(visitor(request).scope.municipalities)["municipalities"]
    return away(request, f"reports/collection/{towns[0]['municipality_code']}") if towns else show(request, "home_empty.html")


def report(request: Request) -> Response:
    """One report."""
    name, code = _of(request, str(request.path_params["name"]))
    told = reports.shown(jobs_of(request).rooms, name, code)
    return show(request, "report.html", told=told, bars=drawn(told["bars"]), names=tuple(REPORTS), code=code)


def _of(request: Request, name: str) -> tuple[str, str]:
    require(request, "days.read")
    code = str(request.path_params["code"])
    if name not in REPORTS or not sees(request, code):
        raise HTTPException(404)
    return name, code


def drawn(bars: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Bars with their width.

    >>> [bar["width"] for bar in drawn([{"value": 500, "unit": "permille"}, {"value": 1, "unit": "permille"}, {"value": 0, "unit": "permille"}])]
    [240, 3, 0]
    >>> [bar["width"] for bar in drawn([{"value": 4, "unit": "count"}, {"value": 2, "unit": "count"}])]
    [480, 240]
    """
    longest = max([1, *(_WHOLE if bar["unit"] == "permille" else bar["value"] for bar in bars)])
    return [{**bar, "width": max(LEAST, min(bar["value"], longest) * FULL // longest) if bar["value"] > 0 else 0} for bar in bars]


def download(request: Request) -> Response:
    """A report as a file."""
    asked, _, form = str(request.path_params["file"]).partition(".")
    name, code = _of(request, asked)
    if form not in KEPT:
        raise HTTPException(404)
    with tempfile.NamedTemporaryFile(prefix="fundlink-", delete=False) as kept:
        out = Path(kept.name)
    try:
        reports.write(jobs_of(request).rooms, name, code, form=form, out=out)
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    gone = BackgroundTask(out.unlink, missing_ok=True)
    return FileResponse(out, media_type=KEPT[form], filename=f"{name}-{code}.{form}", background=gone)


ROUTES = (
    Route("/reports", first),
    Route("/reports/{name}/{code}", report),
    Route("/reports/{name}/{code}/{file}", download),
)
