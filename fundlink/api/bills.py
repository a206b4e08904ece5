"""Reading bills: one, a page of them, and the QR of one as an image. Reads only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from fundlink import desk
from fundlink.api import cursors
from fundlink.api.answers import json_answer
from fundlink.api.callers import Who
from fundlink.api.context import Api, Here, sent
from fundlink.api.queries import LIMIT, Limit, Municipality
from fundlink.api.views import bill_json
from fundlink.api.wording import described
from fundlink.desk.payers import Looker
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.formats import elqr
from fundlink.pipeline import printing
from fundlink.store import lookup
from fundlink.store.lookup import BillView

routes = APIRouter(prefix="/v1/bills", tags=["bills"])
Cursor = Annotated[str | None, Query(description="前のページの next")]


@routes.get("", **described("bills"))
def list_bills(
    api: Here,
    who: Who,
    *,
    municipality_code: Municipality = None,
    fund_code: Annotated[str | None, Query(description="公金種目コードで絞る")] = None,
    core_key: Annotated[str | None, Query(description="連携キーで絞る（10件まで）")] = None,
    cursor: Cursor = None,
    limit: Limit = LIMIT,
) -> Response:
    """Bills in the order they came."""
    filters = {"municipality_code": municipality_code, "fund_code": fund_code, "core_key": core_key}
    after = cursors.read("bills", cursor, **filters)
    with api.rooms.store.read() as connection:
        if core_key is not None:
            found = [
                bill for bill in lookup.bills_by_core_key(connection, core_key, municipality_code, who.scope)
                if bill.bill_id > (after or 0) and fund_code in (None, bill.fund_code)
            ]  # fmt: skip
        else:
            found = lookup.page_of_bills(
                connection, after=after or 0, limit=limit + 1, municipality_code=municipality_code, fund_code=fund_code, scope=who.scope
            )  # fmt: skip
    page = found[:limit]
    following = cursors.make("bills", page[-1].bill_id, **filters) if len(found) > limit else None
    return sent(json_answer(200, {"bills": [bill_json(api.rooms, bill) for bill in page], "next": following}))


@routes.get("/{name:path}/qr.png", **described("bill_qr_png"))
def get_qr_png(api: Here, who: Who, name: str, municipality_code: Municipality = None) -> Response:
    """The QR as PNG."""
    return Response(elqr.symbol(_payload(api, desk.find_bill(api.rooms, name, municipality_code, scope=who.scope))), media_type="image/png")


@routes.get("/{name:path}/qr.svg", **described("bill_qr_svg"))
def get_qr_svg(api: Here, who: Who, name: str, municipality_code: Municipality = None) -> Response:
    """The QR as SVG."""
    return Response(
        elqr.symbol_svg(_payload(api, desk.find_bill(api.rooms, name, municipality_code, scope=who.scope))), media_type="image/svg+xml"
    )


@routes.get("/{name:path}/slip.pdf", **described("bill_slip_pdf"))
def get_slip_pdf(api: Here, who: Who, name: str, municipality_code: Municipality = None) -> Response:
    """The payment slip as PDF."""
    bill = desk.find_bill(api.rooms, name, municipality_code, scope=who.scope)
    printed = api.jobs.slip_of(bill, Looker(who.name, is_person=False))
    return Response(printed, media_type="application/pdf", headers={"Cache-Control": "no-store"})


@routes.get("/{name:path}", **described("bill"))
def get_bill(api: Here, who: Who, name: str, municipality_code: Municipality = None) -> Response:
    """One bill with all its slips."""
    bill = desk.find_bill(api.rooms, name, municipality_code, scope=who.scope)
    with api.rooms.store.read() as connection:
        slips = lookup.slips_of_bill(connection, bill.bill_id)
    return sent(json_answer(200, {**bill_json(api.rooms, bill), "slips": slips}))


def _payload(api: Api, bill: BillView) -> str:
    found = printing.payload_of(api.rooms, bill)
    if found is None:
        raise ProblemError([problem("FL-BIL-008")])
    return found
