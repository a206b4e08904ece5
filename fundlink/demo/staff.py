"""The staff of the demo: two persons who settle, decide and close as people do, each act with its reason.

Called by month, day by day. Uses jobs alone, as the commands do; knows nothing of the other side's books and never closes
what it cannot explain: a day that does not tie is closed only when every yen of its difference has a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fundlink.desk.acts import Asked
from fundlink.jobs import Jobs

WHO, APPROVER = "佐藤", "鈴木"
PATIENCE = 11
"""Business days in which the last paper and the last correction of a day come; before that nobody gives a difference a name."""
CLOSED, TIED = "closed", "tied"
DECISIONS = (
    ("duplicate_payment", "accept", "同じ請求の二度目の納付"),
    ("paid_after_cancel", "accept", "取り消した請求への納付"),
    ("unknown_bill", "refund", "どの請求の納付でもない"),
)
"""What is decided about which payments: the reason of the case, the verb, the reason that is given."""

Row = Mapping[str, Any]


class Staff(NamedTuple):
    """Two persons at work for one municipality."""

    jobs: Jobs
    municipality_code: str

    def settle(self, day: str) -> list[str]:
        """Accept the best suggestion for every settlement that is due and has one that adds up; a sentence for each."""
        told, done = list[str](), set[str]()
        for one in self.jobs.open_settlements()["settlements"]:
            key = one["settlement_key"]
            if one["municipality_code"] != self.municipality_code or one["transfer_on"] > day or key in done:
                continue
            best = next(iter(self.jobs.explain_settlement(key)["suggestions"]), None)
            if best is None or best["difference_yen"] or len(best["reasons"]) < 3:
                continue
            reason = "・".join(best["reasons"])
            names = {"reason": reason, "who": WHO, "approved_by": APPROVER}
            accepted = self.jobs.accept_settlement(key, best["suggestion"], **names)
            done |= set(accepted["settlements"])
            told.append(f"払込の清算を候補から選ぶ（SE-09）: {accepted['equation']}  理由: {reason}")
        return told

    def decide(self) -> list[str]:
        """One case of each kind that nobody can leave open: prepared by one, approved by the other."""
        found = self._cases("transaction")
        told = []
        for reason, verb, why in DECISIONS:
            case = next((case for case in found if case["reason"] == reason and verb in case["verbs"]), None)
            if case is not None:
                prepared = self.jobs.prepare_act(Asked(verb, case["case"], WHO, why))
                self.jobs.approve_act(prepared["act_id"], APPROVER)
                told.append(f"{prepared.get('verb_ja', verb)}: {case['reason_ja']} {case['yen']:,} 円  理由: {why}")
        return told

    def close(self, rows: Sequence[Row], old: frozenset[str]) -> tuple[list[str], list[dict[str, Any]]]:
        """Close, oldest first, what ties, and of the ``old`` days what can be explained; stop at the first other one.

        The days that were closed, and those with a reason: day, reason, differences (fund_code, yen, why).
        """
        shut, overridden = list[str](), list[dict[str, Any]]()
        behind = max((row["day"] for row in rows if row["state"] == CLOSED), default="")
        for day in sorted({row["day"] for row in rows if row["day"] > behind}):
            untied = [row for row in rows if row["day"] == day and row["state"] not in (TIED, CLOSED)]
            named = [self._why(row) for row in untied] if untied and day in old else []
            differences = [one for one in named if one is not None]
            if len(differences) < len(untied):
                break
            reason = "、".join(f"{one['fund_code']} {one['why']}" for one in differences) or None
            if self.jobs.close_day(day, WHO, APPROVER, municipality=self.municipality_code, override=reason)["refused"]:
                break
            shut.append(day)
            if reason:
                overridden.append({"day": day, "reason": reason, "differences": differences})
        return shut, overridden

    def _why(self, row: Row) -> dict[str, Any] | None:
        """The names of all yen that a day and fund is short of; None when one yen is left over."""
        why, unnamed = list[str](), row["difference_yen"]
        waiting = [case for case in self._cases("preliminary") if (case["since"], case["fund_code"]) == (row["day"], row["fund_code"])]
        if waiting:
            yen = sum(case["yen"] for case in waiting)
            names = "・".join(case["case"].removeprefix("preliminary:") for case in waiting)
            why.append(f"速報のまま確報も取消も来ない納付 {len(waiting)} 件 {yen:,} 円（{names}）。払込もされていない")
            unnamed -= yen
        fee = self._late_fee(row)
        if fee is not None:
            why.append(f"前の払込の手数料 {fee['fee_yen']:,} 円がこの払込から引かれた（{fee['equation']}）")
            unnamed -= fee["fee_yen"]
        if unnamed or not why:
            return None
        return {"fund_code": row["fund_code"], "yen": row["difference_yen"], "why": "、".join(why)}

    def _late_fee(self, row: Row) -> dict[str, Any] | None:
        for one in self.jobs.open_settlements()["settlements"]:
            place = one["municipality_code"], one["business_day"], one["fund_code"]
            if place == (self.municipality_code, row["day"], row["fund_code"]):
                found: dict[str, Any] | None = self.jobs.explain_settlement(one["settlement_key"])["late_fee"]
                return found
        return None

    def _cases(self, kind: str) -> list[dict[str, Any]]:
        found, after = list[dict[str, Any]](), None
        while True:
            page = self.jobs.cases({"kind": kind, "municipality_code": self.municipality_code}, after)
            found += page["cases"]
            after = page["next"]
            if after is None:
                return found
