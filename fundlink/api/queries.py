"""Query parameters that several routes share, and the rule that an unknown one is refused.

Used by the routes and by app. A misspelt ``dry_run`` must not run for real, so nothing is ignored.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem

LIMIT = 100
Limit = Annotated[int, Query(ge=1, le=1000, description="件数の上限（1〜1000）")]
Municipality = Annotated[str | None, Query(description="団体コードで絞る")]


def known_queries(request: Request) -> None:
    """FL-API-003 for a query parameter that the route does not have, FL-API-006 for one that stands twice."""
    dependant = getattr(request.scope.get("route"), "dependant", None)
    known = set(_names(dependant)) if dependant is not None else set()
    given = [name for name, _ in request.query_params.multi_items()]
    faults = [problem("FL-API-003", place=f"?{name[:64]}") for name in given if name not in known and name.isprintable()]
    faults += [problem("FL-API-003", place="?") for name in given if not name.isprintable()]
    faults += [problem("FL-API-006", place=f"?{name}") for name in known if given.count(name) > 1]
    if faults:
        raise ProblemError(faults)


def _names(dependant: Any) -> list[str]:
    own = [str(field.alias) for field in dependant.query_params]
    return own + [name for inner in dependant.dependencies for name in _names(inner)]
