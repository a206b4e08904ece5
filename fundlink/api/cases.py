"""The queue of cases to read: what waits for a person, the oldest first, a page at a time. Nothing is decided over this face."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from fundlink.api import cursors
from fundlink.api.answers import json_answer
from fundlink.api.callers import Who
from fundlink.api.context import Here, sent
from fundlink.api.feeds import Cursor
from fundlink.api.queries import LIMIT, Limit, Municipality
from fundlink.api.wording import described

routes = APIRouter(prefix="/v1", tags=["cases"])
Kind = Annotated[str | None, Query(description="案件の種類で絞る")]
Owner = Annotated[str | None, Query(description="担当者で絞る")]


@routes.get("/cases", **described("cases"))
def list_cases(  # noqa: PLR0917  (fastapi calls it by name)
    api: Here, who: Who, municipality_code: Municipality = None, kind: Kind = None, owner: Owner = None, cursor: Cursor = None, limit: Limit = LIMIT) -> Response:  # fmt: skip
    """Open cases; derived from facts, so one that is settled meanwhile is simply not there any more."""
    filters = {"municipality_code": municipality_code, "kind": kind, "owner": owner}
    after = cursors.read("cases", cursor, **filters)
    found = api.jobs.cases(filters, None if after is None else (str(after[0]), str(after[1])), limit, scope=who.scope)
    following = None if found["next"] is None else cursors.make("cases", list(found["next"]), **filters)
    return sent(json_answer(200, {"cases": found["cases"], "next": following}))
