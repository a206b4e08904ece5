"""Fixtures for all tests: a clean environment, both databases."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import postgresql
from tests.builders import World
from tests.builders import world as build_world
from tests.molds import Make, Molds, schema

LONG = (
    "console/test_every_page", "house/test_bench", "jobs/test_workers", "journeys/test_crashes", "store/test_upgrade", "jobs/test_one_process",
    "crash/test_crash", "simulation/test_seeds", "scenarios/test_on_postgresql", "jobs/test_crowd", "cli/test_demo", "crash/test_disk",
    "desk/test_backup", "console/test_browser",
)  # fmt: skip
"""Files that take half a minute and more, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files begin: no process is left alone with one of them at the end."""
    places = {f"{name}.py": at for at, name in enumerate(LONG)}
    items.sort(key=lambda item: next((at for name, at in places.items() if item.path.as_posix().endswith(name)), len(places)))


# how fast a loaded machine makes examples says nothing about the product; an example that fails is printed as it was
settings.register_profile("fundlink", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fundlink")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith("FUNDLINK_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A server for this test process, started when the first test asks."""
    with postgresql.server() as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """An empty PostgreSQL database."""
    with postgresql.database(postgresql_server, f"t{uuid.uuid4().hex}") as url:
        yield url


@pytest.fixture(scope="session")
def held_server(postgresql_server: str) -> Iterator[tuple[str, ExitStack]]:
    """The server, and what is left before it stops."""
    with ExitStack() as held:
        yield postgresql_server, held


@pytest.fixture(scope="session")
def molds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Molds:
    """Databases that are made once and copied. The server is started when the first of them is to be on it."""
    return Molds(tmp_path_factory.mktemp("molds"), lambda: request.getfixturevalue("held_server"))


@pytest.fixture
def beneath(request: pytest.FixtureRequest) -> Make | None:
    """What stands in a test's database before it begins: the schema where a world is wanted, else nothing."""
    return schema if "world" in request.fixturenames else None


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, molds: Molds, beneath: Make | None) -> Iterator[str]:
    """A database of each kind in turn."""
    with molds.poured(beneath, request.param, tmp_path) as url:
        yield url


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """An adapter with its gateway's twin, on each database in turn."""
    built = build_world(tmp_path, database_url)
    yield built
    built.jobs.rooms.close()
