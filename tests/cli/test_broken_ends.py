"""Commands when an end breaks: interrupted, a closed pipe, a full disk, a place that cannot be written. One object, one line, no traceback."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders import bills
from tests.cli.conftest import Run
from tests.cli.test_commands import write_bills

# a suite started in the background hands the interrupt on as ignored
HEARD = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
COMMAND = [sys.executable, "-c", f"{HEARD}from fundlink.cli import main; main()"]
FULL = Path("/dev/full")


def test_an_interrupted_run_says_so_in_one_object(home: Path, tmp_path: Path) -> None:
    path = write_bills(tmp_path / "big.csv", 60_000)
    with subprocess.Popen([*COMMAND, "intake", str(path), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        while not (home / "fundlink.db").exists() or not _staged(home):
            assert run.poll() is None, "ended before it was interrupted"
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(0.01)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert json.loads(out)["exit"] == 130
    assert "中断しました" in err.decode()
    again = subprocess.run([*COMMAND, "intake", str(path), "--json"], check=True, capture_output=True)
    assert json.loads(again.stdout)["created"] == 60_000


# the first transaction is interrupted, putting the database away fails, and the person is impatient
UNTIDY = """
import logging, os, signal
from fundlink import cli
from fundlink.store.engine import Store

signal.signal(signal.SIGINT, signal.default_int_handler)
told = cli._tell

def interrupt(*_said):
    os.kill(os.getpid(), signal.SIGINT)

def fail(_store):
    logging.getLogger("sqlalchemy.pool").error("cannot be put away", exc_info=True)
    raise RuntimeError("cannot be put away")

def tell(*said):
    interrupt()
    return told(*said)

Store.write, Store.close, cli._tell = interrupt, fail, tell
cli.main()
"""


def test_what_fails_while_an_interrupted_run_is_put_away_is_the_interruption(home: Path, tmp_path: Path) -> None:
    path = write_bills(tmp_path / "b.csv")
    said = subprocess.run([sys.executable, "-c", UNTIDY, "intake", str(path), "--json"], check=False, capture_output=True)
    assert (said.returncode, json.loads(said.stdout)["exit"]) == (130, 130)
    assert said.stderr.decode().strip() == json.loads(said.stdout)["message"]
    assert not (home / "errors.log").exists()


# the interruption falls into the end of an object, where python cannot raise it
UNHEARD = """
import os, signal, threading
from fundlink.cli import main
from fundlink.store.engine import Store

signal.signal(signal.SIGINT, signal.default_int_handler)

class Ending:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

def write(_store):
    Ending()
    threading.Event().wait(30)
    raise RuntimeError("nobody was heard")

Store.write = write
main()
"""


def test_an_interruption_that_python_swallowed_is_heard_all_the_same(home: Path, tmp_path: Path) -> None:
    path = write_bills(tmp_path / "b.csv")
    said = subprocess.run([sys.executable, "-c", UNHEARD, "intake", str(path), "--json"], check=False, capture_output=True)
    assert (said.returncode, json.loads(said.stdout)["exit"]) == (130, 130)
    assert said.stderr.decode().strip() == json.loads(said.stdout)["message"]


def _staged(home: Path) -> bool:
    engine = sa.create_engine(f"sqlite:///{home / 'fundlink.db'}", poolclass=sa.pool.NullPool)
    try:
        with engine.connect() as connection:
            return bool(connection.execute(sa.text("SELECT COUNT(*) FROM bill_version")).scalar())
    except sa.exc.OperationalError:
        return False


def test_a_closed_pipe_ends_quietly(home: Path) -> None:
    arguments = [*COMMAND, "profile", "sample", "standard", "billing", "--rows", "20000"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.read(1)
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 141


@pytest.mark.skipif(not FULL.exists(), reason="a device that is always full")
def test_a_full_output_is_told_in_one_line(home: Path) -> None:
    with FULL.open("wb") as full:
        run = subprocess.run([*COMMAND, "profile", "list", "--json"], check=False, stdout=full, stderr=subprocess.PIPE)
    assert run.returncode == 1
    assert run.stderr.decode().startswith("FL-STO-001")
    assert "Traceback" not in run.stderr.decode()


def test_a_database_without_room_at_the_start_is_no_wrong_setting(home: Path) -> None:
    limited = ["sh", "-c", 'ulimit -f 64; exec "$@"', "sh"]  # no file may grow beyond some kilobytes
    run = subprocess.run([*limited, *COMMAND, "verify", "--json"], capture_output=True, check=False)
    assert (run.returncode, json.loads(run.stdout)["problems"][0]["code"]) == (1, "FL-STO-001")
    assert subprocess.run([*COMMAND, "verify", "--json"], capture_output=True, check=False).returncode == 0


def test_a_commit_that_fails_is_not_the_gateways_fault(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: object) -> None:
        raise sa.exc.OperationalError("COMMIT", {}, Exception("database or disk is full"))

    path = write_bills(tmp_path / "b.csv")
    run("municipality", "list")
    monkeypatch.setattr(sa.engine.RootTransaction, "commit", full)
    said = run("intake", path, "--json")
    assert (said.code, said.json["problems"][0]["code"]) == (1, "FL-STO-001")


def test_a_place_that_cannot_be_written_is_no_internal_error(run: Run, tmp_path: Path) -> None:
    payload = run("elqr", "encode", *_SLIP).out.strip()
    said = run("elqr", "image", payload, "--out", tmp_path, "--json")
    assert (said.code, said.json["problems"][0]["code"]) == (1, "FL-STO-001")


_SLIP = (
    "--amount-yen", "100", "--institution-code", "99001", "--case-key", "0" * 20, "--confirmation-number", "000001", "--fund-code", "601",
    "--levy-year", "2026", "--due-on", "2026-11-30", "--payable-until", "2027-01-09",
)  # fmt: skip


def test_a_wrong_value_is_named_to_people(run: Run) -> None:
    said = run("elqr", "encode", *("-5" if word == "100" else word for word in _SLIP))
    assert said.code == 1
    assert "amount_yen" in said.err


def test_a_wrong_payload_is_told_alike_by_decode_and_image(run: Run, tmp_path: Path) -> None:
    short = run("elqr", "encode", *_SLIP).out.strip()[:-1]
    decoded = run("elqr", "decode", short, "--json")
    drawn = run("elqr", "image", short, "--out", tmp_path / "q.png", "--json")
    assert (decoded.code, drawn.code) == (1, 1)
    assert drawn.json["problems"] == decoded.json["problems"]
    assert "255 桁の数字ではありません（254 桁）" in run("elqr", "image", short, "--out", tmp_path / "q.png").out


def test_people_count_digits_from_one(run: Run) -> None:
    payload = run("elqr", "encode", *_SLIP).out.strip()
    wrong = payload[:-1] + str((int(payload[-1]) + 1) % 10)
    assert "251 桁目" in run("elqr", "decode", wrong).out


def test_a_municipality_that_cannot_be_one_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    path = write_bills(tmp_path / "b.csv")
    for wrong in ("abc", "990018", "99001"):
        assert run("intake", path, "--municipality", wrong, "--json").code == 2
    assert run("intake", path, "--municipality", "990019", "--json").json["created"] == len(bills(3))


def test_a_missing_file_with_a_name_that_is_no_text(run: Run) -> None:
    said = run("intake", "no\udcff.csv", "--json")
    assert (said.code, said.json["exit"]) == (2, 2)
