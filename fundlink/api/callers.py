"""Who calls: a machine with its key, or (outside production) anybody on this machine without one. Every route passes here first.

Used by app as a dependency of all routes and by straight. A refused call is an entry in the audit trail; so is a thing that was
asked for by name and not found in the caller's scope, whether it exists elsewhere or not: both cost and tell the same.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import sqlalchemy as sa
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from fundlink.access import roles
from fundlink.access.buckets import Buckets
from fundlink.api.bill_rows import is_bill_key
from fundlink.api.permissions import OPEN, PERMISSION
from fundlink.config import Settings
from fundlink.desk.api_keys import Keyring
from fundlink.domain.errors import FundlinkError, ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.pipeline import Rooms
from fundlink.store import audit

_LOG = logging.getLogger("fundlink.api")
_BEARER = re.compile(r"[Bb]earer +(\S{1,200})").fullmatch
BURST = 2
FAILURES_PER_S, FAILURES_BURST = 0.2, 20
"""Wrong keys from one address: after some at once, one every five seconds."""


class Caller(NamedTuple):
    """Who calls: a name for the trail, roles, scope, and the one profile that may be used ('' for any). ``key`` is '' without one."""

    name: str
    roles: tuple[str, ...]
    scope: Scope
    profile: str = ""
    key: str = ""

    def may(self, permission: str) -> bool:
        """Whether the table gives it; on its own machine a demo asks nobody for a key."""
        return permission == OPEN or not self.key or roles.may(self.roles, permission)


ANYBODY = Caller("api", (), EVERYWHERE)


class RefusedError(ProblemError):
    """A call that is turned away, with the headers that say so."""

    def __init__(self, told: Problem, headers: dict[str, str]) -> None:
        super().__init__([told])
        self.headers = headers


class Gate:
    """The keys and the buckets of one process."""

    def __init__(self, rooms: Rooms, settings: Settings) -> None:
        self._rooms = rooms
        self._keys = Keyring(rooms)
        self._requests = Buckets(settings.rate_per_s, settings.rate_per_s * BURST)
        self._failures = Buckets(FAILURES_PER_S, FAILURES_BURST)

    async def caller(self, request: Request) -> Caller:
        """Who calls; RefusedError FL-AUTH-001 or FL-API-013."""
        given = request.headers.getlist("authorization")
        if not given and not self._rooms.production:
            return ANYBODY
        found = _BEARER(given[0]) if len(given) == 1 else None
        key = None if found is None else await self._looked_up(found[1])
        if key is None:
            _wait(self._failures, _address(request))
            raise RefusedError(problem("FL-AUTH-001"), {"WWW-Authenticate": 'Bearer realm="fundlink"'})
        caller = Caller(f"key:{key.prefix}", (key.role,), Scope(frozenset({key.municipality_code})), key.profile, key.prefix)
        _wait(self._requests, caller.key)
        return caller

    async def _looked_up(self, shown: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
        if self._rooms.store.is_sqlite:  # some ten microseconds: less than a change of threads
            return self._keys.find(shown)
        return await run_in_threadpool(self._keys.find, shown)

    async def note(self, request: Request, problems: Sequence[Problem], status: int) -> None:
        """Enter a refusal in the trail. One that cannot be kept stays a refusal."""
        caller: Caller | None = getattr(request.state, "caller", None)
        not_found = status == 404 and caller is not None and caller.key and request.path_params
        if status in (401, 403) or not_found:
            entry = self._entry(request, caller, (problems[0].code, status))
            try:
                await run_in_threadpool(self._kept, entry)
            except (sa.exc.SQLAlchemyError, FundlinkError) as error:
                _LOG.error("refusal not kept: %s", type(error).__name__)

    def _entry(self, request: Request, caller: Caller | None, told: tuple[str, int]) -> audit.Entry:
        code, status = told
        detail = {"code": code, "status": status, "method": request.method, "asked": _asked(request), "address": _address(request)}
        name = getattr(request.scope.get("route"), "operation_id", None) or "?"
        return audit.Entry(caller.name if caller else "?", "api.refused", f"route:{name}", detail, self._rooms.now())

    def _kept(self, entry: audit.Entry) -> None:
        with self._rooms.store.write() as connection:
            audit.append(connection, entry)


def _wait(buckets: Buckets, client: str) -> None:
    seconds = buckets.wait_s(client)
    if seconds:
        raise RefusedError(problem("FL-API-013"), {"Retry-After": str(seconds)})


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _asked(request: Request) -> str:
    """What was asked for by name: keys of ours as they are, anything else as a digest, since it may be anything."""
    text = "/".join(str(value) for value in request.path_params.values())
    plain = is_bill_key(text) or re.fullmatch(r"[0-9-]{0,18}", text)
    return text if plain else "sha256:" + hashlib.sha256(text.encode()).hexdigest()[:16]


async def admitted(request: Request) -> None:
    """Who calls is known and may use this route; stands in ``request.state.caller`` afterwards."""
    permission = PERMISSION.get(str(getattr(request.scope.get("route"), "operation_id", "")), "")
    if permission == OPEN:
        request.state.caller = ANYBODY
        return
    gate: Gate = request.app.state.gate
    request.state.caller = caller = await gate.caller(request)
    if not permission or not caller.may(permission):
        raise ProblemError([problem("FL-AUTH-003")])


def caller_of(request: Request) -> Caller:
    """Who was admitted."""
    found: Caller = request.state.caller
    return found


async def _who(request: Request) -> Caller:
    return caller_of(request)


Who = Annotated[Caller, Depends(_who)]
