"""Some planted defects are caught at once; ``make soak-defects`` catches all of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.simulation import defects, soak
from tests.simulation.plants import DEFECTS


@pytest.mark.parametrize("name", ["failed_commit_unheard", "collect_not_audited", "paid_bill_changed", "new_id_after_timeout"])
def test_a_planted_defect_is_caught(name: str) -> None:
    assert defects.catch(name, most=60)["caught"]


def test_there_are_forty_and_each_says_what_it_is() -> None:
    assert len(DEFECTS) >= 40
    assert len({defect.words for defect in DEFECTS.values()}) == len(DEFECTS)


def test_a_long_hunt_says_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever hands out the work takes a worker that is silent for a quarter of an hour for dead."""
    monkeypatch.setattr(soak, "one", lambda _shelf, seed: SimpleNamespace(seed=seed, violations=[]))
    told = [*defects._tried("bank_not_compared", most=2 * defects.SIGN + 1, first=1)]
    assert [one.get("at") for one in told] == [defects.SIGN, 2 * defects.SIGN, None]
    assert told[-1]["caught"] is False
