"""Every named scenario on PostgreSQL, as its table tells it."""

from __future__ import annotations

import uuid

import pytest

from tests import postgresql
from tests.scenarios import cases
from tests.scenarios.tables import Scenario


@pytest.fixture(scope="module")
def seen(postgresql_server: str) -> cases.Seen:
    """All scenarios, played once."""
    with postgresql.database(postgresql_server, f"t{uuid.uuid4().hex}") as url:
        return cases.played(url, shuffled=False)


@pytest.mark.parametrize("scenario", cases.cases())
def test_a_scenario_ends_as_its_table_says(seen: cases.Seen, scenario: Scenario) -> None:
    cases.as_told(scenario, seen)
