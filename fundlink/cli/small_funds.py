"""Small funds as commands: a template to fill in, and the workbook that comes back looked at and marked. Thin; taking it in is ``intake``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fundlink.cli.show import emit, problem_lines, yen
from fundlink.cli.verbs import Json, jobs


def template(
    fund: Annotated[str, typer.Argument(metavar="FUND", help="公金種目コード")],
    out: Annotated[Path, typer.Option(help="書き出す Excel ブック（.xlsx）")],
    municipality: Annotated[str, typer.Option(help="団体コード（6桁）")],
    year: Annotated[int, typer.Option(help="年度（西暦）")],
    department: Annotated[str, typer.Option(help="課所コード（3桁）")] = "000",
    lines: Annotated[int, typer.Option(help="通知書番号を振っておく行数")] = 100,
    who: Annotated[str, typer.Option("--as", help="作る人")] = "cli",
    as_json: Json = False,
) -> int:
    """小口の公金のひな形（Excel）を作る。`intake --profile excel` で取り込む。"""
    from fundlink.connectors import core_files
    from fundlink.desk import small_funds

    with jobs() as work:
        asked = small_funds.Asked(municipality, fund, year, department, lines)
        made = work.template(asked, who)
        core_files.put(out, [made])
    told = {"file": str(out), "fund_code": fund, "municipality_code": municipality, "levy_year": year, "lines": lines}
    emit(told, as_json=as_json, words=lambda r: f"ひな形を書きました（{r['lines']:,} 行）: {r['file']}")
    return 0


def marked(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="書いた Excel ブック")],
    out: Annotated[Path, typer.Option(help="印を付けたブックの置き場所（.xlsx）")],
    as_json: Json = False,
) -> int:
    """小口の公金のブックを確かめ、直すところに印を付けた写しを作る（何も取り込まない）。"""
    from fundlink.connectors import core_files
    from fundlink.desk import small_funds
    from fundlink.jobs import sheets

    core_files.check_regular(path)
    with jobs() as work:
        sent = small_funds.Sent(core_files.shown(path.name), path.read_bytes())
        found = sheets.rehearsed(work, sent)
        core_files.put(out, [small_funds.marked(work.rooms, sent.raw, found["problems"])], mode=0o600)
    told = {"file": str(out), **found}
    emit(told, as_json=as_json, words=_words)
    return 1 if any(one["severity"] == "error" for one in found["problems"]) else 0


def _words(told: Mapping[str, Any]) -> str:
    lines = [
        f"読込 {told['read']:,} 件  取り込める {told['accepted']:,} 件（{yen(told['accepted_yen'])}）",
        f"印を付けた写し: {told['file']}",
    ]
    return "\n".join([*lines, *problem_lines(told["problems"])])


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("template")(template)
    app.command("marked")(marked)
