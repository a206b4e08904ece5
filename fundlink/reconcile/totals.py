"""Whether a day ties: receipts against settlement, settlement against bank credit, to the yen.

Called by pipeline.reconcile with the sums that the store made. Pure: no I/O, no dates but those handed in.
"""

from __future__ import annotations

from typing import NamedTuple


class DayFacts(NamedTuple):
    """The sums of one business day, municipality and fund; yen. ``None`` = that witness has not spoken."""

    receipts_yen: int
    settled_yen: int | None
    fee_yen: int
    net_yen: int
    credited_yen: int | None
    transfer_on: str | None


class DayVerdict(NamedTuple):
    """State of the day, the yen that is missing or too much, and the kinds of difference."""

    state: str
    difference_yen: int
    kinds: tuple[str, ...]


def judge_day(facts: DayFacts, today: str) -> DayVerdict:
    """Compare the witnesses. A credit is missed only after its transfer date.

    >>> judge_day(DayFacts(1000, 1000, 3, 997, 997, "2026-12-01"), "2026-11-24")
    DayVerdict(state='tied', difference_yen=0, kinds=())
    >>> judge_day(DayFacts(1000, 900, 3, 897, None, "2026-12-01"), "2026-11-24")
    DayVerdict(state='difference', difference_yen=100, kinds=('amount_difference',))
    >>> judge_day(DayFacts(1000, None, 0, 0, None, None), "2026-11-24").state
    'open'
    >>> judge_day(DayFacts(0, None, 0, 0, None, None), "2026-11-24").state
    'tied'
    """
    kinds = [*_against_settlement(facts), *_against_bank(facts, today)]
    missed = facts.net_yen if "settlement_without_credit" in kinds else 0
    at_bank = missed if facts.credited_yen is None else facts.net_yen - facts.credited_yen
    gap = facts.receipts_yen - (facts.settled_yen or 0) + at_bank
    if facts.settled_yen is None and not kinds:  # nothing was paid, or all of it was taken back: there is nothing to wait for
        return DayVerdict("open" if facts.receipts_yen else "tied", facts.receipts_yen, ())
    if kinds:
        return DayVerdict("difference", gap, tuple(kinds))
    return DayVerdict("tied" if facts.credited_yen is not None or facts.net_yen == 0 else "open", gap, ())


def _against_settlement(facts: DayFacts) -> list[str]:
    if facts.settled_yen is None:
        return []
    if facts.receipts_yen == facts.settled_yen:
        return []
    if facts.receipts_yen == 0:
        return ["settlement_without_receipt"]
    return ["receipt_without_settlement"] if facts.settled_yen == 0 else ["amount_difference"]


def _against_bank(facts: DayFacts, today: str) -> list[str]:
    if facts.settled_yen is None:
        return ["credit_without_settlement"] if facts.credited_yen else []
    if facts.credited_yen is None:
        return ["settlement_without_credit"] if facts.net_yen and facts.transfer_on is not None and facts.transfer_on < today else []
    return [] if facts.credited_yen == facts.net_yen else ["amount_difference"]
