"""Writing one bill: put, cancel, re-issue. A batch of one on the same road, in one transaction with its stored answer.

Thin: what a row does is decided in store, what staff may do in desk; here its numbers become a status.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.engine import Connection

from fundlink import desk
from fundlink.api.answers import Answer, json_answer, shown_answer
from fundlink.api.bill_rows import PROFILE, cancellation_of, is_bill_key, row_of
from fundlink.api.bodies import json_body, optional_json_body, strict_object
from fundlink.api.context import Api, Correlation, Here, sent
from fundlink.api.once import key_of, keyed
from fundlink.api.queries import Municipality
from fundlink.api.views import bill_address, bill_json
from fundlink.api.wording import bill_sent, cancel_sent, described, reissue_sent
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.pipeline import Ticket
from fundlink.store import lookup
from fundlink.store.lookup import BillView

routes = APIRouter(prefix="/v1/bills", tags=["bills"], dependencies=[Depends(key_of)])
_EFFECTS = (("created", 201), ("updated", 200), ("cancelled", 200), ("unchanged", 200))
"""What a row did, in the words of its numbers, and the status that says so."""


@routes.put("/{name:path}", status_code=201, **described("bill_put"), openapi_extra=bill_sent())
def put_bill(request: Request, api: Here, *, correlation: Correlation, name: str, body: Annotated[bytes, Depends(json_body)]) -> Response:
    """Make, change or (異動区分 9) cancel one bill."""

    def act(connection: Connection) -> Answer:
        row, code = row_of(name, body)
        return _taken(api, connection, correlation, (name, code, row))

    return sent(api.once.single(keyed(request, hashlib.sha256(body).hexdigest()), act))


@routes.post("/{name:path}/cancel", **described("bill_cancel"), openapi_extra=cancel_sent())
def cancel_bill(
    request: Request, api: Here, *, correlation: Correlation, name: str,
    body: Annotated[bytes, Depends(optional_json_body)], municipality_code: Municipality = None,
) -> Response:  # fmt: skip
    """Cancel a bill that is not paid."""

    def act(connection: Connection) -> Answer:
        strict_object(body, ())
        bill = _held(api, connection, name, municipality_code)
        if bill.effect == "cancelled":
            return _shown(api, bill, 200, {"effect": "unchanged", "intake_id": None, "warnings": []})
        if bill.is_paid:
            raise ProblemError([problem("FL-BIL-005", state="paid")])
        row = b"".join(api.rooms.profile(PROFILE).message("billing").writer([cancellation_of(bill)]))
        return _taken(api, connection, correlation, (bill.bill_key, bill.municipality_code, row))

    return sent(api.once.single(keyed(request, hashlib.sha256(body).hexdigest()), act))


@routes.post("/{name:path}/reissue", **described("bill_reissue"), openapi_extra=reissue_sent())
def reissue_bill(
    request: Request, api: Here, *, name: str, body: Annotated[bytes, Depends(json_body)], municipality_code: Municipality = None
) -> Response:
    """A new eL number for a bill; the old one stays recognised."""

    def act(connection: Connection) -> Answer:
        given = strict_object(body, ("by", "approved_by"))
        bill = _held(api, connection, name, municipality_code)
        done = desk.reissue(api.rooms, bill.bill_key, given["by"], given["approved_by"])
        return json_answer(200, done, lasting=True)

    return sent(api.once.single(keyed(request, hashlib.sha256(body).hexdigest()), act))


def _held(api: Api, connection: Connection, name: str, municipality_code: str | None) -> BillView:
    """The bill as nobody can change it until this transaction ends."""
    bill = desk.find_bill(api.rooms, name, municipality_code)
    api.rooms.store.serialise(connection, f"bills:{bill.municipality_code}")
    return desk.find_bill(api.rooms, bill.bill_key)


def _taken(api: Api, connection: Connection, correlation: str, given: tuple[str, str | None, bytes]) -> Answer:
    """Let the row take the road and tell what it did."""
    name, code, row = given
    told = api.jobs.bill(row, PROFILE)
    problems: list[dict[str, Any]] = told["problems"]
    if told["quarantined"] or told["rejected"]:
        return shown_answer(problems, correlation)  # the bytes and the reason are kept; there is no effect to be stored
    if told["conflicts"]:
        return shown_answer(problems, correlation, lasting=True)
    bill = _written(connection, name, code)
    if bill is None:
        if any(shown["code"] == "FL-BIL-002" for shown in problems):
            return shown_answer(problems, correlation)
        raise ProblemError([problem("FL-API-003", place="/")])  # takes the row back: it was about another bill than the address
    effect, status = next((word, number) for word, number in _EFFECTS if told[word])
    return _shown(api, bill, status, {"effect": effect, "intake_id": told["file_id"], "warnings": problems})


def _written(connection: Connection, name: str, code: str | None) -> BillView | None:
    """The bill that the row was about; an ambiguous name takes everything back."""
    if is_bill_key(name):
        return lookup.bill_by_key(connection, name)
    several = lookup.bills_by_core_key(connection, name, code)
    if len(several) > 1:
        raise ProblemError([problem("FL-BIL-006", count=len(several))])
    return several[0] if several else None


def _shown(api: Api, bill: BillView, status: int, beside: Ticket) -> Answer:
    body = {**bill_json(api.rooms, bill), **beside}
    return json_answer(status, body, {"Location": bill_address(bill.bill_key)} if status == 201 else None, lasting=True)
