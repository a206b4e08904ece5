"""The demo by many processes: whichever of them is killed, and however often, the ledger ends the same. `make failover` plays it at size."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs.failover import ORDER, Pace, compare, report

BILLS = 160
pytestmark = pytest.mark.postgresql


def test_killing_every_process_in_turn_ends_in_the_same_ledger(tmp_path: Path) -> None:
    quiet, torn = compare(tmp_path, BILLS, Pace())
    told = report(BILLS, quiet, torn)
    assert told["ledger_equal"]
    assert told["tied"]
    assert told["adoption_s"] < 60
    counted = ("bills", "slips", "receipts")
    assert [torn.result[name] for name in counted] == [quiet.result[name] for name in counted]
    assert quiet.result["restarts"] == 0
    assert set(torn.killed) == set(ORDER)
