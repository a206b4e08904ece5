"""One bill: its life on one line, what stands behind each station, its code and its slip. A payer is shown only when somebody asks."""

from __future__ import annotations

import re
from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.view import away, bill_address, jobs_of, posted, refusal, show
from fundlink.console.visitor import found, require, signature, visitor
from fundlink.desk.payers import PERMISSION, Looker
from fundlink.desk.proposals import Wanted
from fundlink.desk.taking_back import REISSUABLE
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.formats import elqr
from fundlink.pipeline import printing

PAYER_LINES = ("payer_name", "payer_kana", "payer_postal_code", "payer_address")


def bill(request: Request) -> Response:
    """The page of one bill."""
    require(request, "bills.read")
    return _bill(request, 200, [])


def _bill(request: Request, status: int, problems: list[dict[str, Any]], payer: dict[str, str] | None = None) -> Response:
    told = found(jobs_of(request).bill_life, _name(request), scope=visitor(request).scope)
    reached = [row["station"] for row in told["stations"] if row["on"]]
    return show(
        request, "bill.html", status=status, told=told, bill=told["bill"], last=reached[-1], problems=problems, payer=payer,
        base=bill_address(told["bill"]["bill_key"]), lines=PAYER_LINES,
        standing=jobs_of(request).standing_proposal("reissue", told["bill"]["bill_key"]),
        can_reissue=not told["bill"]["is_paid"] and told["bill"]["state"] in REISSUABLE,
    )  # fmt: skip


def _name(request: Request) -> str:
    return str(request.path_params["key"])


def payer(request: Request, form: FormData) -> Response:
    """The page with name and address, which is an entry in the trail."""
    del form
    require(request, PERMISSION)
    held = found(jobs_of(request).find_bill, _name(request), scope=visitor(request).scope)
    try:
        return _bill(request, 200, [], jobs_of(request).payer_of(held, Looker(signature(request))))
    except ProblemError as error:
        return _bill(request, 422, refusal(error))


def reissue(request: Request, form: FormData) -> Response:
    """One person proposes a new eL number; another one approves it on the page of the proposal."""
    require(request, "bills.read")
    held = found(jobs_of(request).find_bill, _name(request), scope=visitor(request).scope)
    require(request, "reissue.prepare", money=True)
    reason = str(form.get("reason", "")).strip()
    if not reason:
        return _bill(request, 422, refusal(UsageError("再発行の理由を書いてください。")))
    try:
        told = jobs_of(request).propose(Wanted("reissue", held.bill_key, signature(request), reason))
    except (ProblemError, UsageError) as error:
        return _bill(request, 422, refusal(error))
    return away(request, f"proposals/{told['proposal_id']}?done=act")


def slip(request: Request) -> Response:
    """The payment slip as PDF, which is an entry in the trail; the page with the reason where there is none."""
    require(request, PERMISSION)
    held = found(jobs_of(request).find_bill, _name(request), scope=visitor(request).scope)
    try:
        printed = jobs_of(request).slip_of(held, Looker(signature(request)))
    except ProblemError as error:
        return _bill(request, 422, refusal(error))
    return _file(printed, "application/pdf", f"slip-{held.notice_number}-{held.installment}.pdf")


def code(request: Request) -> Response:
    """The eL-QR as an image: in the page as SVG, to keep as SVG or PNG. A bill that is paid gives none: it would be paid twice."""
    require(request, "bills.read")
    held = found(jobs_of(request).find_bill, _name(request), scope=visitor(request).scope)
    payload, form = printing.payload_of(jobs_of(request).rooms, held), str(request.path_params["form"])
    if payload is None or held.is_paid or form not in ("svg", "png"):
        raise HTTPException(404)
    name = f"elqr-{held.notice_number}-{held.installment}.{form}" if request.query_params.get("keep") else ""
    if form == "png":
        return _file(elqr.symbol(payload), "image/png", name)
    return _file(elqr.symbol_svg(payload).encode(), "image/svg+xml", name)


def _file(body: bytes, media_type: str, name: str) -> Response:
    """Bytes to show in a page, or with a name to keep."""
    kept = re.sub(r"[^A-Za-z0-9._-]", "-", name)[:80]  # a name that any system can keep
    headers = {"content-disposition": f'attachment; filename="{kept}"'} if name else {}
    return Response(body, media_type=media_type, headers=headers)


ROUTES = (
    Route("/bills/{key:path}/slip.pdf", slip),
    Route("/bills/{key:path}/qr.{form}", code),
    Route("/bills/{key:path}/reissue", posted(reissue), methods=["POST"]),
    Route("/bills/{key:path}/payer", posted(payer), methods=["POST"]),
    Route("/bills/{key:path}", bill),
)
