"""One payment explained in words: its rule, what was compared, the rules that did not fit, and which bill may have been meant."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.view import jobs_of, show
from fundlink.console.visitor import sees


def payment(request: Request) -> Response:
    """Why a payment has its outcome."""
    told = jobs_of(request).explain(str(request.path_params["key"]))
    if not sees(request, told["statements"][0]["municipality_code"]):
        raise HTTPException(404)
    return show(request, "payment.html", told=told, last=told["statements"][-1])


ROUTES = (Route("/payments/{key}", payment),)
