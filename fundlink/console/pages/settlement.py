"""One settlement: what pays it and by which rule, or what may pay it; one person proposes an answer, another one accepts it."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.view import away, jobs_of, posted, refusal, show
from fundlink.console.visitor import require, signature, within
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.persons import same_person

STEPS = ("propose", "accept", "drop")


def settlement(request: Request) -> Response:
    """Why a settlement is settled, or what is in question."""
    require(request, "days.read")
    return _shown(request, 200, [])


def _shown(request: Request, status: int, problems: list[dict[str, Any]]) -> Response:
    told = _of(request)
    return show(request, "settlement.html", status=status, told=told, mine=_is_mine(request, told), problems=problems)


def _is_mine(request: Request, told: dict[str, Any]) -> bool:
    return told["proposal"] is not None and same_person(told["proposal"]["proposed_by"], signature(request))


def _of(request: Request) -> dict[str, Any]:
    told = jobs_of(request).explain_settlement(str(request.path_params["key"]))
    within(request, told["municipality_code"])
    return told


def decide(request: Request, form: FormData) -> Response:
    """Propose an answer, accept what another person proposed, or take a proposal off the table."""
    step = str(request.path_params["step"])
    if step not in STEPS:
        raise HTTPException(404)
    require(request, "days.read")
    told = _of(request)
    is_prepared = step == "propose" or (step == "drop" and _is_mine(request, told))
    require(request, "settle.prepare" if is_prepared else "settle.approve", money=True)
    try:
        _done(request, (told["settlement_key"], step), form)
    except (ProblemError, UsageError) as error:
        return _shown(request, 422, refusal(error))
    return away(request, f"settlements/{told['settlement_key']}?done={step}")


def _done(request: Request, wanted: tuple[str, str], form: FormData) -> None:
    jobs, who, (key, step) = jobs_of(request), signature(request), wanted
    if step == "propose":
        jobs.propose_settlement(key, str(form.get("suggestion", "")), reason=str(form.get("reason", "")), who=who)
    elif step == "accept":
        jobs.accept_proposal(key, str(form.get("proposal", "")), who=who)
    else:
        jobs.drop_proposal(key, who=who)


ROUTES = (
    Route("/settlements/{key}", settlement),
    Route("/settlements/{key}/{step:str}", posted(decide), methods=["POST"]),
)
