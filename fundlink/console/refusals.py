"""Pages that say no: a sentence, the next step, a link. Used by the door and as the console's handler of problems."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fundlink.console.account_pages import shown
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem

STATUS = {
    "FL-4EY-001": 403, "FL-4EY-002": 409, "FL-ACT-003": 403, "FL-AUTH-001": 401, "FL-AUTH-002": 401, "FL-AUTH-003": 403, "FL-AUTH-004": 403,
    "FL-AUTH-010": 429, "FL-AUTH-011": 403, "FL-AUTH-012": 403, "FL-AUTH-013": 401, "FL-VER-002": 412,
}  # fmt: skip
"""Codes that are not listed are a content that cannot be taken: 422."""


def page(code: str, status: int, *, way: str = "", **values: Any) -> Response:
    """One problem as a page."""
    return shown("account/refused.html", status, problems=[problem(code, **values).as_json()], way=way)


async def answer(request: Request, error: Exception) -> Response:
    """What a page that raised a ProblemError is answered with; a missing code of the second factor leads to where it is entered."""
    assert isinstance(error, ProblemError)
    code = error.problems[0].code
    root = str(request.scope.get("root_path", ""))
    if code == "FL-AUTH-012":
        where = str(request.scope["path"]) if request.method == "GET" else root + "/"
        address = f"{root}/account/prove?next={quote(where, safe='/')}"
        if request.headers.get("hx-request"):
            return Response(status_code=403, headers={"HX-Redirect": address})
        return RedirectResponse(address, status_code=303)
    return shown("account/refused.html", STATUS.get(code, 422), problems=[told.as_json() for told in error.problems], way=root + "/")
