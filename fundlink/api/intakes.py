"""Intakes: a file or NDJSON comes in, what became of it, the row results that go back.

The same road as a file in the drop folder. The body is spooled first, so that a slow sender never holds the database.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from fundlink.api import cursors
from fundlink.api.answers import Answer, json_answer
from fundlink.api.bodies import MULTIPART, NDJSON, UPLOAD_TYPES, Spool, media_type
from fundlink.api.callers import Caller, Who, caller_of
from fundlink.api.context import Api, Here, api_of, sent
from fundlink.api.multipart import boundary_of
from fundlink.api.once import key_of, keyed
from fundlink.api.queries import LIMIT, Limit
from fundlink.api.wording import described, intake_sent
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.values import is_municipality_code
from fundlink.pipeline import intake_results
from fundlink.store import files
from fundlink.store.files import FileState

routes = APIRouter(prefix="/v1/intakes", tags=["intakes"])
SHOWN_PROBLEMS = 100
SENT_BYTES = 65536
API_PROFILE = "api"
LONGEST_NAME = 64
_NAME = re.compile(r"[^\x00-\x1f\x7f/\\]{1,255}").fullmatch
_ID = re.compile(r"[1-9][0-9]{0,17}").fullmatch


class Asked(NamedTuple):
    """What a sender asks for beside the bytes."""

    profile: str
    municipality: str
    dry_run: bool
    name: str
    media_type: str


class Upload(NamedTuple):
    """A spooled body and what was asked for."""

    asked: Asked
    spool: Spool


def asked_for(
    request: Request,
    api: Here,
    *,
    profile: Annotated[str | None, Query(description="プロファイル名（NDJSON なら省略時 api）")] = None,
    municipality: Annotated[str, Query(description="団体コード（指定すると、別の団体のファイルを受け取らない）")] = "",
    dry_run: Annotated[bool, Query(description="同じ結果を返すだけで、何も残さない")] = False,
    name: Annotated[str, Query(description="ファイル名（記録用）")] = "",
) -> Asked:
    """Everything that can be refused before a byte of the body is read."""
    named = media_type(request, UPLOAD_TYPES)
    key_of(request)
    wanted = profile or (API_PROFILE if named == NDJSON and profile is None else "")
    if len(wanted) > LONGEST_NAME:  # longer than any folder can be
        raise ProblemError([problem("FL-PRF-001", detail="profile")])
    if not wanted:
        raise ProblemError([problem("FL-PRF-001", detail="profile", place="?profile")])
    caller = caller_of(request)
    if caller.profile and wanted != caller.profile:
        raise ProblemError([problem("FL-AUTH-003")])
    try:
        api.rooms.profile(wanted).message("billing")
    except ProblemError as error:
        raise ProblemError([told._replace(place=told.place or "?profile") for told in error.problems]) from None
    if municipality and not is_municipality_code(municipality):
        raise ProblemError([problem("FL-CHK-001", place="municipality", ja="団体コード")])
    municipality = municipality or _only_one(caller)
    if municipality and not caller.scope.covers(municipality):
        raise ProblemError([problem("FL-API-008")])
    if name and not _NAME(name):
        raise ProblemError([problem("FL-FIL-001", place="name")])
    return Asked(wanted, municipality, dry_run, name, named)


def _only_one(caller: Caller) -> str:
    """The municipality whose files alone are taken from this caller; '' for any."""
    towns = caller.scope.municipalities or frozenset()
    return next(iter(towns)) if len(towns) == 1 else ""


async def upload(request: Request, asked: Annotated[Asked, Depends(asked_for)]) -> AsyncIterator[Upload]:
    """The body, spooled; gone when the request ends."""
    api = api_of(request)
    if not api.uploads.acquire(blocking=False):
        raise ProblemError([problem("FL-API-011")])
    try:
        spool = Spool(api.rooms.folder)
        try:
            await spool.take(request, boundary_of(request.headers["content-type"]) if asked.media_type == MULTIPART else None)
            yield Upload(asked, spool)
        finally:
            spool.close()
    finally:
        api.uploads.release()


@routes.post("", status_code=202, **described("intake_sent"), openapi_extra=intake_sent())
def send_intake(request: Request, api: Here, given: Annotated[Upload, Depends(upload)]) -> Response:
    """Take a file: kept, read, checked, numbered; the whole file takes effect at once or not at all."""
    asked, spool = given
    if asked.dry_run:
        return sent(json_answer(200, {"id": None, **_taken(api, given, asked.name or spool.name)}))
    return sent(api.once.bulk(keyed(request, spool.sha256), lambda: _answer(api, given)))


def _answer(api: Api, given: Upload) -> Answer:
    told = _taken(api, given, given.asked.name or given.spool.name)
    number = told["duplicate_of"] if told["duplicate_of"] is not None else told.pop("file_id")
    told.pop("file_id", None)
    address = f"/v1/intakes/{number}"
    body = {"id": number, **told, "result_file": f"{address}/result"}
    return json_answer(202, body, {"Location": address}, lasting=True)


def _taken(api: Api, given: Upload, name: str) -> dict[str, Any]:
    """The numbers of contract section 1."""
    asked = given.asked
    ticket = {"profile": asked.profile, "municipality": asked.municipality, "dry_run": asked.dry_run}
    told = api.jobs.intake_sent(given.spool.pieces(), {**ticket, "name": name if _NAME(name) else "upload"})
    if asked.dry_run:
        told.pop("file_id")
    return told


@routes.get("", **described("intakes"))
def list_intakes(
    api: Here, who: Who, *, limit: Limit = LIMIT, before: Annotated[str | None, Query(description="前のページの next")] = None
) -> Response:
    """Newest intakes first."""
    last = cursors.read("intakes", before)
    with api.rooms.store.read() as connection:
        found = files.list_files(connection, last, limit + 1, who.scope)
    page = found[:limit]
    following = cursors.make("intakes", page[-1].file_id) if len(found) > limit else None
    return sent(json_answer(200, {"intakes": [intake_json(state) for state in page], "next": following}))


@routes.get("/{intake_id}", **described("intake"))
def get_intake(api: Here, who: Who, intake_id: str) -> Response:
    """One intake: its state, its numbers and its first problems."""
    state = _found(api, who, intake_id)
    with api.rooms.store.read() as connection:
        problems = files.problems_of_file(connection, state.file_id, SHOWN_PROBLEMS)
    return sent(json_answer(200, {**intake_json(state), "problems": [told.as_json() for told in problems]}))


@routes.get("/{intake_id}/result", **described("intake_result"))
def get_result(api: Here, who: Who, intake_id: str) -> Response:
    """The row-result file, streamed."""
    state = _found(api, who, intake_id)
    headers = {"Content-Disposition": f'attachment; filename="{state.file_id}.result.csv"'}
    return StreamingResponse(_gathered(intake_results.result_lines(api.rooms, state.file_id)), media_type="text/csv", headers=headers)


def _gathered(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines by the 64 KiB: every piece that goes out costs a change of threads."""
    held = bytearray()
    for line in lines:
        held += line
        if len(held) >= SENT_BYTES:
            yield bytes(held)
            held.clear()
    yield bytes(held)


def _found(api: Api, who: Caller, intake_id: str) -> FileState:
    if _ID(intake_id):
        with api.rooms.store.read() as connection:
            state = files.find_file(connection, int(intake_id))
        if state is not None and who.scope.covers(state.municipality_code or state.municipality_wanted):
            return state
    raise ProblemError([problem("FL-API-008")])


def intake_json(state: FileState) -> dict[str, Any]:
    """One intake as answers show it."""
    address = f"/v1/intakes/{state.file_id}"
    return {
        "id": state.file_id, "state": state.event, "name": state.name, "sha256": state.sha256, "profile": state.profile,
        "channel": state.channel, "municipality_code": state.municipality_code or state.municipality_wanted,
        "received_at": state.received_at, "summary": state.summary, "result_file": f"{address}/result",
    }  # fmt: skip
