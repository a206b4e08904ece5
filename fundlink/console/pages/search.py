"""Finding a bill: one field for any number or a scanned eL-QR, or an amount with a day. What is found alone is opened at once."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.view import away, bill_address, jobs_of, show
from fundlink.console.visitor import require, sees, visitor
from fundlink.desk.search import Sought
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.values import iso_date
from fundlink.formats.typed import MOST_TYPED, yen_of
from fundlink.store.bill_search import Pair

DAYS = ("booked", "paid", "limit")
FIELDS = ("q", "municipality", "by", "yen", "day")


def search(request: Request) -> Response:
    """The form, and what was found with it."""
    require(request, "bills.read")
    asked = {name: request.query_params.get(name, "").strip()[:MOST_TYPED] for name in FIELDS}
    towns = [town for town in jobs_of(request).towns() if sees(request, town["code"])]
    try:
        sought = _sought(request, asked, [town["code"] for town in towns])
    except ProblemError as error:
        return _page(request, asked, towns, {"problems": [told.as_json() for told in error.problems]}, status=422)
    if sought is None:
        return _page(request, asked, towns, {})
    told = jobs_of(request).search(sought, scope=visitor(request).scope)
    alone = told["hits"][0]["bill_key"] if len(told["hits"]) == 1 and not sought.after else None
    if alone and sought.pair is None and not told["differs"] and told["hits"][0]["transaction_key"] is None:
        return away(request, bill_address(alone))
    return _page(request, asked, towns, told)


def _sought(request: Request, asked: dict[str, str], codes: list[str]) -> Sought | None:
    """What the form asks for; None while it is empty, ProblemError where a field cannot be read."""
    after = request.query_params.get("after", "0")
    cursor = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
    if asked["q"]:
        return Sought(asked["q"], None, cursor)
    if not asked["yen"] and not asked["day"]:
        return None
    yen, day = yen_of(asked["yen"]), iso_date(asked["day"])
    if yen is None or day is None or asked["by"] not in DAYS:
        raise ProblemError([problem("FL-SCH-001")])
    code = asked["municipality"] if asked["municipality"] in codes else (codes or [""])[0]
    return Sought("", Pair(code, yen, asked["day"], asked["by"]), cursor)


def _page(request: Request, asked: dict[str, str], towns: list[dict[str, Any]], told: dict[str, Any], *, status: int = 200) -> Response:
    following = ""
    if told.get("next"):
        following = urlencode({**{name: value for name, value in asked.items() if value}, "after": told["next"]})
    template = "search_rows.html" if request.headers.get("hx-request") else "search.html"
    return show(
        request, template, status=status, asked=asked, towns=towns, days=DAYS, kind=told.get("kind", ""), hits=told.get("hits", []),
        differs=told.get("differs", []), next=following, problems=told.get("problems", []),
    )  # fmt: skip


ROUTES = (Route("/search", search),)
