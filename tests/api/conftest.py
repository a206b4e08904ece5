"""The API over an adapter in an empty home, on each database in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from fundlink.api.app import create_app
from fundlink.config import Settings
from tests.api.caller import Vendor
from tests.builders import World


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Small limits, so that tests of limits are small."""
    return Settings(home=tmp_path / "home", database_url=database_url, max_body_bytes=400_000, max_upload_bytes=500_000)


@pytest.fixture
def vendor(world: World, settings: Settings) -> Iterator[Vendor]:
    """A vendor's client."""
    with TestClient(create_app(world.jobs.rooms, settings), raise_server_exceptions=False) as client:
        yield Vendor(client, world)
