"""The straight way to a route: for the one address that is called thousands of times a second.

Used by bill_writes. The framework describes and finds such a route like any other; only its solving of dependencies, which costs
more than the rest of the request, is left out, so the function reads what it needs from the request itself.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from fundlink.api.callers import admitted
from fundlink.api.once import key_of
from fundlink.api.queries import known_queries


class StraightWrite(APIRoute):
    """A keyed write whose function takes the request and the parts of its path, and returns a finished response."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What every write asks of a request, then the function."""

        async def handle(request: Request) -> Response:
            await admitted(request)
            await known_queries(request)
            key_of(request)
            response: Response = await self.endpoint(request, **request.path_params)
            return response

        return handle
