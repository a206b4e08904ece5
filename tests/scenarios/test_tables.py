"""The tables themselves: enough of them, every word of the closed lists in them, and a comparison that can fail."""

from __future__ import annotations

import pytest

from fundlink.domain.states import DAY_STATES
from fundlink.reconcile.outcomes import OUTCOMES
from tests.scenarios import cases, tables
from tests.scenarios.stage import turned
from tests.scenarios.tables import Scenario, scenarios

KINDS = {
    "receipt_without_settlement", "settlement_without_receipt", "settlement_without_credit", "credit_without_settlement",
    "amount_difference", "revised_after_close",
}  # fmt: skip
REACHABLE = {outcome for outcome in OUTCOMES if outcome != "undetermined"}
"""Evidence that contradicts itself cannot come in through the front door."""


def _words(name: str) -> set[str]:
    return {word for scenario in scenarios() for line in scenario.expected[name] for word in line.split()}


def test_there_are_at_least_three_hundred_and_each_has_its_own_name() -> None:
    names = [scenario.name for scenario in scenarios()]
    assert len(names) == len(set(names))
    assert len(names) >= 300


def test_every_word_of_the_closed_lists_occurs() -> None:
    assert _words("outcomes") >= REACHABLE
    assert _words("days") >= KINDS | {state for state, _ in DAY_STATES}
    assert {line.split()[1] for scenario in scenarios() for line in scenario.expected["entries"]} == {"0", "1", "9"}


def test_every_incident_is_replayed() -> None:
    found = {scenario.name[:4] for scenario in scenarios() if scenario.topic == "incidents"}
    assert found == {f"RI-{number}" for number in range(1, 8)}


def test_another_order_is_another_order() -> None:
    """Nearly every scenario with several facts has them turned, and none loses or gains one."""
    several = [scenario for scenario in scenarios() if sum(event.is_fact for event in scenario.events) > 1 and not scenario.ordered]
    changed = [scenario for scenario in several if [*turned(scenario)] != [*scenario.events]]
    assert len(changed) > len(several) * 0.9
    for scenario in several:
        assert sorted(map(_what, turned(scenario))) == sorted(map(_what, scenario.events))


def _what(event: object) -> str:
    return str(event).split("verb=")[1]


@pytest.mark.parametrize("name", ["outcomes", "slips", "days", "entries"])
def test_the_comparison_sees_a_planted_fault(name: str) -> None:
    scenario = next(one for one in scenarios() if one.expected[name])
    right = {scenario.name: scenario.expected}
    cases.as_told(scenario, right)
    wrong = {scenario.name: {**scenario.expected, name: [line + " x" for line in scenario.expected[name]]}}
    for compare in (cases.as_told, cases.whatever_the_order):
        with pytest.raises(AssertionError):
            compare(scenario, wrong)


def test_a_word_nobody_knows_is_refused() -> None:
    assert isinstance(scenarios()[0], Scenario)
    with pytest.raises(AssertionError):
        tables._event("11-20 dance T1")
    with pytest.raises(AssertionError, match="surprise"):
        tables._scenario("x", {"name": "x", "ja": "", "events": [], "surprise": 1})
