"""A day by its four witnesses, and the rows behind one fund: from a difference to its rows in two clicks."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.picture import flow
from fundlink.console.view import away, jobs_of, posted, refusal, show
from fundlink.console.visitor import require, sees_whole, signature, visitor, within
from fundlink.desk.proposals import waiver
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.values import iso_date
from fundlink.store.day_rows import Place

LACKING = ("late", "missing")
"""States of an expected file that somebody may decide not to wait for."""
NO_FUND = "-"
"""In an address: credits that no settlement is known for."""


def days(request: Request) -> Response:
    """The last business day; a day that was typed in leads to its page."""
    require(request, "days.read")
    morning = jobs_of(request).morning(visitor(request).scope.municipalities)
    towns = morning["municipalities"]
    if not towns:
        return show(request, "home_empty.html")
    code = request.query_params.get("municipality") or towns[0]["municipality_code"]
    wanted = request.query_params.get("day") or morning["last"]
    return away(request, f"days/{wanted}/{code}")


def of(request: Request) -> tuple[str, str]:
    """(day, municipality) of an address; 404 for one that cannot be, or that this person may not see."""
    day, code = str(request.path_params["day"]), str(request.path_params["code"])
    require(request, "days.read")
    within(request, code)
    if iso_date(day) is None:
        raise HTTPException(404)
    return day, code


def day(request: Request) -> Response:
    """One municipality's day."""
    return _day(request, of(request), 200, [], {"kind": "", "reason": ""})


def _day(request: Request, whose: tuple[str, str], status: int, problems: list[dict[str, Any]], given: dict[str, str]) -> Response:
    jobs, (wanted, code) = jobs_of(request), whose
    told = jobs.day_at_a_glance(code, wanted)
    calendar = jobs.rooms.calendar().calendar
    return show(
        request, "day.html", status=status, told=told, flow=flow(told), before=calendar.previous_business_day(wanted), no_fund=NO_FUND,
        after=calendar.next_business_day(wanted), today=jobs.rooms.today(), problems=problems, given=given,
        waivers={file["kind"]: _waiver(request, file) for file in told["files"]} if sees_whole(request) else {}, lacking=LACKING,
    )  # fmt: skip


def _waiver(request: Request, file: dict[str, Any]) -> dict[str, Any]:
    """What waits for approval about a file; empty when nobody proposed anything."""
    asked = {"municipality": file["municipality_code"], "kind": file["kind"], "day": file["business_day"]}
    return jobs_of(request).standing_proposal("waive", waiver(asked, "", "").subject) or {}


def waive(request: Request, form: FormData) -> Response:
    """One person proposes to wait for a file no more; another one approves it on the page of the proposal."""
    day, code = of(request)
    require(request, "waive.prepare", money=True)
    given = {name: str(form.get(name, "")).strip() for name in ("kind", "reason")}
    try:
        told = jobs_of(request).propose(
            waiver({"day": day, "municipality": code, "kind": given["kind"]}, signature(request), given["reason"])
        )
    except (ProblemError, UsageError) as error:
        return _day(request, (day, code), 422, refusal(error), given)
    return away(request, f"proposals/{told['proposal_id']}?done=act")


def fund(request: Request) -> Response:
    """The rows of one fund. Asked for by htmx it is only the next rows of the list of payments."""
    wanted, code = of(request)
    jobs, name = jobs_of(request), str(request.path_params["fund"])
    every, after = request.query_params.get("rows") == "all", request.query_params.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise HTTPException(404)
    place = Place(code, wanted, "" if name == NO_FUND else name)
    told = jobs.day_at_a_glance(code, wanted)
    row = next((one for one in told["funds"] if one["fund_code"] == place.fund_code), None)
    if row is None:
        raise HTTPException(404)
    rows = jobs.fund_rows(place, after=int(after), every=every, scope=visitor(request).scope)
    template = "fund_payments.html" if request.headers.get("hx-request") else "fund.html"
    return show(request, template, told=told, fund=row, fund_name=name, rows=rows, every=every)


ROUTES = (
    Route("/days", days),
    Route("/days/{day}/{code}", day),
    Route("/days/{day}/{code}/waive", posted(waive), methods=["POST"]),
    Route("/days/{day}/{code}/funds/{fund}", fund),
)
