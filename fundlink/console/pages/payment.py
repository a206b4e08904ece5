"""One payment explained in words: its rule, what was compared, the rules that did not fit, and which bill may have been meant."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.view import jobs_of, show
from fundlink.console.visitor import require, visitor

_RIGHT_WITHOUT = ("stage", "bill", "issue_count")
"""A payment is right when it was not withdrawn, its bill not cancelled, its slip not superseded; for all else, when it agrees."""


def payment(request: Request) -> Response:
    """Why a payment has its outcome."""
    require(request, "cases.read")
    told = jobs_of(request).explain(str(request.path_params["key"]), scope=visitor(request).scope)
    compared = [{**row, "right": row["agrees"] != (row["field"] in _RIGHT_WITHOUT)} for row in told.get("compared", ())]
    return show(request, "payment.html", told={**told, "compared": compared}, last=told["statements"][-1])


ROUTES = (Route("/payments/{key}", payment),)
