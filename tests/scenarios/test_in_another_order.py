"""Every named scenario once more: the same facts in another order, in pieces, and some of them twice, give the same ledger."""

from __future__ import annotations

import pytest

from tests.scenarios import cases
from tests.scenarios.tables import Scenario


@pytest.fixture(scope="module")
def seen() -> cases.Seen:
    """All scenarios, played once with their facts in another order."""
    return cases.played(shuffled=True)


@pytest.mark.parametrize("scenario", cases.cases())
def test_a_scenario_ends_the_same_in_another_order(seen: cases.Seen, scenario: Scenario) -> None:
    cases.whatever_the_order(scenario, seen)
