"""A console that a browser can open: the application on a free port of this machine, and Chromium with nothing that talks to the net."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from fundlink.api.app import create_app
from fundlink.config import Settings
from tests.builders import World

_BROWSERS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
"""The first is the engine without a window around it: the same pages for half the work."""
CHROMIUM = next((found for found in _BROWSERS if found.exists()), _BROWSERS[-1])
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip
_COUNTED = "window.arrived ??= (addEventListener('htmx:afterSettle', () => { window.arrived += 1 }), 0)"
_ARRIVED = """() => window.arrived >= document.querySelectorAll('[hx-trigger="load"]').length"""
WIDTHS = {"office": (1366, 768), "tablet": (820, 1180), "phone": (390, 844)}


class _Server(uvicorn.Server):
    """Uvicorn that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.listens.set()


@contextmanager
def served(world: World) -> Iterator[str]:
    """Where the console of this world answers."""
    settings = Settings(home=world.folder / "home")
    config = uvicorn.Config(create_app(world.jobs.rooms, settings), port=0, log_level="error", lifespan="off", ws="none")
    server = _Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.listens.wait(60), "the server does not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/console/"
    finally:
        server.should_exit = True
        thread.join(timeout=20)


def open_whole(page: Page, address: str) -> None:
    """Go to a page and wait until what comes by itself after it stands in it: before that a link may go away under the cursor."""
    page.add_init_script(_COUNTED)
    page.goto(address)
    wait_whole(page)


def wait_whole(page: Page) -> None:
    """The same for a page that a click led to."""
    page.wait_for_function(_ARRIVED)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def why_not() -> str:
    """Why there is no browser here, or ""."""
    if CHROMIUM.exists():
        return ""
    return f"{CHROMIUM} is not installed"


def in_ci() -> bool:
    """Whether nothing may be skipped."""
    return os.environ.get("CI_NO_SKIP") == "1"
