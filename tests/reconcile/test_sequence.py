"""Where a file stands in its stream: a table of cases."""

from __future__ import annotations

import pytest

from fundlink.domain.calendar import Guards
from fundlink.reconcile.sequence import Position, judge_bill_file, judge_gateway_file, order_of

TODAY = "2026-11-24"
GUARDS = Guards(oldest_days=200, late_days=31, ahead_days=10)
D = "2026-11-20"


@pytest.mark.parametrize(
    ("last", "given", "order", "refused", "remark"),
    [
        pytest.param(None, Position(7, D), "first", None, None, id="first"),
        pytest.param(Position(4, D), Position(5, D), "next", None, None, id="next-same-day"),
        pytest.param(Position(4, "2026-11-19"), Position(5, D), "next", None, None, id="next-day"),
        pytest.param(Position(4, D), Position(6, D), "gap", None, "FL-SEQ-002", id="gap"),
        pytest.param(Position(4, D), Position(4, D), "again", "FL-SEQ-001", None, id="repeat"),
        pytest.param(Position(4, D), Position(3, D), "late", "FL-SEQ-001", None, id="old-number"),
        pytest.param(Position(4, D), Position(5, "2026-11-19"), "", "FL-SEQ-003", None, id="next-number-of-an-old-day"),
        pytest.param(Position(4, D), Position(1, D), "late", "FL-SEQ-001", None, id="one-again-on-the-same-day"),
        pytest.param(Position(999999, "2026-11-19"), Position(1, D), "restart", None, "FL-SEQ-006", id="numbers-start-again"),
        pytest.param(Position(4, None), Position(1, None), "late", "FL-SEQ-001", None, id="no-day-no-restart"),
        pytest.param(Position(None, "2026-11-19"), Position(None, D), "", None, None, id="days-alone"),
        pytest.param(Position(None, D), Position(None, "2026-11-19"), "", "FL-SEQ-003", None, id="old-day-alone"),
        pytest.param(Position(None, D), Position(3, D), "first", None, None, id="numbers-begin"),
        pytest.param(Position(3, D), Position(None, None), "", None, None, id="states-nothing"),
        pytest.param(None, Position(4, "2025-11-20"), "", "FL-SEQ-004", None, id="RI-4-last-year-first-file"),
        pytest.param(Position(4, D), Position(5, "2025-11-20"), "", "FL-SEQ-004", None, id="RI-4-last-year"),
        pytest.param(None, Position(1, "2026-12-04"), "first", None, None, id="just-near-enough"),
        pytest.param(None, Position(1, "2026-12-05"), "", "FL-SEQ-007", None, id="too-far-ahead"),
        pytest.param(None, Position(1, "2026-05-08"), "first", None, None, id="just-young-enough"),
        pytest.param(None, Position(1, "2026-05-07"), "", "FL-SEQ-004", None, id="just-too-old"),
    ],
)
def test_bill_files(last: Position | None, given: Position, order: str, refused: str | None, remark: str | None) -> None:
    verdict = judge_bill_file(last, given, today=TODAY, guards=GUARDS)
    assert (verdict.order, verdict.refusal and verdict.refusal.code, verdict.remark and verdict.remark.code) == (order, refused, remark)


@pytest.mark.parametrize(
    ("newest", "announced", "stated", "code"),
    [
        (None, D, D, None),
        (D, D, D, None),
        (D, "2026-11-12", "2026-11-12", None),  # days late is no replay
        (D, "2026-10-20", "2026-10-20", None),
        (D, "2026-10-19", "2026-10-19", "FL-SEQ-003"),
        (D, "2025-11-20", "2025-11-20", "FL-SEQ-004"),
        (None, "2025-11-20", None, "FL-SEQ-004"),
        (D, D, "2026-11-19", "FL-SEQ-005"),
        (D, "2026-12-05", "2026-12-05", "FL-SEQ-007"),
        (None, D, None, None),
    ],
)
def test_gateway_files(newest: str | None, announced: str, stated: str | None, code: str | None) -> None:
    found = judge_gateway_file(newest, announced, stated, today=TODAY, guards=GUARDS)
    assert (found and found.code) == code


def test_numbers_of_the_list() -> None:
    cases = {(None, 1): "first", (None, 5): "first", (3, 4): "next", (3, 5): "gap", (5, 4): "late"}
    assert {case: order_of(*case, known=False) for case in cases} == cases
    assert order_of(5, 5, known=True) == order_of(5, 3, known=True) == "again"
