"""Persons, accounts and API keys as commands: ``fundlink users …``. Thin: the desk decides everything.

A password is never an argument: it is asked for, or read from stdin. Secrets are printed once, by the command that makes them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from fundlink.cli.show import emit
from fundlink.cli.verbs import Json, jobs

users_app = typer.Typer(help="利用者・役割・API キー。", no_args_is_help=True, rich_markup_mode=None)
key_app = typer.Typer(help="機械（基幹システムなど）の API キー。", no_args_is_help=True, rich_markup_mode=None)
users_app.add_typer(key_app, name="key")

Login = Annotated[str, typer.Argument(metavar="LOGIN", help="利用者名")]
Named = Annotated[str, typer.Argument(metavar="LOGIN", help="利用者名または職員番号")]
Person = Annotated[str, typer.Option(help="職員番号（1 人に 1 つ）")]
PersonName = Annotated[str, typer.Option("--name", help="氏名")]
Who = Annotated[str, typer.Option("--as", help="実施者（管理）")]
Approver = Annotated[
    str, typer.Option("--approved-by", help="使わない（1 回で 2 人分は行えない）。別の管理が approve で承認する", hidden=True)
]
Roles = Annotated[list[str], typer.Option("--role", help="役割: input review approve treasury audit admin（くり返し可）")]
Towns = Annotated[list[str], typer.Option("--municipality", help="団体コード（くり返し可）。省略するとすべて")]
Departments = Annotated[list[str], typer.Option("--department", help="課所コード（くり返し可）。省略するとすべて")]


@users_app.command("first-admin")
def first_admin(login: Login, person: Person, name: PersonName, as_json: Json = False) -> int:
    """最初の管理者を登録する（1 回だけ。設定用の合言葉を 1 回だけ表示する）。"""
    from fundlink.desk import accounts

    with jobs() as work:
        result = accounts.first_admin(work.rooms, accounts.NewAccount(login, person, name))
    emit(result, as_json=as_json, words=_setup_words)
    return 0


def _setup_words(told: Mapping[str, Any]) -> str:
    return (
        f"{told['login']}（職員番号 {told['person']}）を登録しました。\n"
        f"設定用の合言葉（この 1 回だけ表示。{told['setup_until']} まで）: {told['setup_secret']}\n"
        f"本人に渡してください。本人が `fundlink users set-up {told['login']}` か画面で、パスワードと確認コードを設定します。"
    )


@users_app.command("add")
def add(
    login: Login,
    person: Person,
    name: PersonName,
    who: Who,
    approved_by: Approver = "",
    role: Roles = [],  # noqa: B006
    municipality: Towns = [],  # noqa: B006
    department: Departments = [],  # noqa: B006
    as_json: Json = False,
) -> int:
    """利用者の登録を準備する（別の管理が approve で承認する。2 人目の管理だけは 1 人で登録できる）。"""
    from fundlink.desk import account_proposals

    said = account_proposals.content(login, role, _scope(municipality, department), person=person, full_name=name)
    return _prepared("add", said, (who, approved_by), as_json=as_json)


def _prepared(kind: str, said: dict[str, Any], names: tuple[str, str], *, as_json: bool) -> int:
    """One administrator asks; both in one call would be one person at one keyboard."""
    from fundlink.desk import account_proposals
    from fundlink.domain.errors import ProblemError
    from fundlink.domain.problems import problem

    if names[1]:
        raise ProblemError([problem("FL-4EY-003")])
    with jobs() as work:
        result = account_proposals.asked(work.rooms, kind, said, names[0])
    emit(result, as_json=as_json, words=_proposed_words)
    return 0


def _proposed_words(told: Mapping[str, Any]) -> str:
    if "setup_secret" in told:
        return _setup_words(told)
    number = told["proposal_id"]
    return f"準備しました（{told['login']}）。別の管理が `fundlink users approve {number} --as 承認者` か画面で承認します。"


@users_app.command("waiting")
def waiting(as_json: Json = False) -> int:
    """承認を待つ利用者の登録・役割の変更・設定し直し。"""
    from fundlink.desk import account_proposals

    with jobs() as work:
        result = {"proposals": account_proposals.waiting(work.rooms)}
    words = {"add": "登録", "roles": "役割の変更", "reset": "設定し直し"}
    emit(result, as_json=as_json, words=lambda r: "\n".join(f"{p['proposal_id']} {words[p['kind']]} {p['content']['login']} {'・'.join(p['content']['roles'])}  準備 {p['prepared_by']} {p['at']}" for p in r["proposals"]) or "承認を待つものはありません。")  # fmt: skip
    return 0


Number = Annotated[int, typer.Argument(metavar="ID", help="番号（waiting に出る）")]


@users_app.command("approve")
def approve(number: Number, who: Annotated[str, typer.Option("--as", help="承認者（別の管理）")], as_json: Json = False) -> int:
    """準備された登録・変更を承認して行う（準備した人にはできない）。"""
    from fundlink.desk import account_proposals

    with jobs() as work:
        result = account_proposals.approve(work.rooms, number, who)
    emit(result, as_json=as_json, words=lambda r: _setup_words(r) if "setup_secret" in r else _roles_words(r))
    return 0


@users_app.command("drop")
def drop(number: Number, who: Who, as_json: Json = False) -> int:
    """準備されたものを取り下げる・却下する。"""
    from fundlink.desk import account_proposals

    with jobs() as work:
        account_proposals.drop(work.rooms, number, who)
    emit({"proposal_id": number, "state": "dropped"}, as_json=as_json, words=lambda r: f"{r['proposal_id']} を取り下げました。")
    return 0


def _roles_words(told: Mapping[str, Any]) -> str:
    return f"{told['person']} の役割: {'・'.join(told['before']['roles']) or '（なし）'} → {'・'.join(told['roles']) or '（なし）'}"


def _scope(municipalities: list[str], departments: list[str]) -> Any:
    from fundlink.domain.scope import Scope

    return Scope(frozenset(municipalities) or None, frozenset(departments) or None)


@users_app.command("list")
def list_(as_json: Json = False) -> int:
    """利用者の一覧。"""
    from fundlink.desk import accounts

    with jobs() as work:
        result = accounts.listed(work.rooms)
    emit(result, as_json=as_json, words=lambda r: "\n".join(map(_user_line, r["users"])) or "利用者は登録されていません。")
    return 0


def _user_line(user: Mapping[str, Any]) -> str:
    from fundlink.access.roles import in_words

    state = {"active": "有効", "disabled": "停止"}[user["state"]]
    town = "全団体" if user["municipalities"] == "*" else user["municipalities"]
    return f"{user['login']}  職員番号 {user['person']}  {user['name']}  {in_words(user['roles']) or '役割なし'}  {town}  {state}{'  見本' if user['demo'] else ''}"


@users_app.command("roles")
def roles(
    name: Named,
    who: Who,
    approved_by: Approver = "",
    role: Roles = [],  # noqa: B006
    municipality: Towns = [],  # noqa: B006
    department: Departments = [],  # noqa: B006
    as_json: Json = False,
) -> int:
    """役割と範囲の置き換えを準備する（別の管理が approve で承認する。自分のものは変えられない）。"""
    from fundlink.desk import account_proposals

    return _prepared("roles", account_proposals.content(name, role, _scope(municipality, department)), (who, approved_by), as_json=as_json)


@users_app.command("disable")
def disable(name: Named, who: Who, reason: Annotated[str, typer.Option(help="理由（異動・退職など）")], as_json: Json = False) -> int:
    """利用者をただちに止める（開いている画面も次の操作で切れる）。"""
    from fundlink.desk import accounts

    with jobs() as work:
        result = accounts.disable(work.rooms, name, reason, who)
    emit(result, as_json=as_json, words=lambda r: f"{r['person']} を止めました（切ったログイン {r['sessions_ended']}）。")
    return 0


@users_app.command("reset")
def reset(name: Named, who: Who, approved_by: Approver = "", as_json: Json = False) -> int:
    """パスワードと確認コードの設定し直しを準備する（別の管理が approve で承認する。止めた利用者は有効に戻る）。"""
    from fundlink.desk import account_proposals

    return _prepared("reset", account_proposals.content(name), (who, approved_by), as_json=as_json)


@users_app.command("unlock")
def unlock(name: Named, who: Who, as_json: Json = False) -> int:
    """ログインの失敗による待ち時間を解く。"""
    from fundlink.desk import accounts

    with jobs() as work:
        result = accounts.unlock(work.rooms, name, who)
    emit(result, as_json=as_json, words=lambda r: f"{r['login']} の待ち時間を解きました（失敗 {r['failures']} 回）。")
    return 0


@users_app.command("audit")
def audit(as_json: Json = False) -> int:
    """棚卸: 最後に使った日、確認コードの有無、見直すべき利用者。"""
    from fundlink.desk import accounts

    with jobs() as work:
        result = accounts.stock(work.rooms)
    emit(result, as_json=as_json, words=lambda r: "\n".join(map(_stock_line, r["users"])) or "利用者は登録されていません。")
    return 0


_LOOK_AT = {
    "never_used": "一度も使っていない", "unused_90_days": "90 日使っていない", "no_second_factor": "確認コード未設定",
    "no_role": "役割なし", "demo": "見本の利用者", "disabled_with_roles": "停止中だが役割が残る",
}  # fmt: skip


def _stock_line(user: Mapping[str, Any]) -> str:
    marks = "・".join(_LOOK_AT[name] for name in user["look_at"])
    return f"{_user_line(user)}  最後の利用 {user['last_login_at'] or '—'}{'  【' + marks + '】' if marks else ''}"


@users_app.command("set-up")
def set_up(
    login: Login,
    stdin: Annotated[bool, typer.Option("--stdin", help="合言葉、パスワード、（2 回目は）確認コードを標準入力の 1 行ずつから読む")] = False,
    as_json: Json = False,
) -> int:
    """本人が、合言葉を使ってパスワードと確認コードを設定する。"""
    from fundlink.desk import credentials

    secret, password = (_line(), _line()) if stdin else _asked()
    with jobs() as work:
        given = credentials.Setup(login, secret, password)
        credentials.check_setup(work.rooms, given)
        enrolment = credentials.begin_enrolment(login)
        sys.stderr.write(f"認証アプリに登録してください: {enrolment.address}\n")
        sys.stderr.flush()
        code = _line() if stdin else str(typer.prompt("確認コード（6 桁）", err=True))
        known = credentials.set_up(work.rooms, given, enrolment.secret, code)
    emit({"login": known.login, "person": known.person_id, "ok": True}, as_json=as_json, words=lambda r: f"{r['login']} を設定しました。")
    return 0


def _line() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _asked() -> tuple[str, str]:
    secret = str(typer.prompt("設定用の合言葉", hide_input=True, err=True))
    return secret, str(typer.prompt("新しいパスワード（15 文字以上を推奨）", hide_input=True, confirmation_prompt=True, err=True))


@key_app.command("add")
def key_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="呼び名（どの機械か）")],
    municipality: Annotated[str, typer.Option(help="団体コード（6 桁）")],
    who: Who,
    profile: Annotated[str, typer.Option(help="使えるプロファイル。省略するとどれでも")] = "",
    role: Annotated[str, typer.Option(help="vendor（連携）または audit（見るだけ）")] = "vendor",
    as_json: Json = False,
) -> int:
    """API キーを作る（この 1 回だけ表示する）。"""
    from fundlink.desk import api_keys

    with jobs() as work:
        result = api_keys.add(work.rooms, api_keys.NewKey(name, municipality, profile, role), who)
    emit(
        result,
        as_json=as_json,
        words=lambda r: f"API キー（この 1 回だけ表示）: {r['key']}\n要求に Authorization: Bearer として付けてください。",
    )
    return 0


@key_app.command("list")
def key_list(as_json: Json = False) -> int:
    """API キーの一覧（キーそのものは出ない）。"""
    from fundlink.desk import api_keys

    with jobs() as work:
        result = api_keys.listed(work.rooms)
    emit(result, as_json=as_json, words=lambda r: "\n".join(f"{k['prefix']}  {k['name']}  {k['municipality_code']}  {k['role']}  {k['profile'] or '全プロファイル'}  {'失効 ' + k['ended_at'] if k['ended_at'] else '有効'}" for k in r["keys"]) or "API キーはありません。")  # fmt: skip
    return 0


@key_app.command("revoke")
def key_revoke(prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="キーの先頭（一覧に出る 8 文字）")], who: Who, as_json: Json = False) -> int:  # fmt: skip
    """API キーをただちに失効させる。"""
    from fundlink.desk import api_keys

    with jobs() as work:
        result = api_keys.revoke(work.rooms, prefix, who)
    emit(result, as_json=as_json, words=lambda r: f"{r['prefix']}（{r['name']}）を失効させました。")
    return 0


def register(app: typer.Typer) -> None:
    """Add this group."""
    app.add_typer(users_app, name="users")
