"""How commands talk: one JSON object on stdout with ``--json``, Japanese words otherwise.

Called by the command modules. Nothing is decided here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any


def emit(result: Mapping[str, Any], *, as_json: bool, words: Callable[[Mapping[str, Any]], str]) -> None:
    """Print the result of a command for a program or for a person."""
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(words(result).rstrip("\n") + "\n")
    sys.stdout.flush()


def yen(amount: int) -> str:
    """An amount for people."""
    return f"{amount:,} 円"


def problem_lines(problems: list[dict[str, Any]], most: int = 20) -> list[str]:
    """Problems for people: where, what, what to do."""
    lines = []
    for told in problems[:most]:
        mark = "誤り" if told["severity"] == "error" else "注意"
        places = [
            f"{told['line']} 行目" if told.get("line") else "",
            f"「{told['ja']}」" if told.get("ja") else "",
            told.get("place") or "",
        ]
        where = " ".join(place for place in places if place)
        lines.append(f"  [{mark}] {told['code']} {where} {told['message']} → {told['next']}".replace("  [", "  [").replace("   ", " "))
    if len(problems) > most:
        lines.append(f"  ほか {len(problems) - most} 件（一覧は結果ファイル）")
    return lines


def explained_lines(told: Mapping[str, Any]) -> list[str]:
    """Why a payment has its outcome, for people."""
    last = told["statements"][-1]
    lines = [f"取引 {told['transaction_key']}  {yen(last['amount_yen'])}  領収日 {last['paid_on']}  案件特定キー {last['case_key']}"]
    if told["outcome"] is None:
        return [*lines, "まだ突合していません。`fundlink reconcile` のあとで見てください。"]
    bill = f"  請求 {told['bill_key']}" if told["bill_key"] else ""
    lines += [f"判定: {told['ja']}（規則 {told['rule']}）{bill}", "比べたこと:"]
    lines += [f"  {row['ja']}" for row in told["compared"]]
    lines += ["先に見て外れた規則:"] if told["rejected"] else []
    lines += [f"  {row['rule']} {row['ja']}: {row['why']}" for row in told["rejected"]]
    lines += ["番号を誤ったとすれば（近い順。自動では結び付けません）:"] if told["suggestions"] else []
    return lines + [
        f"  {one['bill_key']}  {yen(one['total_yen'])}  {one['distance']} か所違い  {'・'.join(one['reasons'])}"
        for one in told["suggestions"]
    ]
