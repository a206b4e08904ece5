"""What waits for another person, and one act: before and after side by side, approved or refused by somebody else, undone by another act."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.pages import home
from fundlink.console.view import away, jobs_of, posted, refusal, show
from fundlink.console.visitor import found, require, signature, visitor
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.persons import same_person


def approvals(request: Request) -> Response:
    """Everything that was prepared and waits, of all municipalities of this person."""
    require(request, "cases.read")
    morning = jobs_of(request).morning(visitor(request).scope.municipalities)
    towns = morning["municipalities"]
    waiting = [(town, home.approvals(request, morning["prepared"], town["municipality_code"])) for town in towns]
    return show(request, "approvals.html", waiting=[(town, rows) for town, rows in waiting if rows])


def act(request: Request) -> Response:
    """One act."""
    require(request, "cases.read")
    return _act(request, 200, [])


def _act(request: Request, status: int, problems: list[dict[str, Any]]) -> Response:
    told = _of(request)
    mine = same_person(told["prepared_by"], signature(request))
    return show(request, "act.html", status=status, told=told, mine=mine, problems=problems)


def _of(request: Request) -> dict[str, Any]:
    return found(jobs_of(request).act, int(request.path_params["id"]), scope=visitor(request).scope)


def step(request: Request, form: FormData) -> Response:
    """Approve or refuse what another person prepared, or take one's own back."""
    require(request, "cases.read")
    wanted, told, who, jobs = str(request.path_params["step"]), _of(request), signature(request), jobs_of(request)
    needs = {"approve": "act.approve", "refuse": "act.refuse", "withdraw": "act.prepare"}.get(wanted)
    if needs is None:
        raise HTTPException(404)
    require(request, needs, money=True)
    note = str(form.get("note", "")).strip()
    try:
        if wanted == "approve":
            jobs.approve_act(told["act_id"], who, sha256=str(form.get("sha256", "-")))
        elif wanted == "refuse":
            _refuse(request, told["act_id"], note)
        else:
            _withdraw(request, told, note)
    except (ProblemError, UsageError) as error:
        return _act(request, 422, refusal(error))
    if wanted == "withdraw" and form.get("again"):
        return away(request, f"cases/{told['case']}?done=withdraw")
    return away(request, f"acts/{told['act_id']}?done={'carry' if wanted == 'approve' else wanted}")


def _refuse(request: Request, act_id: int, note: str) -> None:
    if not note:
        raise UsageError("却下の理由を書いてください。")
    jobs_of(request).refuse_act(act_id, signature(request), note)


def _withdraw(request: Request, told: dict[str, Any], note: str) -> None:
    if not same_person(told["prepared_by"], signature(request)):
        raise UsageError("取り下げは、準備した人が行います。")
    jobs_of(request).withdraw_act(told["act_id"], signature(request), note)


ROUTES = (
    Route("/approvals", approvals),
    Route("/acts/{id:int}", act),
    Route("/acts/{id:int}/{step:str}", posted(step), methods=["POST"]),
)
