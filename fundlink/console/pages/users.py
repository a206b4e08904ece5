"""Users and API keys for administrators: stock-taking, changes in two steps, disabling, unlocking and ending sessions at once, keys of machines that are shown once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.access.roles import BY_NAME, HUMAN_ROLES, KEY_ROLES
from fundlink.console.view import away, jobs_of, posted, refusal, show
from fundlink.console.visitor import held_of, require, signature
from fundlink.desk import account_proposals, account_sessions, accounts, api_keys
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.scope import Scope
from fundlink.pipeline import Rooms


def users(request: Request) -> Response:
    """Every account, what should be looked at, what waits."""
    require(request, "users.read")
    return _users(request)


def _users(
    request: Request, *, status: int = 200, problems: list[dict[str, Any]] | None = None, secret: dict[str, Any] | None = None
) -> Response:
    rooms = jobs_of(request).rooms
    return show(
        request, "users.html", status=status, problems=problems or [], secret=secret, stock=accounts.stock(rooms), me=signature(request),
        waiting=account_proposals.waiting(rooms), roles=[BY_NAME[name] for name in HUMAN_ROLES], role_words={name: role.ja for name, role in BY_NAME.items()},
        sessions=account_sessions.open_now(rooms, held_of(request).settings.session_idle_s), locked=account_sessions.waiting(rooms),
    )  # fmt: skip


def propose(request: Request, form: FormData) -> Response:
    """One administrator prepares an account, roles or a reset."""
    require(request, "users.prepare", money=True)
    kind = str(request.path_params["kind"])
    said = account_proposals.content(
        _word(form, "login"), [str(role) for role in form.getlist("role")], Scope(_codes(form, "municipalities"), _codes(form, "departments")),
        person=_word(form, "person"), full_name=_word(form, "name"),
    )  # fmt: skip
    try:
        account_proposals.prepare(jobs_of(request).rooms, kind, said, signature(request))
    except (ProblemError, UsageError) as error:
        return _users(request, status=422, problems=refusal(error))
    return away(request, "users?done=users")


def _word(form: FormData, name: str) -> str:
    return str(form.get(name, "")).strip()


def _codes(form: FormData, name: str) -> frozenset[str] | None:
    """Codes as they were typed, with commas or blanks between them; none means all."""
    return frozenset(_word(form, name).replace("、", " ").replace(",", " ").split()) or None


def decide(request: Request, form: FormData) -> Response:
    """Another administrator approves, or one of them drops it."""
    step = str(request.path_params["step"])
    if step not in ("approve", "drop"):
        raise HTTPException(404)
    require(request, "users.approve" if step == "approve" else "users.prepare", money=True)
    del form
    rooms, number = jobs_of(request).rooms, int(request.path_params["number"])
    try:
        if step == "drop":
            account_proposals.drop(rooms, number, signature(request))
            return away(request, "users?done=drop")
        return _users(request, secret=account_proposals.approve(rooms, number, signature(request)))
    except (ProblemError, UsageError) as error:
        return _users(request, status=422, problems=refusal(error))


def disable(request: Request, form: FormData) -> Response:
    """Cut a leaver at once."""
    return _at_once(request, lambda rooms, who: accounts.disable(rooms, _word(form, "login"), _word(form, "reason"), who), "disable")


def end_session(request: Request, form: FormData) -> Response:
    """End the session of somebody else at once."""
    return _at_once(request, lambda rooms, who: account_sessions.end(rooms, _word(form, "number"), who), "session")


def unlock(request: Request, form: FormData) -> Response:
    """Let a login that has to wait after failures try again."""
    return _at_once(request, lambda rooms, who: accounts.unlock(rooms, _word(form, "login"), who), "unlock")


def _at_once(request: Request, act: Callable[[Rooms, str], Any], done: str) -> Response:
    require(request, "users.prepare", money=True)
    try:
        act(jobs_of(request).rooms, signature(request))
    except (ProblemError, UsageError) as error:
        return _users(request, status=422, problems=refusal(error))
    return away(request, f"users?done={done}")


def keys(request: Request) -> Response:
    """API keys, without the keys themselves."""
    require(request, "users.read")
    return _keys(request)


def _keys(
    request: Request, *, status: int = 200, problems: list[dict[str, Any]] | None = None, made: dict[str, Any] | None = None
) -> Response:
    found = api_keys.listed(jobs_of(request).rooms)["keys"]
    return show(request, "keys.html", status=status, problems=problems or [], made=made, keys=found, roles=KEY_ROLES)


def add_key(request: Request, form: FormData) -> Response:
    """Make a key and show it, this once."""
    require(request, "keys.change", money=True)
    new = api_keys.NewKey(_word(form, "name"), _word(form, "municipality"), _word(form, "profile"), _word(form, "role"))
    try:
        return _keys(request, made=api_keys.add(jobs_of(request).rooms, new, signature(request)))
    except (ProblemError, UsageError) as error:
        return _keys(request, status=422, problems=refusal(error))


def revoke_key(request: Request, form: FormData) -> Response:
    """End a key at once."""
    require(request, "keys.change", money=True)
    del form
    try:
        api_keys.revoke(jobs_of(request).rooms, str(request.path_params["prefix"]), signature(request))
    except (ProblemError, UsageError) as error:
        return _keys(request, status=422, problems=refusal(error))
    return away(request, "keys?done=revoke")


ROUTES = (
    Route("/users", users),
    Route("/users/propose/{kind}", posted(propose), methods=["POST"]),
    Route("/users/waiting/{number:int}/{step}", posted(decide), methods=["POST"]),
    Route("/users/disable", posted(disable), methods=["POST"]),
    Route("/users/sessions/end", posted(end_session), methods=["POST"]),
    Route("/users/unlock", posted(unlock), methods=["POST"]),
    Route("/keys", keys),
    Route("/keys/add", posted(add_key), methods=["POST"]),
    Route("/keys/{prefix}/revoke", posted(revoke_key), methods=["POST"]),
)
