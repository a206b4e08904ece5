"""The books as commands: close (in one call, or prepare and approve), day, paper. Thin: everything is done by jobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fundlink.cli.show import emit, problem_lines, yen
from fundlink.cli.verbs import Json, jobs

_STEPS = ("prepare", "approve")
Municipality = Annotated[str | None, typer.Option(help="団体コード（6桁）。省略するとすべて")]


def close(
    words: Annotated[list[str], typer.Argument(metavar="[prepare|approve] DAY", help="営業日（YYYY-MM-DD）。2 人で分けて行うときは、前に prepare（準備）か approve（承認）")],
    who: Annotated[str, typer.Option("--as", help="実施者（prepare では準備する人、approve では承認する人）")],
    approved_by: Annotated[str, typer.Option("--approved-by", help="承認者（別の人）。prepare / approve では使わない")] = "",
    override: Annotated[str | None, typer.Option(help="合わないまま締める理由（承認する人にも示される）")] = None,
    municipality: Municipality = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="同じ結果を出すだけで、何も残さない")] = False,
    as_json: Json = False,
) -> int:  # fmt: skip
    """営業日を締める（一致した日を古い順に。1 人が準備し、別の人が承認する）。"""
    from fundlink.domain.errors import UsageError

    step, day = (words[0], words[1]) if len(words) == 2 and words[0] in _STEPS else ("", words[0])
    if len(words) != 1 + bool(step):
        raise UsageError("使い方: fundlink close [prepare|approve] 営業日")
    _check_day(day)
    if step and approved_by:
        raise UsageError("prepare と approve では --approved-by を使いません。承認する人が approve を --as で行います。")
    if step == "approve" and override is not None:
        raise UsageError("--override は prepare で指定します。")
    with jobs() as work:
        if step == "prepare":
            result = work.prepare_close(day, who, municipality=municipality, override=override, dry_run=dry_run)
        elif step == "approve":
            result = work.approve_close(day, who, municipality=municipality, dry_run=dry_run)
        else:
            result = work.close_day(day, who, approved_by, municipality=municipality, override=override, dry_run=dry_run)
    emit(result, as_json=as_json, words=_close_words)
    return 1 if result["refused"] else 0


def _check_day(day: str) -> None:
    from fundlink.domain.errors import UsageError
    from fundlink.domain.values import iso_date

    if iso_date(day) is None:
        raise UsageError("営業日は YYYY-MM-DD で指定してください。")


def _close_words(result: Mapping[str, Any]) -> str:
    refused = problem_lines(result["refused"])
    if result["step"] != "prepare":
        late = sum(one["compensations"] for one in result["books"])
        told = f"{result['day']}: 締めた公金種目 {len(result['closed'])}  締め済み {result['already_closed']}  締められない {len(result['refused'])}"
        return "\n".join([told + (f"  前日以前の訂正 {late} 行" if late else ""), *refused])
    lines = [
        f"{result['day']}: 準備した団体 {len(result['prepared'])}  締め済みの公金種目 {result['already_closed']}  締められない {len(result['refused'])}"
    ]
    for sheet in result["prepared"]:
        lines.append(
            f"{sheet['municipality_code']} {'一致' if sheet['ties'] else '不一致（理由を付けて準備）'}  照合値 {sheet['books_sha256'][:16]}"
        )
        lines += _book_lines(sheet["books"])
    return "\n".join([*lines, *refused, *(["別の人が `fundlink close approve` で承認してください。"] if result["prepared"] else [])])


def _book_lines(rows: list[dict[str, Any]]) -> list[str]:
    from fundlink.domain.books import ACCOUNTS, YEAR_KINDS

    accounts, kinds = dict(ACCOUNTS), dict(YEAR_KINDS)
    return [
        f"  {row['fund_code'] or '---'} {row['department_code']} {row['fiscal_year']}年度 {kinds[row['year_kind']]} {accounts[row['account']]}: "
        f"{row['transactions']:,} 件 {yen(row['yen'])}（{row['value_on']}）"
        for row in rows
    ]


def day(
    day: Annotated[str, typer.Argument(help="営業日（YYYY-MM-DD）")],
    diff: Annotated[bool, typer.Option("--diff", help="締めたあとに分かったことを、締めた帳簿と比べて示す")] = False,
    municipality: Municipality = None,
    as_json: Json = False,
) -> int:
    """1 日の帳簿と締めの状況を示す。"""
    _check_day(day)
    with jobs() as work:
        result = work.day(day, municipality=municipality, diff=diff)
    emit(result, as_json=as_json, words=_day_words)
    return 0


_DAY_STEPS = {
    "open": "未締め",
    "prepared": "準備済み（承認待ち）",
    "approved": "締め済み",
    "closed": "締め済み",
    "behind": "締め済みの日より前",
}


def _day_words(result: Mapping[str, Any]) -> str:
    from fundlink.domain.states import DAY_STATES, in_japanese

    lines = []
    for one in result["municipalities"]:
        close = one["close"]
        by = f"  {close['by']} {close['at']}  照合値 {close['books_sha256'][:16]}" if close else ""
        lines.append(f"{result['day']} {one['municipality_code']}: {_DAY_STEPS[one['step']]}{by}")
        lines += [f"  理由: {close['reason']}"] if close and close["reason"] else []
        lines += [f"  {f['fund_code'] or '---'}: {in_japanese(f['state'], DAY_STATES)}  収納 {yen(f['receipts_yen'])}  差 {yen(f['difference_yen'])}" for f in one["funds"]]  # fmt: skip
        lines += ["  帳簿:", *(f"  {line}" for line in _book_lines(one["books"]))]
        lines += _diff_lines(one["diff"]) if "diff" in one else []
    return "\n".join(lines)


def _diff_lines(diff: Mapping[str, Any]) -> list[str]:
    from fundlink.domain.books import ACCOUNTS

    accounts, lines = dict(ACCOUNTS), ["  締めたあとに分かったこと:"]
    for kind, word in (("added", "追加"), ("removed", "取消"), ("changed", "変更")):
        for one in diff[kind]:
            sides = [f"{accounts[side['account']]} {yen(side['yen'])}" if side else "なし" for side in (one["before"], one["after"])]
            lines.append(f"    {word} {one['transaction_key']}: {' → '.join(sides)}（{one['booked_in'] or '次に締める日'} の帳簿で訂正）")
    lines += [
        f"    {accounts[m['account']]} {m['fund_code'] or '---'}: {yen(m['before_yen'])} → {yen(m['after_yen'])}" for m in diff["money"]
    ]
    return lines if len(lines) > 1 else ["  締めたあとに分かったことはありません。"]


def paper(
    name: Annotated[str, typer.Argument(help="day-sheet 日計表 | breakdown 収納金内訳 | overpayments 過誤納一覧 | unpaid 未収一覧 | month-sheet 月計表")],
    out: Annotated[Path, typer.Option(help="書き出すファイル")],
    day: Annotated[str, typer.Option(help="営業日（YYYY-MM-DD）")] = "",
    month: Annotated[str, typer.Option(help="月（YYYY-MM）")] = "",
    form: Annotated[str, typer.Option(help="json | csv | xlsx")] = "csv",
    municipality: Annotated[str | None, typer.Option(help="団体コード（6桁）。1 団体だけなら省略できる")] = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """帳票を書き出す。"""
    from fundlink.domain.errors import UsageError
    from fundlink.formats.papers import FORMS
    from fundlink.pipeline.papers import Asked

    if day:
        _check_day(day)
    if month:
        _check_day(f"{month}-01")
    if form not in FORMS:
        raise UsageError(f"--form は {' | '.join(FORMS)} のどれかです。")
    with jobs() as work:
        result = work.paper(Asked(name, day, month, municipality), form, out)
    emit(result, as_json=as_json, words=_paper_words)
    return 0


def _paper_words(result: Mapping[str, Any]) -> str:
    notes = "".join(f"\n  注: {note}" for note in result["notes"])
    return f"{result['title']} {result['day'] or result['month']} {result['municipality_code']}: {result['rows']:,} 行を {result['out']} に書きました。{notes}"


def ledger(
    municipality: Municipality = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="この営業日までの分（請求は含まない）")] = None,
    as_json: Json = False,
) -> int:
    """台帳の照合値（請求・収納・判定・払込・入金・清算・日・帳簿・消込の SHA-256）を出す。同じ事実なら同じ値になる。"""
    from fundlink.store import ledger as books

    if until is not None:
        _check_day(until)
    with jobs() as work, work.rooms.store.read() as connection:
        found = books.ledger(connection, municipality, until)
    parts = {name: part._asdict() for name, part in found.parts.items()}
    result = {"sha256": found.sha256, "municipality": municipality, "until": until, "municipalities": found.municipalities, "parts": parts}
    emit(result, as_json=as_json, words=_ledger_words)
    return 0


def _ledger_words(result: Mapping[str, Any]) -> str:
    lines = [f"台帳の照合値 {result['sha256']}", *(f"{code} {sha256}" for code, sha256 in result["municipalities"].items())]
    return "\n".join([*lines, *(f"{name} {part['rows']:,} 件 {part['sha256'][:16]}" for name, part in result["parts"].items())])


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(close)
    app.command()(day)
    app.command()(paper)
    app.command()(ledger)
