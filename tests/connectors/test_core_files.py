"""A file reaches the core system whole or not at all, and what a killed writer left is swept without touching one that lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fundlink.connectors import core_files
from tests.builders import World, bill

_WRITER = """
import os, signal, sys
from pathlib import Path
from fundlink.connectors import core_files

def content():
    yield b"half "
    print("writing", flush=True)
    sys.stdin.readline() or os.kill(os.getpid(), signal.SIGKILL)
    yield b"and half"

core_files.put(Path(sys.argv[1]), content())
"""


def _writer(path: Path) -> subprocess.Popen[bytes]:
    """A process that is in the middle of a file: a line to it lets it go on, the end of its input kills it."""
    found = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}
    )
    assert found.stdout is not None
    assert found.stdout.readline() == b"writing\n"
    return found


def _hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "clearing.csv")
    writer.communicate()
    assert (writer.returncode, len(_hidden(tmp_path)), (tmp_path / "clearing.csv").exists()) == (-signal.SIGKILL, 1, False)
    assert (core_files.sweep(tmp_path), core_files.sweep(tmp_path), _hidden(tmp_path)) == (1, 0, [])


def test_a_file_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "clearing.csv")
    assert (core_files.sweep(tmp_path), len(_hidden(tmp_path))) == (0, 1)
    writer.communicate(b"go on\n")
    assert (writer.returncode, _hidden(tmp_path)) == (0, [])
    assert (tmp_path / "clearing.csv").read_bytes() == b"half and half"


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / ".somebody.tmp").touch()
    (tmp_path / ".fundlink-link.tmp").symlink_to(tmp_path / ".somebody.tmp")
    (tmp_path / "clearing.csv").touch()
    assert core_files.sweep(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 3
    assert core_files.sweep(tmp_path / "nowhere") == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_next_delivery_sweeps(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".fundlink-0123456789.tmp").write_bytes(b"half")
    world.intake([bill(1)])
    world.jobs.submit()
    assert world.jobs.export(out)["files"] == 1
    assert (_hidden(out), len(list(out.iterdir()))) == ([], 1)
