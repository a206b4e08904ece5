"""The console over the made-up town, on each database in turn: for a client without a browser, and for Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser

from fundlink.api.app import create_app
from fundlink.config import Settings
from tests.builders import World
from tests.console.serving import chromium, in_ci, served, why_not
from tests.console.town import town as build_town


@pytest.fixture
def town(world: World) -> World:
    """The town on its morning."""
    return build_town(world)


@pytest.fixture
def desk(town: World) -> Iterator[TestClient]:
    """A client at the console's desk; cookies and redirects work as in a browser."""
    app = create_app(town.jobs.rooms, Settings(home=town.folder / "home"))
    with TestClient(app, base_url="http://127.0.0.1/console/", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; without it the test is skipped, and in CI it fails."""
    missing = why_not()
    if missing and in_ci():
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    with chromium() as found:
        yield found


@pytest.fixture
def address(town: World) -> Iterator[str]:
    """Where a browser finds the town's console."""
    with served(town) as found:
        yield found
