"""Choosing one of the made-up persons of the demo. Goes away with the stand-in when accounts come."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.view import address, away, console_of, posted
from fundlink.console.visitor import COOKIE, DEMO


def choose(request: Request, form: FormData) -> Response:
    """Be this person from now on."""
    person = str(form.get("person", ""))
    if not console_of(request).demo or person not in [one.person for one in DEMO]:
        raise HTTPException(404)
    answer = away(request, "")
    answer.set_cookie(COOKIE, person, httponly=True, samesite="strict", path=address(request, ""))
    return answer


ROUTES = (Route("/person", posted(choose), methods=["POST"]),)
