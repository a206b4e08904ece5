"""One settlement: what pays it and by which rule, or what may pay it; one person proposes an answer, another one accepts it."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.view import away, jobs_of, posted, refusal, show
from fundlink.console.visitor import sees, signature
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.persons import same_person


def settlement(request: Request) -> Response:
    """Why a settlement is settled, or what is in question."""
    return _shown(request, 200, [])


def _shown(request: Request, status: int, problems: list[dict[str, Any]]) -> Response:
    told = _of(request)
    proposal = told["proposal"]
    mine = proposal is not None and same_person(proposal["proposed_by"], signature(request))
    return show(request, "settlement.html", status=status, told=told, mine=mine, problems=problems)


def _of(request: Request) -> dict[str, Any]:
    told = jobs_of(request).explain_settlement(str(request.path_params["key"]))
    if not sees(request, told["municipality_code"]):
        raise HTTPException(404)
    return told


def decide(request: Request, form: FormData) -> Response:
    """Propose an answer, accept what another person proposed, or take a proposal off the table."""
    key, jobs, who = str(_of(request)["settlement_key"]), jobs_of(request), signature(request)
    step = str(request.path_params["step"])
    try:
        if step == "propose":
            jobs.propose_settlement(key, str(form.get("suggestion", "")), reason=str(form.get("reason", "")), who=who)
        elif step == "accept":
            jobs.accept_proposal(key, str(form.get("proposal", "")), who=who)
        elif step == "drop":
            jobs.drop_proposal(key, who=who)
        else:
            raise HTTPException(404)
    except (ProblemError, UsageError) as error:
        return _shown(request, 422, refusal(error))
    return away(request, f"settlements/{key}?done={step}")


ROUTES = (
    Route("/settlements/{key}", settlement),
    Route("/settlements/{key}/{step:str}", posted(decide), methods=["POST"]),
)
