"""Databases of a bench: SQLite in the home of a stage, or databases of one PostgreSQL server, copied whole between stages.

Used by stages and verbs. The server is the one named by ``--server``, or one of Debian's binaries started here with the
durability it ships with (fsync on): a figure without it would be worth nothing.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg

SERVER_SETTINGS = {"max_connections": "60", "unix_socket_directories": "", "listen_addresses": "127.0.0.1", "log_min_messages": "panic"}
"""What differs from the server's own defaults; nothing of it is about speed."""


class Databases(Protocol):
    """Makes, copies and drops databases. A URL of "" means SQLite in the home folder."""

    kind: str

    def create(self) -> str:
        """An empty database; its URL."""
        ...

    def copy(self, url: str) -> str:
        """A copy that shares nothing with the original."""
        ...

    def drop(self, url: str) -> None:
        """It is gone."""
        ...


class Sqlite:
    """The database is a file of the home, so copying the home has copied it."""

    kind = "sqlite"

    def create(self) -> str:
        """SQLite in the home."""
        return ""

    def copy(self, url: str) -> str:
        """Nothing more to do."""
        return url

    def drop(self, url: str) -> None:
        """Nothing more to do."""


class Postgresql:
    """Databases of one server, named by chance."""

    kind = "postgresql"

    def __init__(self, server_url: str) -> None:
        self._server, self._made = server_url, list[str]()

    def create(self) -> str:
        """An empty database on the server."""
        return self._create("")

    def copy(self, url: str) -> str:
        """A copy of a database that nobody is connected to."""
        return self._create(f"TEMPLATE {_name(url)} STRATEGY FILE_COPY")

    def drop(self, url: str) -> None:
        """Dropped with whoever is still connected."""
        self._execute(f"DROP DATABASE IF EXISTS {_name(url)} WITH (FORCE)")
        self._made.remove(url)

    def close(self) -> None:
        """Drop all that were made."""
        for url in list(self._made):
            self.drop(url)

    def _create(self, more: str) -> str:
        name = f"bench_{uuid.uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} {more}")
        url = self._server.rsplit("/", 1)[0] + f"/{name}"
        self._made.append(url)
        return url

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement.encode())


def _name(url: str) -> str:
    return url.rsplit("/", 1)[1]


@contextmanager
def databases(kind: str, server_url: str | None = None) -> Iterator[Databases]:
    """Databases of a kind; whatever was made is gone after the block."""
    if kind == "sqlite":
        yield Sqlite()
        return
    with server(server_url) as url:
        made = Postgresql(url)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def server(given: str | None) -> Iterator[str]:
    """The address of a running server."""
    if given:
        yield given
        return
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries:
        raise SystemExit("PostgreSQL がありません。--server で接続先を指定してください。 / no PostgreSQL here: name a server with --server")
    folder = Path(tempfile.mkdtemp(prefix="bench-pg-"))
    try:
        with _started(binaries[-1], folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(binaries: Path, folder: Path) -> Iterator[str]:
    servant: dict[str, Any] = {"cwd": "/", "stdout": subprocess.DEVNULL}
    if os.getuid() == 0:  # root may not run the server
        nobody = pwd.getpwnam("nobody")
        servant |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    data, log = folder / "data", folder / "log"
    subprocess.run([binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"], check=True, **servant)
    port = 20_000 + os.getpid() % 20_000
    options = " ".join(f"-c {name}='{value}'" for name, value in {**SERVER_SETTINGS, "port": str(port)}.items())
    control: list[str | Path] = [binaries / "pg_ctl", "-D", data, "-w", "-t", "60"]
    subprocess.run([*control, "-l", log, "-o", options, "start"], check=True, **servant)
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "fast", "stop"], check=True, **servant)
