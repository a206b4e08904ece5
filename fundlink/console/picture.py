"""The money of a day as one picture: four bars from slip to bank credit, and the gap where the money stops. Pure; drawn by a template.

Used by home and day. Every number in the picture stands in the table beside it as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

FULL = 480
"""Width of the longest bar, in units of the picture."""
LEAST = 3
"""A sum that is not nothing is never drawn as nothing."""


class Bar(NamedTuple):
    """One witness: its word and yen, the yen it lacks or has too much beside the one before it, and the yen it need not have yet."""

    word: str
    yen: int
    fee_yen: int  # kept back on the way; drawn behind the bar
    short_yen: int
    over_yen: int
    awaited_yen: int
    due_on: str
    longest: int

    def width(self, yen: int) -> int:
        """How long some yen are drawn.

        >>> bar = Bar("receipts", 10, 0, 0, 0, 0, "", 1_000_000)
        >>> bar.width(1_000_000), bar.width(10), bar.width(0)
        (480, 3, 0)
        """
        return max(LEAST, yen * FULL // self.longest) if yen > 0 else 0


def flow(told: Mapping[str, Any]) -> list[Bar]:
    """The four bars of a day. A fund that is open lacks nothing yet: what is not there is awaited."""
    total = told["total"]
    apart = [fund for fund in told["funds"] if fund["state"] == "difference"]
    at_settlement = [fund["receipts_yen"] - fund["settled_yen"] for fund in apart]
    at_bank = [fund["difference_yen"] - gap for fund, gap in zip(apart, at_settlement, strict=True)]
    longest = max(1, total["receipts_yen"], total["settled_yen"], total["credited_yen"] + total["fee_yen"])
    due = {one["kind"]: str(one["due_on"]) for one in told["files"] if one["state"] in ("expected", "late", "missing")}
    settled = total["receipts_yen"] - total["settled_yen"] - sum(at_settlement)
    credited = total["settled_yen"] - total["fee_yen"] - total["credited_yen"] - sum(at_bank)
    return [
        Bar("billed", total["billed_yen"], 0, 0, 0, 0, "", longest),
        Bar("receipts", total["receipts_yen"], 0, 0, 0, 0, "", longest),
        Bar("settled", total["settled_yen"], 0, *_apart(at_settlement), max(settled, 0), due.get("settlement", ""), longest),
        Bar("credited", total["credited_yen"], total["fee_yen"], *_apart(at_bank), max(credited, 0), due.get("bank_credit", ""), longest),
    ]


def _apart(gaps: Iterable[int]) -> tuple[int, int]:
    """What is missing and what is too much, apart: a fund's excess does not make up for another one's loss."""
    found = list(gaps)
    return sum(gap for gap in found if gap > 0), -sum(gap for gap in found if gap < 0)
