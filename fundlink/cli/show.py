"""How commands talk: one JSON object on stdout with ``--json``, Japanese words otherwise, progress on stderr.

Called by the command modules. Nothing is decided here.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LABELS = {
    "intake": "取込",
    "compose": "電文作成",
    "submit": "送信",
    "collect": "受信",
    "reconcile": "突合",
    "export": "引渡し",
}  # fmt: skip


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
        mark = "エラー" if told["severity"] == "error" else "注意"
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


class ProgressTeller:
    """A bar on a terminal after two seconds; elsewhere one line a minute."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._started = self._told = time.monotonic()
        self._bar: Progress | None = None
        self._tasks: dict[str, Any] = {}

    def __call__(self, label: str, done: int, total: int | None) -> None:
        """Show how far a step is."""
        now = time.monotonic()
        if now - self._started < 2:
            return
        if self._console.is_terminal:
            self._draw(LABELS.get(label, label), done, total)
        elif now - self._told >= 60:
            self._told = now
            rate = done / max(now - self._started, 0.001)
            self._console.print(f"{LABELS.get(label, label)}: {done:,} 件（毎秒 {rate:,.0f} 件）", highlight=False)

    def _draw(self, label: str, done: int, total: int | None) -> None:
        if self._bar is None:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f} 件"), TimeElapsedColumn(), TimeRemainingColumn())  # fmt: skip
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.start()
        if label not in self._tasks:
            self._tasks[label] = self._bar.add_task(label, total=total)
        self._bar.update(self._tasks[label], completed=done, total=total)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
