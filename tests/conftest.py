"""Fixtures for all tests: a clean environment, both databases."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgresql
from tests.builders import World
from tests.builders import world as build_world


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


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fundlink.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """An adapter with its gateway's twin, on each database in turn."""
    built = build_world(tmp_path, database_url)
    yield built
    built.jobs.rooms.close()
