"""How a page is made: what every template knows, the language, the answer. Used by every page; knows no page.

``show`` renders a template, ``posted`` reads a form and runs its page in a thread, ``away`` sends the browser on after a write.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from fundlink.console.visitor import csrf_token, held_of, may, sees_whole, somebody
from fundlink.console.words import LANGUAGES, Words
from fundlink.desk import accounts
from fundlink.domain.errors import ConfigurationError, ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.jobs import Jobs

HERE = Path(__file__).parent
LANGUAGE_COOKIE = "fundlink_language"


class Entry(NamedTuple):
    """One line of the navigation: the key of its word, its address below the console, the permission that shows it."""

    word: str
    address: str
    permission: str = ""


class Console(NamedTuple):
    """What all pages share: the verbs, the navigation, whether this is a demo."""

    jobs: Jobs
    navigation: tuple[Entry, ...]
    demo: bool


def console_of(request: Request) -> Console:
    """The console that serves this request."""
    found: Console = request.state.console
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


def bill_address(key: str) -> str:
    """Where the page of a bill is, below the console: its key as the API writes it."""
    return f"bills/{quote(key, safe='~')}"


def show(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page. Every template knows: words (w), t, url, asset, navigation, visitor, whole (of every department), may, who, csrf, bill_address."""
    words, console = words_of(request), console_of(request)
    known = {
        "w": words, "t": words.say, "url": lambda path: address(request, path), "navigation": _navigation(request, console),
        "asset": lambda name: f"{address(request, 'static/' + name)}?v={_stamp(name)}", "here": request.url.path,
        "visitor": somebody(request), "whole": sees_whole(request), "may": lambda permission: may(request, permission), "who": _names(request), "demo": console.demo,
        "csrf": csrf_token(request), "other_language": _other_language(request, words), "problems": [],
        "done": request.query_params.get("done", ""), "bill_address": bill_address,
    }  # fmt: skip
    answer = HTMLResponse(_environment().get_template(template).render(known | values), status)
    if request.query_params.get("lang") in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, words.language, max_age=31_536_000, httponly=True, samesite="lax", path=address(request, ""))
    return answer


def _navigation(request: Request, console: Console) -> list[Entry]:
    """Where this person may go from anywhere; nobody goes anywhere."""
    if somebody(request) is None:
        return []
    return [entry for entry in console.navigation if not entry.permission or may(request, entry.permission)]


def _names(request: Request) -> Callable[[str], str]:
    """A person as people know them: the name with the staff number. Asked for once a page, and only where a page names somebody."""

    @cache
    def every() -> dict[str, str]:
        return accounts.names(held_of(request).rooms)

    def who(person: str) -> str:
        name = every().get(person)
        return f"{name}（{person}）" if name else person

    return who


def _other_language(request: Request, words: Words) -> tuple[str, str]:
    other = next(language for language in LANGUAGES if language != words.language)
    asked = request.url.include_query_params(lang=other)
    return other, f"{asked.path}?{asked.query}" if request.method in ("GET", "HEAD") else address(request, f"?lang={other}")


def away(request: Request, path: str) -> RedirectResponse:
    """After a write: the page that shows what became of it."""
    return RedirectResponse(address(request, path), 303)


def posted(page: Callable[[Request, FormData], Response]) -> Callable[[Request], Awaitable[Response]]:
    """A page that takes a form: read it, then run in a thread like every other page."""

    async def run(request: Request) -> Response:
        form = await request.form()
        _legible(form)
        return await run_in_threadpool(page, request, form)

    return run


def _legible(form: FormData) -> None:
    """FL-CHR-001 for a field with what no keyboard writes: a control character but for ends of lines and tabs, half of a pair."""
    for name, value in form.multi_items():
        told = name + (value if isinstance(value, str) else "")
        if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\r\n\t" for letter in told):
            raise ProblemError([problem("FL-CHR-001")])


def refusal(error: ProblemError | ConfigurationError | UsageError) -> list[dict[str, Any]]:
    """What went wrong, as the summary at the head of a page shows it."""
    if isinstance(error, UsageError):
        return [{"code": "", "message": str(error), "message_en": str(error), "next": ""}]
    return [told.as_json() for told in error.problems]
