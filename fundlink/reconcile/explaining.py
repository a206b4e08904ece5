"""Why a payment got its outcome, in words: what was compared, which rule fitted, why the ones before it did not.

Called by desk. Pure: reads the one table of ``outcomes`` and decides nothing of its own.
"""

from __future__ import annotations

from typing import NamedTuple

from fundlink.reconcile.outcomes import RULES, Evidence, Rule, classify


class Compared(NamedTuple):
    """One bit of evidence as people read it: what is compared and what each answer means."""

    bit: Evidence
    field: str
    yes: str
    no: str


COMPARED: tuple[Compared, ...] = (
    Compared(Evidence.WITHDRAWN, "stage", "この収納の取消が届いている", "取消は届いていない"),
    Compared(Evidence.SLIP_KNOWN, "case_key", "共通納税機関コードと案件特定キーの納付書がある", "その案件特定キーの納付書がない"),
    Compared(Evidence.NUMBER_RIGHT, "confirmation_number", "確認番号が納付書と同じ", "確認番号が納付書と違う"),
    Compared(Evidence.CANCELLED, "bill", "請求は取り消されている", "請求は有効"),
    Compared(Evidence.SUPERSEDED, "issue_count", "再発行の前の納付書で払われた", "いちばん新しい納付書で払われた"),
    Compared(Evidence.FIRST, "paid_on", "この請求の最初の納付", "この請求には先の納付がある"),
    Compared(Evidence.AMOUNT_EQUAL, "amount_yen", "金額が請求と同じ", "金額が請求と違う"),
    Compared(Evidence.IN_TIME, "payable_until", "支払期限までに払われた", "支払期限を過ぎて払われた"),
)


def compared(evidence: int) -> list[dict[str, object]]:
    """What was compared for some evidence; what makes no sense without a slip is left out.

    >>> [row["field"] for row in compared(0)]
    ['stage', 'case_key']
    """
    shown = COMPARED if evidence & Evidence.SLIP_KNOWN else COMPARED[:2]
    return [{"field": row.field, "agrees": bool(evidence & row.bit), "ja": row.yes if evidence & row.bit else row.no} for row in shown]


def rejected(evidence: int) -> list[dict[str, object]]:
    """The rules looked at before the one that fitted, each with the first thing that spoke against it.

    >>> [(row["rule"], row["why"]) for row in rejected(Evidence.SLIP_KNOWN)]
    [('OC-01', '取消は届いていない'), ('OC-02', '共通納税機関コードと案件特定キーの納付書がある')]
    """
    chosen = classify(evidence)
    before = RULES[: RULES.index(chosen)] if chosen in RULES else RULES
    return [{"rule": rule.rule, "outcome": rule.outcome, "ja": rule.ja, "why": _against(rule, evidence)} for rule in before]


def _against(rule: Rule, evidence: int) -> str:
    missing = next((row.no for row in COMPARED if row.bit & rule.present and not evidence & row.bit), None)
    return missing or next(row.yes for row in COMPARED if row.bit & rule.absent and evidence & row.bit)
