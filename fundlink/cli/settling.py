"""Bank files that a person hands over, and what pays which settlement, as commands. Thin: jobs does the work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fundlink.cli.proposals import Approver, Who, by_two
from fundlink.cli.show import emit, problem_lines, yen
from fundlink.cli.verbs import Json, jobs

Reason = Annotated[str, typer.Option("--reason", help="理由")]


def intake_bank(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="指定金融機関のファイル")],
    municipality: Annotated[str, typer.Option(help="団体コード（6桁）")],
    profile: Annotated[str, typer.Option(help="様式（プロファイル）の名前")] = "bank-csv",
    as_json: Json = False,
) -> int:
    """入出金明細のファイル（CSV・全銀）を取り込む。"""
    from fundlink.domain.errors import UsageError
    from fundlink.domain.values import is_municipality_code

    if not is_municipality_code(municipality):
        raise UsageError("--municipality は団体コード（検査数字を含む6桁）で指定してください。")
    with jobs("intake") as work:
        results = [work.intake_bank(path, profile, municipality) for path in paths]
    told = {**results[0], "quarantined": any(one["quarantined"] for one in results), "files": results}
    emit(told, as_json=as_json, words=_intake_words)
    return 1 if told["quarantined"] else 0


def _intake_words(told: Mapping[str, Any]) -> str:
    lines = []
    for one in told["files"]:
        name = one["file"]["name"]
        if one["quarantined"]:
            lines += [f"{name}: 取り込めませんでした。ファイルは保管し、何も反映していません。", *problem_lines(one["problems"])]
        elif one["duplicate_of"] is not None:
            lines.append(f"{name}: 取込済みのファイルです。何も変えていません。")
        else:
            lines.append(f"{name}: 読込 {one['read']:,} 件  入金 {one['bank_credits']:,} 件（再送 {one['duplicates']:,}）")
    return "\n".join(lines)


def explain_settlement(
    key: Annotated[str, typer.Argument(metavar="[KEY]", help="払込の番号。省略すると、清算されていない払込の一覧")] = "",
    as_json: Json = False,
) -> int:
    """払込と入金の対応（等式と規則）を示す。決まらないときは候補を示す。"""
    with jobs() as work:
        result = work.explain_settlement(key) if key else work.open_settlements()
    emit(result, as_json=as_json, words=lambda r: "\n".join(_explained(r) if key else _listed(r)))
    return 0


def _listed(told: Mapping[str, Any]) -> Iterator[str]:
    if not told["settlements"]:
        yield "清算されていない払込はありません。"
    for one in told["settlements"]:
        search = "探し切れない" if not one["search_complete"] else f"合う組合せ {one['answers']}"
        yield f"{one['settlement_key']}  {one['business_day']} {one['fund_code']}  送金日 {one['transfer_on']}  {yen(one['net_yen'])}  {search}"


_REASONS = {
    "new_edition": "払込通知の新しい版が届いた",
    "credit_cancelled": "入金が取り消された",
    "other_answer": "別の組合せも合うようになった",
}


def _explained(told: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"払込 {told['settlement_key']}（第 {told['edition']} 版）  営業日 {told['business_day']}  {told['fund_code']}  送金日 {told['transfer_on']}  "
        f"払込 {yen(told['gross_yen'])} − 手数料 {yen(told['fee_yen'])} = {yen(told['net_yen'])}"
    )
    for one in told["before"]:
        why = one["withdrawn"]["reason"]
        yield f"前の清算: {one['equation']}（{one['withdrawn']['at']} 取下げ: {_REASONS.get(why, why)}）"
    now = told["settling"]
    if now is not None:
        by = f"  {now['decided_by']}（承認 {now['approved_by']}）理由: {now['reason']}" if now["decided_by"] else ""
        yield from (f"清算: {now['equation']}", f"規則 {now['rule']}: {now['ja']}{by}")
        return
    yield "清算されていません。"
    if told["found_since"]:
        yield f"`fundlink reconcile` で次のように清算されます: {told['found_since']['equation']}"
    if told["late_fee"]:
        yield f"前の払込の手数料が、この払込から引かれたようです: {told['late_fee']['equation']}"
    if not told["search_complete"]:
        yield "組合せが多すぎて探し切れないため、自動では決めません。"
    if told["suggestions"]:
        yield "候補（よく合う順。自動では決めません）:"
    for one in told["suggestions"]:
        yield f"  [{one['suggestion']}] {one['equation']}  {'・'.join(one['reasons'])}"


def accept_settlement(
    key: Annotated[str, typer.Argument(metavar="KEY", help="払込の番号")],
    suggestion: Annotated[str, typer.Option(help="候補の名前（explain-settlement が [ ] に示すもの）")],
    reason: Reason,
    who: Who,
    approved_by: Approver = "",
    as_json: Json = False,
) -> int:
    """候補の 1 つを払込の清算とする提案をする（2 人で）。"""
    from fundlink.desk.proposals import Wanted

    wanted = Wanted("settle", key, who, reason, {"suggestion": suggestion})
    return by_two(
        approved_by, wanted, lambda work: work.accept_settlement(key, suggestion, reason=reason, who=who, approved_by=approved_by),
        as_json=as_json, words=lambda r: f"清算しました: {r['equation']}\n`fundlink reconcile` で日に反映されます。",
    )  # fmt: skip


def withdraw_settlement(
    key: Annotated[str, typer.Argument(metavar="KEY", help="払込の番号")],
    reason: Reason,
    who: Who,
    approved_by: Approver = "",
    as_json: Json = False,
) -> int:
    """2 人で決めた清算を、2 人で取り下げる。"""
    from fundlink.desk.proposals import Wanted

    return by_two(
        approved_by, Wanted("unsettle", key, who, reason),
        lambda work: work.withdraw_settlement(key, reason=reason, who=who, approved_by=approved_by),
        as_json=as_json, words=lambda r: f"取り下げました: {r['equation']}\n`fundlink reconcile` で日に反映されます。",
    )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (intake_bank, explain_settlement, accept_settlement, withdraw_settlement):
        app.command()(command)
