"""What vendors fetch: the feed of clearing entries, the days, the profiles. Reads, but for composing entries that are due."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from fundlink import bootstrap
from fundlink.api import cursors
from fundlink.api.answers import json_answer
from fundlink.api.callers import Who
from fundlink.api.context import Api, Here, sent
from fundlink.api.queries import LIMIT, Limit, Municipality
from fundlink.api.views import entry_json
from fundlink.api.wording import described
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.scope import Scope
from fundlink.domain.values import iso_date
from fundlink.formats.profiles import list_profiles
from fundlink.pipeline import export, reconcile
from fundlink.reconcile.outcomes import ATTACHED
from fundlink.store import clearings, days
from fundlink.store.clearings import Entry
from fundlink.store.days import DayRow

routes = APIRouter(prefix="/v1", tags=["clearings"])
Cursor = Annotated[str | None, Query(description="前のページの next")]


@routes.get("/clearings", **described("clearings"))
def list_clearings(api: Here, who: Who, *, after: Cursor = None, limit: Limit = LIMIT, municipality_code: Municipality = None) -> Response:
    """The feed: every entry once, in ascending number, again from any cursor ever given."""
    filters = {"municipality_code": municipality_code}
    last = cursors.read("clearings", after, **filters) or 0
    export.compose(api.rooms, {})
    found = _entries(api, who.scope, (last, limit + 1), municipality_code)
    page = found[:limit]
    # the cursor of the last page is the place where the next poll goes on, so there always is one
    following = cursors.make("clearings", page[-1].entry_number if page else last, **filters)
    return sent(json_answer(200, {"clearings": [entry_json(entry) for entry in page], "next": following, "more": len(found) > limit}))


def _entries(api: Api, scope: Scope, page: tuple[int, int], municipality_code: str | None) -> list[Entry]:
    after, limit = page
    only = {} if municipality_code is None else {"where": "e.municipality_code = :code", "code": municipality_code}
    with api.rooms.store.read() as connection:
        return list(clearings.entries_in(connection, scope, attached=ATTACHED, after=after, limit=limit, **only))


@routes.get("/days", tags=["days"], **described("days"))
def list_days(api: Here, who: Who, *, municipality_code: Municipality = None, cursor: Cursor = None, limit: Limit = LIMIT) -> Response:
    """Every day and fund with a witness, as it stands, oldest first."""
    filters = {"municipality_code": municipality_code}
    after = cursors.read("days", cursor, **filters)
    with api.rooms.store.read() as connection:
        rows = days.newest(connection, None, municipality_code, scope=who.scope)
    waiting = [row for row in rows if after is None or _place(row) > after]
    page = waiting[:limit]
    following = cursors.make("days", _place(page[-1]), **filters) if len(waiting) > limit else None
    return sent(json_answer(200, {"days": [reconcile.day_json(row) for row in page], "next": following}))


def _place(row: DayRow) -> list[str]:
    return [row.day, row.municipality_code, row.fund_code]


@routes.get("/days/{day}", tags=["days"], **described("day"))
def get_day(api: Here, who: Who, day: str, municipality_code: Municipality = None) -> Response:
    """One business day: its funds and what became of its payments."""
    if iso_date(day) is None:
        raise ProblemError([problem("FL-DATE-001", place="day")])
    told = reconcile.told_of(api.rooms, {"day": day, "municipality": municipality_code}, who.scope)
    return sent(json_answer(200, {"day": day, **told}))


@routes.get("/profiles", tags=["profiles"], **described("profiles"))
def get_profiles(api: Here) -> Response:
    """The profiles that an intake can name."""
    found = list_profiles(bootstrap.profile_roots(api.settings))
    shown = [{"name": listed.name, "label": listed.label, "edition": listed.edition, "messages": list(listed.messages)} for listed in found]
    return sent(json_answer(200, {"profiles": shown}))
