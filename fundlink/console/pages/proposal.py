"""One proposal outside of cases: before and after side by side, approved or refused by another person, withdrawn by who proposed it."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.view import away, jobs_of, posted, refusal, show
from fundlink.console.visitor import found, require, signature, visitor
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.persons import same_person

DONE = {"approve": "carry", "refuse": "turned", "withdraw": "withdraw"}
"""What may be done with a proposal, and what the page says after it."""


def proposal(request: Request) -> Response:
    """One proposal."""
    require(request, "cases.read")
    return _proposal(request, 200, [])


def _proposal(request: Request, status: int, problems: list[dict[str, Any]]) -> Response:
    told = _of(request)
    mine = same_person(told["prepared_by"], signature(request))
    return show(request, "proposal.html", status=status, told=told, mine=mine, problems=problems)


def _of(request: Request) -> dict[str, Any]:
    return found(jobs_of(request).proposal, int(request.path_params["id"]), scope=visitor(request).scope)


def step(request: Request, form: FormData) -> Response:
    """Approve or refuse what another person proposed, or take one's own back."""
    require(request, "cases.read")
    wanted, told = str(request.path_params["step"]), _of(request)
    if wanted not in DONE:
        raise HTTPException(404)
    require(request, f"{told['pair']}.{'prepare' if wanted == 'withdraw' else 'approve'}", money=True)
    try:
        carry_out(request, (told["proposal_id"], wanted), form)
    except (ProblemError, UsageError) as error:
        return _proposal(request, 422, refusal(error))
    return away(request, f"proposals/{told['proposal_id']}?done={DONE[wanted]}")


def carry_out(request: Request, wanted: tuple[int, str], form: FormData) -> None:
    """Approve, refuse or withdraw a proposal, by whoever asks: (number, which of them)."""
    jobs, who, (number, name) = jobs_of(request), signature(request), wanted
    if name == "approve":
        jobs.approve_proposal(number, who, sha256=str(form.get("sha256", "-")))
    elif name == "refuse":
        jobs.refuse_proposal(number, who, str(form.get("note", "")))
    else:
        jobs.withdraw_proposal(number, who)


ROUTES = (
    Route("/proposals/{id:int}", proposal),
    Route("/proposals/{id:int}/{step:str}", posted(step), methods=["POST"]),
)
