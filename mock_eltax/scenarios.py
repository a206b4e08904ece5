"""The table of scenarios: what share of the slips is paid how. A new scenario is a new row.

Called by `play`, the routes and the pages. Data only.
"""

from typing import NamedTuple

from mock_eltax.courses import MONTH

ROLES = {
    "exact": "納付額どおり・期限内",
    "unpaid": "未納",
    "twice": "二重納付",
    "wrong_amount": "金額相違",
    "late": "支払期限後",
    "wrong_number": "確認番号相違",
    "withdrawn": "納付後に取消",
    "unknown": "存在しないeL番号",
    "cancelled_paid": "取消済みの納付書で納付",
    "superseded_paid": "差替え前の納付書で納付",
}


class Scenario(NamedTuple):
    """One row: shares of registered slips by role, and of slips that are no longer to be paid."""

    name: str
    ja: str
    en: str
    shares: dict[str, float]
    """Roles of registered slips; what is left over pays exactly."""
    unknown: float = 0.0
    cancelled: float = 0.0
    superseded: float = 0.0
    transport: str = "clean"
    """`lossy`: messages and answers get lost on the way until another scenario is played."""
    program: tuple[str, ...] = ()
    """Courses of the first, second … business day it is played on; after the last one it begins anew."""


EVERYDAY = {"unpaid": 0.11, "twice": 0.01, "wrong_amount": 0.01, "late": 0.01, "wrong_number": 0.005, "withdrawn": 0.005}
THIRD = 1 / 3
A_DAY = {"unpaid": 0.9, "twice": 0.004, "wrong_amount": 0.004, "late": 0.004, "wrong_number": 0.002, "withdrawn": 0.002}
"""What happens on one day of many: most slips are still unpaid after it."""

SCENARIOS = {
    row.name: row
    for row in (
        Scenario("everyday", "ふだんの一日：ほとんどが正しく納付され、例外がひととおり起きます", "An ordinary day with one of every exception", EVERYDAY,
                 unknown=0.005, cancelled=THIRD, superseded=THIRD),
        Scenario("exact", "全員が納付額どおりに期限内に納付します", "Everybody pays exactly and in time", {}),
        Scenario("quiet", "だれも納付しません", "Nobody pays", {"unpaid": 1.0}),
        Scenario("duplicates", "二重納付が多い日です", "Many bills are paid twice", {"unpaid": 0.2, "twice": 0.4}),
        Scenario("late", "支払期限を過ぎた納付が多い日です", "Many payments come after the last payable day", {"unpaid": 0.2, "late": 0.6}),
        Scenario("withdrawals", "窓口での取消が多い日です", "Many payments are taken back before the day closes", {"unpaid": 0.2, "withdrawn": 0.4}),
        Scenario("typing-errors", "番号や金額の打ち間違いが多い日です", "Many wrong numbers, wrong amounts and unknown bills",
                 {"unpaid": 0.2, "wrong_amount": 0.2, "wrong_number": 0.2}, unknown=0.1),
        Scenario("old-slips", "取消・差替え済みの古い納付書で納付する人が多い日です", "Old slips, cancelled or replaced, are paid", {"unpaid": 0.3},
                 cancelled=0.9, superseded=0.9),
        Scenario("lost-answers", "通信が不安定な日です：電文や受付結果が失われます（納付は正しく行われます）",
                 "Messages and answers get lost on the way; payments are exact", {}, transport="lossy"),
        Scenario("split-transfers", "一つの払込が何度かに分かれて入金されます", "One settlement in several credits", A_DAY, program=("split", "split-days")),
        Scenario("combined-transfers", "いくつもの払込が一つの入金にまとまります", "Several settlements in one credit", A_DAY,
                 program=("combined", "held", "plain")),
        Scenario("carried-fees", "手数料が次の払込から引かれます", "Fees are taken from the next transfer", A_DAY, program=("carried-fee", "plain")),
        Scenario("late-files", "確報・払込通知・入金明細が遅れて届きます", "Receipts, notices and bank files come late", A_DAY,
                 program=("late-receipts", "late-notice", "late-bank")),
        Scenario("missing-files", "払込通知や入金明細がいつまでも届きません", "Notices and bank files are missing for days", A_DAY,
                 program=("missing-notice", "missing-bank")),
        Scenario("new-editions", "払込通知が翌日に改められます", "Notices are put right by a new edition", A_DAY, program=("short-edition",)),
        Scenario("corrections-after-close", "締めた後に納付の取消や手数料の改定が届きます", "Corrections come after the close", A_DAY,
                 program=("taken-back", "fee-edition")),
        Scenario("no-references", "入金明細に払込番号がありません", "The bank file has no references", A_DAY, program=("no-references",)),
        Scenario("never-confirmed", "速報のまま確報の来ない納付があります", "Some preliminary payments never confirm", A_DAY, program=("never-confirmed",)),
        Scenario("month-end", "三十営業日に、あらゆる種類の乱れが起きます", "Thirty business days with every kind of trouble", A_DAY,
                 unknown=0.001, cancelled=0.05, superseded=0.05, program=MONTH),
    )
}  # fmt: skip
