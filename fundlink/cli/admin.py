"""Acts of staff and care of the installation as commands: municipality, reissue, keys, verify, audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fundlink.cli.proposals import Approver, Who, by_two
from fundlink.cli.show import emit, explained_lines
from fundlink.cli.verbs import Json, jobs

municipality_app = typer.Typer(help="団体の登録と一覧。", no_args_is_help=True, rich_markup_mode=None)
keys_app = typer.Typer(help="署名の鍵と、信頼する証明書。", no_args_is_help=True, rich_markup_mode=None)
audit_app = typer.Typer(help="操作の記録。", no_args_is_help=True, rich_markup_mode=None)


@municipality_app.command("add")
def add(code: Annotated[str, typer.Argument(help="団体コード（6桁）")], name: Annotated[str, typer.Option(help="団体名")] = "", as_json: Json = False) -> int:  # fmt: skip
    """団体を登録する。"""
    from fundlink import desk

    with jobs() as work:
        result = desk.add_municipality(work.rooms, code, name)
    emit(result, as_json=as_json, words=lambda r: f"{r['code']} {r['name']} を{'登録しました' if r['added'] else 'すでに登録しています'}。")
    return 0


@municipality_app.command("list")
def list_(as_json: Json = False) -> int:
    """登録した団体の一覧。"""
    from fundlink import desk

    with jobs() as work:
        result = desk.municipalities(work.rooms)
    emit(
        result, as_json=as_json, words=lambda r: "\n".join(f"{m['code']} {m['name']}" for m in r["municipalities"]) or "登録はありません。"
    )
    return 0


def reissue(
    bill: Annotated[str, typer.Argument(help="請求キー（~ 区切り）または連携キー")],
    who: Who,
    approved_by: Approver = "",
    reason: Annotated[str, typer.Option(help="理由（承認する人に示される）")] = "",
    as_json: Json = False,
) -> int:
    """納付書の再発行を準備する（承認されると新しい eL番号。前のものは差替えになる）。"""
    from fundlink.desk.proposals import Wanted

    wanted = Wanted("reissue", bill, who, reason)
    return by_two(approved_by, wanted, lambda work: work.reissue(bill, who, approved_by), as_json=as_json, words=lambda r: f"再発行しました: {r['institution_code']}-{r['case_key']}-{r['confirmation_number']}（{r['issue_count']} 回目）。`fundlink submit` で登録されます。")  # fmt: skip


def rollback(
    file_id: Annotated[int, typer.Argument(metavar="FILE_ID", help="取込の受付番号")],
    who: Who,
    approved_by: Approver = "",
    reason: Annotated[str, typer.Option(help="理由（承認する人に示される）")] = "",
    as_json: Json = False,
) -> int:
    """誤って取り込んだファイルの取消を準備する（承認されると打ち消しの記録を足す。続きがあれば行わない）。"""
    from fundlink.desk.proposals import Wanted

    wanted = Wanted("rollback", str(file_id), who, reason)
    return by_two(approved_by, wanted, lambda work: work.roll_back(file_id, who, approved_by), as_json=as_json, words=lambda r: f"受付 {r['file_id']}（{r['file']}）を取り消しました: 追加の取消 {r['created']:,}  更新の戻し {r['updated']:,}  取消の戻し {r['cancelled']:,}。`fundlink submit` で伝わります。")  # fmt: skip


def explain(
    transaction_key: Annotated[str, typer.Argument(metavar="TRANSACTION_KEY", help="取引番号（消込ファイルや収納電文にある）")],
    as_json: Json = False,
) -> int:
    """納付の判定の理由を示す（比べた項目、外れた規則、番号違いの候補）。"""
    with jobs() as work:
        result = work.explain(transaction_key)
    emit(result, as_json=as_json, words=lambda r: "\n".join(explained_lines(r)))
    return 0


@keys_app.command("show")
def show(as_json: Json = False) -> int:
    """鍵と証明書の場所、証明書の指紋を表示する。"""
    from fundlink import bootstrap

    result = bootstrap.Keys(bootstrap.settings().folder / "keys", production=bootstrap.settings().environment == "production").describe()
    emit(result, as_json=as_json, words=lambda r: "\n".join(f"{name}: {value}" for name, value in r.items()))
    return 0


@keys_app.command("make")
def make(as_json: Json = False) -> int:
    """模擬環境用の鍵と証明書を作る（本番では使えない）。"""
    from fundlink import bootstrap

    keys = bootstrap.Keys(bootstrap.settings().folder / "keys", production=bootstrap.settings().environment == "production")
    keys.signer()
    emit(keys.describe(), as_json=as_json, words=lambda r: "\n".join(f"{name}: {value}" for name, value in r.items()))
    return 0


@keys_app.command("forget-gateway")
def forget_gateway(as_json: Json = False) -> int:
    """覚えたゲートウェイの証明書を捨てる（模擬環境を作り直したとき）。次の通信で覚え直す。"""
    from fundlink import bootstrap

    keys = bootstrap.Keys(bootstrap.settings().folder / "keys", production=bootstrap.settings().environment == "production")
    was_there = keys.gateway.exists()
    keys.gateway.unlink(missing_ok=True)
    emit({"forgotten": was_there}, as_json=as_json, words=lambda r: "忘れました。" if r["forgotten"] else "覚えている証明書はありません。")
    return 0


def verify(as_json: Json = False) -> int:
    """守るべき約束（不変条件）を、書き込みとは別の SQL で確かめる。"""
    from fundlink.desk import upkeep

    with jobs() as work:
        result: dict[str, Any] = upkeep.check(work.rooms)
    emit(result, as_json=as_json, words=lambda r: "\n".join(f"{i['id']} {'適合' if i['ok'] else '不適合'} {i['checked']:,} 件 {i['detail']}" for i in r["invariants"]))  # fmt: skip
    return 0 if result["ok"] else 1


@audit_app.command("head")
def audit_head(
    out: Annotated[Path, typer.Option(help="書き出す先（別の機械や媒体に保管する）")],
    as_json: Json = False,
) -> int:
    """操作の記録の先頭値（最新の番号と値）を、アダプタの鍵で署名して書き出す。"""
    import json

    from fundlink.connectors import core_files
    from fundlink.desk import trail

    with jobs() as work:
        result = trail.head(work.rooms)
    core_files.put(out, [json.dumps(result, ensure_ascii=False).encode() + b"\n"])
    emit({**result, "out": str(out)}, as_json=as_json, words=lambda r: f"{r['out']} に {r['seq']:,} 件目までの先頭値を書き出しました。")
    return 0


@audit_app.command("verify")
def audit_verify(
    head: Annotated[Path | None, typer.Option(help="前に書き出した先頭値。末尾の切り落としも見つかる")] = None,
    as_json: Json = False,
) -> int:
    """操作の記録が書き換え・削除・並べ替えされていないかを確かめる。"""
    from fundlink.desk import trail
    from fundlink.domain.errors import UsageError

    if head is not None and not head.is_file():
        raise UsageError(f"先頭値のファイルがありません: {head}")
    with jobs() as work:
        result = trail.verify(work.rooms, None if head is None else head.read_bytes())
    emit(result, as_json=as_json, words=lambda r: f"{r['entries']:,} 件 {'異常なし' if r['ok'] else '異常: ' + str(r['first_bad'])}")
    return 0 if result["ok"] else 1


def register(app: typer.Typer) -> None:
    """Add these commands and groups."""
    app.command()(reissue)
    app.command()(rollback)
    app.command()(explain)
    app.command()(verify)
    app.add_typer(municipality_app, name="municipality")
    app.add_typer(keys_app, name="keys")
    app.add_typer(audit_app, name="audit")
