"""One process of the adapter, forked from here with everything imported: a command or some calls of the API, killed at a point.

Used by journey, which is the client and the gateway at the other end. What the process acknowledges is what left it: its standard
output, its exit, what reached the gateway, what lies in folders.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, NoReturn

import typer.main
from fastapi.testclient import TestClient

from fundlink import bootstrap, cli
from fundlink.api.app import create_app
from fundlink.connectors.in_memory import InMemoryGateway
from fundlink.domain.errors import FundlinkError
from fundlink.formats.profiles import load_profile
from tests.crash.points import Out, Points

PATIENCE_S = 120
_profile = cache(load_profile)


@cache
def _command() -> Any:
    """All commands, made once in the process that all others are forked from."""
    return typer.main.get_command(cli.app)


def _take_what_is_made() -> None:
    """In a forked process only: whoever imports this module goes on with commands and profiles as they are."""
    for place, name, value in ((bootstrap, "load_profile", _profile), (cli, "app", _command())):
        setattr(place, name, value)


class Request(NamedTuple):
    """One call of the API; its key makes it the same call when it is sent again."""

    method: str
    address: str
    key: str
    media_type: str
    body: bytes


Work = tuple[str, ...] | tuple[Request, ...]
"""What a process is to do: the words of a command, or calls of the API."""


class End(NamedTuple):
    """How a process ended: exit code (negative: the signal), what it printed, the points it passed if it lived to say so."""

    code: int
    out: str
    error: str
    points: tuple[str, ...]


def run(work: Work, kill_at: int, environment: Mapping[str, str], twin: InMemoryGateway, tracing: Sequence[str] = ()) -> End:
    """Run one process to its end, being its gateway meanwhile; ``tracing`` are options of strace, which sees all that the work does."""
    ours, theirs = multiprocessing.Pipe()
    _command()
    held, release = os.pipe()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error, tempfile.TemporaryFile() as told:
        pid = os.fork()
        if pid == 0:
            ours.close()
            os.close(release)
            os.read(held, 1)
            os.dup2(out.fileno(), 1)
            os.dup2(error.fileno(), 2)
            _live(work, Points(kill_at), (theirs, told.fileno()), environment)
        theirs.close()
        os.close(held)
        with _traced(pid, tracing):
            os.close(release)
            _answer(ours, twin)
        _, status = os.waitpid(pid, 0)
        read = []
        for stream in (out, error, told):
            stream.seek(0)
            read.append(stream.read().decode())
    return End(os.waitstatus_to_exitcode(status), read[0], read[1], tuple(filter(None, read[2].split("\n"))))


@contextmanager
def _traced(pid: int, options: Sequence[str]) -> Iterator[None]:
    """strace at a process that waits; it has written everything when the block ends."""
    if not options:
        yield
        return
    with subprocess.Popen(["strace", "-f", "-p", str(pid), *options], stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        first = tracer.stderr.readline()
        assert "attached" in first, first
        yield
        tracer.stderr.read()


def aside(act: Callable[[], Any]) -> Any:
    """What a function gives in a process of its own, so that none of its connections stay here."""
    ours, theirs = multiprocessing.Pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            theirs.send(act())
            code = 0
        finally:
            if code:
                sys.excepthook(*sys.exc_info())
            os._exit(code)
    theirs.close()
    try:
        return ours.recv()
    finally:
        ours.close()
        os.waitpid(pid, 0)


def _answer(line: Connection, twin: InMemoryGateway) -> None:
    """Be the gateway until the process is gone."""
    with line:
        while True:
            try:
                call, values = line.recv()
                line.send(getattr(twin, call)(*values))
            except (EOFError, OSError):
                return


def _live(work: Work, points: Points, ends: tuple[Connection, int], environment: Mapping[str, str]) -> NoReturn:
    code = 99
    try:
        signal.alarm(PATIENCE_S)  # a process that hangs is a failure, not a wait
        for name in [name for name in os.environ if name.startswith("FUNDLINK_")]:
            del os.environ[name]
        os.environ.update(environment)
        sys.stdout = Out(points)
        sys.stderr = os.fdopen(2, "w", buffering=1)
        _take_what_is_made()
        points.watch(ends[0])
        code = _called(work) if isinstance(work[0], Request) else _commanded(work)
        points.at("exit before")
        os.write(ends[1], "\n".join(points.seen).encode())
    except BaseException:  # noqa: BLE001  (the parent reads it)
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _commanded(words: tuple[str, ...]) -> int:
    sys.argv = ["fundlink", *words, "--json"]
    return cli._run(sys.argv[1:])


def _called(requests: tuple[Request, ...]) -> int:
    """The calls one after the other; each answer is told as soon as it is there."""
    settings = bootstrap.settings()
    try:
        rooms = bootstrap.build(settings)
    except FundlinkError as error:  # a server says so and does not begin
        sys.argv = ["fundlink", "serve", "--json"]
        return cli._failed(error)
    refused = 0
    with TestClient(create_app(rooms, settings), raise_server_exceptions=False) as client:
        for one in requests:
            headers = {"Idempotency-Key": one.key, "Content-Type": one.media_type}
            answer = client.request(one.method, one.address, content=one.body, headers=headers)
            refused += not answer.is_success
            sys.stdout.write(json.dumps({"key": one.key, "status": answer.status_code, "body": answer.text}) + "\n")
    rooms.close()
    return 75 if refused else 0
