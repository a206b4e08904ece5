"""Is the process alive, is it ready: for a load balancer or a supervisor. Each thing that is needed is looked at anew each time.

``/healthz`` asks nobody. ``/readyz`` names what it looked at and what it found, never a path, an address or a value.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

from alembic.runtime.migration import MigrationContext
from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from fundlink import bootstrap
from fundlink.api.answers import json_answer, problem_answer
from fundlink.api.context import Api, Correlation, Here, sent
from fundlink.api.wording import described
from fundlink.domain.errors import ConfigurationError
from fundlink.domain.problems import problem
from fundlink.pipeline import Rooms
from fundlink.store import upkeep

routes = APIRouter(tags=["health"])
_MIB = 1 << 20


def schema_of(rooms: Rooms) -> tuple[str, ...]:
    """The schema the database is at."""
    with rooms.store.read() as connection:
        return MigrationContext.configure(connection).get_current_heads()


def _database(api: Api, _request: Request) -> str:
    return upkeep.why_not_writable(api.rooms.store)


def _schema(api: Api, _request: Request) -> str:
    try:
        return "" if schema_of(api.rooms) == api.schema else "版が違います"
    except SQLAlchemyError:
        return "データベースが答えません"


def _keys(api: Api, _request: Request) -> str:
    """In a demo that has none yet, they are made with the first message."""
    production = api.settings.environment == "production"
    keys = bootstrap.Keys(api.rooms.folder / "keys", production=production)
    if not production and not keys.key.exists():
        return ""
    try:
        keys.signer()
    except (ConfigurationError, OSError):
        return "鍵または証明書が使えません"
    return ""


def _disk(api: Api, _request: Request) -> str:
    try:
        free = shutil.disk_usage(api.rooms.folder).free
    except OSError:
        return "データの置き場所がありません"
    return "" if free >= api.settings.min_free_mb * _MIB else "空き容量が足りません"


def _worker(_api: Api, request: Request) -> str:
    """Only a server that was started with a worker inside is asked for it."""
    lives: Callable[[], bool] | None = getattr(request.app.state, "worker_lives", None)
    return "" if lives is None or lives() else "作業係が止まっています"


CHECKS: dict[str, Callable[[Api, Request], str]] = {
    "database": _database, "schema": _schema, "keys": _keys, "disk": _disk, "worker": _worker,
}  # fmt: skip
"""What readiness needs, and what is wrong with it ('' = nothing)."""


@routes.get("/healthz", **described("healthz"))
async def healthz() -> Response:
    """The process lives; asks nobody, so it answers also when all threads are at work."""
    return sent(json_answer(200, {"ok": True}))


@routes.get("/readyz", **described("readyz"))
def readyz(api: Here, request: Request, correlation_id: Correlation) -> Response:
    """Everything a request needs is there."""
    found = [{"name": name, "ok": not why, "detail": why} for name, check in CHECKS.items() for why in (check(api, request),)]
    if all(told["ok"] for told in found):
        return sent(json_answer(200, {"ok": True, "checks": found}))
    answer = problem_answer([problem("FL-API-011")], correlation_id)
    body = json.loads(answer.body) | {"ok": False, "checks": found}
    return sent(answer._replace(body=json.dumps(body, ensure_ascii=False).encode()))
