"""The municipality's own profiles: what is in use, what was changed since, and its adoption by two administrators."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.pages.proposal import DONE, carry_out
from fundlink.console.view import away, jobs_of, posted, refusal, show
from fundlink.console.visitor import found, require, signature
from fundlink.desk import profiles
from fundlink.desk.proposals import Wanted
from fundlink.domain.errors import ConfigurationError, ProblemError, UsageError
from fundlink.domain.persons import same_person
from fundlink.pipeline.adopted import KIND
from fundlink.pipeline.rooms import Rooms

LINES = 600
"""Of changes, on a page that stays below 150 kB; the command shows all of them."""


def own(request: Request) -> Response:
    """Every profile of the municipality's own, and what waits."""
    require(request, "profiles.read")
    return _own(request, 200, [])


def _own(request: Request, status: int, problems: list[dict[str, Any]]) -> Response:
    jobs, who = jobs_of(request), signature(request)
    waiting = [{**row, "mine": same_person(row["prepared_by"], who), "compared": _compared(jobs.rooms, row["subject"])} for row in jobs.proposals(kind=KIND)]  # fmt: skip
    return show(
        request, "profiles.html", status=status, problems=problems, profiles=profiles.listed(jobs.rooms), waiting=waiting, lines_shown=LINES
    )


def _compared(rooms: Rooms, name: str) -> profiles.Compared | None:
    """What the approver looks at; None when the folder holds nothing to be read (which cannot be approved either)."""
    try:
        return profiles.compared(rooms, name)
    except (ProblemError, ConfigurationError):
        return None


def propose(request: Request, form: FormData) -> Response:
    """One administrator prepares the adoption of a profile as it is now."""
    require(request, "profile.prepare", money=True)
    wanted = Wanted(KIND, str(form.get("name", "")), signature(request), str(form.get("reason", "")))
    try:
        jobs_of(request).propose(wanted)
    except (ProblemError, ConfigurationError, UsageError) as error:
        return _own(request, 422, refusal(error))
    return away(request, "profiles?done=act")


def decide(request: Request, form: FormData) -> Response:
    """Another one approves or refuses, or who prepared it takes it back."""
    step, number = str(request.path_params["step"]), int(request.path_params["id"])
    if step not in DONE:
        raise HTTPException(404)
    require(request, f"profile.{'prepare' if step == 'withdraw' else 'approve'}", money=True)
    if found(jobs_of(request).proposal, number)["kind"] != KIND:
        raise HTTPException(404)
    try:
        carry_out(request, (number, step), form)
    except (ProblemError, ConfigurationError, UsageError) as error:
        return _own(request, 422, refusal(error))
    return away(request, f"profiles?done={DONE[step]}")


ROUTES = (
    Route("/profiles", own),
    Route("/profiles/propose", posted(propose), methods=["POST"]),
    Route("/profiles/waiting/{id:int}/{step:str}", posted(decide), methods=["POST"]),
)
