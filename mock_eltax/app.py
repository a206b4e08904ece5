"""The application: routes, pages and error forms put together around one world.

Called by `__main__` and by tests. Reads no settings of its own and keeps no state.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from mock_eltax import pages, problems, routes_gateway, routes_world
from mock_eltax.world import World

THREADS = 4
"""Few, because every one may hold a whole message in memory."""


def make_app(world: World, ready: Callable[[], None] = lambda: None) -> ASGIApp:
    """One mock as an ASGI application; `ready` is called when it starts to serve."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        ready()
        yield

    app = FastAPI(title="mock_eltax", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.world = world
    problems.install(app)
    for part in (routes_gateway, pages, routes_world):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    return with_hang_up(app)


def with_hang_up(app: ASGIApp) -> ASGIApp:
    """Let an answer close the connection instead of being sent; only here, outermost, is the server's own `send` at hand."""

    async def outermost(scope: Scope, receive: Receive, send: Send) -> None:
        async def hang_up() -> None:
            transport = getattr(getattr(send, "__self__", None), "transport", None)
            if transport is None:  # no server underneath, as in tests: the caller sees the same kind of failure
                raise ConnectionResetError("mock_eltax closed the connection")
            transport.abort()
            await asyncio.sleep(0.01)  # the server must notice the lost connection before the application returns

        if scope["type"] == "http":
            scope["mock_eltax.hang_up"] = hang_up
        await app(scope, receive, send)

    return outermost
