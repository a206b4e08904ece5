"""The decision table over every combination of evidence, against an oracle written from the contract's words alone."""

from __future__ import annotations

import pytest

from fundlink.reconcile.outcomes import OUTCOMES, Evidence, classify, every_rule

E = Evidence


def oracle(e: Evidence) -> str:
    """Precedence as the contract tells it; evidence that contradicts itself is undetermined."""
    if E.WITHDRAWN in e:
        return "withdrawn"
    if E.SLIP_KNOWN not in e:
        return "unknown_bill" if not e else "undetermined"
    if E.NUMBER_RIGHT not in e:
        return "undetermined" if E.FIRST in e else "wrong_confirmation_number"
    if E.FIRST not in e:
        return "duplicate_payment"
    if E.CANCELLED in e:
        return "paid_after_cancel"
    if E.SUPERSEDED in e:
        return "paid_after_supersede"
    if E.AMOUNT_EQUAL not in e:
        return "amount_mismatch"
    return "matched" if E.IN_TIME in e else "paid_after_limit"


@pytest.mark.parametrize("evidence", range(256))
def test_every_combination_of_evidence_has_the_outcome_the_contract_tells(evidence: int) -> None:
    assert classify(evidence).outcome == oracle(Evidence(evidence))


def test_the_table_loaded_into_the_database_is_the_same_one() -> None:
    loaded = list(every_rule())
    assert [row[0] for row in loaded] == list(range(256))
    assert {row[1] for row in loaded} == set(OUTCOMES)
    assert all(classify(evidence).rule == rule for evidence, _, rule in loaded)


def test_every_outcome_of_the_closed_list_is_reachable_but_for_contradictions() -> None:
    assert set(OUTCOMES) == {
        "withdrawn", "unknown_bill", "wrong_confirmation_number", "paid_after_cancel", "paid_after_supersede", "duplicate_payment",
        "amount_mismatch", "paid_after_limit", "matched", "undetermined",
    }  # fmt: skip
