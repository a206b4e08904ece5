"""Where a file stands in its stream: the next one, after a gap, or an old one that must not be applied.

Called by pipeline.intake and pipeline.collect with what the store knows. Pure: no I/O, no dates but those handed in.
A stream of bill files overwrites, so only a newer file may follow; a stream of the gateway adds facts, so a late one fills its gap.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from fundlink.domain.calendar import Guards
from fundlink.domain.problems import Problem, problem

ORDER_JA = {
    "first": "最初",
    "next": "連続",
    "gap": "欠番あり",
    "late": "欠番の到着",
    "again": "同じ番号",
    "restart": "番号の振り直し",
    "": "番号なし",
}
"""How a file stands to the one before it in its stream."""


class Position(NamedTuple):
    """A file's number and business day as it states them; None where it states none."""

    sequence: int | None
    business_day: str | None


class Verdict(NamedTuple):
    """``order`` is a key of ORDER_JA. ``refusal`` quarantines the file, ``remark`` is told and the file applied."""

    order: str
    refusal: Problem | None = None
    remark: Problem | None = None


def judge_bill_file(last: Position | None, given: Position, *, today: str, guards: Guards) -> Verdict:
    """Judge a bill file against the last accepted one of its stream (None: there is none).

    >>> guards = Guards(200, 31, 31)
    >>> judge_bill_file(Position(4, "2026-11-19"), Position(5, "2026-11-20"), today="2026-11-20", guards=guards)
    Verdict(order='next', refusal=None, remark=None)
    >>> judge_bill_file(Position(4, "2026-11-19"), Position(4, "2026-11-20"), today="2026-11-20", guards=guards).refusal.code
    'FL-SEQ-001'
    >>> judge_bill_file(Position(4, "2026-11-19"), Position(5, "2025-11-20"), today="2026-11-20", guards=guards).refusal.code
    'FL-SEQ-004'
    >>> judge_bill_file(Position(4, "2026-11-19"), Position(6, "2026-11-20"), today="2026-11-20", guards=guards).remark.code
    'FL-SEQ-002'
    """
    day = given.business_day
    if day is not None and (wrong := _out_of_time(day, today, guards)) is not None:
        return Verdict("", wrong)
    if last is not None and day is not None and last.business_day is not None and day < last.business_day:
        return Verdict("", problem("FL-SEQ-003", day=day, newest=last.business_day))
    if given.sequence is None:
        return Verdict("")
    if last is None or last.sequence is None:
        return Verdict("first")
    if given.sequence == last.sequence + 1:
        return Verdict("next")
    if given.sequence > last.sequence:
        return Verdict("gap", remark=problem("FL-SEQ-002", expected=last.sequence + 1, actual=given.sequence))
    if given.sequence == 1 and day is not None and last.business_day is not None and day > last.business_day:
        return Verdict("restart", remark=problem("FL-SEQ-006", newest=last.sequence))
    return Verdict(
        "again" if given.sequence == last.sequence else "late", problem("FL-SEQ-001", actual=given.sequence, newest=last.sequence)
    )


def judge_gateway_file(newest_day: str | None, announced: str, stated: str | None, *, today: str, guards: Guards) -> Problem | None:
    """Why a file of the gateway is not to be applied, or None. ``announced`` in the list, ``stated`` in the file itself.

    >>> judge_gateway_file("2026-11-20", "2026-11-17", "2026-11-17", today="2026-11-24", guards=Guards(200, 31, 31)) is None
    True
    >>> judge_gateway_file("2026-11-20", "2026-11-20", "2025-11-20", today="2026-11-24", guards=Guards(200, 31, 31)).code
    'FL-SEQ-005'
    """
    if stated is not None and stated != announced:
        return problem("FL-SEQ-005", announced=announced, stated=stated)
    if (wrong := _out_of_time(announced, today, guards)) is not None:
        return wrong
    if newest_day is not None and _is_older(announced, newest_day, guards.late_days):
        return problem("FL-SEQ-003", day=announced, newest=newest_day)
    return None


def order_of(highest: int | None, given: int, *, known: bool) -> str:
    """How a number of the gateway's list stands to the highest one taken before; ``known``: this very number was taken.

    >>> order_of(None, 1, known=False), order_of(3, 4, known=False), order_of(3, 6, known=False), order_of(6, 5, known=False)
    ('first', 'next', 'gap', 'late')
    """
    if known:
        return "again"
    if highest is None:
        return "first"
    return "late" if given < highest else "next" if given == highest + 1 else "gap"


def _out_of_time(day: str, today: str, guards: Guards) -> Problem | None:
    """A day too far from today to be believed."""
    if _is_older(day, today, guards.oldest_days):
        return problem("FL-SEQ-004", day=day, today=today, limit=guards.oldest_days)
    return problem("FL-SEQ-007", day=day, today=today, limit=guards.ahead_days) if _is_older(today, day, guards.ahead_days) else None


def _is_older(day: str, than: str, days: int) -> bool:
    return dt.date.fromisoformat(day) < dt.date.fromisoformat(than) - dt.timedelta(days=days)
