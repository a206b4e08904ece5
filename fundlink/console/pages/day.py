"""A day by its four witnesses, and the rows behind one fund: from a difference to its rows in two clicks."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.picture import flow
from fundlink.console.view import away, jobs_of, show
from fundlink.console.visitor import require, visitor, within
from fundlink.domain.values import iso_date
from fundlink.store.day_rows import Place

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
    wanted, code = of(request)
    jobs = jobs_of(request)
    told = jobs.day_at_a_glance(code, wanted)
    calendar = jobs.rooms.calendar().calendar
    return show(
        request, "day.html", told=told, flow=flow(told), before=calendar.previous_business_day(wanted), no_fund=NO_FUND,
        after=calendar.next_business_day(wanted), today=jobs.rooms.today(),
    )  # fmt: skip


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
    Route("/days/{day}/{code}/funds/{fund}", fund),
)
