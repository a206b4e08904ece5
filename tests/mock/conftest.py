"""A mock without a network, and one with a business day already closed."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from mock_eltax.app import make_app
from mock_eltax.world import open_world
from tests.mock.sender import DAY, Sender, enrol, make_sender, register, slip

NOW = "2026-11-20T10:00:00+09:00"


def start(folder: Path, seed: str = "7", scenario: str = "everyday") -> TestClient:
    return TestClient(make_app(open_world(folder, seed, scenario)), follow_redirects=False)


@pytest.fixture(autouse=True)
def _business_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNDLINK_NOW", NOW)


@pytest.fixture(scope="session")
def sender() -> Sender:
    return make_sender()


@pytest.fixture
def client(tmp_path: Path, sender: Sender) -> TestClient:
    client = start(tmp_path)
    assert enrol(client, sender).status_code == 201
    return client


@pytest.fixture(scope="session")
def closed(tmp_path_factory: pytest.TempPathFactory, sender: Sender) -> tuple[TestClient, dict[str, Any]]:
    """300 slips, some cancelled or superseded, everyday, closed; and the answer of the close."""
    client = start(tmp_path_factory.mktemp("closed"))
    return client, everyday(client, sender)


def everyday(client: TestClient, sender: Sender, count: int = 300) -> dict[str, Any]:
    """Register, cancel, re-issue, play and close one day."""
    enrol(client, sender)
    register(client, sender, [slip(number) for number in range(count)], "everyday-1")
    gone = [slip(number, Operation="cancel") for number in range(6)]
    replaced = [slip(number, Operation="cancel", ReplacedBy=slip(number + count)["CaseKey"]) for number in range(10, 34)]
    issued = [slip(number + count) for number in range(10, 34)]
    assert set(register(client, sender, [*gone, *replaced, *issued], "everyday-2").values()) == {"cancelled", "registered"}
    assert client.post("/scenario", json={"name": "everyday", "seed": 7, "day": DAY}).status_code == 200
    answer: dict[str, Any] = client.post("/close-day", json={"day": DAY}).json()
    return answer
