"""What concerns one's own account: login, set-up with the second factor, password, sessions, the code before acts on money.

``routes`` is mounted by the console's application behind the door, which has read and checked every form.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from fundlink.access import sealing
from fundlink.console import refusals
from fundlink.console.door import cookie_line, limits_of, names_of
from fundlink.console.view import address, show
from fundlink.console.visitor import held_of, visitor
from fundlink.desk import credentials, login
from fundlink.desk.credentials import Setup
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.formats.qr_text import data_address

_SEALED = "console/setup"


def _field(request: Request, name: str) -> str:
    value = request.state.form.get(name, "")
    return value if isinstance(value, str) else ""


def _next(request: Request, asked: str) -> str:
    """A place within the console, and nowhere else."""
    parts, home = urlsplit(asked), address(request, "")
    ours = not parts.scheme and not parts.netloc and asked.startswith(home) and not asked.startswith("//") and "\\" not in asked
    return asked if ours else home


def _wrong(request: Request, name: str, error: ProblemError, **values: Any) -> Response:
    """The same page once more, with what was wrong."""
    status = refusals.STATUS.get(error.problems[0].code, 422)
    answer = show(request, f"account/{name}.html", status=status, problems=[told.as_json() for told in error.problems], **values)
    wait = dict(error.problems[0].args).get("seconds")
    if wait is not None:
        answer.headers["Retry-After"] = str(wait)
    return answer


def _with_session(request: Request, session_id: str, where: str) -> Response:
    names = names_of(held_of(request).settings, request.url.scheme)
    answer = RedirectResponse(where, status_code=303)
    answer.headers.append("set-cookie", cookie_line(names.session, session_id, secure=names.secure))
    return answer


def show_login(request: Request) -> Response:
    """The login."""
    return show(request, "account/login.html", login="", next=request.query_params.get("next", ""))


def do_login(request: Request) -> Response:
    """Login, password and code; a new session, whatever session there was."""
    held, where = held_of(request), _field(request, "next")
    address = request.client.host if request.client else ""
    proof = login.Proof(_field(request, "login"), _field(request, "password"), _field(request, "code"), address)
    try:
        session_id = login.log_in(held.rooms, proof, limits_of(held.settings))
    except ProblemError as error:
        return _wrong(request, "login", error, login=proof.login, next=where)
    if held.session_id:
        login.log_out(held.rooms, held.session_id)
    return _with_session(request, session_id, _next(request, where))


def do_logout(request: Request) -> Response:
    """The session ends on the server, and its cookie here."""
    login.log_out(held_of(request).rooms, held_of(request).session_id)
    return _with_session(request, "", address(request, "login"))


def show_setup(request: Request) -> Response:
    """First step of setting up: who, and a password."""
    return show(request, "account/setup.html", login="")


def do_setup(request: Request) -> Response:
    """Second step: the QR of the second factor. What was entered goes along sealed, so that nothing is kept half."""
    held, given = held_of(request), Setup(_field(request, "login"), _field(request, "secret"), _field(request, "password"))
    try:
        _same(given.password, _field(request, "again"))
        credentials.check_setup(held.rooms, given)
    except ProblemError as error:
        return _wrong(request, "setup", error, login=given.login)
    enrolment = credentials.begin_enrolment(given.login)
    sealed = sealing.seal(held.rooms.sealing_key(), json.dumps([*given, enrolment.secret]), _SEALED)
    return _enrol(request, given.login, (enrolment.secret, enrolment.address, sealed))


def _same(password: str, again: str) -> None:
    if password != again:
        raise ProblemError([problem("FL-AUTH-006", detail="2 つの入力が違います。")])


def _enrol(request: Request, name: str, factor: tuple[str, str, str], error: ProblemError | None = None) -> Response:
    secret, address, sealed = factor
    spaced = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    values: dict[str, Any] = {"login": name, "qr": data_address(address), "spaced": spaced, "sealed": sealed}
    return _wrong(request, "enrol", error, **values) if error else show(request, "account/enrol.html", **values)


def confirm_setup(request: Request) -> Response:
    """The first code of the second factor: now the account is set up."""
    held, sealed = held_of(request), _field(request, "sealed")
    opened = sealing.opened(held.rooms.sealing_key(), sealed, _SEALED)
    if opened is None:
        return _wrong(request, "setup", ProblemError([problem("FL-AUTH-013")]), login="")
    *entered, secret = json.loads(opened)
    given = Setup(*entered)
    try:
        credentials.set_up(held.rooms, given, secret, _field(request, "code"))
    except ProblemError as error:
        return _enrol(request, given.login, (secret, credentials.address_of(secret, given.login), sealed), error)
    return show(request, "account/done.html")


def show_password(request: Request) -> Response:
    """Changing the password."""
    visitor(request)
    return show(request, "account/password.html", ended=None)


def do_password(request: Request) -> Response:
    """A new password; other sessions end."""
    new = _field(request, "password")
    try:
        _same(new, _field(request, "again"))
        ended = credentials.change_password(held_of(request).rooms, visitor(request), _field(request, "old"), new)
    except ProblemError as error:
        return _wrong(request, "password", error, ended=None)
    return show(request, "account/password.html", ended=ended)


def show_sessions(request: Request) -> Response:
    """Where one is logged in."""
    return show(request, "account/sessions.html", sessions=login.sessions(held_of(request).rooms, visitor(request)))


def end_session(request: Request) -> Response:
    """Ending one of one's own sessions."""
    login.end_own(held_of(request).rooms, visitor(request), _field(request, "number"))
    return RedirectResponse(address(request, "account/sessions"), status_code=303)


def show_prove(request: Request) -> Response:
    """The code before acts on money."""
    return show(request, "account/prove.html", next=request.query_params.get("next", ""))


def do_prove(request: Request) -> Response:
    """A right code: the session goes on under a new id."""
    held, where = held_of(request), _field(request, "next")
    try:
        session_id = login.prove(held.rooms, held.session_id, _field(request, "code"))
    except ProblemError as error:
        return _wrong(request, "prove", error, next=where)
    return _with_session(request, session_id, _next(request, where))


routes = [
    Route("/login", show_login, methods=["GET"]),
    Route("/login", do_login, methods=["POST"]),
    Route("/logout", do_logout, methods=["POST"]),
    Route("/setup", show_setup, methods=["GET"]),
    Route("/setup", do_setup, methods=["POST"]),
    Route("/setup/confirm", confirm_setup, methods=["POST"]),
    Route("/account/password", show_password, methods=["GET"]),
    Route("/account/password", do_password, methods=["POST"]),
    Route("/account/sessions", show_sessions, methods=["GET"]),
    Route("/account/sessions/end", end_session, methods=["POST"]),
    Route("/account/prove", show_prove, methods=["GET"]),
    Route("/account/prove", do_prove, methods=["POST"]),
]
