"""Is the process alive, is it ready: for a load balancer or a supervisor. Tells nothing else about the inside."""

from __future__ import annotations

from alembic.runtime.migration import MigrationContext
from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from fundlink.api.answers import json_answer
from fundlink.api.context import Here, sent
from fundlink.api.wording import described
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.pipeline import Rooms

routes = APIRouter(tags=["health"])


def schema_of(rooms: Rooms) -> tuple[str, ...]:
    """The schema the database is at."""
    with rooms.store.read() as connection:
        return MigrationContext.configure(connection).get_current_heads()


@routes.get("/healthz", **described("healthz"))
async def healthz() -> Response:
    """The process lives; asks nobody, so it answers also when all threads are at work."""
    return sent(json_answer(200, {"ok": True}))


@routes.get("/readyz", **described("readyz"))
def readyz(api: Here) -> Response:
    """The database answers, and has the schema this process was started with."""
    try:
        current = schema_of(api.rooms)
    except SQLAlchemyError:
        current = ()
    if not current or current != api.schema:
        raise ProblemError([problem("FL-API-011")])
    return sent(json_answer(200, {"ok": True}))
