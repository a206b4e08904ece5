"""Why a payment got its outcome, as staff ask for it; and what a damaged number may have meant."""

from __future__ import annotations

from typing import Any

import pytest

from fundlink.domain.errors import ProblemError
from fundlink.reconcile.explaining import COMPARED, rejected
from fundlink.reconcile.outcomes import Evidence, classify, every_rule
from fundlink.reconcile.suggestions import near_keys
from tests.builders import World, bills, receipt


def _ready(world: World) -> World:
    world.intake(bills(3))
    world.jobs.submit()
    return world


def test_every_outcome_says_what_was_compared_and_what_was_rejected(world: World) -> None:
    """A wrong amount: the rules before it fell for reasons in words."""
    found = _ready(world)
    found.receive([found.paid(1, "T1", amount_yen=999)])
    found.jobs.reconcile()
    told = found.jobs.explain("T1")
    assert (told["outcome"], told["rule"], told["bill_key"] is not None) == ("amount_mismatch", "OC-07", True)
    assert {row["field"]: row["agrees"] for row in told["compared"]}["amount_yen"] is False
    assert [row["rule"] for row in told["rejected"]] == ["OC-01", "OC-02", "OC-03", "OC-04", "OC-05", "OC-06"]
    assert all(row["why"] for row in told["rejected"])
    assert told["suggestions"] == []


@pytest.mark.parametrize("damage", ["one digit", "swapped"])
def test_a_damaged_number_is_a_ranked_suggestion_and_never_a_match(world: World, damage: str) -> None:
    """The slip that was meant comes first, with what speaks for it; the payment stays unknown."""
    found = _ready(world)
    key, confirmation = found.slip(2)
    at = next(place for place in range(18, 0, -1) if key[place] != key[place + 1])
    wrong = (
        key[:at] + str((int(key[at]) + 5) % 10) + key[at + 1 :]
        if damage == "one digit"
        else key[:at] + key[at + 1] + key[at] + key[at + 2 :]
    )
    found.receive([receipt("T1", wrong, confirmation, amount_yen=1002)])
    assert found.jobs.reconcile()["outcomes"] == {"unknown_bill": 1}
    told = found.jobs.explain("T1")
    best: dict[str, Any] = told["suggestions"][0]
    assert (best["case_key"], best["distance"]) == (key, 1)
    assert best["reasons"] == ["確認番号が同じ", "金額が同じ", "公金種目が同じ", "支払期限までの納付", "まだ払われていない"]
    assert found.jobs.reconcile()["outcomes"] == {"unknown_bill": 1}


def test_an_unknown_transaction_is_told_with_a_next_step(world: World) -> None:
    """No traceback, a code."""
    with pytest.raises(ProblemError) as refused:
        world.jobs.explain("nobody")
    assert [told.code for told in refused.value.problems] == ["FL-RCP-004"]


def test_every_combination_of_evidence_can_be_explained() -> None:
    """Each rule before the one that fits has something that speaks against it, whatever the evidence."""
    assert {row.bit for row in COMPARED} == set(Evidence)
    for evidence, _outcome, rule in every_rule():
        assert classify(evidence).rule == rule
        assert all(row["why"] for row in rejected(evidence))


def test_a_number_that_is_none_has_no_near_ones() -> None:
    """What is far from twenty digits is not guessed at."""
    assert near_keys("") == near_keys("12AB") == near_keys("1" * 30) == []
