"""The server process: rooms, their owner, the worker, and HTTP. Called by ``fundlink serve``.

Prints one line when it is ready. It logs no bodies and no addresses with keys in them. Without a login it stays on this
machine: production refuses any other address.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import uvicorn
from prometheus_client import CollectorRegistry, start_http_server

from fundlink import bootstrap, logs
from fundlink.api.app import create_app
from fundlink.config import Settings
from fundlink.domain.errors import ConfigurationError
from fundlink.domain.problems import problem

if TYPE_CHECKING:
    from fundlink.jobs.worker import Worker

_LOG = logging.getLogger("fundlink.work")


def serve(settings: Settings) -> None:
    """Serve until told to stop. On SQLite the worker is part of it; on PostgreSQL what comes in is handed to the workers there are."""
    _check_address(settings)
    logs.configure(settings.log_format, settings.log_level)
    rooms = bootstrap.build(settings)
    with bootstrap.owner(rooms):
        from fundlink.jobs.engine import Asker  # noqa: PLC0415  (half a second that only servers and workers need)
        from fundlink.jobs.worker import Worker  # noqa: PLC0415

        app = create_app(rooms, settings, workers=None if rooms.store.is_sqlite else Asker(rooms))
        worker = Worker(app.state.api.jobs, settings) if rooms.store.is_sqlite else None
        app.state.worker_lives = worker.lives if worker is not None else None
        config = uvicorn.Config(
            app, host=settings.host, port=settings.port, access_log=False, server_header=False, log_level="warning", log_config=None,
            lifespan="off", ws="none", timeout_graceful_shutdown=30,
        )  # fmt: skip
        try:
            with suppress(KeyboardInterrupt), _own_port(settings, app.state.api.metrics.registry):
                Server(config, worker).run()
        except SystemExit:  # uvicorn has told why it cannot listen there
            raise ConfigurationError([problem("FL-CFG-001", detail="FUNDLINK_HOST / FUNDLINK_PORT")]) from None


@contextmanager
def _own_port(settings: Settings, registry: CollectorRegistry) -> Iterator[None]:
    """The metrics on a port of their own, where one is named."""
    if settings.metrics_port is None:
        yield
        return
    try:
        listening, thread = start_http_server(settings.metrics_port, settings.host, registry)
    except OSError:
        raise ConfigurationError([problem("FL-CFG-001", detail="FUNDLINK_METRICS_PORT")]) from None
    _LOG.info("metrics on port %s", listening.server_port)
    try:
        yield
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(10)


def _check_address(settings: Settings) -> None:
    if settings.environment == "production" and not settings.stays_here:
        raise ConfigurationError([problem("FL-CFG-002", detail="FUNDLINK_HOST: 127.0.0.1")])


def _tell(told: dict[str, Any]) -> None:
    if told.get("problems"):
        _LOG.warning("turn: %s", ", ".join(str(shown["code"]) for shown in told["problems"]))


class Server(uvicorn.Server):
    """Uvicorn, with the worker beside it and one line that says it is ready."""

    def __init__(self, config: uvicorn.Config, worker: Worker | None) -> None:
        super().__init__(config)
        self._worker = worker

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, start the worker, say so."""
        await super().startup(sockets)
        if self.should_exit:
            return
        if self._worker is not None:
            await asyncio.to_thread(self._worker.start, _tell)  # the engine refuses to begin inside an event loop
        port = self.servers[0].sockets[0].getsockname()[1]
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        print(f"fundlink listening on http://{host}:{port}", flush=True)  # noqa: T201

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop the worker with the server."""
        await super().shutdown(sockets)
        if self._worker is not None:
            await asyncio.to_thread(self._worker.stop)
