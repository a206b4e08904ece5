"""Every named scenario on SQLite, as its table tells it."""

from __future__ import annotations

import pytest

from tests.scenarios import cases
from tests.scenarios.tables import Scenario


@pytest.fixture(scope="module")
def seen() -> cases.Seen:
    """All scenarios, played once."""
    return cases.played(shuffled=False)


@pytest.mark.parametrize("scenario", cases.cases())
def test_a_scenario_ends_as_its_table_says(seen: cases.Seen, scenario: Scenario) -> None:
    cases.as_told(scenario, seen)
