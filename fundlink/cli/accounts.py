"""The register of bank accounts as commands. Thin: the desk decides everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from fundlink.cli.proposals import Approver, Who, by_two
from fundlink.cli.show import emit
from fundlink.cli.verbs import Json, jobs

account_app = typer.Typer(help="団体の口座の登録と一覧。", no_args_is_help=True, rich_markup_mode=None)


@account_app.command("add")
def add(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="銀行コード-支店コード-預金種目-口座番号（例 0001-001-1-1234567）")],
    municipality: Annotated[str, typer.Option(help="団体コード（6桁）")],
    who: Who,
    approved_by: Approver = "",
    holder: Annotated[str, typer.Option(help="口座名義")] = "",
    fund: Annotated[list[str], typer.Option(help="この口座で受け取る公金種目コード（くり返し可。省略すると、すべて）")] = [],  # noqa: B006
    written_as: Annotated[list[str], typer.Option(help="銀行の明細での書き方（くり返し可。例 「本店 普通 1234567」）")] = [],  # noqa: B006
    as_json: Json = False,
) -> int:
    """口座を登録する（2 人で）。入金のファイルは、登録された口座のものだけを取り込む。"""
    from fundlink.desk.bank_accounts import Wanted
    from fundlink.desk.proposals import Wanted as Proposal

    wanted = Wanted(account, municipality, who, approved_by, holder, tuple(fund), tuple(written_as))
    asked = {"municipality": municipality, "holder": holder, "funds": fund, "written_as": written_as}
    return by_two(
        approved_by, Proposal("account", account, who, asked=asked), lambda work: work.add_account(wanted),
        as_json=as_json, words=lambda r: f"口座 {r['account']} を団体 {r['municipality_code']} の口座として登録しました。",
    )  # fmt: skip


@account_app.command("list")
def list_(municipality: Annotated[str | None, typer.Option(help="団体コードで絞る")] = None, as_json: Json = False) -> int:
    """登録した口座の一覧。"""
    with jobs() as work:
        result = work.accounts(municipality)
    emit(result, as_json=as_json, words=lambda r: "\n".join(_lines(r)))
    return 0


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    if not told["accounts"]:
        yield "登録はありません。"
    for one in told["accounts"]:
        written = f"  書き方 {'・'.join(one['written_as'])}" if one["written_as"] else ""
        funds = "・".join(one["funds"]) or "すべて"
        by = f"{one['by']}（承認 {one['approved_by']}）" if one["approved_by"] else "最初のファイルによる"
        yield f"{one['municipality_code']}  {one['account']}  {one['holder'] or '（名義なし）'}  公金種目 {funds}{written}  {by}"


def register(app: typer.Typer) -> None:
    """Add this group."""
    app.add_typer(account_app, name="account")
