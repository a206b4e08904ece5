"""The console over the made-up town, on each database in turn: for a client without a browser, and for Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser

from fundlink.api.app import create_app
from fundlink.config import Settings
from fundlink.connectors.in_memory import InMemoryGateway
from tests.access.staff import quick_hashes
from tests.builders import World
from tests.builders import world as build_world
from tests.console.persons import CLERK, Desk, Staffed
from tests.console.serving import chromium, in_ci, served, why_not
from tests.console.town import NOW
from tests.console.town import town as build_town
from tests.molds import Make, Molds, schema


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gets in is tested here, not how long a hash takes."""
    quick_hashes(monkeypatch)


def built(folder: Path, url: str) -> tuple[dict[str, str], InMemoryGateway]:
    """The town in an empty database; what its staff log in with, and its gateway as it was left."""
    world = build_world(folder, url)
    secrets = build_town(world).secrets
    world.jobs.rooms.close()
    return secrets, world.twin


@pytest.fixture
def beneath(request: pytest.FixtureRequest) -> Make | None:
    """The town where somebody is to work in it."""
    return built if "staffed" in request.fixturenames else schema if "world" in request.fixturenames else None


@pytest.fixture
def staffed(request: pytest.FixtureRequest, world: World, molds: Molds) -> Staffed:
    """The town on its morning, and its staff."""
    secrets, twin = molds.made(built, world.jobs.rooms.store.engine.dialect.name)
    vars(world.twin).update({name: deepcopy(value) for name, value in vars(twin).items() if isinstance(value, dict | list)})
    return Staffed(world.at(NOW), secrets)


@pytest.fixture
def town(staffed: Staffed) -> World:
    """The town on its morning."""
    return staffed.world


@pytest.fixture
def desk(staffed: Staffed) -> Iterator[Desk]:
    """The clerk at the console, without a browser; redirects work as in one."""
    app = create_app(staffed.world.jobs.rooms, Settings(home=staffed.world.folder / "home"))
    with TestClient(app, base_url="http://127.0.0.1/console/", raise_server_exceptions=False) as client:
        found = Desk(client, staffed)
        found.sit(CLERK)
        yield found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Staffed]]:
    """A town for a whole file of tests, with nobody at the desk yet; redirects are answers here."""
    with pytest.MonkeyPatch.context() as patched:
        quick_hashes(patched)
        staffed = build_town(build_world(folder := tmp_path_factory.mktemp("stage"), profiles=folder / "profiles"))
        app = create_app(staffed.world.jobs.rooms, Settings(home=staffed.world.folder / "home"))
        with TestClient(app, base_url="http://127.0.0.1/console/", follow_redirects=False) as client:
            yield Desk(client, staffed), staffed
        staffed.world.jobs.rooms.close()


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
