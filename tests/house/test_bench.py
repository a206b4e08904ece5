"""The benchmarks run and tell everything: small, once each. No figure is judged here, only whether it is one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import book, serving, verbs
from bench.comparators import together
from bench.databases import databases
from bench.measure import Run
from bench.receipts import Rate, receipts
from bench.recovery import recovery
from bench.stages import Bed
from bench.verbs import Asked
from tests.house.sources import ROOT

ROWS = 200
ONCE = Asked(runs=1)
FIGURES = ("intake", "submit", "collect", "reconcile", "export")
WHOLE = {
    "bench", "database", "rows", "runs", "seconds", "floor_seconds", "floor_seconds_all", "floor_rows", "ratio", "rows_per_s",
    "peak_mib", "floor_peak_mib", "floor", "steps", "details",
}  # fmt: skip


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """One bed for all figures on SQLite: what one run leaves is the stage of the next."""
    with databases("sqlite") as made:
        yield Bed(tmp_path_factory.mktemp("bench"), ROWS, made)


def whole(told: dict[str, Any]) -> dict[str, Any]:
    """A figure that is complete and made of numbers."""
    assert set(told) >= WHOLE
    json.dumps(told, allow_nan=False)
    assert told["seconds"]["all"]
    assert told["seconds"]["median"] > 0
    assert told["rows_per_s"] > 0
    assert told["peak_mib"] > 0
    assert told["floor"]
    return told


def beside_its_floor(told: dict[str, Any]) -> None:
    """Road and floor processed the same rows."""
    whole(told)
    assert told["rows"] == told["floor_rows"] == ROWS
    assert told["floor_seconds"] > 0
    assert told["ratio"] > 0
    assert told["floor_peak_mib"] > 0


@pytest.mark.parametrize("name", FIGURES)
def test_road_and_floor_on_sqlite(bed: Bed, name: str) -> None:
    told = verbs.VERBS[name](bed, ONCE._replace(profile=name == "export"))
    beside_its_floor(told)
    assert ("profile" in told) == (name == "export")
    assert all(line["calls"] > 0 for line in told.get("profile", []))


@pytest.mark.parametrize("form", ["cp932", "fixed"])
def test_the_other_forms_of_intake(bed: Bed, form: str) -> None:
    beside_its_floor(verbs.intake(bed, ONCE._replace(form=form)))


def test_a_small_day_among_stored_bills(bed: Bed) -> None:
    told = whole(verbs.incremental(bed, ONCE))
    assert told["bills"] == told["rows"] == ROWS
    assert set(told["details"]) >= {"collect_seconds", "reconcile_seconds"}


def test_upload_beside_the_intake_of_the_same_file(bed: Bed) -> None:
    beside_its_floor(serving.upload(bed, ONCE))


def test_single_writes_under_load(bed: Bed) -> None:
    told = whole(serving.api(bed, ONCE, serving.Pressure(requests=20, limit_s=5, connections=4, rate=100)))
    assert told["details"]["statuses"] == {"201": told["rows"]}
    assert told["details"]["p50_ms"] <= told["details"]["p99_ms"]


@pytest.mark.postgresql
def test_road_and_floor_on_postgresql(tmp_path: Path, postgresql_url: str) -> None:
    with databases("postgresql", postgresql_url) as made:
        bed = Bed(tmp_path, ROWS, made)
        for name in ("intake", "reconcile"):
            beside_its_floor(verbs.VERBS[name](bed, ONCE))


def test_what_is_not_installed_is_told(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "PYTHON", Path("/nowhere/python"))
    monkeypatch.setattr(together, "run", lambda *_: Run(ROWS, 1.0, 1.0, {}))
    told = together.compare(bed, ONCE)
    assert {found["name"] for found in told} == {comparator.name for comparator in together.COMPARATORS}
    assert {found["missing"] for found in told} == {"not installed"}


def test_no_comparator_is_a_dependency_of_the_product() -> None:
    own = {line.partition("==")[0].lower() for line in (ROOT / "bench/requirements.txt").read_text().splitlines() if "==" in line}
    assert {"pandas", "datacompy", "splink", "xsdata[cli,lxml]", "pydantic-xml"} <= own
    assert "://" not in (ROOT / "bench/requirements.txt").read_text()
    locked = (ROOT / "requirements-all.lock").read_text()
    assert not [name for name in ("pandas", "datacompy", "splink", "xsdata", "pydantic-xml") if f"\n{name}==" in locked]


def test_a_figure_replaces_the_same_one_made_before(tmp_path: Path) -> None:
    path = tmp_path / "made" / "results.json"
    told = {"bench": "intake", "form": "utf-8", "database": "sqlite", "rows": 100_000, "ratio": 2.0}
    book.add(path, told)
    book.add(path, {**told, "rows": 10_000})
    book.add(path, {**told, "ratio": 1.5})
    assert sorted(found["ratio"] for found in book.load(path)["results"]) == [1.5, 2.0]


def test_the_table_is_made_in_parts_and_gone_on_with(tmp_path: Path) -> None:
    """One part at a time into the same file; what it holds is left out when asked."""
    out = tmp_path / "results.json"
    command = [
        sys.executable,
        "-m",
        "bench",
        "all",
        "--rows",
        "60",
        "--runs",
        "1",
        "--on",
        "sqlite",
        "--out",
        str(out),
        "--resume",
        "--only",
    ]
    first = subprocess.run([*command, "intake"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "intake sqlite 60 cp932 …" in first.stderr
    assert "3 made, 0 left out, 0 failed" in first.stderr
    both = subprocess.run([*command, "intake,submit,export"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "2 made, 3 left out, 0 failed" in both.stderr
    kinds = [(found["bench"], found.get("form")) for found in book.load(out)["results"]]
    assert sorted(kinds, key=str) == [("export", None), ("intake", "cp932"), ("intake", "fixed"), ("intake", "utf-8"), ("submit", None)]


def test_stages_go_when_nothing_to_come_needs_them(tmp_path: Path) -> None:
    with databases("sqlite") as made:
        bed = Bed(tmp_path, 60, made)
        verbs.intake(bed, ONCE)
        bed.keep({"registered"})
        assert set(bed._stages) == {"bills"}  # the nearest that exists of those it is made from
        bed.keep({"empty"})
        assert not [path for path in tmp_path.glob("home-*") if path.is_dir()]


def test_notes_lie_beside_the_results_and_survive_a_run(tmp_path: Path) -> None:
    path = tmp_path / "performance.json"
    (tmp_path / "performance-notes.toml").write_text('["collect"]\nwhere = "in the schema"\n', encoding="utf-8")
    book.add(
        path,
        {"bench": "intake", "form": "utf-8", "database": "sqlite", "rows": 10, "floor": "x", "seconds": {"median": 1.0}, "peak_mib": 1.0},
    )
    assert "### collect\n\n- where: in the schema" in book.page(book.load(path))
    assert "schema" not in path.read_text(encoding="utf-8")


def test_the_page_is_that_of_its_results() -> None:
    assert (ROOT / "docs/performance.md").read_text(encoding="utf-8") == book.page(book.load(ROOT / "docs/performance.json"))


def test_the_page_says_met_missed_and_not_measured() -> None:
    shared = {"database": "sqlite", "floor": "x", "seconds": {"median": 1.0}, "peak_mib": 300.0, "made_on": "2026-11-24"}
    results = [
        {**shared, "bench": "intake", "form": "utf-8", "rows": 100_000, "ratio": 1.6},
        {**shared, "bench": "reconcile", "rows": 1_000_000, "ratio": 2.01},
    ]
    lines = book.page({"machine": {}, "notes": {}, "results": results}).splitlines()
    assert "| intake, CSV UTF-8 | sqlite | ≤ 1.6 | not measured | 1.60 met | not measured |" in lines
    assert "| reconcile | sqlite | ≤ 2.0 | not measured | not measured | 2.01 **missed** |" in lines
    assert "| reconcile | sqlite | not measured | not measured | 300 **missed** |" in lines


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_receipts_at_a_rate_and_recovery_tell_everything(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    rate = Rate(per_s=1500, seconds=2, interval_s=0.25, workers=1)
    given = request.getfixturevalue("postgresql_server") if kind == "postgresql" else None
    with databases(kind, given) as made:
        bed = Bed(tmp_path, rate.rows, made)
        told = receipts(bed, rate)
        assert told["whole"]
        assert told["stored"] == told["receipts"] > 2_000
        assert 0 < told["stored_s"]["p50"] <= told["stored_s"]["max"] <= told["tied_s"]["max"]
        killed = recovery(bed, rate.rows, workers=1)
    assert 0 < killed["collect"]["ready_s"] <= killed["recovery_s"]
    assert killed["reconcile"]["tied_s"] >= killed["reconcile"]["done_s"] >= 0  # tenths of a second: a small one may be none
    json.dumps([told, killed], allow_nan=False)
