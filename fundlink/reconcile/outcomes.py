"""From evidence to outcome: the closed list, one table, first fitting row wins.

Called by pipeline.reconcile, which loads ``every_rule()`` into the database for the set work, and by tests and the demo.
No rule is written anywhere else. Evidence is what the witnesses say, as bits; arrival order is not among them.
"""

from __future__ import annotations

from enum import IntFlag
from functools import cache
from typing import NamedTuple


class Evidence(IntFlag):
    """What is known of one transaction. ``FIRST``: it leads the payments of its bill by (paid_on, transaction_key)."""

    WITHDRAWN = 1  # its cancellation arrived
    SLIP_KNOWN = 2  # an eL number of ours carries this institution and case key
    NUMBER_RIGHT = 4  # the confirmation number is that of the slip
    CANCELLED = 8  # the bill is cancelled
    SUPERSEDED = 16  # the slip was re-issued under another case key
    FIRST = 32
    AMOUNT_EQUAL = 64  # the amount is that of the bill's current version
    IN_TIME = 128  # paid on or before payable_until


class Rule(NamedTuple):
    """An outcome, with the evidence that must be there and the evidence that must not."""

    rule: str
    outcome: str
    ja: str
    present: Evidence
    absent: Evidence


_NONE = Evidence(0)
_MATCHED = Evidence.SLIP_KNOWN | Evidence.NUMBER_RIGHT

RULES: tuple[Rule, ...] = (
    Rule("OC-01", "withdrawn", "取消された収納", Evidence.WITHDRAWN, _NONE),
    Rule(
        "OC-02",
        "unknown_bill",
        "該当する納付書なし",
        _NONE,
        Evidence.SLIP_KNOWN
        | Evidence.NUMBER_RIGHT
        | Evidence.CANCELLED
        | Evidence.SUPERSEDED
        | Evidence.FIRST
        | Evidence.AMOUNT_EQUAL
        | Evidence.IN_TIME,
    ),
    Rule("OC-03", "wrong_confirmation_number", "確認番号違い", Evidence.SLIP_KNOWN, Evidence.NUMBER_RIGHT | Evidence.FIRST),
    # the first payment of a bill is judged; every other one is a duplicate whatever the state
    Rule("OC-04", "paid_after_cancel", "取消後の納付", _MATCHED | Evidence.FIRST | Evidence.CANCELLED, _NONE),
    Rule("OC-05", "paid_after_supersede", "差替え後の納付", _MATCHED | Evidence.FIRST | Evidence.SUPERSEDED, Evidence.CANCELLED),
    Rule("OC-06", "duplicate_payment", "二重納付", _MATCHED, Evidence.FIRST),
    Rule(
        "OC-07", "amount_mismatch", "金額相違", _MATCHED | Evidence.FIRST, Evidence.CANCELLED | Evidence.SUPERSEDED | Evidence.AMOUNT_EQUAL
    ),
    Rule(
        "OC-08",
        "paid_after_limit",
        "支払期限後の納付",
        _MATCHED | Evidence.FIRST | Evidence.AMOUNT_EQUAL,
        Evidence.CANCELLED | Evidence.SUPERSEDED | Evidence.IN_TIME,
    ),
    Rule(
        "OC-09",
        "matched",
        "一致",
        _MATCHED | Evidence.FIRST | Evidence.AMOUNT_EQUAL | Evidence.IN_TIME,
        Evidence.CANCELLED | Evidence.SUPERSEDED,
    ),
)
UNDETERMINED = Rule("OC-99", "undetermined", "判定できない", _NONE, _NONE)

OUTCOMES: tuple[str, ...] = (*(rule.outcome for rule in RULES), UNDETERMINED.outcome)

PAYING: tuple[str, ...] = ("matched", "paid_after_limit")
"""Outcomes after which the slip is paid; all others wait for a person or were taken back."""

ATTACHED: tuple[str, ...] = tuple(o for o in OUTCOMES if o not in ("unknown_bill", "wrong_confirmation_number", "undetermined"))
"""Outcomes that belong to a bill for certain, so that the core system is told under the bill's key."""


def classify(evidence: int) -> Rule:
    """The rule for some evidence.

    >>> classify(Evidence.SLIP_KNOWN | Evidence.NUMBER_RIGHT | Evidence.FIRST | Evidence.AMOUNT_EQUAL | Evidence.IN_TIME).outcome
    'matched'
    >>> classify(0).outcome, classify(Evidence.NUMBER_RIGHT).outcome
    ('unknown_bill', 'undetermined')
    """
    return next((rule for rule in RULES if evidence & rule.present == rule.present and not evidence & rule.absent), UNDETERMINED)


@cache
def every_rule() -> tuple[tuple[int, str, str], ...]:
    """(evidence, outcome, rule) for all combinations: what the database joins with."""
    judged = ((evidence, classify(evidence)) for evidence in range(1 << len(Evidence)))
    return tuple((evidence, rule.outcome, rule.rule) for evidence, rule in judged)
