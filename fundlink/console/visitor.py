"""Who looks at a page. A stand-in for the door with its accounts: outside production two made-up persons, chosen by a cookie.

Called by every page through ``visitor(request)`` and by the templates through ``csrf_token``. Nothing of it works in production,
where the console stays shut until there are accounts.
"""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request


class Scope(NamedTuple):
    """The municipalities somebody may see; None = all."""

    municipalities: frozenset[str] | None = None


class Visitor(NamedTuple):
    """One person at the console."""

    person: str
    login: str
    name: str
    roles: frozenset[str]
    scope: Scope


_ROLES = frozenset({"treasury", "approve"})
DEMO = (Visitor("demo-1", "demo1", "見本 担当", _ROLES, Scope()), Visitor("demo-2", "demo2", "見本 係長", _ROLES, Scope()))
"""Two, because closing a day takes two."""
COOKIE = "fundlink_demo_person"


def visitor(request: Request) -> Visitor:
    """Who sent this request: whom the door found, otherwise the demo person of the cookie."""
    found: Visitor | None = getattr(request.state, "visitor", None)
    chosen = request.cookies.get(COOKIE)
    return found or next((one for one in DEMO if one.person == chosen), DEMO[0])


def signature(request: Request) -> str:
    """The name that stands for this person under an act."""
    return visitor(request).name


def sees(request: Request, municipality_code: str) -> bool:
    """Whether a municipality is in this person's scope."""
    allowed = visitor(request).scope.municipalities
    return allowed is None or municipality_code in allowed


def csrf_token(_request: Request) -> str:
    """The token that a form carries; the door's, once there is one."""
    return ""
