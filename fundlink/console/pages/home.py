"""The morning: did yesterday tie, what waits for me, is it safe to send the dunning letters."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.picture import flow
from fundlink.console.view import jobs_of, show
from fundlink.console.visitor import may, require, signature, visitor, within
from fundlink.desk.proposals import OF_A_BILL
from fundlink.domain.persons import same_person

FIRST_CASES = 5
LATER = "preliminary"
"""A kind of case that takes a look at every preliminary statement: it is counted while the page is being read already."""
APPROVED_BY = {"close": "day.approve", "act": "act.approve"}
"""Proposals say themselves whose roles they need."""
LATE_SUBJECTS = ("message", "settlement", "bank_credit", "day", "received_file", "file")
"""What is late enough for the first page; the states of single bills and payments belong to a report."""


def home(request: Request) -> Response:
    """The municipality that was asked for, or the first one; all of them in one table when there are several.

    Who has nothing to do with the money of a day is welcomed and shown what there is instead.
    """
    if not may(request, "days.read"):
        return show(request, "home_other.html")
    jobs = jobs_of(request)
    morning = jobs.morning(visitor(request).scope.municipalities)
    towns = morning["municipalities"]
    if not towns:
        return show(request, "home_empty.html")
    wanted = request.query_params.get("municipality", towns[0]["municipality_code"])
    town = next((one for one in towns if one["municipality_code"] == wanted), None)
    if town is None:
        raise HTTPException(404)
    aged = jobs.ageing(wanted, subjects=LATE_SUBJECTS)
    return show(
        request, "home.html", today=morning["today"], last=morning["last"], towns=towns, town=town, flow=flow(town["yesterday"]),
        counts=jobs.case_counts(wanted, without=LATER, scope=visitor(request).scope), cases=_first(request, wanted), approvals=approvals(request, morning["prepared"], wanted),
        aged=[row for row in aged["states"] if row["count"]],
    )  # fmt: skip


def _first(request: Request, code: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = jobs_of(request).cases(
        {"municipality_code": code, "without": LATER}, None, FIRST_CASES, scope=visitor(request).scope
    )["cases"]
    return found


def later(request: Request) -> Response:
    """How many preliminary statements nobody has confirmed."""
    code = str(request.path_params["code"])
    require(request, "cases.read")
    within(request, code)
    counts = jobs_of(request).case_counts(code, kind=LATER, scope=visitor(request).scope)
    template = "home_later.html" if request.headers.get("hx-request") else "home_later_page.html"
    return show(request, template, number=counts.get(LATER, 0), kind=LATER)


def approvals(request: Request, prepared: list[dict[str, Any]], code: str) -> list[dict[str, Any]]:
    """What was prepared and waits for another person; ``mine`` where this person prepared it, ``yours`` where this person can approve."""
    name, jobs = signature(request), jobs_of(request)
    days = [{"what": "close", "address": f"days/{row['day']}/{code}/close", **row} for row in prepared if row["municipality_code"] == code]
    acts = [
        {**act, "what": "act", "address": f"acts/{act['act_id']}", "by": act["prepared_by"], "at": act["prepared_at"], "day": ""}
        for act in jobs.waiting_acts(scope=visitor(request).scope)
        if act["municipality_code"] == code
    ]
    proposals = [
        {**row, "what": "proposal", "address": _address(row), "by": row["prepared_by"], "at": row["prepared_at"], "day": ""}
        for row in jobs.proposals(scope=visitor(request).scope)
        if row["municipality_code"] == code
    ]
    rows = [{**row, "mine": same_person(row["by"], name)} for row in (*days, *acts, *proposals)]
    whole = visitor(request).scope.departments is None
    return [
        {
            **row,
            "yours": not row["mine"]
            and (whole or row["what"] == "act" or row.get("kind") == OF_A_BILL)
            and may(request, APPROVED_BY.get(row["what"]) or f"{row['pair']}.approve"),
        }
        for row in rows
    ]


def _address(row: dict[str, Any]) -> str:
    return f"settlements/{row['subject']}" if row["kind"] == "settle" else f"proposals/{row['proposal_id']}"


ROUTES = (Route("/", home), Route("/later/{code}", later))
