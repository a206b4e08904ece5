"""How a page is made: what every template knows, the language, the answer. Used by every page; knows no page.

``show`` renders a template, ``posted`` reads a form and runs its page in a thread, ``away`` sends the browser on after a write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from fundlink.console import visitor as visitors
from fundlink.console.words import LANGUAGES, Words
from fundlink.domain.errors import ConfigurationError, ProblemError, UsageError
from fundlink.jobs import Jobs

HERE = Path(__file__).parent
LANGUAGE_COOKIE = "fundlink_language"


class Entry(NamedTuple):
    """One line of the navigation: the key of its word, its address below the console."""

    word: str
    address: str


class Console(NamedTuple):
    """What all pages share: the verbs, the navigation, whether made-up persons may be chosen."""

    jobs: Jobs
    navigation: tuple[Entry, ...]
    demo: bool


def console_of(request: Request) -> Console:
    """The console that serves this request."""
    found: Console = request.app.state.console
    return found


def jobs_of(request: Request) -> Jobs:
    """The verbs."""
    return console_of(request).jobs


def words_of(request: Request) -> Words:
    """The language that was asked for now, or earlier."""
    return Words(request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE) or LANGUAGES[0])


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


@cache
def _stamp(name: str) -> str:
    """The content of a static file as eight digits, so that browsers may keep it for good."""
    return hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()[:8]


def address(request: Request, path: str) -> str:
    """Where a page of ours is."""
    return f"{request.scope.get('root_path', '')}/{path.lstrip('/')}"


def show(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page. Every template knows: words (w), t, url, asset, navigation, visitor, csrf."""
    words, console = words_of(request), console_of(request)
    known = {
        "w": words, "t": words.say, "url": lambda path: address(request, path), "navigation": console.navigation,
        "asset": lambda name: f"{address(request, 'static/' + name)}?v={_stamp(name)}", "here": request.url.path,
        "visitor": visitors.visitor(request), "demo": visitors.DEMO if console.demo else (), "csrf": visitors.csrf_token(request),
        "may": lambda permission: visitors.may(request, permission), "who": str,
        "other_language": _other_language(request, words), "problems": [], "done": request.query_params.get("done", ""),
    }  # fmt: skip
    answer = HTMLResponse(_environment().get_template(template).render(known | values), status)
    if request.query_params.get("lang") in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, words.language, max_age=31_536_000, httponly=True, samesite="lax", path=address(request, ""))
    return answer


def _other_language(request: Request, words: Words) -> tuple[str, str]:
    other = next(language for language in LANGUAGES if language != words.language)
    asked = request.url.include_query_params(lang=other)
    return other, f"{asked.path}?{asked.query}"


def away(request: Request, path: str) -> RedirectResponse:
    """After a write: the page that shows what became of it."""
    return RedirectResponse(address(request, path), 303)


def posted(page: Callable[[Request, FormData], Response]) -> Callable[[Request], Awaitable[Response]]:
    """A page that takes a form: read it, then run in a thread like every other page."""

    async def run(request: Request) -> Response:
        return await run_in_threadpool(page, request, await request.form())

    return run


def refusal(error: ProblemError | ConfigurationError | UsageError) -> list[dict[str, Any]]:
    """What went wrong, as the summary at the head of a page shows it."""
    if isinstance(error, UsageError):
        return [{"code": "", "message": str(error), "message_en": str(error), "next": ""}]
    return [told.as_json() for told in error.problems]
