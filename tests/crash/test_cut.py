"""PostgreSQL is stopped at once while a day goes on: everything acknowledged is there, once, and the day ends like any other."""

from __future__ import annotations

from tests.crash import cut


def test_a_day_over_a_database_that_stops() -> None:
    report, faults = cut.stopped(cut.Gaps(0.2, 2.0), lambda stops: stops.began >= 2 and stops.cut >= 1, seed=3, flows=1)
    assert faults == []
    assert (report["lost"], report["doubled"]) == (0, 0)
    assert report["stops"] >= 2
    assert report["cut"] >= 1
    assert report["days"] >= 1
