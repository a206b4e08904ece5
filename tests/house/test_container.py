"""The container files: linted by hadolint, understood by docker-compose, and holding what an operator relies on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import ROOT

SERVICES = {"api", "worker", "mock", "postgres"}
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def tool(name: str) -> str:
    """Where a program is; without it the test is skipped, and in CI (CI_NO_SKIP=1) it fails."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found is not None:
        return found
    if os.environ.get("CI_NO_SKIP") == "1":
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed")


def compose(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run docker-compose on the file of the house with nothing set but what is given."""
    clean = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "/"), **environment}
    command = [tool("docker-compose"), "-f", str(ROOT / "docker-compose.yml"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=clean, cwd=ROOT, check=False, timeout=60)


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run([tool("hadolint"), "Dockerfile"], capture_output=True, text=True, cwd=ROOT, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_understands_the_file_and_knows_the_services() -> None:
    done = compose("config", "--services", POSTGRES_PASSWORD="x")
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == SERVICES


def test_compose_does_not_start_without_the_secret() -> None:
    done = compose("config")
    assert done.returncode != 0
    assert "POSTGRES_PASSWORD" in done.stderr


def test_ports_are_published_on_this_machine_only() -> None:
    ports = re.findall(r'^\s+- "([^"]*:\d+)"$', COMPOSE, re.MULTILINE)
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_stands_in_the_file() -> None:
    given = re.findall(r"^ +POSTGRES_PASSWORD:\s*(.+)$", COMPOSE, re.MULTILINE)
    assert given
    assert all(value.startswith("${POSTGRES_PASSWORD:?") for value in given)


def test_every_setting_of_the_file_exists() -> None:
    from fundlink.config import PREFIX, Settings

    named = {name.removeprefix(PREFIX).lower() for name in re.findall(r"FUNDLINK_[A-Z_]+", COMPOSE + DOCKERFILE)}
    assert named
    assert named <= set(Settings.model_fields)


def test_the_image_runs_as_nobody_and_installs_only_what_is_locked() -> None:
    assert "ARG BASE=python:3.11-slim" in DOCKERFILE
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert "/healthz" in DOCKERFILE
    installs = re.findall(r"pip install .+", DOCKERFILE)
    assert len(installs) == 2
    assert "--require-hashes -r requirements.lock" in installs[0]
    assert "--no-deps --no-build-isolation" in installs[1]


def test_the_image_carries_everything_the_wheel_is_built_from() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for name in " ".join(copied).split():
        assert f"!{name}" in ignored, f"{name} never reaches the build"
        assert (ROOT / name).exists()
    assert ignored[ignored.index("*")] == "*"
