"""What arrived, from where, and what became of it: the list, one file with its rows as they came, where the streams stand, taking a file back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from fundlink.console.pages.upload import own
from fundlink.console.view import away, jobs_of, posted, refusal, show
from fundlink.console.visitor import found, may, require, sees, signature, visitor
from fundlink.desk.arrived import RECEIVED
from fundlink.desk.proposals import Wanted
from fundlink.domain.errors import ConfigurationError, ProblemError, UsageError
from fundlink.domain.values import iso_date
from fundlink.store.arrivals import Place

SOURCES = ("folder", "upload", "file", "api", "api-bill", "gateway", "bank")
STATES = ("received", "accepted", "quarantined", "rolled_back", "applied")
ASKED = ("source", "state", "day", "municipality")
MISSING = 10
"""Missing files that stand above the list; all of them are on the page of the streams."""


def files(request: Request) -> Response:
    """The list, newest first; what should be there and is not stands above it."""
    require(request, "files.read")
    asked, place = _asked(request), _place(request)
    told = jobs_of(request).arrived(asked, place, scope=visitor(request).scope)
    rest = {name: value for name, value in asked.items() if value}
    following = ""
    if told["next"]:
        intake, received = told["next"]
        following = urlencode({**rest, "after": f"{'' if intake is None else intake}-{'' if received is None else received}"})
    if request.headers.get("hx-request"):
        return show(request, "files_rows.html", files=told["files"], next=following)
    late = _missing(request)["files"] if place == Place() else []
    return show(
        request, "files.html", files=told["files"], next=following, asked=asked, sources=SOURCES, states=STATES, missing=late[:MISSING],
        more=max(0, len(late) - MISSING), uploads=own(request, jobs_of(request).uploads(scope=visitor(request).scope)) if place == Place() else [],
    )  # fmt: skip


def _asked(request: Request) -> dict[str, str]:
    """What was chosen; what cannot be is a page that there is not."""
    asked = {name: request.query_params.get(name, "").strip() for name in ASKED}
    wrong = asked["source"] not in ("", *SOURCES) or asked["state"] not in ("", *STATES)
    if wrong or (asked["day"] and iso_date(asked["day"]) is None) or (asked["municipality"] and not sees(request, asked["municipality"])):
        raise HTTPException(404)
    return asked


def _place(request: Request) -> Place:
    intake, dash, received = request.query_params.get("after", "-").partition("-")
    if not dash or any(part and not (part.isascii() and part.isdigit() and len(part) < 19) for part in (intake, received)):
        raise HTTPException(404)
    return Place(int(intake) if intake else None, int(received) if received else None)


def _missing(request: Request) -> dict[str, list[dict[str, Any]]]:
    """Files that are late or missing, gaps in numbers and balances that do not follow, of the municipalities of this person."""
    try:
        told = jobs_of(request).expected({})
    except ConfigurationError:  # a calendar that cannot tell: the home page says so
        return {"files": [], "gaps": [], "balance_breaks": []}
    mine = {name: [one for one in told[name] if sees(request, one["municipality_code"])] for name in ("files", "gaps", "balance_breaks")}
    return {**mine, "files": [one for one in mine["files"] if one["state"] in ("late", "missing")]}


def streams(request: Request) -> Response:
    """Where each source stands, and what is missing in it."""
    require(request, "files.read")
    jobs = jobs_of(request)
    marks = jobs.watermark()["municipalities"]
    towns = [
        {**mark, "streams": jobs.file_streams(mark["municipality_code"])} for mark in marks if sees(request, mark["municipality_code"])
    ]
    return show(request, "streams.html", towns=towns, missing=_missing(request))


def file(request: Request) -> Response:
    """One intake. Asked for by htmx it is only the next rows."""
    require(request, "files.read")
    return _file(request, 200, [])


def _file(request: Request, status: int, problems: list[dict[str, Any]]) -> Response:
    number, every = int(request.path_params["number"]), request.query_params.get("rows") == "all"
    after = request.query_params.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) < 10):
        raise HTTPException(404)
    lines = may(request, "files.content")
    told = found(jobs_of(request).file, number, int(after), every=every, lines=lines, scope=visitor(request).scope)
    if request.headers.get("hx-request"):
        return show(request, "file_rows.html", told=told, every=every, lines=lines)
    standing = jobs_of(request).standing_proposal("rollback", str(number))
    return show(request, "file.html", status=status, told=told, every=every, lines=lines, standing=standing, problems=problems)


def received(request: Request) -> Response:
    """One file of the gateway or a bank."""
    require(request, "files.read")
    told = found(jobs_of(request).received_file, int(request.path_params["number"]), scope=visitor(request).scope)
    return show(request, "received.html", told=told, has_day=_has_day(request, told))


def _has_day(request: Request, told: dict[str, Any]) -> bool:
    """Whether there is a page of the file's business day that speaks of files of its kind."""
    if told["state"] != "quarantined" or not told["summary"]["business_day"]:
        return False
    try:
        day = jobs_of(request).day_at_a_glance(told["municipality_code"], told["summary"]["business_day"])
    except ProblemError:
        return False
    return any(file["kind"] == told["kind"] for file in day["files"])


def raw(request: Request) -> Response:
    """The bytes as they came."""
    require(request, "files.read")
    require(request, "files.content")
    table = RECEIVED if "/received/" in request.url.path else "intake"
    number = int(request.path_params["number"])
    name, pieces = found(jobs_of(request).bytes_of, (table, number), signature(request), scope=visitor(request).scope)
    head = {"Content-Disposition": f"attachment; filename=\"{table}-{number}\"; filename*=UTF-8''{quote(name, safe='')}"}
    return StreamingResponse(_sent(pieces), media_type="application/octet-stream", headers=head)


def _sent(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield from pieces


def rollback(request: Request, form: FormData) -> Response:
    """One person proposes to take a file back."""
    require(request, "files.read")
    number = int(request.path_params["number"])
    found(jobs_of(request).file, number, scope=visitor(request).scope)
    require(request, "rollback.prepare", money=True)
    reason = str(form.get("reason", "")).strip()
    if not reason:
        return _file(request, 422, refusal(UsageError("取り消す理由を書いてください。")))
    try:
        told = jobs_of(request).propose(Wanted("rollback", str(number), signature(request), reason))
    except (ProblemError, UsageError) as error:
        return _file(request, 422, refusal(error))
    return away(request, f"proposals/{told['proposal_id']}?done=act")


ROUTES = (
    Route("/files", files),
    Route("/files/streams", streams),
    Route("/files/{number:int}", file),
    Route("/files/{number:int}/raw", raw),
    Route("/files/{number:int}/rollback", posted(rollback), methods=["POST"]),
    Route("/files/received/{number:int}", received),
    Route("/files/received/{number:int}/raw", raw),
)
