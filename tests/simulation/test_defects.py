"""Some planted defects are caught at once; ``make soak-defects`` catches all of them."""

from __future__ import annotations

import pytest

from tests.simulation import defects
from tests.simulation.plants import DEFECTS


@pytest.mark.parametrize("name", ["failed_commit_unheard", "collect_not_audited", "paid_bill_changed", "new_id_after_timeout"])
def test_a_planted_defect_is_caught(name: str) -> None:
    assert defects.catch(name, most=60)["caught"]


def test_there_are_forty_and_each_says_what_it_is() -> None:
    assert len(DEFECTS) >= 40
    assert len({defect.words for defect in DEFECTS.values()}) == len(DEFECTS)
