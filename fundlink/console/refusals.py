"""Pages that say no: a sentence, the next step, a link. Used by the door, and by app as the handlers of everything that goes wrong."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fundlink.console.view import address, refusal, show
from fundlink.domain.errors import ConfigurationError, ProblemError, UsageError
from fundlink.domain.problems import problem

STATUS = {
    "FL-4EY-001": 403, "FL-4EY-002": 409, "FL-ACT-003": 403, "FL-API-007": 413, "FL-AUTH-001": 401, "FL-AUTH-002": 401, "FL-AUTH-003": 403,
    "FL-AUTH-004": 403, "FL-AUTH-010": 429, "FL-AUTH-011": 403, "FL-AUTH-012": 403, "FL-AUTH-013": 401, "FL-DAY-002": 404, "FL-MUN-003": 404, "FL-FIL-009": 413,
    "FL-PRP-001": 404, "FL-PRP-002": 409, "FL-PRP-003": 409, "FL-PRP-004": 409,
    "FL-RCP-004": 404, "FL-SET-102": 404, "FL-VER-002": 412,
}  # fmt: skip
"""Codes that are not listed are a content that cannot be taken: 422."""
_WORDS = {"FL-AUTH-001": "ended", "FL-AUTH-011": "stale", 404: "missing", 403: "forbidden"}
"""The heading of a failure, by its code or its status."""


def failure(request: Request, word: str, status: int, *, problems: list[dict[str, Any]] | None = None, way: str = "") -> Response:
    """A page of a failure by its word; ``way`` is where it goes on."""
    return show(request, "failure.html", status=status, word=word, problems=problems or [], way=way)


def page(request: Request, code: str, *, way: str = "", **values: Any) -> Response:
    """One problem as a page."""
    return _told(request, [problem(code, **values).as_json()], way=way)


def _told(request: Request, problems: list[dict[str, Any]], *, way: str = "") -> Response:
    code = problems[0]["code"]
    status = STATUS.get(code, 422)
    if status == 404:  # the same words as for what belongs to others: nobody learns what there is
        return failure(request, "missing", status)
    if code == "FL-AUTH-001":  # its advice is for a program with a key; the page itself says what a person does
        problems = []
    return failure(request, _WORDS.get(code) or _WORDS.get(status, "refused"), status, problems=problems, way=way)


def refused(request: Request, error: Exception) -> Response:
    """What a page that raised a problem is answered with; a missing code of the second factor leads to where it is entered."""
    assert isinstance(error, ProblemError | ConfigurationError | UsageError)
    problems = refusal(error)
    if problems[0]["code"] != "FL-AUTH-012":
        return _told(request, problems)
    where = f"{address(request, 'account/prove')}?next={quote(page_behind(request), safe='/')}"
    if request.headers.get("hx-request"):
        return Response(status_code=403, headers={"HX-Redirect": where})
    return RedirectResponse(where, status_code=303)


def page_behind(request: Request) -> str:
    """The page that somebody was on: the one asked for, or the one whose form was sent. Always within the console."""
    if request.method in ("GET", "HEAD"):
        return str(request.scope["path"])
    from_page = urlsplit(request.headers.get("referer", ""))
    is_ours = from_page.netloc == request.headers.get("host") and from_page.path.startswith(address(request, ""))
    return from_page.path if is_ours else address(request, "")


def http(request: Request, error: Exception) -> Response:
    """404 and its like."""
    assert isinstance(error, HTTPException)
    return failure(request, str(_WORDS.get(error.status_code, "refused")), error.status_code)


def busy(request: Request, _error: Exception) -> Response:
    """The database does not answer, or another process works."""
    return failure(request, "busy", 503)


def broken(request: Request, _error: Exception) -> Response:
    """An error of ours; the framework raises it again, and the door of the API logs it."""
    return failure(request, "broken", 500)
