"""The gateway's HTTP side for adapters, as docs/gateway.md describes it.

Called by `app`. Translates between HTTP and `gateway`, and plays the transport faults; decides nothing else.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from mock_eltax import faults, gateway
from mock_eltax.fields import InstitutionCode, MessageId
from mock_eltax.problems import ProblemError
from mock_eltax.world import World

MOST_BYTES = 32 * 1024 * 1024
XML = "application/xml"


def open_for_business(request: Request) -> None:
    """Every call, but in a maintenance window."""
    armed = faults.draw_armed(world_of(request), "any")
    if armed is not None:
        raise ProblemError(armed.fault.status, "unavailable", retry_after_s=armed.asked_s)


router = APIRouter(prefix="/gateway", dependencies=[Depends(open_for_business)])


class Enrolment(BaseModel):
    """Who asks to be known, and by which certificate."""

    institution_code: InstitutionCode
    certificate_pem: str


class HangUp(Response):
    """No answer at all: the connection is closed."""

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        """Sends nothing."""
        await scope["mock_eltax.hang_up"]()


def world_of(request: Request) -> World:
    """The mock that this process is."""
    world = request.app.state.world
    assert isinstance(world, World)
    return world


@router.get("/certificate")
def certificate(request: Request) -> Response:
    """The gateway's certificate."""
    return Response(world_of(request).identity.pem, media_type="application/x-pem-file")


@router.post("/enrolments")
def enrol(request: Request, enrolment: Enrolment, response: Response) -> dict[str, str]:
    """Pin the certificate of an institution."""
    try:
        status = gateway.enrol(world_of(request), enrolment.institution_code, enrolment.certificate_pem)
    except ValueError as fault:
        raise ProblemError(422, "invalid_certificate") from fault
    if status == 409:
        raise ProblemError(409, "other_certificate")
    response.status_code = status
    return {"institution_code": enrolment.institution_code}


@router.put("/messages/{message_id}")
async def put_message(request: Request, message_id: MessageId) -> Response:
    """Take a payment message and answer it."""
    reply = await run_in_threadpool(gateway.take, world_of(request), message_id, await _body(request))
    if reply.fault == "slow":
        await asyncio.sleep(reply.asked_s)
    return _travel(reply)


@router.get("/messages/{message_id}")
def inquire(request: Request, message_id: MessageId, institution_code: InstitutionCode) -> Response:
    """What became of a message."""
    return _travel(gateway.inquire(world_of(request), institution_code, message_id))


@router.get("/files")
def files(
    request: Request,
    institution_code: InstitutionCode,
    after: Annotated[int, Query(ge=0, le=10**15)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Receipt, settlement and bank files; `next` is the sequence to go on from."""
    found = gateway.list_files(world_of(request), institution_code, after, limit)
    return {"files": found, "next": found[-1]["sequence"] if found else after}


@router.get("/files/{file_id}")
def file(request: Request, file_id: str) -> Response:
    """The bytes of one file."""
    found = gateway.read_file(world_of(request), file_id)
    if found is None:
        raise ProblemError(404, "not_found", file_id)
    kind, body = found
    return Response(body, media_type="application/octet-stream" if kind == "bank_credit" else XML)


async def _body(request: Request) -> bytes:
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MOST_BYTES:
            raise ProblemError(413, "too_large")
        pieces.append(piece)
    return b"".join(pieces)


def _travel(reply: gateway.Reply) -> Response:
    """The answer on its way back, whole or with its fault."""
    faulty: dict[str, Response] = {
        "answer_lost": HangUp(),
        "message_lost": HangUp(),
        "inquiry_lost": HangUp(),
        "html": Response(
            "<!doctype html><title>Maintenance</title><p>ただいまメンテナンス中です。</p>", media_type="text/html; charset=utf-8"
        ),
        "empty": Response(b"", media_type=XML),
        "unavailable": _refusal(503),
        "server_error": _refusal(500),
        "too_many": _refusal(429, reply.asked_s),
    }
    return faulty.get(reply.fault) or Response(reply.answer, media_type=XML)


def _refusal(status: int, asked_s: float | None = None) -> Response:
    headers = {} if asked_s is None else {"Retry-After": str(round(asked_s))}
    return Response('{"code": "unavailable", "detail": "一時的に利用できません"}', status, headers, "application/json")
