"""The server as a process: says when it is ready, owns its folder, works beside HTTP, stops when told."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from fundlink.api.server import serve
from fundlink.config import Settings
from fundlink.domain.errors import ConfigurationError
from tests.api.caller import KEY

COMMAND = [sys.executable, "-c", "from fundlink.cli import main; main()"]


def _environment(folder: Path) -> dict[str, str]:
    # nobody listens where this gateway should be: the worker's turns fail, and the API does not mind
    set_here = {
        "FUNDLINK_HOME": str(folder),
        "FUNDLINK_PORT": "0",
        "FUNDLINK_GATEWAY_URL": "http://127.0.0.1:9",
        "FUNDLINK_MAX_BODY_BYTES": "2000",
    }
    return {**os.environ, **set_here, "FUNDLINK_GATEWAY_ATTEMPTS": "1"}


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where a server process listens."""
    with subprocess.Popen([*COMMAND, "serve"], env=_environment(tmp_path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("fundlink listening on http://127.0.0.1:")
        yield line.split()[-1]
        process.terminate()
        assert process.stdout.read() == ""
        process.wait(timeout=20)


def test_a_process_serves_and_owns_its_folder(address: str, tmp_path: Path) -> None:
    with httpx2.Client(base_url=address) as client:
        ready = client.get("/readyz").json()
        assert (ready["ok"], [told["name"] for told in ready["checks"]]) == (True, ["database", "schema", "keys", "disk", "worker"])
        made = client.put(f"/v1/bills/{KEY}", json={"charge_yen": 5, "due_on": "2026-11-30"}, headers={"Idempotency-Key": "a"})
        assert made.status_code == 201
        assert "server" not in made.headers
    other = subprocess.run([*COMMAND, "reconcile", "--json"], env=_environment(tmp_path), capture_output=True, text=True, check=False)
    assert other.returncode == 75
    assert "Traceback" not in other.stderr


def test_a13_a_chunked_body_is_cut_off(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        head = f"PUT /v1/bills/{KEY} HTTP/1.1\r\nHost: x\r\nIdempotency-Key: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        line.sendall(head.encode() + b"7d1\r\n" + b" " * 2001)  # one byte too many, and the end never comes
        assert line.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_production_stays_on_its_own_machine(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "example.jp", "::"):
        with pytest.raises(ConfigurationError, match="FL-CFG-002"):
            serve(Settings(home=tmp_path / "home", environment="production", host=host))
    assert not (tmp_path / "home").exists()


def test_a_port_that_is_taken_is_a_wrong_configuration(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = {**_environment(tmp_path), "FUNDLINK_PORT": str(taken.getsockname()[1])}
        told = subprocess.run([*COMMAND, "serve"], env=environment, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (78, "")
    assert "Traceback" not in told.stderr
