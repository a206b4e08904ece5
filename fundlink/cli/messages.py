"""Messages whose outcome is not known, or that wait: seen, asked about, sent again, given up. Thin: jobs does the work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from fundlink.cli.proposals import Approver, Who, by_two
from fundlink.cli.show import emit, problem_lines, yen
from fundlink.cli.verbs import Json, jobs

MessageId = Annotated[str, typer.Argument(metavar="MESSAGE", help="電文番号")]
Reason = Annotated[str, typer.Option(help="理由")]


def messages(
    state: Annotated[str | None, typer.Option(help="waiting（送信待ち）, unknown（結果不明）, person（人の判断待ち）")] = None,
    as_json: Json = False,
) -> int:
    """答えの終わっていない電文を、試した回数と次の時刻とともに示す。"""
    with jobs() as work:
        result = work.messages(state)
    emit(result, as_json=as_json, words=_messages_words)
    return 0


def _messages_words(result: Mapping[str, Any]) -> str:
    gateway, counts = result["gateway"], result["counts"]
    lines = [f"送信待ち {counts['waiting']:,} 通  結果不明 {counts['unknown']:,} 通  人の判断待ち {counts['person']:,} 通"]
    if gateway["paused_until"]:
        lines.append(f"ゲートウェイ {gateway['name']}: {gateway['paused_until']} まで送信を止めています（{gateway['reason_ja']}）")
    lines += [
        f"{m['message_id']}  {m['state_ja']}（{m['event_ja']}）  {m['records']:,} 件 {yen(m['yen'])}  試行 {m['attempts']}/{m['most_attempts']} 回"
        + (f"  前回 {m['last_try_at']} {m['last_result_ja']}" if m["last_try_at"] else "")
        + (f"  次回 {m['next_try_at']}" if m["next_try_at"] else "")
        for m in result["messages"]
    ]
    return "\n".join(lines)


def inquire(message: MessageId, who: Who, as_json: Json = False) -> int:
    """電文 1 通について、いまゲートウェイに照会する。回答済みの電文なら、保管した回答と同じかを確かめる。"""
    with jobs("submit") as work:
        result = work.inquire(message, who)
    emit(result, as_json=as_json, words=lambda r: "\n".join([f"{r['message_id']}: {r['state_ja']}", *problem_lines(r["problems"])]))
    return 1 if result["problems"] else 0


def resend(message: MessageId, who: Who, reason: Reason, approved_by: Approver = "", as_json: Json = False) -> int:
    """電文を 2 人で送り直す。答えの分からない電文は別の電文番号で、相手が失った電文は同じ番号・同じバイトで、次の submit が送る。"""
    from fundlink.desk.proposals import Wanted
    from fundlink.desk.sending import Decided

    wanted = Wanted("resend", message, who, reason)
    return by_two(approved_by, wanted, lambda work: work.resend(message, Decided(who, approved_by, reason)), as_json=as_json, words=_resend_words)  # fmt: skip


def _resend_words(result: Mapping[str, Any]) -> str:
    how = "同じ電文番号のまま" if result["same_id"] else "別の電文番号で"
    return f"{result['message_id']}: 納付書 {result['slips']:,} 件を、次の `fundlink submit` で{how}送ります。"


def give_up(message: MessageId, who: Who, reason: Reason, approved_by: Approver = "", as_json: Json = False) -> int:
    """電文を 2 人で打ち切る。もう照会も送信もしない。納付書はいまの状態のまま残る。"""
    from fundlink.desk.proposals import Wanted
    from fundlink.desk.sending import Decided

    wanted = Wanted("give_up", message, who, reason)
    return by_two(approved_by, wanted, lambda work: work.give_up(message, Decided(who, approved_by, reason)), as_json=as_json, words=lambda r: f"{r['message_id']}: 打ち切りました（納付書 {r['slips']:,} 件）。")  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(messages)
    app.command()(inquire)
    app.command()(resend)
    app.command("give-up")(give_up)
