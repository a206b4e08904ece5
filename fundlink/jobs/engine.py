"""The durable engine: the one module that imports it. A task is a workflow, each named step of its verb is a recorded step.

``Engine`` runs tasks in a worker process, ``Asker`` asks for them from anywhere else and never runs any. A killed task goes on
at the step it was in; its steps are idempotent. Tickets are JSON here and in the database. It knows no schedule and no lock.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import dbos
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer
from sqlalchemy.engine import Connection

from fundlink import pipeline
from fundlink.domain.errors import BusyError, ConfigurationError, OutcomeUnknownError, ProblemError
from fundlink.domain.problems import Problem
from fundlink.jobs.tasks import ALL, Task
from fundlink.jobs.verbs import REPORT, Jobs
from fundlink.pipeline import Rooms, Ticket
from fundlink.store.seats import anybody, session_name

GENERATION = "1"
"""The shape of the workflows below. A worker runs tasks of its own generation only: raise it when steps change places, and let the
workers of the old one empty their queue first."""
SCHEMA, QUEUE, WORKFLOW = "dbos", "fundlink", "fundlink.verb"
UNFINISHED = ("ENQUEUED", "PENDING")
FINISHED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
UNTAKEN_S = 60.0
"""How long whoever asked waits for a worker to begin."""
ASK_AGAIN_S = 0.1
BUSY_S = 0.2
DELETED_AT_ONCE = 500
_RETRIES: dbos.StepOptions = {"retries_allowed": True, "interval_seconds": 1.0, "max_attempts": 6, "backoff_rate": 2.0}
_LOG = logging.getLogger("fundlink.work")
_serving: Engine | None = None


def address(rooms: Rooms) -> str:
    """Where the engine keeps its records: in a schema of its own on PostgreSQL, in a file of its own beside a SQLite database."""
    if rooms.store.is_sqlite:
        return f"sqlite:///{rooms.folder / 'engine.db'}"
    return rooms.store.url.set(drivername="postgresql").render_as_string(hide_password=False)


def prepare(rooms: Rooms) -> str:
    """Bring the engine's own tables up to date, one process at a time; their address."""
    quieten()
    url = address(rooms)
    if rooms.store.is_sqlite:
        with sqlite3.connect(rooms.folder / "engine.db") as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # stays with the file
        connection.close()
        DBOS.migrate(url, schema=SCHEMA)
        return url
    while True:
        try:
            with rooms.store.stream_lock("engine migration"):  # asked for again and again: who waits inside a statement stops a migration
                DBOS.migrate(url, schema=SCHEMA)
        except BusyError:
            time.sleep(BUSY_S)
        else:
            return url


class Engine:
    """Runs tasks in this process under the name of one worker. There is one a process, as the library wants it."""

    def __init__(self, jobs: Jobs, worker: str, *, at_once: int, poll_s: float) -> None:
        self.jobs, self.worker, self._at_once, self._poll_s = jobs, worker, at_once, poll_s
        self.stopping = threading.Event()

    def start(self) -> None:
        """Begin to work; what this worker left unfinished in an earlier life is begun again."""
        global _serving  # noqa: PLW0603  (the library's workflows are functions of a module)
        url = prepare(self.jobs.rooms)
        _serving = self
        DBOS(config=self._config(url))
        DBOS.launch()
        DBOS.register_queue(
            QUEUE, partition_concurrency=1, worker_concurrency=self._at_once, polling_interval_sec=self._poll_s, on_conflict="always_update"
        )

    def _config(self, url: str) -> dbos.DBOSConfig:
        found: dbos.DBOSConfig = {
            "name": "fundlink", "system_database_url": url, "dbos_system_schema": SCHEMA, "application_version": GENERATION,
            "executor_id": self.worker, "serializer": DBOSPortableJSONSerializer(), "use_listen_notify": False, "log_level": "WARNING",
            "sys_db_pool_size": self._at_once + 3, "run_migrations": False, "max_executor_threads": 4 * self._at_once + 8,
        }  # fmt: skip
        if not self.jobs.rooms.store.is_sqlite:
            found["db_engine_kwargs"] = {"connect_args": {"application_name": session_name(self.worker)}}
        return found

    def stop(self, patience_s: int) -> None:
        """Take no more tasks and let those in hand come to the end of a step; the rest goes on at the next start."""
        self.stopping.set()
        DBOS.destroy(workflow_completion_timeout_sec=patience_s)

    def anybody(self) -> bool:
        """This one."""
        return True

    def ask(self, task: Task) -> None:
        """Put a task into the queue; one that was asked for before is not begun anew."""
        DBOS.enqueue_workflow_with_options(_options(task), task.verb, task.ticket)

    def ask_within(self, _connection: Connection, _task: Task) -> bool:
        """Not here: on SQLite the records of tasks are another file. Whoever hands something to a worker still has it."""
        return False

    def answer(self, task: Task) -> Ticket:
        """Wait for a task."""
        return _awaited(lambda names: DBOS.list_workflows(workflow_ids=names, load_input=False), task, self.stopping)

    def unfinished(self) -> set[str]:
        """The turns that are taken: a task of theirs waits or runs."""
        found = DBOS.list_workflows(status=list(UNFINISHED), load_input=False, load_output=False)
        return {one.workflow_id.rsplit(":", 1)[0] for one in found}

    def workers_with_work(self) -> set[str]:
        """The names of other workers that have tasks in hand, alive or not."""
        found = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        return {one.executor_id for one in found if one.executor_id} - {self.worker}

    def adopt(self, dead: str) -> int:
        """Put what a dead worker had in hand back into the queue; the caller holds the dead one's lock. How many."""
        found = DBOS.list_workflows(status="PENDING", executor_id=dead, load_input=False, load_output=False)
        names = [one.workflow_id for one in found]
        if names:
            DBOS.resume_workflows(names, queue_name=QUEUE)
        return len(names)

    def forget(self, before: str) -> int:
        """Delete the records of tasks that ended before an instant; how many."""
        count = 0
        while not self.stopping.is_set():
            found = DBOS.list_workflows(
                status=list(FINISHED), completed_before=before, limit=DELETED_AT_ONCE, load_input=False, load_output=False
            )
            if not found:
                break
            DBOS.delete_workflows([one.workflow_id for one in found])
            count += len(found)
        return count


def _options(task: Task) -> dbos.EnqueueOptions:
    return {
        "queue_name": QUEUE, "workflow_name": WORKFLOW, "workflow_id": task.name, "queue_partition_key": task.turn,
        "app_version": GENERATION, "application_name": "fundlink",
    }  # fmt: skip


@DBOS.workflow(name=WORKFLOW)
def _run(verb: str, ticket: Ticket) -> Ticket:
    """The steps of a verb as ``pipeline.run`` takes them, each recorded with what it added to the ticket."""
    steps = [name for name, _ in pipeline.VERBS[verb]]
    for name in steps:
        ticket = {**ticket, **_recorded(verb, name, ticket)}
        if ticket.get("end") or ticket.get("failed"):
            break
    if verb == "intake" and not ticket.get("failed"):
        ticket = {**ticket, **_recorded(verb, REPORT[0], ticket)}
    _tell(verb, ticket)
    return ticket


def _tell(verb: str, ticket: Ticket) -> None:
    """What is wrong goes to the log by its codes; the rows of a file are the sender's matter and stand in its result."""
    rows = [] if verb == "intake" else ticket.get("problems", [])
    codes = {told[0] for told in ticket.get("failed", [])} | {told["code"] for told in rows}
    if codes:
        _LOG.warning("%s %s: %s", verb, ticket.get("municipality") or ALL, ", ".join(sorted(codes)))


def _recorded(verb: str, name: str, ticket: Ticket) -> Ticket:
    return DBOS.run_step({**_RETRIES, "name": f"{verb}.{name}"}, _step, verb, name, ticket)


class _LeavingError(BaseException):
    """This worker ends: no failure of the task, which the engine leaves as it is and somebody goes on with."""


def _step(verb: str, name: str, ticket: Ticket) -> Ticket:
    """One step, as soon as its stream is free. What cannot be done is an answer like any other; everything else is tried again."""
    engine = _serving
    assert engine is not None
    while True:
        try:
            return engine.jobs.step(verb, name, ticket)
        except BusyError:
            if engine.stopping.wait(BUSY_S):
                raise _LeavingError from None
        except (ProblemError, ConfigurationError) as error:
            return {"failed": [list(told) for told in error.problems[:1000]]}
        except Exception as error:
            if engine.stopping.is_set():
                raise _LeavingError from None
            _LOG.error("%s.%s failed: %s", verb, name, type(error).__name__)
            raise


class Asker:
    """Asks the workers of a PostgreSQL database from a process that runs no task itself."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms, self._closed = rooms, threading.Event()
        self._client = DBOSClient(
            system_database_url=prepare(rooms), dbos_system_schema=SCHEMA, serializer=DBOSPortableJSONSerializer(),
            system_database_pool_size=4, application_name="fundlink", lazy=True, retry_connection_errors=False,
        )  # fmt: skip

    def anybody(self) -> bool:
        """Whether any worker of the database is there."""
        with self._rooms.store.read() as connection:
            return anybody(connection)

    def ask(self, task: Task) -> None:
        """Ask for a task; one that was asked for before is not begun anew."""
        self._client.enqueue(_options(task), task.verb, task.ticket)

    def ask_within(self, connection: Connection, task: Task) -> bool:
        """Ask for a task in the caller's transaction."""
        self._client.enqueue_in_transaction(connection, _options(task), task.verb, task.ticket)
        return True

    def answer(self, task: Task) -> Ticket:
        """Wait for a task. BusyError when no worker has begun it for a while: it is kept, and ends as if nobody had waited."""
        return _awaited(lambda names: self._client.list_workflows(workflow_ids=names, load_input=False), task, self._closed)

    def answers(self, tasks: Sequence[Task]) -> dict[str, Ticket]:
        """What became of these tasks, as far as they ended, by their names."""
        found = self._client.list_workflows(workflow_ids=[task.name for task in tasks], load_input=False)
        return {one.workflow_id: _answered(one.status, one.output) for one in found if one.status in FINISHED}

    def close(self) -> None:
        """Give the connections back."""
        self._closed.set()
        self._client.destroy()


def _awaited(look: Callable[[list[str]], list[dbos.WorkflowStatus]], task: Task, stopping: threading.Event) -> Ticket:
    begun = time.monotonic()
    while True:
        (state,) = look([task.name])
        if state.status in FINISHED:
            return _answered(state.status, state.output)
        if state.status == "PENDING":
            begun = time.monotonic()
        if time.monotonic() - begun > UNTAKEN_S or stopping.wait(ASK_AGAIN_S):
            raise BusyError(task.turn)


def _answered(status: str, output: Any) -> Ticket:
    if status != "SUCCESS":
        raise OutcomeUnknownError(status)
    if output.get("failed"):
        raise ProblemError([_problem(told) for told in output["failed"]])
    return dict(output)


def _problem(told: list[Any]) -> Problem:
    found = Problem(*told)
    return found._replace(args=tuple((str(name), value) for name, value in found.args))


class _Sparing(logging.Filter):
    """A database that is away for a minute would fill the log: the same line is told once in a while, with how often it came."""

    EVERY_S = 30.0

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is told now."""
        key, now = (record.pathname, record.lineno), time.monotonic()
        last, held = self._told.get(key, (-self.EVERY_S, 0))
        if now - last < self.EVERY_S:
            self._told[key] = (last, held + 1)
            return False
        self._told[key] = (now, 0)
        words = (record.getMessage().splitlines() or [""])[0][:200]  # the lines below it hold statements and their values
        record.msg, record.args, record.exc_info = f"{words} (+{held})" if held else words, (), None
        return True


def quieten() -> None:
    """Let the engine's log tell warnings only, and each of them sparingly."""
    log = logging.getLogger("dbos")
    log.setLevel(logging.WARNING)
    if not any(isinstance(one, _Sparing) for one in log.filters):
        log.addFilter(_Sparing())
