"""Payment slips as a command: one bill into a file, a fund into a folder. Thin: printing decides what can be printed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fundlink.cli.show import emit, problem_lines, yen
from fundlink.cli.verbs import Json, jobs


def slips(
    out: Annotated[Path, typer.Option(help="--bill なら PDF の名前、--fund なら置くフォルダー")],
    bill: Annotated[str | None, typer.Option(help="請求キーまたは連携キー（1 件だけ印刷する）")] = None,
    fund: Annotated[str | None, typer.Option(help="公金種目コード（その公金の納付書をすべて印刷する）")] = None,
    municipality: Annotated[str | None, typer.Option(help="団体コード（6桁）で絞る")] = None,
    who: Annotated[str, typer.Option("--as", help="印刷する人（利用者名または職員番号）。記録に残ります")] = "",
    as_json: Json = False,
) -> int:
    """納付書を PDF にする（1 ページ 1 件、1 ファイル 200 件まで）。"""
    from fundlink.desk.payers import Looker
    from fundlink.domain.errors import UsageError
    from fundlink.domain.values import is_municipality_code
    from fundlink.jobs.desk import OPERATOR

    if (bill is None) == (fund is None):
        raise UsageError("--bill か --fund のどちらか一方を指定してください。")
    if municipality is not None and not is_municipality_code(municipality):
        raise UsageError("--municipality は団体コード（検査数字を含む6桁）で指定してください。")
    with jobs() as work:
        looker = Looker(who) if who else OPERATOR
        if bill is not None:
            result = work.print_slip(bill, municipality, out, looker=looker)
        else:
            result = work.print_fund(str(fund), municipality, out, looker=looker)
    emit(result, as_json=as_json, words=_words)
    return 0


def _words(told: Mapping[str, Any]) -> str:
    lines = [f"納付書 {told['slips']:,} 件（{yen(told['yen'])}）を {len(told['files'])} ファイルに書きました。"]
    lines += [f"  {path}" for path in told["files"]]
    if told["skipped"]:
        lines.append(f"納付済み・取消・送信前などで対象外: {told['skipped']:,} 件")
    if told["not_printed"]:
        lines.append(f"印刷できなかったもの: {told['not_printed']:,} 件")
    return "\n".join([*lines, *problem_lines(told["problems"])])


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("slips")(slips)
