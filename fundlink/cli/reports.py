"""Reports as a command: ``fundlink report NAME``. Thin: the desk makes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fundlink.cli.show import emit
from fundlink.cli.verbs import Json, jobs


def report(
    name: Annotated[str, typer.Argument(help="collection 収納率 | channels 収納方法の内訳 | ageing 案件の待ち日数 | spans 合うまでの日数")],
    municipality: Annotated[str | None, typer.Option(help="団体コード（6桁）。1 団体だけなら省略できる")] = None,
    out: Annotated[Path | None, typer.Option(help="書き出すファイル。省略すると画面に出す")] = None,
    form: Annotated[str, typer.Option(help="--out の形: json | csv | xlsx | pdf")] = "xlsx",
    as_json: Json = False,
) -> int:
    """集計を出す（収納率、収納方法の内訳、案件の待ち日数、合うまでの日数）。"""
    from fundlink.desk import reports
    from fundlink.domain.errors import UsageError

    if form not in reports.FORMS:
        raise UsageError(f"--form は {' | '.join(reports.FORMS)} のどれかです。")
    with jobs() as work:
        told = (
            reports.shown(work.rooms, name, municipality)
            if out is None
            else reports.write(work.rooms, name, municipality, form=form, out=out)
        )
    emit(told, as_json=as_json, words=_table if out is None else _written)
    return 0


def _table(told: Mapping[str, Any]) -> str:
    kinds = [column["kind"] for column in told["columns"]]
    rows = ["  ".join(f"{cell:,}" if kind != "text" else cell for cell, kind in zip(row, kinds, strict=True)) for row in told["rows"]]
    head = "  ".join(column["ja"] for column in told["columns"])
    return "\n".join(
        [f"{told['title']} {told['municipality_code']}", head, *(rows or ["（ありません）"]), *(f"注: {note}" for note in told["notes"])]
    )


def _written(told: Mapping[str, Any]) -> str:
    return f"{told['title']} {told['municipality_code']}: {told['rows']:,} 行を {told['out']} に書きました。"


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(report)
