"""What has not come: expected files, the watermark, the unpaid list, things that wait too long. Thin: jobs does the work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from fundlink.cli.proposals import Approver, Who, by_two
from fundlink.cli.show import emit, problem_lines, yen
from fundlink.cli.verbs import Json, jobs

Municipality = Annotated[str | None, typer.Option("--municipality", help="団体コード（6桁）。省略するとすべて")]


def _day(name: str, text: str | None) -> str | None:
    """A day as written, or wrong usage."""
    from fundlink.domain.errors import UsageError
    from fundlink.domain.values import iso_date

    if text is not None and iso_date(text) is None:
        raise UsageError(f"{name} は YYYY-MM-DD で指定してください。")
    return text


def expected(
    day: Annotated[str | None, typer.Option(help="この営業日のファイルだけ（YYYY-MM-DD）")] = None,
    until: Annotated[str | None, typer.Option(help="この日までのファイル（YYYY-MM-DD）。省略すると今日")] = None,
    municipality: Municipality = None,
    everything: Annotated[bool, typer.Option("--all", help="受信済みのものも並べる")] = False,
    as_json: Json = False,
) -> int:
    """届くはずのファイル（収納・払込通知・入金明細）と、届いていないものを示す。"""
    ticket = {"day": _day("--day", day), "until": _day("--until", until), "municipality": municipality, "all": everything}
    with jobs() as work:
        result = work.expected(ticket)
    emit(result, as_json=as_json, words=_expected_words)
    return 0


def _expected_words(result: Mapping[str, Any]) -> str:
    counts = result["counts"]
    lines = [
        f"{result['until']} まで: 受信済み {counts['in']:,}  予定 {counts['expected']:,}  遅れ {counts['late']:,}  未着 {counts['missing']:,}  到着しない {counts['waived']:,}"
    ]
    lines += [
        f"{f['business_day']} {f['municipality_code']} {f['ja']}: {f['state_ja']}  予定日 {f['due_on']}"
        + (f"  {f['records']:,} 件" if f["files"] else "")
        + (f"  隔離 {f['quarantined']}" if f["quarantined"] else "")
        for f in result["files"]
    ]
    lines += [f"{g['municipality_code']} 受信番号 {g['first']}〜{g['last']}: 受け取っていません" for g in result["gaps"]]
    return "\n".join(lines + _break_lines(result["balance_breaks"]))


def _break_lines(breaks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where the balance of an account does not follow."""
    return [
        f"{one['municipality_code']} 口座 {one['account']}（{one['form']}）: "
        + (
            f"{one['after']} からのファイルの {one['line']} 行目で残高が続きません"
            if "line" in one
            else f"{one['after']} までの残高 {yen(one['expected_yen'])} と {one['before']} からの前残高 {yen(one['actual_yen'])} がつながりません"
        )
        for one in breaks
    ]


def watermark(
    until: Annotated[str | None, typer.Option(help="締切の日（YYYY-MM-DD）。省略すると前の営業日")] = None,
    municipality: Municipality = None,
    as_json: Json = False,
) -> int:
    """その日までの収納がすべて届き、突き合わせてあるかを答える（届いていなければ、その理由）。終了コード 0 そろった、1 まだ。"""
    with jobs() as work:
        result = work.watermark(_day("--until", until), municipality)
    emit(result, as_json=as_json, words=_watermark_words)
    return 0 if result["ok"] else 1


def _watermark_words(result: Mapping[str, Any]) -> str:
    lines: list[str] = []
    for mark in result["municipalities"]:
        told = "そろっています" if mark["given"] else "まだです"
        lines.append(
            f"{mark['municipality_code']} {mark['until']} まで: {told}（続けて届いているのは {mark['complete_until'] or '―'} まで）"
        )
        lines += problem_lines(mark["reasons"])
        lines += _break_lines(mark["balance_breaks"])
    return "\n".join(lines) or "登録された団体はありません。"


def unpaid(
    until: Annotated[str, typer.Option(help="締切の日（YYYY-MM-DD）")],
    municipality: Annotated[str, typer.Option(help="団体コード（6桁）")],
    out: Annotated[Path, typer.Option(help="書き出す先のフォルダー")],
    as_json: Json = False,
) -> int:
    """締切の日に納期限が来ていて未納の請求を、公金種目ごとの CSV に書き出す（督促用）。収納がそろうまでは断る。"""
    day = _day("--until", until)
    assert day is not None
    with jobs("unpaid") as work:
        result = work.unpaid(day, municipality, out)
    emit(result, as_json=as_json, words=_unpaid_words)
    return 0


def _unpaid_words(result: Mapping[str, Any]) -> str:
    lines = [f"{result['municipality_code']} {result['until']} の未納: {result['bills']:,} 件 {yen(result['yen'])}"]
    lines += [f"  {f['fund_code']}: {f['bills']:,} 件 {yen(f['yen'])}  {f['path']}" for f in result["files"]]
    if result["paid_later"]:
        lines.append(f"  うち締切のあとに納付 {result['paid_later']:,} 件（締切後の納付日の欄）")
    if result["doubtful"]:
        lines.append(f"  うち確かめる納付のあるもの {result['doubtful']:,} 件（注意の欄）")
    if result["unattached"]:
        lines.append(f"  どの請求のものか決まっていない納付 {result['unattached']:,} 件 {yen(result['unattached_yen'])}")
    return "\n".join(lines)


def ageing(municipality: Municipality = None, as_json: Json = False) -> int:
    """決められた日数より長く同じ状態にあるものを、数と古い順の例で示す。"""
    with jobs() as work:
        result = work.ageing(municipality)
    emit(result, as_json=as_json, words=_ageing_words)
    return 0


def _ageing_words(result: Mapping[str, Any]) -> str:
    lines = []
    for row in result["states"]:
        if not row["count"]:
            continue
        unit = "営業日" if row["unit"] == "business" else "日"
        lines.append(f"{row['ja']}: {row['count']:,} 件 {yen(row['yen'])}（限度 {row['limit_days']} {unit}）→ {row['next_ja']}")
        lines += [f"  {one['since']} から {one['municipality_code']} {one['name']} {yen(one['yen'])}" for one in row["oldest"]]
    return "\n".join(lines) or "長く止まっているものはありません。"


def waive(
    day: Annotated[str, typer.Argument(help="営業日（YYYY-MM-DD）")],
    municipality: Annotated[str, typer.Option(help="団体コード（6桁）")],
    reason: Annotated[str, typer.Option(help="理由")],
    who: Who,
    approved_by: Approver = "",
    kind: Annotated[str, typer.Option(help="receipt（収納）, settlement（払込通知）, bank_credit（入金明細）")] = "receipt",
    as_json: Json = False,
) -> int:
    """その営業日のファイルは（もう）届かないと、2 人で決める。隔離したままのファイルも済んだものとする。"""
    from fundlink.desk.proposals import waiver

    asked = {"day": _day("DAY", day), "municipality": municipality, "kind": kind}
    wanted = waiver(asked, who, reason)
    ticket = {**asked, "reason": reason, "who": who, "approved_by": approved_by}
    return by_two(approved_by, wanted, lambda work: work.waive(ticket), as_json=as_json, words=lambda r: f"{r['day']} の {r['kind']} は、もう待ちません。")  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(expected)
    app.command()(watermark)
    app.command()(unpaid)
    app.command()(ageing)
    app.command()(waive)
