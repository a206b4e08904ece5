"""The five verbs, the demo and the servers as commands. Thin: everything is done by jobs, demo, api and the mock's process."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fundlink.cli.progress import ProgressTeller
from fundlink.cli.show import emit, problem_lines, yen

if TYPE_CHECKING:
    from fundlink.jobs import Jobs

Json = Annotated[bool, typer.Option("--json", help="結果を 1 個の JSON で標準出力に出す")]


@contextmanager
def jobs(verb: str = "") -> Iterator[Jobs]:
    """The verbs over the configured rooms, with progress for people from the first moment on."""
    from fundlink import bootstrap
    from fundlink.jobs import Jobs

    with closing(ProgressTeller()) as teller, closing(bootstrap.build(bootstrap.settings(), progress=teller)) as rooms:
        teller(verb, 0, None)
        yield Jobs(rooms)


def intake(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="取り込むファイル")] = [],  # noqa: B006
    profile: Annotated[str, typer.Option(help="様式（プロファイル）の名前")] = "standard",
    municipality: Annotated[str | None, typer.Option(help="団体コード（6桁）。違う団体のファイルは取り込まない")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="同じ結果を出すだけで、何も残さない")] = False,
    folder: Annotated[Path | None, typer.Option(help="投入フォルダー。そろったファイルをすべて取り込み done / error へ移す")] = None,
    as_json: Json = False,
) -> int:
    """請求データを取り込む。"""
    from fundlink.domain.errors import UsageError
    from fundlink.domain.values import is_municipality_code

    if not paths and folder is None:
        raise UsageError("取り込むファイルを指定してください。")
    if municipality is not None and not is_municipality_code(municipality):
        raise UsageError("--municipality は団体コード（検査数字を含む6桁）で指定してください。")
    with jobs("intake") as work:
        results = [work.intake(path, profile, municipality=municipality, dry_run=dry_run) for path in paths]
        results += work.intake_folder(folder, profile, municipality=municipality) if folder is not None else []
    emit(_summed(results), as_json=as_json, words=_intake_words)
    return 1 if any(result["quarantined"] for result in results) else 0


_SUMS = ("read", "accepted", "created", "updated", "unchanged", "cancelled", "conflicts", "rejected", "accepted_yen", "rejected_yen")


def _summed(results: list[dict[str, Any]]) -> dict[str, Any]:
    """One file gives its own numbers; several give their sums and each one under ``files``."""
    if not results:
        return {**dict.fromkeys(_SUMS, 0), "file": None, "duplicate_of": None, "quarantined": False, "problems": [], "result_file": None, "files": []}  # fmt: skip
    if len(results) == 1:
        return {**results[0], "files": results}
    return {
        **results[0],
        **{name: sum(result[name] for result in results) for name in _SUMS},
        "quarantined": any(result["quarantined"] for result in results),
        "problems": [told for result in results for told in result["problems"]][:1000],
        "files": results,
    }


def _intake_words(result: Mapping[str, Any]) -> str:
    lines = []
    for one in result["files"]:
        name = one["file"]["name"]
        if one["duplicate_of"] is not None:
            lines.append(f"{name}: 取込済みのファイルです（受付 {one['duplicate_of']}）。何も変えていません。")
            continue
        if one["quarantined"]:
            lines += [f"{name}: 取り込めませんでした。ファイルは保管し、何も反映していません。", *problem_lines(one["problems"])]
            continue
        lines.append(f"{name}: 受付 {one['file_id']}  読込 {one['read']:,} 件")
        lines.append(f"  受入 {one['accepted']:,} 件 {yen(one['accepted_yen'])}（追加 {one['created']:,} 更新 {one['updated']:,} 取消 {one['cancelled']:,} 変更なし {one['unchanged']:,} 要確認 {one['conflicts']:,}）")  # fmt: skip
        lines.append(f"  拒否 {one['rejected']:,} 件 {yen(one['rejected_yen'])}")
        lines += problem_lines(one["problems"])
        if one["result_file"]:
            lines.append(f"  行ごとの結果: {one['result_file']}")
    return "\n".join(lines) or "取り込むファイルはありませんでした。"


def submit(as_json: Json = False) -> int:
    """納付書情報をゲートウェイに登録・更新・取消する。"""
    with jobs("submit") as work:
        result = work.submit()
    emit(result, as_json=as_json, words=_submit_words)
    return 1 if any(told["code"] in ("FL-GTW-003", "FL-GTW-004") for told in result["problems"]) else 0


def _submit_words(r: Mapping[str, Any]) -> str:
    answered = f"電文 {r['messages']:,} 通  納付書 {r['slips']:,} 件（受付 {r['registered']:,}  不可 {r['refused']:,}）"
    lines = [f"{answered}  いま結果不明 {r['unknown']:,} 件"]  # also of messages that this run left alone
    if r["waiting"]:
        lines.append(f"  時刻を待っている電文 {r['waiting']:,} 通（次は {r['next_try_at']}）")
    if r["person"]:
        lines.append(f"  人の判断を待つ電文 {r['person']:,} 通（`fundlink messages --state person`）")
    return "\n".join([*lines, *problem_lines(r["problems"])])


def collect(
    retry: Annotated[bool, typer.Option("--retry", help="隔離したファイルを、保管したバイトからもう一度読む")] = False,
    as_json: Json = False,
) -> int:
    """収納・払込・入金の情報を受け取る。"""
    with jobs("collect") as work:
        result = work.collect(retry=retry)
    emit(result, as_json=as_json, words=lambda r: "\n".join([f"収納 {r['receipts']:,} 件  払込 {r['settlements']:,} 件  入金 {r['bank_credits']:,} 件（再送 {r['duplicates']:,}  隔離 {r['quarantined']:,}）", *problem_lines(r["problems"])]))  # fmt: skip
    return 1 if any(told["code"] == "FL-GTW-003" for told in result["problems"]) else 0


def reconcile(
    day: Annotated[str | None, typer.Option(help="営業日（YYYY-MM-DD）。省略するとすべて")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="同じ結果を出すだけで、何も残さない")] = False,
    as_json: Json = False,
) -> int:
    """収納と請求、払込、入金を突き合わせる。"""
    from fundlink.domain.errors import UsageError
    from fundlink.domain.values import iso_date

    if day is not None and iso_date(day) is None:
        raise UsageError("--day は YYYY-MM-DD で指定してください。")
    with jobs("reconcile") as work:
        result = work.reconcile(day, dry_run=dry_run)
    emit(result, as_json=as_json, words=reconcile_words)
    return 1 if result["problems"] else 0


def reconcile_words(result: Mapping[str, Any]) -> str:
    """Outcomes and days for people."""
    from fundlink.domain.states import DAY_STATES, in_japanese
    from fundlink.reconcile.outcomes import RULES, UNDETERMINED

    names = {rule.outcome: rule.ja for rule in (*RULES, UNDETERMINED)}
    lines = [f"{names[name]}: {count:,} 件 {yen(result['outcomes_yen'][name])}" for name, count in result["outcomes"].items()]
    lines += [
        f"{d['day']} {d['municipality_code']} {d['fund_code'] or '---'}: {in_japanese(d['state'], DAY_STATES)}  収納 {yen(d['receipts_yen'])}  払込 {yen(d['settled_yen'])}  手数料 {yen(d['fee_yen'])}  入金 {yen(d['credited_yen'])}  差 {yen(d['difference_yen'])}"
        for d in result["days"]
    ]
    return "\n".join([*lines, *problem_lines(result["problems"])]) or "収納はまだありません。"


def export(out: Annotated[Path, typer.Option(help="引渡し先のフォルダー")], as_json: Json = False) -> int:
    """消込データと納付書発行情報を基幹システムに引き渡す。"""
    with jobs("export") as work:
        result = work.export(out)
    emit(result, as_json=as_json, words=_export_words)
    return 1 if result["problems"] else 0


def _export_words(result: Mapping[str, Any]) -> str:
    told = f"ファイル {result['files']:,} 個  消込 {result['entries']:,} 件 {yen(result['yen'])}  納付書発行 {result['slips']:,} 件"
    return "\n".join([told, *(f"  {path}" for path in result["paths"]), *problem_lines(result["problems"])])


def demo(
    bills: Annotated[int, typer.Option(min=30, max=5_000_000, help="請求の件数")] = 3000,
    seed: Annotated[int, typer.Option(help="乱数の種。同じ種なら同じ結果")] = 7,
    scenario: Annotated[str, typer.Option(help="模擬環境の筋書き")] = "everyday",
    workers: Annotated[int, typer.Option(min=0, max=16, help="作業係の数（PostgreSQL。--apis とともに、別々のプロセスで行う）")] = 0,
    apis: Annotated[int, typer.Option(min=0, max=16, help="API サーバーの数（PostgreSQL）")] = 0,
    as_json: Json = False,
) -> int:
    """見本データで全工程を通す（模擬ゲートウェイを自動で起動）。"""
    from fundlink import bootstrap
    from fundlink.demo.play import play

    said = sys.stderr if as_json else sys.stdout
    with closing(ProgressTeller()) as teller:

        def say(line: str) -> None:
            with teller.aside():
                print(line, file=said, flush=True)

        if workers or apis:
            from fundlink.demo import crowd

            result = crowd.play(bootstrap.settings(), asked=(bills, seed, scenario), processes=(max(workers, 1), max(apis, 1)), say=say, progress=teller)  # fmt: skip
        else:
            result = play(bootstrap.settings(), bills=bills, seed=seed, scenario=scenario, say=say, progress=teller)
    if as_json:
        emit(result, as_json=True, words=str)
    return 0 if result["ok"] else 1


def serve() -> int:
    """API を起動する（SQLite では作業係を含む）。"""
    from fundlink import bootstrap
    from fundlink.api.server import serve as run

    run(bootstrap.settings())
    return 0


def work(
    once: Annotated[bool, typer.Option("--once", help="一巡だけ行う")] = False,
    on_request: Annotated[bool, typer.Option("--on-request", help="日程では動かず、頼まれた仕事だけを行う")] = False,
    again: Annotated[str, typer.Option("--again", hidden=True)] = "",
    as_json: Json = False,
) -> int:
    """作業係: 投入フォルダーの取込・送信・受信・突合・引渡しを暦の日程で繰り返す。"""
    from fundlink import bootstrap

    if not once:
        from fundlink.cli.working import work as run

        return run(bootstrap.settings(), on_request=on_request, again=again)
    import json

    from fundlink.jobs import Jobs

    with closing(bootstrap.build(bootstrap.settings())) as rooms, bootstrap.owner(rooms):
        emit(Jobs(rooms, owned=True).round(), as_json=as_json, words=lambda r: json.dumps(r, ensure_ascii=False, indent=1))
    return 0


def mock(
    port: Annotated[int, typer.Option(help="待受ポート")] = 8180,
    seed: Annotated[int, typer.Option(help="乱数の種")] = 7,
    scenario: Annotated[str, typer.Option(help="筋書き")] = "everyday",
    host: Annotated[str, typer.Option(help="待受アドレス")] = "127.0.0.1",
) -> int:
    """模擬ゲートウェイ（支払サイト・銀行を含む）を起動する。"""
    import os

    from fundlink import bootstrap

    state = bootstrap.settings().folder / "mock"
    state.mkdir(parents=True, exist_ok=True)
    arguments = [sys.executable, "-m", "mock_eltax", "--host", host, "--port", str(port), "--state", str(state), "--seed", str(seed), "--scenario", scenario]  # fmt: skip
    os.execv(sys.executable, arguments)  # noqa: S606  (its own process from here on)


def register(app: typer.Typer) -> None:
    """Add these commands in the order of the road."""
    for command in (intake, submit, collect, reconcile, export, demo, serve, work, mock):
        app.command()(command)
