"""The door of the console: who is there, whether a form is ours, and the headers of every answer. Wraps the console's application (ASGI).

``request.state.visitor`` is a Visitor behind this door, or nobody on the few pages that are open. A page asks ``require`` before it
does anything, templates ask ``permitted`` and put ``csrf_token(request)`` into each form (field ``csrf`` or header X-CSRF-Token).
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fundlink.access import tokens
from fundlink.config import Settings
from fundlink.console import refusals
from fundlink.desk import login
from fundlink.desk.login import Limits, Visitor, permitted
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.pipeline import Rooms

AsgiScope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[AsgiScope, Receive, Send], Awaitable[None]]

OPEN = ("/login", "/setup", "/static/")
"""Pages that nobody must be logged in for, and what lies beneath them."""
SAFE = ("GET", "HEAD", "OPTIONS")
FORM_BYTES = 1 << 20
_SECURITY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with none at all a browser tells no origin of a form either
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_HSTS = "max-age=31536000"

__all__ = ["Door", "Visitor", "csrf_token", "limits_of", "permitted", "require", "visitor_of"]


class Names(NamedTuple):
    """The cookies: of the session, and of forms before there is one."""

    session: str
    form: str
    secure: bool


def names_of(settings: Settings) -> Names:
    """``__Host-`` cookies, which only https may set; other names for plain http on localhost, so that neither is taken for the other."""
    if settings.plain_http and settings.environment != "production":
        return Names("fundlink_demo", "fundlink_demo_form", secure=False)
    return Names("__Host-fundlink", "__Host-fundlink-form", secure=True)


def limits_of(settings: Settings) -> Limits:
    """How long sessions last."""
    return Limits(settings.session_idle_s, settings.session_s, settings.step_up_s)


class Held(NamedTuple):
    """What the door knows of a request beside the visitor: the cookie its forms are bound to, and the session id ('' without one)."""

    rooms: Rooms
    settings: Settings
    bound_to: str
    session_id: str


class Door:
    """ASGI middleware around the console."""

    def __init__(self, app: App, rooms: Rooms, settings: Settings) -> None:
        self._app, self._rooms, self._settings = app, rooms, settings
        self._names, self._limits = names_of(settings), limits_of(settings)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Let a request in, or say at once why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=dict(scope))
        cookies = _cookies(headers)
        session_id = cookies.get(self._names.session, "")
        form_id = cookies.get(self._names.form, "")
        visitor = await run_in_threadpool(login.visitor_of, self._rooms, session_id, self._limits) if session_id else None
        fresh = "" if form_id or visitor else secrets.token_urlsafe(24)
        bound_to = session_id if visitor else form_id or fresh
        state = scope.setdefault("state", {})
        state.update(visitor=visitor, held=Held(self._rooms, self._settings, bound_to, session_id if visitor else ""))
        answering = self._dressed(send, scope, fresh)
        refused, receive = await self._refusal(scope, receive, headers)
        await (refused or self._app)(scope, receive, answering)

    async def _refusal(self, scope: AsgiScope, receive: Receive, headers: Headers) -> tuple[Response | None, Receive]:
        """Why a request is not let in, and the messages of its body, whose form may have been read here."""
        state, inner = scope["state"], inner_path(scope)
        is_open = inner in OPEN or any(inner.startswith(f"{name.rstrip('/')}/") for name in OPEN)
        if state["visitor"] is None and not is_open:
            return _to_login(scope, headers, had_session=bool(_cookies(headers).get(self._names.session))), receive
        state["form"] = FormData()
        if scope["method"] in SAFE:
            return None, receive
        if not _same_site(headers):
            return refusals.page("FL-AUTH-011", 403), receive
        token, is_form = headers.get("x-csrf-token", ""), headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        if is_form:
            body, receive = await _read(receive)
            if body is None:
                return refusals.page("FL-API-007", 413, expected=FORM_BYTES), receive
            state["form"] = _form(body)
            token = token or str(state["form"].get("csrf", ""))
        held: Held = state["held"]
        if not token or not tokens.is_form_token(self._rooms.sealing_key(), token, held.bound_to, max_age_s=self._settings.session_s):
            return refusals.page("FL-AUTH-011", 403), receive
        return None, receive

    def _dressed(self, send: Send, scope: AsgiScope, fresh: str) -> Send:
        """Answers with the headers that every one of them has; no page has a say in these."""
        wanted = {**_SECURITY, **({"strict-transport-security": _HSTS} if self._names.secure else {})}
        if not inner_path(scope).startswith("/static/"):
            wanted["cache-control"] = "no-store"

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if pair[0].lower().decode("latin-1") not in wanted]
                told = [(name.encode(), value.encode()) for name, value in wanted.items()]
                cookie = [(b"set-cookie", cookie_line(self._names.form, fresh, secure=self._names.secure).encode())] if fresh else []
                message["headers"] = [*kept, *told, *cookie]
            await send(message)

        return answer


def inner_path(scope: AsgiScope) -> str:
    """The path within the console, wherever it is mounted."""
    return str(scope["path"]).removeprefix(str(scope.get("root_path", ""))) or "/"


def cookie_line(name: str, value: str, *, secure: bool) -> str:
    """A cookie that scripts cannot read and other sites do not send; an empty value takes it away."""
    end = "" if value else "; Max-Age=0"
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}{end}"


def _cookies(headers: Headers) -> dict[str, str]:
    held: SimpleCookie = SimpleCookie()
    try:
        held.load("; ".join(headers.getlist("cookie"))[:8192])
    except Exception:  # noqa: BLE001  (a cookie that cannot be read is none)
        return {}
    return {name: morsel.value for name, morsel in held.items()}


def _to_login(scope: AsgiScope, headers: Headers, *, had_session: bool) -> Response:
    """A visitor who never logged in is shown the way; one whose session has ended is told so with 401."""
    address = f"{scope.get('root_path', '')}/login?next={quote(str(scope['path']), safe='/')}"
    if headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": address})
    if had_session or scope["method"] not in SAFE:
        return refusals.page("FL-AUTH-001", 401, way=address)
    return RedirectResponse(address, status_code=303)


def _same_site(headers: Headers) -> bool:
    """What the browser itself says of where a write comes from; one that says nothing has the token to show."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return False
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


def _form(body: bytes) -> FormData:
    pairs: list[tuple[str, Any]] = list(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return FormData(pairs)


async def _read(receive: Receive) -> tuple[bytes | None, Receive]:
    """The body of a form, and the same messages once more for the page; None when it is too long."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > FORM_BYTES:
            return None, receive
    sent = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def again() -> Message:
        return next(sent, None) or await receive()

    return body, again


def visitor_of(request: Request) -> Visitor:
    """Who is there; FL-AUTH-001 on a page that is open."""
    found: Visitor | None = request.state.visitor
    if found is None:
        raise ProblemError([problem("FL-AUTH-001")])
    return found


def require(request: Request, permission: str, *, money: bool = False) -> Visitor:
    """The visitor, when they have the permission (FL-AUTH-003) and, before acts on money, entered a code lately (FL-AUTH-012)."""
    found = visitor_of(request)
    if not permitted(found, permission):
        raise ProblemError([problem("FL-AUTH-003")])
    if money and not found.proved:
        raise ProblemError([problem("FL-AUTH-012")])
    return found


def csrf_token(request: Request) -> str:
    """The token of this visitor's forms."""
    held: Held = request.state.held
    return tokens.form_token(held.rooms.sealing_key(), held.bound_to)
