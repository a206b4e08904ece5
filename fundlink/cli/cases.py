"""The queue of cases and the acts on them as commands: cases, case, act. Thin: the desk decides everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from fundlink.cli.show import emit, yen
from fundlink.cli.verbs import Json, jobs

case_app = typer.Typer(help="案件 1 件（人の判断を待つもの）。", no_args_is_help=True, rich_markup_mode=None)
act_app = typer.Typer(help="案件に対する処理（準備と承認は別の人）。", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="CASE", help="案件の名前（transaction:取引番号 など。fundlink cases に出る）")]
Who = Annotated[str, typer.Option("--as", help="実施者")]
ActId = Annotated[int, typer.Argument(metavar="ID", help="処理番号")]


def cases(
    municipality: Annotated[str | None, typer.Option(help="団体コードで絞る")] = None,
    kind: Annotated[str | None, typer.Option(help="案件の種類で絞る（transaction, conflict, day など）")] = None,
    owner: Annotated[str | None, typer.Option(help="担当者で絞る")] = None,
    after: Annotated[str | None, typer.Option(help="前のページの next")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="件数の上限")] = 100,
    as_json: Json = False,
) -> int:
    """人の判断を待つ案件の一覧（古い順）。"""
    with jobs() as work:
        result = work.cases({"municipality_code": municipality, "kind": kind, "owner": owner}, _place(after), limit)
    following = result["next"]
    told = {**result, "next": None if following is None else "/".join(following)}
    emit(told, as_json=as_json, words=lambda r: "\n".join(_list_lines(r)))
    return 0


def _place(after: str | None) -> tuple[str, str] | None:
    """The place behind which a page begins: an instant, a slash, a name."""
    from fundlink.domain.errors import UsageError

    if after is None:
        return None
    since, slash, name = after.partition("/")
    if not slash or not name:
        raise UsageError("--after には前のページの next をそのまま指定してください。")
    return since, name


def _list_lines(told: Mapping[str, Any]) -> Iterator[str]:
    if not told["cases"]:
        yield "案件はありません。"
    for case in told["cases"]:
        until = f"  {case['waits_until']} まで待つ" if case["waits_until"] else ""
        yield f"{case['case']}  {case['reason_ja']}  {yen(case['yen'])}  {case['age_days']} 日経過  担当 {case['owner'] or '（なし）'}{until}"
        yield f"    → {case['next']}"
    if told["next"]:
        yield f"続き: --after '{told['next']}'"


@case_app.command("show")
def show(name: Name, as_json: Json = False) -> int:
    """案件の理由・もとになる事実・できる処理・これまでの処理を示す。"""
    with jobs() as work:
        result = work.case(name)
    emit(result, as_json=as_json, words=lambda r: "\n".join(_case_lines(r)))
    return 0


def _case_lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"{told['case']}（{told['kind_ja']}）{'' if told['open'] else '  片付いています'}"
    if told["open"]:
        yield f"理由: {told['reason_ja']}  {yen(told['yen'])}  {told['age_days']} 日経過  担当 {told['owner'] or '（なし）'}"
        yield f"次にすること: {told['next']}"
    yield from _fact_lines(told["facts"] or {})
    yield from (f"できる処理: {verb['verb']}（{verb['ja']}）" for verb in told["verbs"])
    for act in told["acts"]:
        yield f"処理 {act['act_id']} {act['verb_ja']}  準備 {act['prepared_by']}  {_STATE[act['state']]} {act['by']}  理由: {act['reason']}"


_STATE = {"prepared": "承認待ち", "carried_out": "承認", "refused": "却下", "withdrawn": "取りやめ"}


def _fact_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    from fundlink.domain.books import PAYMENT_ACCOUNTS

    words = dict(PAYMENT_ACCOUNTS)
    for key, payment in facts.get("payments", {}).items():
        yield f"  納付 {key}: " + "  ".join(f"{words[account]} {yen(held)}" for account, held in payment["balances"].items())
    for name, word in (("told", "この明細"), ("beside", "比べる明細")) if "credit" in facts else ():
        told = facts["credit"][name]
        yield (
            f"  {word}: 様式 {told['form']}  勘定日 {told['booked_on']}  起算日 {told['value_on']}  {yen(int(told['amount_yen']))}  "
            f"番号 {told['inquiry_number']}  EDI情報 {told['reference'] or '（なし）'}  {told['remitter_name']}"
        )
    for key, bill in facts.get("bills", {}).items():
        yield f"  請求 {key}: 残り {yen(bill['outstanding_yen'])}"


@case_app.command("assign")
def assign(name: Name, owner: Annotated[str, typer.Argument(help="担当者（空なら担当を外す）")], who: Who, as_json: Json = False) -> int:
    """案件の担当者を決める。"""
    with jobs() as work:
        result = work.assign_case(name, owner, who)
    emit(result, as_json=as_json, words=lambda r: f"{r['case']} の担当: {r['owner'] or '（なし）'}（前: {r['before'] or '（なし）'}）")
    return 0


@act_app.command("prepare")
def prepare(
    verb: Annotated[
        str, typer.Argument(help="accept refund offset attach split suspend write-off wait dismiss same separate reverse のどれか")
    ],
    case: Annotated[str, typer.Option(help="案件の名前")],
    who: Who,
    reason: Annotated[str, typer.Option(help="理由")],
    bill: Annotated[str, typer.Option(help="結び付ける請求（請求キーまたは連携キー）")] = "",
    to: Annotated[list[str], typer.Option(metavar="請求=金額", help="充当・分割の先（くり返し可。分割では overpaid=金額 も）")] = [],  # noqa: B006
    amount: Annotated[int | None, typer.Option("--yen", help="全額でないときの金額")] = None,
    code: Annotated[str, typer.Option(help="不納欠損の理由コード")] = "",
    until: Annotated[str, typer.Option(help="待つ期日（YYYY-MM-DD）")] = "",
    order: Annotated[str, typer.Option(help="充当の順: oldest_due oldest_year smallest")] = "oldest_due",
    payer: Annotated[str, typer.Option(help="充当先を探す宛名番号")] = "",
    as_json: Json = False,
) -> int:
    """処理を準備する（承認されるまで何も変わらない）。処理番号と、前後の姿を出す。"""
    from fundlink.desk.acts import Asked

    asked = Asked(verb.replace("-", "_"), case, who, reason, bill, tuple(map(_part, to)), amount, code, until, order, payer)
    with jobs() as work:
        result = work.prepare_act(asked)
    emit(result, as_json=as_json, words=lambda r: "\n".join(_act_lines(r, f"処理 {r['act_id']} を準備しました。別の人が `fundlink act approve {r['act_id']} --as 承認者` で承認します。")))  # fmt: skip
    return 0


def _part(text: str) -> tuple[str, int]:
    from fundlink.domain.errors import UsageError

    name, equals, amount = text.rpartition("=")
    if not equals or not name or not (amount.isascii() and amount.isdigit()):
        raise UsageError("--to は 請求=金額 の形で指定してください。")
    return name, int(amount)


def _act_lines(told: Mapping[str, Any], first: str) -> Iterator[str]:
    from fundlink.domain.books import PAYMENT_ACCOUNTS

    words = {**dict(PAYMENT_ACCOUNTS), "": "（未収）"}
    yield first
    yield f"{told['verb_ja']}  {told['case']}  理由: {told['reason']}  sha256 {told['sha256'][:16]}…"
    yield "前:"
    yield from _fact_lines(told["before"])
    for move in told["moves"]:
        bill = f"（{move['bill_key']}）" if move["bill_key"] else ""
        yield f"  {words[move['from_account']]} → {words[move['to_account']]}{bill}: {yen(move['yen'])}"
    if told["after"]:
        yield "後:"
        yield from _fact_lines(told["after"])


@act_app.command("approve")
def approve(act_id: ActId, who: Who, as_json: Json = False) -> int:
    """準備された処理を承認して実施する（準備した人にはできない）。"""
    with jobs() as work:
        result = work.approve_act(act_id, who)
    emit(result, as_json=as_json, words=lambda r: "\n".join(_act_lines(r, f"処理 {r['act_id']} を実施しました。")))
    return 0


@act_app.command("refuse")
def refuse(act_id: ActId, who: Who, reason: Annotated[str, typer.Option(help="理由")], as_json: Json = False) -> int:
    """準備された処理を却下する（準備した人にはできない）。"""
    with jobs() as work:
        result = work.refuse_act(act_id, who, reason)
    emit(result, as_json=as_json, words=lambda r: f"処理 {r['act_id']} を却下しました。")
    return 0


@act_app.command("withdraw")
def withdraw(act_id: ActId, who: Who, reason: Annotated[str, typer.Option(help="理由")] = "", as_json: Json = False) -> int:
    """承認前の処理を取りやめる。"""
    with jobs() as work:
        result = work.withdraw_act(act_id, who, reason)
    emit(result, as_json=as_json, words=lambda r: f"処理 {r['act_id']} を取りやめました。")
    return 0


def register(app: typer.Typer) -> None:
    """Add these commands and groups."""
    app.command()(cases)
    app.add_typer(case_app, name="case")
    app.add_typer(act_app, name="act")
