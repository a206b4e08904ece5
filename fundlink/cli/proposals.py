"""Acts of two persons outside of cases: each command proposes, and here another person looks, approves or refuses. Thin: the desk decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fundlink.cli.show import emit
from fundlink.cli.verbs import Json, jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from fundlink.desk.proposals import Wanted
    from fundlink.jobs import Jobs

proposal_app = typer.Typer(help="承認を待つ提案（準備と承認は別の人）。", no_args_is_help=True, rich_markup_mode=None)
Who = Annotated[str, typer.Option("--as", help="実施者（準備する人）")]
Approver = Annotated[
    str, typer.Option("--approved-by", help="承認者（別の人）。利用者が登録されていると使えない。省略すると準備だけを行う")
]
Number = Annotated[int, typer.Argument(metavar="ID", help="提案番号")]


def by_two(approved_by: str, wanted: Wanted, at_once: Callable[[Jobs], dict[str, Any]], *, as_json: bool, words: Callable[[Mapping[str, Any]], str]) -> int:  # fmt: skip
    """Propose; or, where both persons are named in one call, do it (refused where persons are registered)."""
    with jobs() as work:
        result = at_once(work) if approved_by else work.propose(wanted)
    emit(result, as_json=as_json, words=words if approved_by else _proposed_words)
    return 0


def propose(wanted: Wanted, *, as_json: bool) -> int:
    """Propose what is never done in one call."""
    with jobs() as work:
        emit(work.propose(wanted), as_json=as_json, words=_proposed_words)
    return 0


def _proposed_words(told: Mapping[str, Any]) -> str:
    number = told["proposal_id"]
    return "\n".join(
        [*lines(told), f"提案 {number} を準備しました。別の人が `fundlink proposal approve {number} --as 承認者` か画面で承認します。"]
    )


_WORDS = {
    "name": "ファイル", "file": "ファイル", "event": "状態", "state": "状態", "case_key": "案件特定キー", "issue_count": "発行回数",
    "total_yen": "金額（円）", "superseded_case_key": "差替えになる案件特定キー", "created": "追加", "updated": "更新", "cancelled": "取消",
    "read": "読込", "accepted": "受入", "accepted_yen": "受入額（円）", "quarantined": "隔離したファイル", "same_id": "同じ電文番号", "slips": "納付書",
    "records": "納付書", "equation": "等式", "in_use": "採用済みの照合値", "digest": "照合値", "label": "名称", "edition": "版", "messages": "様式", "account": "口座", "holder": "名義", "funds": "公金種目", "written_as": "書き方",
}  # fmt: skip
_HIDDEN = ("version_id",)


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """A proposal for people."""
    yield f"提案 {told['proposal_id']} {told['kind_ja']}  {told['subject']}  {told['state_ja']}"
    yield f"  準備 {told['prepared_by']} {told['prepared_at']}" + (f"  理由: {told['reason']}" if told["reason"] else "")
    yield from (f"  内容 {name}: {value}" for name, value in told["asked"].items() if value)
    for name, word in (("before", "いま"), ("after", "承認すると")):
        facts = "  ".join(f"{_WORDS.get(key, key)} {value}" for key, value in told[name].items() if key not in _HIDDEN)
        if facts:
            yield f"  {word}: {facts}"
    if told["by"]:
        yield f"  {told['state_ja']} {told['by']} {told['at']}" + (f"  {told['note']}" if told["note"] else "")


@proposal_app.command("list")
def list_(as_json: Json = False) -> int:
    """承認を待つ提案の一覧（古い順）。"""
    with jobs() as work:
        result = {"proposals": work.proposals()}
    emit(result, as_json=as_json, words=lambda r: "\n".join(line for one in r["proposals"] for line in lines(one)) or "承認を待つ提案はありません。")  # fmt: skip
    return 0


@proposal_app.command("show")
def show(number: Number, as_json: Json = False) -> int:
    """提案の前後の姿と経過を示す。"""
    with jobs() as work:
        result = work.proposal(number)
    changed = "準備のあとで前提が変わりました。承認できません。"
    emit(result, as_json=as_json, words=lambda r: "\n".join([*lines(r), *([changed] if r["changed"] else [])]))
    return 0


@proposal_app.command("approve")
def approve(
    number: Number,
    who: Annotated[str, typer.Option("--as", help="承認者")],
    sha256: Annotated[str, typer.Option(help="見て確かめた内容の照合値（show が出すもの）。違えば行わない")] = "",
    as_json: Json = False,
) -> int:
    """提案を承認して実施する（準備した人にはできない）。"""
    with jobs() as work:
        result = work.approve_proposal(number, who, sha256=sha256)
    emit(result, as_json=as_json, words=lambda r: "\n".join([*lines(r), *_next(r)]))
    return 0


def _next(told: Mapping[str, Any]) -> Iterator[str]:
    if told["kind"] in ("rollback", "reissue", "resend"):
        yield "`fundlink submit` でゲートウェイに伝わります。"
    if told["kind"] in ("settle", "unsettle"):
        yield "`fundlink reconcile` で日に反映されます。"


@proposal_app.command("refuse")
def refuse(
    number: Number,
    who: Annotated[str, typer.Option("--as", help="却下する人")],
    reason: Annotated[str, typer.Option(help="理由")],
    as_json: Json = False,
) -> int:
    """提案を却下する（準備した人にはできない）。"""
    with jobs() as work:
        result = work.refuse_proposal(number, who, reason)
    emit(result, as_json=as_json, words=lambda r: "\n".join(lines(r)))
    return 0


@proposal_app.command("withdraw")
def withdraw(number: Number, who: Who, reason: Annotated[str, typer.Option(help="理由")] = "", as_json: Json = False) -> int:
    """自分の提案を取り下げる。"""
    with jobs() as work:
        result = work.withdraw_proposal(number, who, reason)
    emit(result, as_json=as_json, words=lambda r: "\n".join(lines(r)))
    return 0


def register(app: typer.Typer) -> None:
    """Add this group."""
    app.add_typer(proposal_app, name="proposal")
