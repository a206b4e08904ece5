"""The door of the console: who is there, whether a form is ours, and the headers of every answer. Wraps the console's application (ASGI).

Called by app. Behind this door a request carries its visitor, or nobody on the few pages that are open; pages and templates ask for
them through ``visitor``. A form carries the token ``csrf_token`` (field ``csrf`` or header X-CSRF-Token). It knows no page.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, Headers
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fundlink.access import tokens
from fundlink.config import Settings
from fundlink.console import refusals
from fundlink.console.view import Console
from fundlink.console.visitor import Held
from fundlink.desk import login
from fundlink.desk.login import Limits, Visitor
from fundlink.domain.errors import BusyError, ProblemError

AsgiScope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[AsgiScope, Receive, Send], Awaitable[None]]

OPEN = ("/login", "/setup", "/static/")
"""Pages that nobody must be logged in for, and what lies beneath them."""
SAFE = ("GET", "HEAD", "OPTIONS")
FORM_BYTES = 1 << 20
UPLOADS = ("/upload", "/small-funds/send")
"""The pages whose form carries a file: it is spooled to the disk while it comes, and its fields hold next to nothing."""
FIELDS, FIELD_BYTES = 8, 4096
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'{images}; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
SECURITY = {
    "content-security-policy": _POLICY.format(images=""),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with none at all a browser tells no origin of a form either
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_SETTING_UP = {"content-security-policy": _POLICY.format(images=" data:")}
"""The QR of a second factor is an image within its page, so that its secret is in no address."""
_HSTS = "max-age=31536000"
KEPT = "public, max-age=31536000, immutable"
"""Static files carry their content in their address."""
UNAVAILABLE = (BusyError, sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)


class Names(NamedTuple):
    """The cookies: of the session, and of forms before there is one."""

    session: str
    form: str
    secure: bool


def names_of(settings: Settings, scheme: str) -> Names:
    """``__Host-`` cookies, which only https may set; other names for plain http, so that neither is taken for the other.

    Plain http is for trying it out: never in production, and elsewhere only where nobody else can listen, or by a setting.
    """
    if scheme == "http" and settings.environment != "production" and (settings.plain_http or settings.stays_here):
        return Names("fundlink_demo", "fundlink_demo_form", secure=False)
    return Names("__Host-fundlink", "__Host-fundlink-form", secure=True)


def limits_of(settings: Settings) -> Limits:
    """How long sessions last."""
    return Limits(settings.session_idle_s, settings.session_s, settings.step_up_s)


class Door:
    """ASGI middleware around the console."""

    def __init__(self, app: App, console: Console, settings: Settings) -> None:
        self._app, self._console, self._settings = app, console, settings
        self._limits = limits_of(settings)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Let a request in, or say at once why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, names = Headers(scope=dict(scope)), names_of(self._settings, scope["scheme"])
        cookies = _cookies(headers)
        session_id, form_id = cookies.get(names.session, ""), cookies.get(names.form, "")
        visitor, is_busy = await self._visitor(session_id)
        fresh = "" if form_id or visitor else secrets.token_urlsafe(24)
        held = Held(self._console.jobs.rooms, self._settings, session_id if visitor else form_id or fresh, session_id if visitor else "")
        scope.setdefault("state", {}).update(visitor=visitor, held=held, console=self._console, form=FormData())
        answering = _dressed(send, scope, (names, fresh))
        if is_busy:
            await refusals.failure(Request(scope), "busy", 503)(scope, receive, answering)
            return
        refused, receive = await self._refusal(scope, receive, had_session=bool(session_id))
        try:
            await (refused or self._app)(scope, receive, answering)
        finally:
            await scope["state"]["form"].close()

    async def _visitor(self, session_id: str) -> tuple[Visitor | None, bool]:
        """Who is behind a session, and whether it cannot be told at the moment."""
        if not session_id:
            return None, False
        try:
            return await run_in_threadpool(login.visitor_of, self._console.jobs.rooms, session_id, self._limits), False
        except UNAVAILABLE:
            return None, True

    async def _refusal(self, scope: AsgiScope, receive: Receive, *, had_session: bool) -> tuple[Response | None, Receive]:
        """Why a request is not let in, and the messages of its body, whose form may have been read here."""
        request, state = Request(scope), scope["state"]
        if state["visitor"] is None and not _is_open(inner_path(scope)):
            return _to_login(request, had_session=had_session), receive
        if request.method in SAFE:
            return None, receive
        if not _same_site(request.headers):
            return refusals.page(request, "FL-AUTH-011"), receive
        token = request.headers.get("x-csrf-token", "")
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            body, receive = await _read(receive)
            if body is None:
                return refusals.page(request, "FL-API-007", expected=FORM_BYTES), receive
            state["form"] = _form(body)
        elif request.headers.get("content-type", "").startswith("multipart/form-data") and inner_path(scope) in UPLOADS:
            wrong = await self._upload(Request(scope, receive))
            if wrong is not None:
                return wrong, receive
        token = token or str(state["form"].get("csrf", ""))
        held: Held = state["held"]
        if not token or not tokens.is_form_token(held.rooms.sealing_key(), token, held.bound_to, max_age_s=self._settings.session_s):
            return refusals.page(request, "FL-AUTH-011"), receive
        return None, receive

    async def _upload(self, request: Request) -> Response | None:
        """Take the form of a file, or say in a page what is wrong with it."""
        limit, announced = self._settings.max_upload_bytes, request.headers.get("content-length", "0")
        too_large = refusals.page(request, "FL-FIL-009", expected=f"{limit // (1 << 20):,}")
        if not announced.isdigit() or int(announced) > limit:
            return too_large
        try:
            request.state.form = await request.form(max_files=1, max_fields=FIELDS, max_part_size=FIELD_BYTES)
        except ProblemError:  # a body that announces no length is counted on its way
            return too_large
        except (MultiPartException, HTTPException):
            return refusals.page(request, "FL-API-001", place="multipart/form-data")
        return None


def _is_open(inner: str) -> bool:
    return inner in OPEN or any(inner.startswith(f"{name.rstrip('/')}/") for name in OPEN)


def _dressed(send: Send, scope: AsgiScope, cookie: tuple[Names, str]) -> Send:
    """Answers with the headers that every one of them has; no page has a say in these."""
    (names, fresh), inner = cookie, inner_path(scope)
    wanted = {**SECURITY, **(_SETTING_UP if inner.startswith("/setup") and scope["method"] == "POST" else {})}
    if names.secure:
        wanted["strict-transport-security"] = _HSTS
    if not inner.startswith("/static/"):
        wanted["cache-control"] = "no-store"

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            ours = {**wanted, "cache-control": KEPT} if inner.startswith("/static/") and message["status"] == 200 else wanted
            kept = [pair for pair in message["headers"] if pair[0].lower().decode("latin-1") not in ours]
            told = [(name.encode(), value.encode()) for name, value in ours.items()]
            line = [(b"set-cookie", cookie_line(names.form, fresh, secure=names.secure).encode())] if fresh else []
            message["headers"] = [*kept, *told, *line]
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


def _to_login(request: Request, *, had_session: bool) -> Response:
    """A visitor who never logged in is shown the way; one whose session has ended is told so with 401."""
    address = f"{request.scope.get('root_path', '')}/login?next={quote(refusals.page_behind(request), safe='/')}"
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": address})
    if had_session or request.method not in SAFE:
        return refusals.page(request, "FL-AUTH-001", way=address)
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
