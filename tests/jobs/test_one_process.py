"""The worker as one process on each database: the drop folder, the records of the engine, the end when it is told to."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import psycopg

from tests.builders import World, bills
from tests.jobs.stage import HALTED, Worker, running, until

STEPS = ["intake.keep", "intake.load", "intake.accept", "intake.report"]


def _records(world: World, url: str, statement: str) -> list[tuple[Any, ...]]:
    if url.startswith("sqlite"):
        connection = sqlite3.connect(world.jobs.rooms.folder / "engine.db")
        try:
            return connection.execute(statement.replace("dbos.", "")).fetchall()
        finally:
            connection.close()
    with psycopg.connect(url) as found:
        return found.execute(statement.encode()).fetchall()


def _dropped(world: World, count: int) -> Path:
    folder = world.jobs.rooms.folder / "drop" / "standard"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.csv").write_bytes(b"".join(world.jobs.rooms.profile("standard").message("billing").writer(bills(count), {})))
    (folder / "a.csv.done").touch()
    return folder


def test_a_file_in_the_drop_folder_is_a_task_of_recorded_steps(world: World, database_url: str) -> None:
    folder = _dropped(world, 20)
    with running(worker := Worker(world.folder / "home", database_url, options=(), FUNDLINK_INTERVAL_S="0.5").ready()):
        until((folder / "done" / "a.csv").exists, worker.log.read_text())
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(240) == 0, worker.log.read_text()
    assert "Traceback" not in worker.log.read_text()
    assert world.sql("SELECT COUNT(*) FROM bill") == [(20,)]
    named = "SELECT workflow_uuid FROM dbos.workflow_status WHERE workflow_uuid LIKE 'intake:%'"
    ((name,),) = _records(world, database_url, named)
    taken = f"SELECT function_name FROM dbos.operation_outputs WHERE workflow_uuid = '{name}' ORDER BY function_id"
    assert [row[0] for row in _records(world, database_url, taken)] == STEPS
    plain = "SELECT DISTINCT serialization FROM dbos.workflow_status"
    assert _records(world, database_url, plain) == [("portable_json",)]


def test_what_was_paid_comes_to_the_core_system_by_itself(world: World, database_url: str) -> None:
    """Nobody but the worker asks: its own schedule hands clearing over, in the folder that is for it."""
    world.intake(bills(2))
    world.jobs.submit()
    world.receive([world.paid(1, "T1")])
    world.jobs.reconcile()
    core = world.folder / "home" / "outbox" / "core"
    with running(worker := Worker(world.folder / "home", database_url, options=(), FUNDLINK_INTERVAL_S="0.5").ready()):
        until(lambda: world.sql("SELECT COUNT(*) FROM export_delivery") == [(2,)], worker.log.read_text())
    assert sorted(path.name.split("-")[0] for path in core.glob("*")) == ["clearing", "slips"]


def test_killed_in_the_middle_of_a_file_it_goes_on_with_it_when_it_is_started_again(world: World, database_url: str) -> None:
    folder, count = _dropped(world, 2000), 2000
    settings: dict[str, Any] = {"FUNDLINK_INTERVAL_S": "0.5", "FUNDLINK_CHUNK_ROWS": "10", "FUNDLINK_WORKER": "one"}
    with running(one := Worker(world.folder / "home", database_url, options=(), halt=3, **settings)):
        until(lambda: one.said(HALTED), "nobody works")
        one.kill()
    assert world.sql("SELECT COUNT(*) FROM bill_version") == [(30,)]
    assert world.sql("SELECT COUNT(*) FROM file_event WHERE event = 'accepted'") == [(0,)]
    with running(two := Worker(world.folder / "home", database_url, options=(), **settings)):
        until((folder / "done" / "a.csv").exists, two.log.read_text())
    assert world.sql("SELECT COUNT(*), COUNT(DISTINCT case_key) FROM slip") == [(count, count)]
    assert world.sql("SELECT COUNT(*) FROM file_event WHERE event = 'accepted'") == [(1,)]


_PROGRAM = """
    import sys
    from pathlib import Path
    from fundlink import bootstrap
    from fundlink.config import Settings
    from fundlink.jobs import Jobs, Task
    from fundlink.jobs.engine import Engine

    home, url = sys.argv[1:]
    rooms = bootstrap.build(Settings(home=Path(home), database_url=url, now="2026-11-24T09:00:00+09:00"))
    engine = Engine(Jobs(rooms, owned=True), "one", at_once=1, poll_s=0.1)
    engine.start()
    task = Task("reconcile", "x", "", {"day": None, "municipality": None})
    for _ in range(2):
        engine.ask(task)
    told = [sorted(engine.answer(task)["outcomes"]), engine.forget("2020-01-01T00:00:00+00:00"), engine.forget("2999-01-01T00:00:00+00:00")]
    engine.ask(task)
    told += [sorted(engine.answer(task)["outcomes"]), sorted(engine.unfinished()), sorted(engine.workers_with_work())]
    engine.stop(10)
    rooms.close()
    print(told)
"""


def test_records_of_old_tasks_are_deleted_and_others_are_not(world: World, database_url: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(_PROGRAM), str(world.folder / "home"), database_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[[], 0, 1, [], [], []]\n"


_WORKER = """
    import sys, threading
    from pathlib import Path
    from fundlink import bootstrap
    from fundlink.config import Settings
    from fundlink.jobs import Jobs, Task
    from fundlink.jobs.worker import Worker

    home, url = sys.argv[1:]
    settings = Settings(home=Path(home), database_url=url, now="2026-11-24T09:00:00+09:00", worker_poll_s=0.1)
    rooms = bootstrap.build(settings)
    export, collect = (Task(verb, "x", "131016", {"municipality": "131016"}) for verb in ("export", "collect"))
    begun, free = threading.Event(), threading.Event()
"""
_END = """
    worker.stop()
    rooms.close()
    print(told)
"""
_PASSING = """
    class Slow(Jobs):
        def step(self, verb, name, ticket):
            if verb == "export":
                begun.set()
                assert free.wait(120)
            return super().step(verb, name, ticket)

    worker = Worker(Slow(rooms, owned=True), settings, scheduled=False)
    worker.start(print)
    tasks = worker._engine
    tasks.ask(export)
    assert begun.wait(120)
    tasks.ask(collect)
    told = [tasks.answer(collect)["receipts"], free.is_set()]
    free.set()
    told.append(tasks.answer(export)["entries"])
"""
_FAILING = """
    class Once(Jobs):
        def step(self, verb, name, ticket):
            if not begun.is_set():
                begun.set()
                raise RuntimeError("YAMADA HANAKO")
            return super().step(verb, name, ticket)

    worker = Worker(Once(rooms, owned=True), settings, scheduled=False)
    worker.start(print)
    worker._engine.ask(export)
    told = worker._engine.answer(export)["entries"]
"""


def _worker(world: World, url: str, program: str) -> subprocess.CompletedProcess[str]:
    """What a program says that runs a worker in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(_WORKER + program + _END), str(world.folder / "home"), url]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


def test_what_arrives_is_taken_in_while_something_else_of_that_municipality_takes_long(world: World, database_url: str) -> None:
    done = _worker(world, database_url, _PASSING)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[0, False, 0]\n"


def test_a_step_that_failed_is_told_by_its_name_without_what_it_was_about_and_tried_again(world: World, database_url: str) -> None:
    done = _worker(world, database_url, _FAILING)
    assert (done.returncode, done.stdout) == (0, "0\n")
    assert "export.compose failed: RuntimeError" in done.stderr
    assert "YAMADA" not in done.stderr
