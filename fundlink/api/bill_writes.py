"""Writing one bill: put, cancel, re-issue. A batch of one on the same road, in one transaction with its stored answer.

Thin: what a row does is decided in store, what staff may do in desk; here its numbers become a status.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.engine import Connection

from fundlink import desk
from fundlink.api.answers import Answer, json_answer
from fundlink.api.bill_lots import shown_bill, take
from fundlink.api.bill_rows import PROFILE, Row, cancellation_of, row_of
from fundlink.api.bodies import json_body, optional_json_body, strict_object
from fundlink.api.callers import Who, caller_of
from fundlink.api.context import Api, Correlation, Here, api_of, correlation_of, sent
from fundlink.api.once import keyed, wants_key
from fundlink.api.queries import Municipality
from fundlink.api.straight import StraightWrite
from fundlink.api.wording import bill_sent, cancel_sent, described, reissue_sent
from fundlink.desk import proposals, taking_back
from fundlink.desk.proposals import Wanted
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.scope import Scope
from fundlink.domain.states import in_japanese
from fundlink.store.lookup import BillView

routes = APIRouter(prefix="/v1/bills", tags=["bills"], dependencies=[Depends(wants_key)])
puts = APIRouter(prefix="/v1/bills", tags=["bills"], route_class=StraightWrite)


@puts.put("/{name:path}", status_code=201, **described("bill_put"), openapi_extra=bill_sent())
async def put_bill(request: Request, name: str) -> Response:
    """Make, change or (異動区分 9) cancel one bill."""
    api, body = api_of(request), await json_body(request)
    write = keyed(request, hashlib.sha256(body).hexdigest())
    try:
        line, code = row_of(name, body)
    except ProblemError as error:
        return sent(await api.once.single(write, _refusing(error)))
    if code is not None and not caller_of(request).scope.covers(code):
        raise ProblemError([problem("FL-BIL-004")])  # what belongs to others is not there
    return sent(await api.once.row(write, Row(name, code, line, correlation_of(request)), partial(take, api)))


def _refusing(error: ProblemError) -> Callable[[Connection], Answer]:
    """What is wrong with a row is told only after what is wrong with its key."""

    def act(_connection: Connection) -> Answer:
        raise error

    return act


@routes.post("/{name:path}/cancel", **described("bill_cancel"), openapi_extra=cancel_sent())
async def cancel_bill(
    request: Request, api: Here, who: Who, *, correlation: Correlation, name: str,
    body: Annotated[bytes, Depends(optional_json_body)], municipality_code: Municipality = None,
) -> Response:  # fmt: skip
    """Cancel a bill that is not paid."""

    def act(connection: Connection) -> Answer:
        strict_object(body, ())
        bill = _held(api, connection, name, (municipality_code, who.scope))
        if bill.effect == "cancelled":
            return shown_bill(api, bill, {"effect": "unchanged", "intake_id": None, "warnings": []})
        if bill.is_paid:
            raise ProblemError([problem("FL-BIL-005", state=in_japanese("paid"), state_en="paid")])
        row = b"".join(api.rooms.profile(PROFILE).message("billing").writer([cancellation_of(bill)]))
        return take(api, connection, [Row(bill.bill_key, bill.municipality_code, row, correlation)])[0]

    return sent(await api.once.single(keyed(request, hashlib.sha256(body).hexdigest()), act))


@routes.post("/{name:path}/reissue", **described("bill_reissue"), openapi_extra=reissue_sent())
async def reissue_bill(
    request: Request, api: Here, who: Who, *, name: str, body: Annotated[bytes, Depends(json_body)], municipality_code: Municipality = None
) -> Response:
    """Propose a new eL number for a bill; with an approver, where persons are not registered, give it at once. The old one stays recognised."""

    def act(connection: Connection) -> Answer:
        given = strict_object(body, ("by",), ("approved_by", "reason"))
        bill = _held(api, connection, name, (municipality_code, who.scope))
        if "approved_by" in given:
            return json_answer(200, taking_back.reissue(api.rooms, bill.bill_key, given["by"], given["approved_by"]), lasting=True)
        wanted = Wanted("reissue", bill.bill_key, given["by"], given.get("reason", ""))
        return json_answer(202, proposals.propose(api.rooms, wanted), lasting=True)

    return sent(await api.once.single(keyed(request, hashlib.sha256(body).hexdigest()), act))


def _held(api: Api, connection: Connection, name: str, where: tuple[str | None, Scope]) -> BillView:
    """The bill as nobody can change it until this transaction ends."""
    municipality_code, scope = where
    bill = desk.find_bill(api.rooms, name, municipality_code, scope=scope)
    api.rooms.store.serialise(connection, f"bills:{bill.municipality_code}")
    return desk.find_bill(api.rooms, bill.bill_key)
