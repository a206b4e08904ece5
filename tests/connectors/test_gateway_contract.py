"""One contract, two gateways: the twin in the process and the mock over HTTP go wrong in the same ways, and the adapter ends the same."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

import httpx2
import pytest

from fundlink.config import TOKYO
from fundlink.connectors.eltax import EltaxGateway
from fundlink.connectors.gateway import NoAnswerError, UnreachableError
from fundlink.connectors.in_memory import InMemoryGateway
from fundlink.desk.sending import Decided
from fundlink.jobs import Jobs
from fundlink.store import verify
from tests.builders import INSTITUTION, World, bills
from tests.builders import world as build_world

LOST = ["answer_lost", "message_lost", "slow", "server_error", "unavailable", "html", "empty", "unsigned", "wrong_signature"]
TWO = Decided("担当 一郎", "係長 二郎", "電話で確かめた")


class Side(Protocol):
    """A gateway that goes wrong when it is told to."""

    def arm(self, name: str, times: int = 1, asked_s: float = 30.0) -> None: ...

    def slips(self) -> int: ...

    def close(self) -> None: ...


class Twin:
    """The one in the process."""

    def __init__(self, twin: InMemoryGateway) -> None:
        self.twin = twin

    def arm(self, name: str, times: int = 1, asked_s: float = 30.0) -> None:
        if name == "maintenance":
            self.twin.away, self.twin.away_for_s = times, asked_s
        else:
            (self.twin.inquiry_faults if name == "lies" else self.twin.faults).extend([name] * times)

    def slips(self) -> int:
        return len(self.twin.slips)

    def close(self) -> None:
        """Nothing to give back."""


class Mock:
    """The one behind HTTP."""

    def __init__(self, address: str) -> None:
        self.client = httpx2.Client(base_url=address)

    def arm(self, name: str, times: int = 1, asked_s: float = 30.0) -> None:
        wait = {"slow": 1.5}.get(name, asked_s)
        assert self.client.post("/faults", json={"name": name, "times": times, "asked_s": wait}).status_code == 200

    def slips(self) -> int:
        return len(self.client.get("/slips", params={"institution_code": INSTITUTION}).json()["slips"])

    def close(self) -> None:
        self.client.close()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A mock of its own for each test."""
    state = tmp_path / "mock"
    command = [sys.executable, "-m", "mock_eltax", "--port", "0", "--state", str(state), "--scenario", "exact"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FUNDLINK_")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()
        process.wait(timeout=20)


class Office:
    """An adapter in front of one of them, with a clock that moves when it is told to."""

    def __init__(self, world: World, side: Side) -> None:
        self.side, self.world, self.now = side, world, dt.datetime(2026, 11, 24, 9, 0, tzinfo=TOKYO)
        self.jobs = Jobs(replace(world.jobs.rooms, clock=lambda: self.now, lot=lambda: 1.0))
        self.before = side.slips()

    def registered(self) -> int:
        return self.side.slips() - self.before

    def results(self) -> list[str]:
        return [str(row[0]) for row in self.world.sql("SELECT result FROM attempt_result ORDER BY attempt_id")]


@pytest.fixture(params=["twin", "mock"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    if request.param == "twin":
        world = build_world(tmp_path)
        made = Office(world, Twin(world.twin))
    else:
        url = str(request.getfixturevalue("address"))
        gateway = EltaxGateway(url, timeout_s=1.0, attempts=1)
        world = build_world(tmp_path, gateway=lambda _pair: cast("InMemoryGateway", gateway))
        made = Office(world, Mock(url))
    world.intake(bills(3))
    yield made
    assert [item for item in verify.verify(world.jobs.rooms.store)["invariants"] if not item["ok"]] == []
    made.side.close()
    world.jobs.rooms.close()


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_is_unknown_then_asked_for_then_known(office: Office, fault: str) -> None:
    office.side.arm(fault)
    assert office.jobs.submit()["unknown"] == 3
    assert office.jobs.submit()["registered"] == 3
    assert office.registered() == 3
    assert len(office.world.sql("SELECT id FROM message")) == 1


def test_retry_after_is_honoured_and_no_other_message_goes_before(office: Office) -> None:
    office.side.arm("too_many", asked_s=30.0)
    told = office.jobs.submit()
    assert (told["unknown"], office.results()) == (3, ["busy"])
    for _ in range(3):
        again = office.jobs.submit()
        assert (again["waiting"], again["registered"]) == (1, 0)
    office.now = dt.datetime.fromisoformat(str(again["next_try_at"]))
    assert office.now >= dt.datetime(2026, 11, 24, 9, 0, 30, tzinfo=TOKYO)
    assert office.jobs.submit()["registered"] == 3
    assert office.registered() == 3


def test_a_maintenance_window_ends_by_itself(office: Office) -> None:
    office.side.arm("maintenance", times=4, asked_s=3600.0)
    for _ in range(12):
        told = office.jobs.submit()
        if told["registered"]:
            break
        office.now = max(office.now, dt.datetime.fromisoformat(told["next_try_at"])) if told["next_try_at"] else office.now
    assert told["registered"] == 3
    assert office.now >= dt.datetime(2026, 11, 24, 12, 0, tzinfo=TOKYO)
    assert office.jobs.messages()["messages"] == []


def test_an_inquiry_that_lies_doubles_nothing(office: Office) -> None:
    office.side.arm("answer_lost")
    office.side.arm("lies")
    office.jobs.submit()
    assert office.jobs.submit()["registered"] == 3
    assert (office.registered(), office.results()) == (3, ["lost", "absent", "processed"])


def test_what_is_lost_without_end_becomes_a_persons(office: Office) -> None:
    office.side.arm("answer_lost", times=20)
    office.side.arm("lies", times=20)
    for _ in range(40):
        told = office.jobs.submit()
        if told["person"]:
            break
        office.now = max(office.now, dt.datetime.fromisoformat(told["next_try_at"]))
    assert told["person"] == 1
    assert len(office.results()) == 8
    assert office.registered() == 3


def test_what_the_gateway_forgot_is_found_and_goes_again_as_it_is(office: Office) -> None:
    office.side.arm("forgets")
    assert office.jobs.submit()["registered"] == 3
    assert office.registered() == 0
    ident = str(office.world.sql("SELECT id FROM message")[0][0])
    assert office.jobs.inquire(ident, "担当")["state"] == "contradicted"
    office.jobs.resend(ident, TWO)
    assert office.jobs.submit()["registered"] == 3
    assert office.registered() == 3
    assert office.jobs.inquire(ident, "担当")["problems"] == []


def test_a_port_where_nobody_listens_is_unreachable_and_repeated_at_once() -> None:
    gateway = EltaxGateway("http://127.0.0.1:9", timeout_s=1.0, attempts=3)
    with pytest.raises(UnreachableError):
        gateway.certificate()
    gateway.close()


def test_a_page_of_the_way_is_no_answer(address: str) -> None:
    gateway = EltaxGateway(address, timeout_s=5.0, attempts=1)
    with closing(Mock(address)) as side:
        side.arm("maintenance", asked_s=77.0)
    with pytest.raises(NoAnswerError) as told:
        gateway.certificate()
    assert (told.value.result, told.value.status, told.value.asked_s) == ("busy", 503, 77.0)
    gateway.close()
