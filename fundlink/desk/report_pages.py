"""A report as it is printed: every number in words, every bar with its length, ready for a page that works nothing out.

Called by desk.reports; pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FULL = 1000
"""The longest bar, in thousandths of the width there is."""
LEAST = 5
"""What is not nothing is never printed as nothing."""


def page_of(told: Mapping[str, Any], municipality: str) -> dict[str, Any]:
    """What ``desk.reports.shown`` tells, as words for a page."""
    columns, at = told["columns"], told["at"]
    foot = [f"{told['foot'][column['name']]:,}" if column["name"] in told["foot"] else "" for column in columns]
    return {
        "title": told["title"], "municipality": municipality, "municipality_code": told["municipality_code"],
        "at_words": f"{at[:4]} 年 {int(at[5:7])} 月 {int(at[8:10])} 日 {at[11:16]} 現在", "notes": told["notes"],
        "columns": [{"ja": column["ja"], "number": is_number(column)} for column in columns],
        "rows": [[cell if isinstance(cell, str) else f"{cell:,}" for cell in row] for row in told["rows"]],
        "foot": ["合計" if place == 0 else words for place, words in enumerate(foot)],
        "bars": bars_of(told["bars"]),
    }  # fmt: skip


def is_number(column: Mapping[str, str]) -> bool:
    """Whether a column reads from the right: sums, and the rates and averages that are told as text."""
    return column["kind"] != "text" or column["name"].endswith(("percent", "average", "longest"))


def bars_of(bars: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Bars with their length: a rate against all there is, everything else against the longest.

    >>> [(bar["width"], bar["words"]) for bar in bars_of([{"label": "", "value": 695, "unit": "permille"}, {"label": "", "value": 0, "unit": "permille"}])]
    [(695, '69.5%'), (0, '0.0%')]
    >>> [(bar["width"], bar["words"]) for bar in bars_of([{"label": "", "value": 40, "unit": "tenths"}, {"label": "", "value": 20, "unit": "tenths"}])]
    [(1000, '4.0 日'), (500, '2.0 日')]
    """
    longest = max([1, *(FULL if bar["unit"] == "permille" else bar["value"] for bar in bars)])
    return [
        {
            "label": bar["label"], "words": _measured(bar["value"], bar["unit"]),
            "width": max(LEAST, min(bar["value"], longest) * FULL // longest) if bar["value"] > 0 else 0,
        }
        for bar in bars
    ]  # fmt: skip


def _measured(value: int, unit: str) -> str:
    if unit == "count":
        return f"{value:,} 件"
    return f"{value // 10}.{value % 10}" + ("%" if unit == "permille" else " 日")
