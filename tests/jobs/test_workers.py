"""Workers on PostgreSQL as processes: killed, cut off, without their database; their work is done once, by whoever is left."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from fundlink.jobs import Task
from fundlink.jobs.engine import Asker
from fundlink.jobs.verbs import Jobs
from fundlink.store import verify
from tests.builders import CODE, World, bills, world
from tests.jobs.stage import HALTED, Server, Worker, running, until

ROWS = 1500
PROMISED_S = 60.0
IN_CI = os.environ.get("CI_NO_SKIP") == "1"
"""There nothing may be skipped: what the machine cannot give is a failure."""
pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for this module, started again when a test left it dead."""
    folder = tmp_path_factory.mktemp("server")
    listen = "*" if os.getuid() == 0 else "127.0.0.1"
    started = Server(folder, listen)
    yield started
    started.stop()


@pytest.fixture
def town(server: Server, tmp_path: Path) -> Iterator[Town]:
    """An empty database, and somebody who asks for things."""
    name = f"w{time.monotonic_ns()}"
    server.sql(f"CREATE DATABASE {name}")
    url = server.url.rsplit("/", 1)[0] + f"/{name}"
    found = Town(world(tmp_path, url), server, url)
    yield found
    found.close()


class Town:
    """A database, its rooms, and what was asked of its workers."""

    def __init__(self, built: World, server: Server, url: str) -> None:
        self.world, self.server, self.url = built, server, url
        self.asker = Asker(built.jobs.rooms)
        self.home = built.folder / "home"

    def worker(self, name: str, **more: Any) -> Worker:
        """Start one."""
        return Worker(self.home, more.pop("url", self.url), FUNDLINK_WORKER=name, FUNDLINK_CHUNK_ROWS="10", **more)

    def ask(self, first: int = 1) -> Task:
        """A file for the workers, of so many small steps that there is time to kill one in the middle."""
        rooms = self.world.jobs.rooms
        rows = bills(first + ROWS - 1)[first - 1 :]
        written = rooms.profile("standard").message("billing").writer(rows, {})
        asked: list[Task] = []
        handing = Jobs(rooms, workers=_Noting(self.asker, asked))
        assert handing.handed(written, {"name": "a.csv", "profile": "standard", "municipality": ""}) == {}
        return asked[0]

    def staged(self) -> int:
        """How far the file is."""
        return int(self.world.sql("SELECT COUNT(*) FROM bill_version")[0][0])

    def by(self, task: Task) -> tuple[str, str]:
        """State of a task and who has it."""
        with self.world.jobs.rooms.store.read() as connection:
            found = connection.exec_driver_sql(
                "SELECT status, executor_id FROM dbos.workflow_status WHERE workflow_uuid = %(name)s", {"name": task.name}
            ).one()
        return str(found[0]), str(found[1])

    def sound(self, rows: int) -> None:
        """Everything once."""
        counted = "SELECT COUNT(*), COUNT(DISTINCT case_key) FROM slip"
        assert self.world.sql(counted) == [(rows, rows)]
        assert self.world.sql("SELECT COUNT(*) FROM bill") == [(rows,)]
        assert [item for item in verify.verify(self.world.jobs.rooms.store)["invariants"] if not item["ok"]] == []

    def close(self) -> None:
        """Give connections back."""
        self.asker.close()
        self.world.jobs.rooms.close()


class _Noting:
    """Asks, and does not wait."""

    def __init__(self, asker: Asker, asked: list[Task]) -> None:
        self._asker, self._asked = asker, asked

    def anybody(self) -> bool:
        return True

    def ask(self, task: Task) -> None:
        self._asker.ask(task)

    def ask_within(self, connection: Any, task: Task) -> bool:
        self._asked.append(task)
        return self._asker.ask_within(connection, task)

    def answer(self, task: Task) -> dict[str, Any]:
        return {}


def test_what_a_killed_worker_had_in_hand_is_done_by_another_within_a_minute(town: Town) -> None:
    one = town.worker("one", halt=3).ready()
    with running(one):
        task = town.ask()
        until(lambda: one.said(HALTED), "nobody works")
        two = town.worker("two").ready()
        with running(two):
            assert (town.by(task), town.staged()) == (("PENDING", "one"), 30)
            one.kill()
            killed = time.monotonic()
            until(lambda: town.by(task)[1] == "two", "nobody adopted it")
            assert time.monotonic() - killed < PROMISED_S
            assert town.asker.answer(task)["created"] == ROWS
    town.sound(ROWS)


def test_a_name_has_one_worker(town: Town) -> None:
    with running(town.worker("one").ready()):
        second = town.worker("one")
        assert second.process.wait(240) == 75
        assert "FL-LCK-002" in second.log.read_text()
        assert "Traceback" not in second.log.read_text()


def test_without_a_name_each_worker_takes_the_next_free_one_of_its_machine(town: Town) -> None:
    one = town.worker("").ready()
    with running(one):
        two = town.worker("").ready()
        with running(two):
            assert (one.name, two.name) == (f"{socket.gethostname()}-1", f"{socket.gethostname()}-2")


def test_a_worker_that_loses_its_seat_stops_at_once_and_begins_anew(town: Town) -> None:
    one = town.worker("one", halt=3).ready()
    with running(one):
        task = town.ask()
        until(lambda: one.said(HALTED), "nobody works")
        town.world.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fundlink worker one'")
        until(lambda: one.said("seat_lost") == 1, "it did not notice", 30)
        one.ready(2)
        assert town.asker.answer(task)["created"] == ROWS
    town.sound(ROWS)


def test_a_database_that_is_killed_and_started_again_finds_its_workers_at_work(town: Town) -> None:
    one, two = town.worker("one", halt=3).ready(), town.worker("two", halt=3).ready()
    with running(one, two):
        task = town.ask()
        until(lambda: one.said(HALTED) or two.said(HALTED), "nobody works")
        town.world.jobs.rooms.store.close()
        town.server.kill()
        until(lambda: one.said("seat_lost") and two.said("seat_lost"), "they did not notice")
        town.server.start()
        one.ready(2)
        two.ready(2)
        assert until(lambda: _answer(town, task), "it was not gone on with")["created"] == ROWS
    town.sound(ROWS)


def _answer(town: Town, task: Task) -> dict[str, Any] | None:
    with suppress(Exception):
        return town.asker.answers([task]).get(task.name)
    return None


class Line:
    """A line to the database that can be cut without either side being told: nothing is closed, nothing arrives."""

    def __init__(self, port: int) -> None:
        self._server_port, self._whole = port, threading.Event()
        self._whole.set()
        self._ends, self._carrying = list[socket.socket](), list[threading.Thread]()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._whole.clear()

    def heal(self) -> None:
        self._whole.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                far = socket.create_connection(("127.0.0.1", self._server_port))
                self._ends += [near, far]
                for source, sink in ((near, far), (far, near)):
                    carrying = threading.Thread(target=self._carry, args=(source, sink), daemon=True)
                    self._carrying.append(carrying)
                    carrying.start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                self._whole.wait()
                sink.sendall(piece)
        self._whole.wait()
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._whole.set()
        for end in (self._door, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for carrying in self._carrying:
            carrying.join(10)
        for end in (self._door, *self._ends):
            end.close()


@contextmanager
def namespace(name: str) -> Iterator[str]:
    """A network of its own behind a cable to this machine (10.99.0.2 there, 10.99.0.1 here)."""
    commands = (
        f"netns add {name}",
        f"link add {name} type veth peer name eth0 netns {name}",
        f"addr add 10.99.0.1/24 dev {name}",
        f"link set {name} up",
        f"-n {name} addr add 10.99.0.2/24 dev eth0",
        f"-n {name} link set eth0 up",
        f"-n {name} link set lo up",
    )
    done = [subprocess.run(["ip", *command.split()], capture_output=True, text=True, check=False) for command in commands]
    try:
        if any(one.returncode for one in done):
            (pytest.fail if IN_CI else pytest.skip)(
                "this machine gives no network namespaces: " + " ".join(one.stderr for one in done).strip()[:200]
            )
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _cut_off(town: Town, one: Worker, cut: Any, heal: Any) -> None:
    """A worker in the middle of a file is cut off; another goes on; the first one stops, comes back and works again."""
    with running(one):
        task = town.ask()
        until(lambda: one.said(HALTED), "nobody works")
        two = town.worker("two").ready()
        with running(two):
            assert town.by(task) == ("PENDING", "one")
            cut()
            gone = time.monotonic()
            until(lambda: town.by(task)[1] == "two", "nobody adopted it")
            assert time.monotonic() - gone < PROMISED_S
            assert one.said("seat_lost") == 1  # before another one could have its work
            assert town.asker.answer(task)["created"] == ROWS
        heal()
        one.ready(2)
        again = town.ask(ROWS + 1)
        assert town.asker.answer(again)["created"] == ROWS
        assert town.by(again) == ("SUCCESS", "one")
    town.sound(2 * ROWS)


def test_a_worker_behind_a_dead_line_stops_before_its_work_is_given_to_another(town: Town) -> None:
    line = Line(town.server.port)
    url = town.url.replace(f":{town.server.port}/", f":{line.port}/")
    try:
        _cut_off(town, town.worker("one", url=url, halt=3).ready(), line.cut, line.heal)
    finally:
        line.close()


@pytest.mark.skipif((os.getuid() != 0 or shutil.which("ip") is None) and not IN_CI, reason="needs root and iproute2")
def test_a_worker_in_another_network_whose_cable_is_pulled(town: Town) -> None:
    with namespace("fl99") as name:
        url = town.url.replace("@127.0.0.1:", "@10.99.0.1:")
        one = town.worker("one", url=url, halt=3, prefix=["ip", "netns", "exec", name]).ready()

        def cable(state: str) -> None:
            subprocess.run(["ip", "link", "set", name, state], check=True)

        _cut_off(town, one, lambda: cable("down"), lambda: cable("up"))


def test_tasks_of_one_municipality_take_turns_and_two_municipalities_run_side_by_side(town: Town) -> None:
    with running(town.worker("one").ready(), town.worker("two").ready()):
        tasks = [Task("submit", str(number), code, {"municipality": code}) for number in range(4) for code in ("131016", "131024")]
        for task in tasks:
            town.asker.ask(task)
            town.asker.ask(task)  # asked for again, it is the same task
        for task in tasks:
            assert town.asker.answer(task)["messages"] == 0
        counted = "SELECT COUNT(*) FROM dbos.operation_outputs WHERE workflow_uuid LIKE 'submit:%'"
        assert town.world.sql(counted) == [(3 * len(tasks),)]


def test_what_cannot_be_done_is_told_to_whoever_asked(town: Town) -> None:
    from fundlink.domain.errors import ProblemError

    with running(town.worker("one").ready()):
        town.asker.ask(task := Task("intake", "x", "", {"path": "/nowhere/a.csv", "profile": "no-such-profile"}))
        with pytest.raises(ProblemError, match="FL-PRF-"):
            town.asker.answer(task)


def test_an_api_server_takes_a_file_in_itself_when_there_is_no_worker(town: Town) -> None:
    rooms = town.world.jobs.rooms
    jobs = Jobs(rooms, workers=town.asker)
    asked = {"name": "a.csv", "profile": "standard", "municipality": "", "dry_run": False}

    def sent(first: int) -> dict[str, Any]:
        written = rooms.profile("standard").message("billing").writer(bills(first)[first - 1 :], {})
        return jobs.intake_sent(written, asked)

    assert sent(1)["created"] == 1
    tasks = "SELECT COUNT(*) FROM dbos.workflow_status"
    assert town.world.sql(tasks) == [(0,)]
    with running(town.worker("one").ready()):
        assert sent(2)["created"] == 1
        assert town.world.sql(tasks) == [(1,)]
        assert sent(2)["duplicate_of"] == 2
    town.sound(2)


def test_a_task_that_waits_when_its_worker_is_told_to_end_is_gone_on_with(town: Town) -> None:
    task = Task("submit", "x", CODE, {"municipality": CODE})
    with town.world.jobs.rooms.store.stream_lock("submit"), running(one := town.worker("one").ready()):
        town.asker.ask(task)
        until(lambda: town.by(task) == ("PENDING", "one"), "nobody begins")
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(240) == 0
        assert town.by(task) == ("PENDING", "one")
    with running(town.worker("one").ready()):
        assert town.asker.answer(task)["messages"] == 0
