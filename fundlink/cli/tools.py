"""eL-QR and profiles as commands. Thin: formats and the desk do the work; only ``profile sample`` and ``elqr image`` write a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fundlink.cli.proposals import Who, propose
from fundlink.cli.show import emit, problem_lines
from fundlink.cli.verbs import Json, jobs

if TYPE_CHECKING:
    from fundlink.desk.profiles import Compared
    from fundlink.formats.profiles import Profile

_CHANGES = {"new": "追加", "changed": "変更", "gone": "削除"}
elqr_app = typer.Typer(help="eL-QR の読み取り・作成・画像。", no_args_is_help=True, rich_markup_mode=None)
profile_app = typer.Typer(help="様式（プロファイル）の一覧・検査・見本・採用。", no_args_is_help=True, rich_markup_mode=None)


@elqr_app.command("decode")
def decode(payload: Annotated[str, typer.Argument(help="255 桁の数字")], as_json: Json = False) -> int:
    """255 桁を読み解く。1 桁でも違えば受け付けない。"""
    from fundlink.formats import elqr

    found = elqr.decode(payload).as_json()
    emit(found, as_json=as_json, words=_decoded_words)
    return 1 if found["problems"] else 0


def _decoded_words(found: Mapping[str, Any]) -> str:
    """One line a value, then what is wrong; people count digits from 1."""
    lines = [f"{name}: {value}" for name, value in found.items() if name != "problems"]
    lines += [f"[誤り] {told['code']} {told['at'] + 1} 桁目 {told['message']} → {told['next']}" for told in found["problems"]]
    return "\n".join(lines)


@elqr_app.command("encode")
def encode(
    amount_yen: Annotated[int, typer.Option()],
    institution_code: Annotated[str, typer.Option()],
    case_key: Annotated[str, typer.Option()],
    confirmation_number: Annotated[str, typer.Option()],
    fund_code: Annotated[str, typer.Option()],
    levy_year: Annotated[int, typer.Option()],
    due_on: Annotated[str, typer.Option()],
    payable_until: Annotated[str, typer.Option()],
    relevant_year: Annotated[int | None, typer.Option()] = None,
    office_code: Annotated[str, typer.Option()] = "000",
    installment: Annotated[str, typer.Option()] = "00",
    scheme_code: Annotated[str, typer.Option()] = "13800",
    check_digits: Annotated[str, typer.Option(help="検査数字の関数名")] = "00",
    as_json: Json = False,
) -> int:
    """項目から 255 桁を作る。"""
    from fundlink.formats import elqr

    fields = elqr.ElqrFields(
        amount_yen, institution_code, case_key, confirmation_number, fund_code, office_code, levy_year,
        relevant_year if relevant_year is not None else levy_year, installment, due_on, payable_until, scheme_code,
    )  # fmt: skip
    emit({"payload": elqr.encode(fields, check_digits)}, as_json=as_json, words=lambda r: str(r["payload"]))
    return 0


@elqr_app.command("image")
def image(payload: str, out: Annotated[Path, typer.Option(help="書き出す先（.png または .svg）")], as_json: Json = False) -> int:
    """QR 画像（バージョン 6、誤り訂正 M）を書き出す。"""
    from fundlink.connectors import core_files
    from fundlink.formats import elqr

    if elqr.decode(payload).problems:
        return decode(payload, as_json)
    drawn = elqr.symbol_svg(payload).encode() if out.suffix.lower() == ".svg" else elqr.symbol(payload)
    core_files.put(out, [drawn])
    emit(
        {"out": str(out), "bytes": len(drawn), "version": 6, "level": "M"},
        as_json=as_json,
        words=lambda r: f"{r['out']} に書き出しました。",
    )
    return 0


def _loaded(name: str) -> Profile:
    """A profile by folder, or by name."""
    from fundlink import bootstrap
    from fundlink.formats.profiles import find_profile, load_profile

    folder = Path(name) if (Path(name) / "profile.toml").is_file() else find_profile(name, bootstrap.profile_roots(bootstrap.settings()))
    return load_profile(folder, bootstrap.codes_folder())


@profile_app.command("check")
def check(folder: Annotated[Path, typer.Argument(metavar="DIR", help="プロファイルのフォルダー")], as_json: Json = False) -> int:
    """プロファイルの誤りを、ファイル名と行番号を付けてすべて挙げる。"""
    from fundlink import bootstrap
    from fundlink.formats.profiles import check_profile

    problems = [told.as_json() for told in check_profile(folder, bootstrap.codes_folder())]
    ok = not any(told["severity"] == "error" for told in problems)
    words = "\n".join([f"{folder}: {'問題ありません。' if ok else '誤りがあります。'}", *problem_lines(problems, 1000)])
    emit({"ok": ok, "problems": problems}, as_json=as_json, words=lambda _: words)
    return 0 if ok else 1


@profile_app.command("list")
def list_(as_json: Json = False) -> int:
    """使えるプロファイルの一覧。"""
    from fundlink import bootstrap
    from fundlink.formats.profiles import list_profiles

    found: list[dict[str, Any]] = [
        {**item._asdict(), "folder": str(item.folder)} for item in list_profiles(bootstrap.profile_roots(bootstrap.settings()))
    ]
    emit({"profiles": found}, as_json=as_json, words=lambda r: "\n".join(f"{p['name']}\t{p['label']}\t{', '.join(p['messages'])}" for p in r["profiles"]))  # fmt: skip
    return 0


@profile_app.command("adopt")
def adopt(
    name: Annotated[str, typer.Argument(metavar="NAME", help="`FUNDLINK_PROFILES` にあるプロファイルの名前")],
    reason: Annotated[str, typer.Option(help="理由")],
    who: Who,
    as_json: Json = False,
) -> int:
    """団体のプロファイルを、今の内容で使うことを準備する（別の管理者が `fundlink proposal approve` か画面で承認する）。"""
    from fundlink.desk.proposals import Wanted

    return propose(Wanted("profile", name, who, reason), as_json=as_json)


@profile_app.command("diff")
def diff(name: Annotated[str, typer.Argument(metavar="NAME", help="`FUNDLINK_PROFILES` にあるプロファイルの名前")], as_json: Json = False) -> int:  # fmt: skip
    """採用済みの内容と今のファイルの違いを、行ごとに示す（承認する人が確かめる）。"""
    from fundlink.desk import profiles

    with jobs() as work:
        found = profiles.compared(work.rooms, name)
    told = {**found._asdict(), "changes": [change._asdict() for change in found.changes]}
    emit(told, as_json=as_json, words=lambda _: "\n".join(_compared_words(found)))
    return 0


def _compared_words(found: Compared) -> Iterator[str]:
    """The difference for people, as it is usually written."""
    yield f"今の照合値  {found.digest}"
    yield f"採用済み    {found.in_use or 'なし'}{'' if found.known else '（内容は保管されていません）'}"
    if not found.changes:
        yield "採用済みの内容と同じです。"
    for change in found.changes:
        yield f"{change.file}（{_CHANGES[change.state]}）"
        yield from change.lines or ("見える行に違いはありません（文字コードや改行だけの違いです）。",)


@profile_app.command("sample")
def sample(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="プロファイルのフォルダーまたは名前")],
    message: Annotated[str, typer.Argument(help="billing, clearing, slips, …")],
    rows: Annotated[int, typer.Option(min=0)] = 10,
    seed: Annotated[int, typer.Option()] = 1,
    out: Annotated[Path | None, typer.Option(help="書き出す先。省略すると標準出力")] = None,
    as_json: Json = False,
) -> int:
    """正しい見本ファイルを作る。"""
    from fundlink.connectors import core_files

    layout = _loaded(folder).message(message)
    body = layout.sample_file(seed, rows)
    if out is not None:
        core_files.put(out, [body])
    if as_json:
        text = body.decode(layout.encoding, errors="replace") if out is None else None
        emit({"ok": True, "rows": rows, "bytes": len(body), "out": str(out) if out else None, "text": text}, as_json=True, words=str)
    elif out is None:
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
    return 0


def register(app: typer.Typer) -> None:
    """Add these groups."""
    app.add_typer(elqr_app, name="elqr")
    app.add_typer(profile_app, name="profile")
