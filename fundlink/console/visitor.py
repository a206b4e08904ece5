"""Who looks at a page. A stand-in for the door with its accounts: outside production two made-up persons, chosen by a cookie.

Called by every page through ``visitor(request)`` and by the templates through ``csrf_token``. Nothing of it works in production,
where the console stays shut until there are accounts.
"""

from __future__ import annotations

from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request

from fundlink.access import roles
from fundlink.domain.scope import Scope


class Visitor(NamedTuple):
    """One person at the console."""

    person: str
    login: str
    name: str
    roles: frozenset[str]
    scope: Scope


_ROLES = frozenset({"input", "review", "treasury", "approve"})
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
    return visitor(request).scope.covers(municipality_code)


def may(request: Request, permission: str) -> bool:
    """Whether this person has a permission."""
    return roles.may(visitor(request).roles, permission)


def require(request: Request, permission: str, *, money: bool = False) -> Visitor:
    """The visitor, when they have the permission. ``money``: for the door, which then wants a code lately entered."""
    del money
    if not may(request, permission):
        raise HTTPException(403)
    return visitor(request)


def within(request: Request, municipality_code: str) -> None:
    """404 for what belongs to a municipality that this person does not see: the same as for what is not there."""
    if not sees(request, municipality_code):
        raise HTTPException(404)


def csrf_token(_request: Request) -> str:
    """The token that a form carries; the door's, once there is one."""
    return ""
