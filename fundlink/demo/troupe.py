"""The processes of a demo played by many: workers, API servers, the mock; whatever dies is started again.

Called by crowd. A list of who they are lies in the data folder, so that anyone may kill one and see what happens.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import NamedTuple, Self

import httpx2

from fundlink.config import Settings, for_child
from fundlink.connectors import core_files
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem

_FUNDLINK = [sys.executable, "-c", "from fundlink.cli import main; main()"]
LOOK_S = 0.2
PATIENCE_S = 300.0
"""How long a process may take to be there again, whatever else the machine has to do."""


class Part(NamedTuple):
    """One process: its name, its command, and what is set for it beside the settings of the demo."""

    name: str
    command: list[str]
    settings: dict[str, str]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Troupe:
    """All parts of one demo. Use as a context: they end with it."""

    def __init__(self, settings: Settings, *, workers: int, apis: int, world: tuple[int, str]) -> None:
        seed, scenario = world
        self._folder = settings.folder / "demo"
        self._ports = [free_port() for _ in range(apis + 1)]
        self.gateway, *self.apis = [f"http://127.0.0.1:{port}" for port in self._ports]
        state = settings.folder / "mock"
        state.mkdir(parents=True, exist_ok=True)
        mock = [sys.executable, "-m", "mock_eltax", "--port", str(self._ports[0]), "--state", str(state), "--seed", str(seed), "--scenario", scenario]  # fmt: skip
        self.parts = [
            Part("mock", mock, {}),
            *(
                Part(f"worker-{number}", [*_FUNDLINK, "work", "--on-request"], {"worker": f"demo-{number}"})
                for number in range(1, workers + 1)
            ),
            *(Part(f"api-{number}", [*_FUNDLINK, "serve"], {"port": str(port)}) for number, port in enumerate(self._ports[1:], 1)),
        ]
        self._shared = {"gateway_url": self.gateway, "home": str(settings.folder), "database_url": settings.url, "worker_poll_s": "0.2"}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._end = threading.Event()
        self.restarts = 0

    def __enter__(self) -> Self:
        for part in self.parts:
            self._start(part)
        threading.Thread(target=self._keep, name="fundlink-troupe", daemon=True).start()
        self.wait_for(self.gateway)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)

    def _start(self, part: Part) -> None:
        with (self._folder / f"{part.name}.log").open("ab") as log:
            environment = for_child({**self._shared, **part.settings})
            self._running[part.name] = subprocess.Popen(part.command, env=environment, stdout=log, stderr=log)  # noqa: S603  (our own)
        listed = {name: process.pid for name, process in self._running.items()}
        core_files.put(self._folder / "processes.json", [json.dumps(listed).encode()])

    def _keep(self) -> None:
        """Start again what has died, until the end."""
        while not self._end.wait(LOOK_S):
            for part in self.parts:
                if self._running[part.name].poll() is not None and not self._end.is_set():
                    self.restarts += 1
                    self._start(part)

    def wait_for(self, url: str) -> None:
        """Until somebody answers there."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(httpx2.HTTPError):
                if httpx2.get(f"{url}/healthz", timeout=10).status_code < 300:
                    return
            time.sleep(LOOK_S)
        raise ProblemError([problem("FL-GTW-003")])
