"""Care of the installation as commands: backup and restore. Thin: everything is done by desk and store."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from fundlink.cli.show import emit
from fundlink.cli.verbs import Json, jobs

_KEYS = {
    "": "",
    "here": "鍵は前からあるものを使います。",
    "restored": "鍵も復元しました。",
    "missing": "鍵はバックアップにありません。元の鍵を keys フォルダーに置いてから始めてください。",
}


def backup(
    out: Annotated[Path, typer.Option("--out", help="バックアップを書くファイル")],
    with_keys: Annotated[bool, typer.Option("--with-keys", help="署名の鍵も入れる（保管場所に注意）")] = False,
    as_json: Json = False,
) -> int:
    """動いたままバックアップを取る（SQLite と PostgreSQL で同じ形）。"""
    from fundlink.desk import backup as desk_backup

    with jobs("backup") as work:
        result = desk_backup.take(work.rooms, out, with_keys=with_keys)
    emit(result, as_json=as_json, words=lambda r: f"バックアップを取りました: {r['file']}（{r['rows']:,} 行  {r['bytes']:,} バイト  台帳 {r['ledger_sha256'][:16]}）")  # fmt: skip
    return 0


def restore(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="バックアップのファイル")],
    check: Annotated[bool, typer.Option("--check", help="ファイルを確かめるだけで、復元しない")] = False,
    as_json: Json = False,
) -> int:
    """空のデータベースに復元し、台帳と守るべき約束を確かめる。"""
    from fundlink import bootstrap
    from fundlink.desk import backup as desk_backup

    if check:
        result = desk_backup.look(path)
    else:
        with closing(bootstrap.build(bootstrap.settings(), migrated=False)) as rooms, bootstrap.owner(rooms):
            result = desk_backup.put_back(rooms, path)
    emit(result, as_json=as_json, words=_restored)
    return 0 if result["ok"] else 1


def _restored(result: Mapping[str, Any]) -> str:
    done = "復元しました" if "keys" in result else "バックアップは完全です"
    broken = [f"  {told['id']} 不適合 {told['detail']}" for told in result.get("broken", [])]
    return "\n".join(
        [f"{done}: {result['rows']:,} 行  台帳 {result['ledger_sha256'][:16]}  {_KEYS[result.get('keys', '')]}".rstrip(), *broken]
    )


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (backup, restore):
        app.command()(command)
