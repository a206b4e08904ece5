"""Query parameters that several routes share, and the rule that an unknown one is refused.

Used by the routes and by app. A misspelt ``dry_run`` must not run for real, so nothing is ignored.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Query, Request

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem

LIMIT = 100
PAGING = ("limit", "cursor", "after", "before")
_WORD = re.compile(r"[A-Za-z0-9_]{1,32}").fullmatch
Limit = Annotated[int, Query(ge=1, le=1000, description="件数の上限（1〜1000）")]
Municipality = Annotated[str | None, Query(description="団体コードで絞る")]


async def known_queries(request: Request) -> None:
    """FL-API-003 for a query parameter that the route does not have, FL-API-006 for one that stands twice, and no control characters."""
    dependant = getattr(request.scope.get("route"), "dependant", None)
    known = set(_names(dependant)) if dependant is not None else set()
    pairs = request.query_params.multi_items()
    given = [name for name, _ in pairs]
    faults = [problem("FL-API-003", place=f"?{name if _WORD(name) else ''}") for name in given if name not in known]
    faults += [misfit(name) for name, text in pairs if name in known and not _plain(text)]
    faults += [problem("FL-API-008") for text in request.path_params.values() if not _plain(str(text))]
    faults += [problem("FL-API-006", place=f"?{name}") for name in known if given.count(name) > 1]
    if faults:
        raise ProblemError(faults)


def misfit(name: str) -> Problem:
    """A query parameter whose value cannot be used; what was sent is not repeated."""
    return problem("FL-API-006", place=f"?{name}") if name in PAGING else problem("FL-VAL-002", place=f"?{name}", expected=name)


def _plain(text: str) -> bool:
    """No control character: a database may choke on one, and no name of ours holds any."""
    return text.isprintable()


def _names(dependant: Any) -> list[str]:
    own = [str(field.alias) for field in dependant.query_params]
    return own + [name for inner in dependant.dependencies for name in _names(inner)]
