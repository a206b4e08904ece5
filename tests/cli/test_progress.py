"""Long work is seen: a bar with rate and time left on a terminal, a line a minute elsewhere; Ctrl-C keeps what was committed."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fundlink.cli.progress import pace
from tests.builders import World, bills
from tests.builders import world as build_world

ROWS, CHUNK = 600, 100
SHOWN = """
import sys
from fundlink.cli.progress import ProgressTeller
teller = ProgressTeller(after_s=0, every_s=0)
teller("intake", 250, 1000)
sys.stdin.readline()
teller.close()
"""
COMMAND = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite started in the background hands it on as ignored
from fundlink.cli import main, progress
from fundlink.store import engine
progress.AFTER_S = progress.EVERY_S = 0
honest, wanted = engine._commit, [int(sys.argv.pop(1))]
def commit(transaction):
    honest(transaction)
    with transaction.connection.engine.connect() as beside:
        staged = beside.exec_driver_sql("SELECT COUNT(*) FROM bill_version").scalar()
    if wanted and staged >= wanted[0]:
        wanted.clear()
        print("COMMITTED", file=sys.stderr, flush=True)
        sys.stdin.readline()
engine._commit = commit
main()
"""


def _pieces(file: int) -> Iterator[str]:
    """What comes out of a terminal or a pipe, until its other side is closed."""
    while True:
        try:
            piece = os.read(file, 4096)
        except OSError:  # the terminal has no other side any more
            return
        if not piece:
            return
        yield piece.decode("utf-8", errors="replace")


def _until(file: int, wanted: str) -> str:
    told = ""
    for piece in _pieces(file):
        told += piece
        if re.search(wanted, told):
            return told
    pytest.fail(f"{wanted!r} was not shown: {told[-2000:]!r}")


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "TERM": "xterm", "COLUMNS": "120", "PYTHONIOENCODING": "utf-8", **more}


def test_a_terminal_sees_a_bar_with_rate_and_time_left() -> None:
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SHOWN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=theirs, env=_environment()
    )
    os.close(theirs)
    told = _until(mine, r"250 / 1,000 件（毎秒 [\d,]+ 件、残り \d+:\d\d:\d\d）")
    assert "取込" in told
    assert "━" in told
    out, _ = process.communicate(b"\n", timeout=60)
    os.close(mine)
    assert (process.returncode, out) == (0, b"")


def test_a_log_sees_lines() -> None:
    process = subprocess.Popen([sys.executable, "-c", SHOWN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment())  # fmt: skip
    assert process.stderr is not None
    told = _until(process.stderr.fileno(), r"\n")
    assert re.match(r"取込: 250 / 1,000 件（毎秒 [\d,]+ 件、残り \d+:\d\d:\d\d）\n", told)
    assert "\x1b" not in told
    process.communicate(b"\n", timeout=60)


def test_the_words_of_a_step_without_a_known_end() -> None:
    assert pace(5_000, None, 2.0) == "5,000 件（毎秒 2,500 件）"
    assert pace(5_000, 20_000, 2.0) == "5,000 / 20,000 件（毎秒 2,500 件、残り 0:00:06）"
    assert pace(0, 20_000, 2.0) == "0 / 20,000 件（毎秒 0 件）"


def test_the_bar_of_a_command_is_gone_at_its_end(home: Path, tmp_path: Path) -> None:
    path = _file(tmp_path)
    mine, theirs = pty.openpty()
    command = [sys.executable, "-c", COMMAND, str(CHUNK), "intake", str(path), "--json"]
    settings = _environment(FUNDLINK_HOME=str(home), FUNDLINK_CHUNK_ROWS=str(CHUNK))
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=theirs, env=settings)
    os.close(theirs)
    _until(mine, r"件（毎秒 [\d,]+ 件")
    out, _ = process.communicate(b"\n", timeout=60)
    rest = "".join(_pieces(mine))
    os.close(mine)
    assert process.returncode == 0
    assert out.startswith(b"{")
    assert rest.rstrip().endswith("\x1b[2K")  # the line of the bar is wiped


def _file(folder: Path) -> Path:
    maker = build_world(folder / "maker")
    path = folder / "big.csv"
    path.write_bytes(b"".join(maker.jobs.rooms.profile("standard").message("billing").writer(bills(ROWS), {})))
    maker.jobs.rooms.close()
    return path


def _interrupted(found: World, url: str, path: Path, rows: int) -> tuple[int, str]:
    """Ctrl-C right after the commit of so many rows."""
    command = [sys.executable, "-c", COMMAND, str(rows), "intake", str(path)]
    settings = _environment(FUNDLINK_HOME=str(found.folder / "home"), FUNDLINK_DATABASE_URL=url, FUNDLINK_CHUNK_ROWS=str(CHUNK),
                            FUNDLINK_NOW="2026-11-24T09:00:00+09:00")  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=settings)
    assert process.stderr is not None
    told = _until(process.stderr.fileno(), "COMMITTED")
    process.send_signal(signal.SIGINT)
    assert process.stdin is not None
    process.stdin.close()  # a signal that came a moment before the read does not end it
    told += "".join(_pieces(process.stderr.fileno()))
    process.wait(60)
    process.stderr.close()
    return process.returncode, told


def _content(found: World) -> dict[str, object]:
    return {
        "versions": found.sql("SELECT id, bill_key, content, case_key FROM bill_version ORDER BY id"),
        "bills": found.sql("SELECT id, bill_key, file_id FROM bill ORDER BY id"),
        "slips": found.sql("SELECT bill_id, issue_count, case_key FROM slip ORDER BY bill_id"),
        "events": found.sql("SELECT file_id, event, summary FROM file_event ORDER BY id"),
        "kept": found.sql("SELECT sha256, size FROM raw WHERE direction = 'in' ORDER BY id"),
        "acts": found.sql("SELECT act, subject FROM audit WHERE act LIKE 'intake%' ORDER BY seq"),
    }


@pytest.mark.parametrize("chunks", [1, 3])
def test_an_interrupted_intake_is_gone_on_with(tmp_path: Path, database_url: str, chunks: int) -> None:
    path = _file(tmp_path)
    (tmp_path / "calm").mkdir()
    calm = build_world(tmp_path / "calm", chunk_rows=CHUNK)
    calm.jobs.intake(path, "standard")
    found = build_world(tmp_path, database_url, chunk_rows=CHUNK)
    code, told = _interrupted(found, database_url, path, chunks * CHUNK)
    assert code == 130, told
    assert "続きから" in told
    assert found.sql("SELECT COUNT(*) FROM bill") == [(0,)]
    assert found.sql("SELECT COUNT(*) FROM bill_version") == [(chunks * CHUNK,)]
    again = found.jobs.intake(path, "standard")
    assert (again["created"], again["duplicate_of"]) == (ROWS, None)
    assert _content(found) == _content(calm)
    for one in (found, calm):
        one.jobs.rooms.close()
