"""One settlement: what pays it and by which rule, or what may pay it; one person proposes an answer, or to undo one, another one accepts it."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.view import away, jobs_of, posted, refusal, show
from fundlink.console.visitor import require, signature, within
from fundlink.desk.proposals import Wanted
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.persons import same_person
from fundlink.domain.problems import problem

STEPS = ("propose", "accept", "drop", "unsettle")


def settlement(request: Request) -> Response:
    """Why a settlement is settled, or what is in question."""
    require(request, "days.read")
    return _shown(request, 200, [])


def _shown(request: Request, status: int, problems: list[dict[str, Any]], given: str = "") -> Response:
    told = _of(request)
    undoing = jobs_of(request).standing_proposal("unsettle", told["settlement_key"])
    return show(
        request, "settlement.html", status=status, told=told, mine=_is_mine(request, told), undoing=undoing, given=given, problems=problems
    )


def _is_mine(request: Request, told: dict[str, Any]) -> bool:
    return told["proposal"] is not None and same_person(told["proposal"]["prepared_by"], signature(request))


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
    is_prepared = step in ("propose", "unsettle") or (step == "drop" and _is_mine(request, told))
    require(request, "settle.prepare" if is_prepared else "settle.approve", money=True)
    try:
        if step == "unsettle":
            made = jobs_of(request).propose(Wanted("unsettle", told["settlement_key"], signature(request), str(form.get("reason", ""))))
            return away(request, f"proposals/{made['proposal_id']}?done=act")
        _done(request, (told, step), form)
    except (ProblemError, UsageError) as error:
        return _shown(request, 422, refusal(error), str(form.get("reason", "")) if step == "unsettle" else "")
    return away(request, f"settlements/{told['settlement_key']}?done={step}")


def _done(request: Request, wanted: tuple[dict[str, Any], str], form: FormData) -> None:
    jobs, who, (told, step) = jobs_of(request), signature(request), wanted
    key, standing = told["settlement_key"], told["proposal"]
    if step == "propose":
        jobs.propose(Wanted("settle", key, who, str(form.get("reason", "")), {"suggestion": str(form.get("suggestion", ""))}))
        return
    if standing is None or (step == "accept" and str(standing["proposal_id"]) != str(form.get("proposal", ""))):
        raise ProblemError([problem("FL-SET-107", place=key)])
    if step == "accept":
        jobs.approve_proposal(standing["proposal_id"], who, sha256=str(form.get("sha256", "-")))
    elif _is_mine(request, told):
        jobs.withdraw_proposal(standing["proposal_id"], who)
    else:
        jobs.refuse_proposal(standing["proposal_id"], who, str(form.get("note", "")))


ROUTES = (
    Route("/settlements/{key}", settlement),
    Route("/settlements/{key}/{step:str}", posted(decide), methods=["POST"]),
)
