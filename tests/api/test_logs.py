"""One stream of one-line records; no record, metric, error text or file name says who pays."""

from __future__ import annotations

import io
import json
import logging
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from fundlink import logs
from fundlink.api.app import create_app
from fundlink.config import Settings
from tests.api.caller import Vendor, content
from tests.api.test_server import COMMAND, _environment
from tests.builders import CODE, World, bill

CANARIES = {
    "payer_name": "鶴亀松太郎", "payer_kana": "ツルカメマツタロウ", "payer_postal_code": "9876543", "payer_address": "まぼろし市うそ町9-8-7",
    "addressee_number": "730219845500017",
}  # fmt: skip
ACCOUNT = "8642097"


class Stream(io.StringIO):
    """What was logged, record by record."""

    def records(self) -> list[dict[str, Any]]:
        """Every line is one JSON object."""
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def stream() -> Iterator[Stream]:
    """The log of this test; the loggers are as before when it ends."""
    names = ["", *logs._LIBRARIES]
    before = {name: (logging.getLogger(name).handlers[:], logging.getLogger(name).level) for name in names}
    spared = logging.getLogger("dbos").filters[:]  # an engine of another test holds back what was told a moment ago
    logging.getLogger("dbos").filters.clear()
    found = Stream()
    logs.configure("json", "info", found)
    yield found
    for name, (handlers, level) in before.items():
        logging.getLogger(name).handlers[:] = handlers
        logging.getLogger(name).setLevel(level)
    logging.getLogger("dbos").filters[:] = spared


def test_records_of_all_libraries_are_one_stream(stream: Stream) -> None:
    for name in ("fundlink.work", "uvicorn.error", "sqlalchemy.pool", "dbos", "anything"):
        logging.getLogger(name).warning("こんにちは %s", "x")
    with logs.correlated("r-1"):
        logging.getLogger("fundlink.api").error("there")
    told = stream.records()
    assert [record["logger"] for record in told] == [
        "fundlink.work",
        "uvicorn.error",
        "sqlalchemy.pool",
        "dbos",
        "anything",
        "fundlink.api",
    ]
    assert {record["event"] for record in told} == {"こんにちは x", "there"}
    assert [record.get("correlation_id") for record in told] == [None] * 5 + ["r-1"]
    assert all(record["timestamp"].endswith("Z") for record in told)


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("text", ["a\nb", "a\r\nERROR forged", "a\u2028b", "a\x1b[31mb", "a\x85b"])
def test_a_record_is_one_line(stream: Stream, form: str, text: str) -> None:
    logs.configure(form, "info", stream)
    logging.getLogger("fundlink.x").warning(text)
    logging.getLogger("fundlink.x").warning("%s", text)
    assert len(stream.getvalue().splitlines()) == 2
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_exception_is_its_kind_and_its_way(stream: Stream, form: str) -> None:
    logs.configure(form, "info", stream)

    def deep() -> None:
        raise ValueError(CANARIES["payer_name"])

    try:
        deep()
    except ValueError:
        logging.getLogger("uvicorn.error").exception("failed")
    logging.getLogger("dbos").error("Traceback (most recent call last):\n  File x\nValueError: %s", CANARIES["payer_name"])
    told = stream.getvalue()
    assert "ValueError" in told.splitlines()[0]
    assert " deep" in told
    assert CANARIES["payer_name"] not in told
    assert len(told.splitlines()) == 2


def test_levels(stream: Stream) -> None:
    logs.configure("json", "warning", stream)
    logging.getLogger("fundlink.x").info("no")
    logging.getLogger("sqlalchemy.engine").info("SELECT")
    logging.getLogger("fundlink.x").warning("yes")
    assert [record["event"] for record in stream.records()] == ["yes"]


def test_a_request_that_fails_is_found_by_its_id(stream: Stream, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(CANARIES["payer_name"])

    monkeypatch.setattr(type(vendor.world.jobs), "cases", broken)
    answer = vendor.get("/v1/cases", headers={"X-Request-ID": "r-77"})
    assert (answer.status, answer.body["correlation_id"], answer.headers["x-correlation-id"]) == (500, "r-77", "r-77")
    (record,) = [record for record in stream.records() if record["level"] == "error"]
    assert record["correlation_id"] == "r-77"
    assert "RuntimeError" in record["event"]
    assert "cases.py" in record["event"]
    assert CANARIES["payer_name"] not in stream.getvalue() + str(answer.body)


@pytest.mark.parametrize("wanted", ["a b", "a\tb", "x" * 65, "a;b", "名"])
def test_an_id_that_is_not_well_formed_is_refused(vendor: Vendor, wanted: str) -> None:
    told = vendor.get("/healthz", headers={b"X-Request-ID": wanted.encode()})
    assert (told.status, told.code) == (400, "FL-API-010")
    assert told.headers["x-correlation-id"] not in ("", wanted)


def _files(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*")]


def test_nobody_is_named_anywhere(stream: Stream, world: World, database_url: str) -> None:
    """Good rows, bad rows and single writes that carry names: nothing of them is logged, measured, told in an error or a file name."""
    settings = Settings(home=world.folder / "home", database_url=database_url)
    canaries = [*CANARIES.values(), ACCOUNT]
    said: list[str] = []
    with TestClient(create_app(world.jobs.rooms, settings), raise_server_exceptions=False) as client:
        vendor = Vendor(client, world)
        good = bill(1, **CANARIES)
        path = world.folder / "named.csv"
        written = b"".join(world.jobs.rooms.profile("standard").message("billing").writer([good], {"municipality_code": CODE}))
        spoiled = [
            written, written.replace(b"601", b"999"), written.replace(CANARIES["payer_name"].encode(), "鶴\x07亀松太郎".encode()),
            written.replace(b"1001", CANARIES["payer_name"].encode()), written.replace(b"2026-11-30", ACCOUNT.encode()), written[:-20],
        ]  # fmt: skip
        for number, body in enumerate(spoiled):
            path.write_bytes(body)
            said.append(json.dumps(world.jobs.intake(path, "standard"), ensure_ascii=False))
            said.append(str(vendor.send(body, key=f"f{number}").body))
        for number, field in enumerate(CANARIES):
            wrongs = (CANARIES[field] + "\x07", "●" + CANARIES[field] * 20, {"x": CANARIES[field]})
            said += [str(vendor.put(content(number + 2, **{field: wrong})).body) for wrong in wrongs]
        said.append(str(vendor.put(content(9, **{name: value for name, value in CANARIES.items() if name.startswith("addr")})).body))
        said.append(vendor.get("/metrics").body.decode())
    told = "\n".join([*said, stream.getvalue(), *_files(world.folder)])
    assert [canary for canary in canaries if canary in told] == []
    audited = str(world.sql("SELECT subject, detail FROM audit"))
    assert [canary for canary in canaries if canary in audited] == []


def test_the_server_logs_json(tmp_path: Path) -> None:
    environment = {**_environment(tmp_path), "FUNDLINK_LOG_FORMAT": "json", "FUNDLINK_METRICS_PORT": "0", "FUNDLINK_INTERVAL_S": "3600"}
    with subprocess.Popen([*COMMAND, "serve"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            address = process.stdout.readline().split()[-1]
            with httpx2.Client(base_url=address, timeout=60) as client:
                assert client.get("/metrics").status_code == 404
                first = json.loads(process.stderr.readline())
                port = str(first["event"]).rsplit(" ", 1)[-1]
                assert "fundlink_database_bytes" in client.get(f"http://127.0.0.1:{port}/metrics").text
        finally:
            process.terminate()
        rest = process.stderr.read().splitlines()
        assert process.wait(60) in (0, -signal.SIGTERM)  # the server hands the signal on when it is done
    assert all(json.loads(line)["logger"] for line in rest)
