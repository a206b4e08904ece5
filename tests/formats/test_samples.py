"""Golden samples: an input beside what is read from it. `REGENERATE_SAMPLES=1 pytest tests/formats/test_samples.py` rewrites them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.formats.shelf import MESSAGES, ROOT, message, read, row, standard

SAMPLES = ROOT / "tests" / "samples"
SUFFIXES = {"delimited": "csv", "fixed": "txt", "xml": "xml", "json": "ndjson", "xlsx": "xlsx"}
WRONG = {"billing/standard-wrong.csv": ("standard", "billing"), "billing/host-fixed-wrong.txt": ("host-fixed", "billing")}
CASES = {**{f"{kind}/{name}.{SUFFIXES[message(name, kind).form]}": (name, kind) for name, kind in MESSAGES}, **WRONG}


def _made(path: str, name: str, kind: str) -> bytes:
    if path not in WRONG:
        return message(name, kind).sample_file(7, 3)
    if name == "host-fixed":
        return message(name, kind).spoiled("payer_name", 7)
    return standard(
        row(),
        row(通知書番号="N0002", 料額='"1,000"'),
        row(通知書番号="N0003", 団体コード="131017", 納期限="2026-02-30"),
        row(通知書番号="N0004", 氏名="●田　花子", 住所='"一丁目\r\n二番"'),
        row(通知書番号="1.23E+19", 期別="1"),
        row(通知書番号="N0006", 納期限=""),
    )


def _told(path: Path, name: str, kind: str) -> str:
    outcome = read(message(name, kind), path.read_bytes())
    told = {
        "header": outcome.header,
        "records": [{"line": line, **record._asdict()} for line, record in zip(outcome.lines, outcome.records, strict=True)],
        "problems": [found.as_json() for found in (*outcome.quarantined, *outcome.problems)],
        "rejected": outcome.rejected,
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


@pytest.mark.parametrize("path", CASES)
def test_sample(path: str) -> None:
    name, kind = CASES[path]
    given = SAMPLES / path
    expected = given.with_suffix(".json")
    if os.environ.get("REGENERATE_SAMPLES"):
        given.parent.mkdir(parents=True, exist_ok=True)
        given.write_bytes(_made(path, name, kind))
        expected.write_text(_told(given, name, kind), encoding="utf-8")
    assert _told(given, name, kind) == expected.read_text(encoding="utf-8")
