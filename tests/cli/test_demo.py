"""The demo end to end with the mock as its own process: our outcomes equal the books of the other side."""

from __future__ import annotations

from pathlib import Path

import pytest

from fundlink.reconcile.outcomes import RULES
from tests.cli.conftest import Run


@pytest.fixture
def on(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each database in turn."""
    if database_url.startswith("postgresql"):
        monkeypatch.setenv("FUNDLINK_DATABASE_URL", database_url)
    return database_url


@pytest.mark.usefixtures("on")
def test_the_demo_ties_with_every_outcome_and_again_says_the_same(run: Run) -> None:
    said = run("demo", "--bills", 600, "--seed", 11, "--json")
    told = said.json
    assert (said.code, told["ok"]) == (0, True)
    assert told["bills"] == 600
    assert told["outcomes"] == told["expected"]
    assert set(told["outcomes"]) == {rule.outcome for rule in RULES}
    assert all(day["state"] == "tied" for day in told["days"])
    again = run("demo", "--bills", 600, "--seed", 11, "--json").json
    assert again == told
    verified = run("verify", "--json").json
    assert [item for item in verified["invariants"] if not item["ok"]] == []
    assert run("audit", "verify", "--json").json["ok"] is True


def test_the_same_seed_in_another_home_gives_the_same(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    for name in ("one", "two"):
        monkeypatch.setenv("FUNDLINK_HOME", str(tmp_path / name))
        told.append(run("demo", "--bills", 150, "--seed", 5, "--json").json)
    assert {**told[0], "home": ""} == {**told[1], "home": ""}


@pytest.mark.parametrize("scenario", ["exact", "quiet", "lost-answers", "old-slips"])
def test_other_scenarios_tie_too(run: Run, scenario: str) -> None:
    told = run("demo", "--bills", 120, "--seed", 3, "--scenario", scenario, "--json").json
    assert told["outcomes"] == told["expected"]
    assert told["ok"] is True


@pytest.mark.usefixtures("on")
def test_a_month_ends_with_all_thirty_days_closed_and_each_difference_named(run: Run) -> None:
    said = run("demo", "--bills", 300, "--seed", 3, "--scenario", "month-end", "--json")
    told = said.json
    assert (said.code, told["ok"]) == (0, True)
    assert told["outcomes"] == told["expected"]
    assert told["outcomes_yen"] == told["expected_yen"]
    assert told["closed"] == sorted({row["day"] for row in told["expected_days"]})
    assert len(told["closed"]) == 30
    assert {row["state"] for row in told["days"]} == {"closed"}
    assert (told["explained"], told["differs"]) == ([], [])
    named = {(one["day"], row["fund_code"]): row for one in told["overridden"] for row in one["differences"]}
    untied = {(row["day"], row["fund_code"]): row["difference_yen"] for row in told["days"] if row["difference_yen"]}
    assert {place: row["yen"] for place, row in named.items()} == untied
    assert all(row["why"] and row["yen"] == row["expected_yen"] for row in named.values())
    assert run("demo", "--bills", 300, "--seed", 3, "--scenario", "month-end", "--json").json == told
    assert [item for item in run("verify", "--json").json["invariants"] if not item["ok"]] == []


def test_many_processes_want_postgresql(run: Run) -> None:
    said = run("demo", "--bills", 30, "--workers", 2, "--apis", 2, "--json")
    assert said.code == 2
    assert "PostgreSQL" in said.json["message"]
