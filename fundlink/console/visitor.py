"""Who looks at a page, and what they may do: what the door found, as pages and templates ask for it.

Called by every page. The door puts ``held`` and ``visitor`` beside each request; on the few pages that are open there is nobody.
Whether a person may act is decided once more by ``pipeline.people`` inside the transaction: this is what a page shows and refuses first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from fundlink.access import tokens
from fundlink.config import Settings
from fundlink.desk.login import Visitor, permitted
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.pipeline import Rooms

P = ParamSpec("P")
T = TypeVar("T")


class Held(NamedTuple):
    """What the door knows of a request beside the visitor: the cookie its forms are bound to, and the session id ('' without one)."""

    rooms: Rooms
    settings: Settings
    bound_to: str
    session_id: str


def somebody(request: Request) -> Visitor | None:
    """Who sent this request; None on the pages that are open."""
    found: Visitor | None = request.state.visitor
    return found


def visitor(request: Request) -> Visitor:
    """Who sent this request; FL-AUTH-001 on a page that is open."""
    found = somebody(request)
    if found is None:
        raise ProblemError([problem("FL-AUTH-001")])
    return found


def signature(request: Request) -> str:
    """The person under an act: what ``pipeline.people`` takes for a name and records."""
    return visitor(request).person


def sees(request: Request, municipality_code: str) -> bool:
    """Whether a municipality is in this person's scope."""
    return visitor(request).scope.covers(municipality_code)


def sees_whole(request: Request) -> bool:
    """Whether this person is of every department: who is not does nothing that is of the municipality as a whole."""
    found = somebody(request)
    return found is not None and found.scope.departments is None


def may(request: Request, permission: str) -> bool:
    """Whether this person has a permission; nobody has none."""
    return permitted(somebody(request), permission)


def require(request: Request, permission: str, *, money: bool = False) -> Visitor:
    """The visitor, when they have the permission (FL-AUTH-003) and, before acts on money, entered a code lately (FL-AUTH-012)."""
    found = visitor(request)
    if not permitted(found, permission):
        raise ProblemError([problem("FL-AUTH-003")])
    if money and not found.proved:
        raise ProblemError([problem("FL-AUTH-012")])
    return found


def within(request: Request, municipality_code: str) -> None:
    """404 for what belongs to a municipality that this person does not see: the same as for what is not there."""
    if not sees(request, municipality_code):
        raise HTTPException(404)


def found(look: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
    """What a look by name finds; 404 where it finds nothing in scope, whether or not there is such a thing."""
    try:
        return look(*args, **more)
    except ProblemError as error:
        if any(one.code in ("FL-ACT-001", "FL-ACT-005", "FL-BIL-004", "FL-FIL-006", "FL-PRP-001") for one in error.problems):
            raise HTTPException(404) from error
        raise


def held_of(request: Request) -> Held:
    """What the door knows."""
    found: Held = request.state.held
    return found


def csrf_token(request: Request) -> str:
    """The token of this visitor's forms."""
    held = held_of(request)
    return tokens.form_token(held.rooms.sealing_key(), held.bound_to)
