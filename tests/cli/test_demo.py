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


def test_a_month_ends_with_every_day_closed_or_explained(run: Run) -> None:
    said = run("demo", "--bills", 400, "--seed", 3, "--scenario", "month-end", "--json")
    told = said.json
    assert (said.code, told["ok"]) == (0, True)
    assert told["outcomes"] == told["expected"]
    assert told["outcomes_yen"] == told["expected_yen"]
    assert told["credited_yen"] == sum(row["credited_yen"] for row in told["expected_days"])
    assert len({row["day"] for row in told["expected_days"]}) == 30
    assert len(told["closed"]) >= 15
    assert all(row["why"] for row in told["explained"])
    assert {row["what"] for row in told["differs"]} <= {"credited_yen"}
    assert run("demo", "--bills", 400, "--seed", 3, "--scenario", "month-end", "--json").json == told
    assert [item for item in run("verify", "--json").json["invariants"] if not item["ok"]] == []
