"""The book of formats: `python -m fundlink.formats.book docs/formats.md` writes it, `--check` compares.

Called by `make docs` and `make check`. Everything in it comes from the layouts, the code lists and the catalogue of problems.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fundlink.domain.problems import CATALOGUE
from fundlink.formats.codelists import read_code_list
from fundlink.formats.layout import Field
from fundlink.formats.message import Message
from fundlink.formats.profiles import Profile, list_profiles, load_profile
from fundlink.safe_xml import SCHEMAS

_RECORDS = {"header": "ヘッダー", "data": "データ", "trailer": "トレーラー", "end": "エンド"}
_NEEDS = {"required": "必須", "optional": "任意", "": "任意"}
_INTRODUCTION = """# 様式一覧 / Formats

この頁は `python -m fundlink.formats.book docs/formats.md` が `schemas/` の表から作ります。手で直さないでください。
(Generated from the tables in `schemas/`; do not edit.)

ここにある様式は、すべて fundlink が独自に作った形です。公表資料の項目名を参考にしていますが、制度を運営する団体の正本ではありません。
(All layouts are fundlink's own shapes.)

## 読み書きの決まり

- 1行は1つの期です。番号はすべて文字として扱い、先頭の 0 を残します。金額は半角数字だけの円です。
- 見出しのある CSV・Excel は、列の順序を問いません。見出しは「項目」の名です。任意の列はなくても構いません。
- 日付の `0000-00-00`、`00000000`、`99999999`、空白は「日付なし」です。
- 固定長の `count`・`sum` は、全データレコードの件数・合計（料額＋督促手数料＋延滞金、または指定の項目）と一致しなければ全件を取り込みません。
  `codes` に `項目=値`（または `項目!=値`）を書くと、その条件に合うレコードだけを数えます。書式 `all` は全レコード数、`groups` は口座（ヘッダー）の数です。
- 書き出す CSV の文字項目が `=`、`+`、`-`、`@`、タブ、改行で始まるときは、表計算ソフトが計算しないように先頭に `'` を付けます。
- CP932 で書くときは、`〜`・`−`・`—`・`‖`・`¢`・`£`・`¬` を同じ JIS 文字の CP932 側の符号に写します。ほかの写せない文字は誤り (FL-CHR-004) です。
"""


def book(schemas: Path) -> str:
    """The whole page."""
    roots = [schemas / "profiles"]
    profiles = [load_profile(listed.folder, schemas / "codes") for listed in list_profiles(roots)]
    parts = [_INTRODUCTION, *(_profile(profile) for profile in profiles), _code_lists(schemas / "codes"), _problems()]
    return "\n".join(parts)


def _profile(profile: Profile) -> str:
    lines = [f"## プロファイル `{profile.name}`（{profile.label}、第 {profile.edition} 版）", ""]
    for message in profile.messages.values():
        lines += _message(message)
    return "\n".join(lines)


def _message(message: Message) -> Iterator[str]:
    given = message.declared
    told = {"delimited": "区切り文字", "fixed": "固定長", "xml": "XML", "xlsx": "Excel", "json": "NDJSON"}[message.form]
    yield f"### `{message.kind}` {message.spec.ja}（{told}、{given.encoding}、改行 {given.newline}、`{given.layout}`）"
    yield ""
    if message.spec.rules:
        yield f"規則 (rules): {'、'.join(f'`{name}`' for name in message.spec.rules)}"
        yield ""
    yield from _records(message.fields)
    for when, fields in message.variants:
        yield f"変種: `{when}`"
        yield ""
        yield from _records(fields)


def _records(fields: Sequence[Field]) -> Iterator[str]:
    for record, ja in _RECORDS.items():
        rows = [row for row in fields if row.record == record]
        if rows:
            total = sum(row.width for row in rows)
            yield f"{ja} (`{record}`){f'、{total} バイト' if len({row.record for row in fields}) > 1 and not rows[0].path else ''}"
            yield ""
            heads = ("番", "項目", "name", "種類", "書式", "幅", "要否", "コード", "パス", "出典")
            yield from _table(heads, (_field(row) for row in rows))


def _field(row: Field) -> tuple[str, ...]:
    need = _NEEDS.get(row.need, f"`{row.need}`")
    width = f"{row.width}{f' {row.unit}' if row.unit else ''}" if row.width else ""
    return (row.no, row.ja, f"`{row.name}`", row.kind, row.form, width, need, row.codes, row.path, row.source)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _code_lists(folder: Path) -> str:
    lines = ["## コード表", ""]
    for path in sorted(folder.glob("*.csv")):
        lines += [f"### `{path.stem}`", ""]
        lines += _table(("コード", "日本語", "English", "適用開始", "適用終了", "備考"), read_code_list(path))
    return "\n".join(lines)


def _problems() -> str:
    words = {"error": "誤り", "warning": "警告"}
    rows = ((code, words[told.severity], told.ja, told.en, told.next_ja) for code, told in CATALOGUE.items())
    return "\n".join(["## 問題コード", "", *_table(("コード", "区分", "日本語", "English", "次にすること"), rows)])


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with ``--check`` tell whether it is fresh."""
    paths = [Path(word) for word in arguments if not word.startswith("--")]
    if len(paths) != 1:
        sys.stderr.write("usage: python -m fundlink.formats.book [--check] docs/formats.md\n")
        return 2
    fresh = book(SCHEMAS)
    if "--check" not in arguments:
        paths[0].write_text(fresh, encoding="utf-8")
        return 0
    if paths[0].is_file() and paths[0].read_text(encoding="utf-8") == fresh:
        return 0
    sys.stderr.write(f"{paths[0]} は古くなっています。`make docs` を行ってください。 / stale: run `make docs`.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
