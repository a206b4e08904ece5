"""Throw-away persons of the demo: one a role, with passwords that are written beside the data. Called by demo; production refuses them.

They have no second factor, which is why a production that finds one of them active does not start.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from fundlink.access import passwords, roles
from fundlink.connectors import core_files
from fundlink.domain.errors import ConfigurationError
from fundlink.domain.problems import problem
from fundlink.domain.scope import EVERYWHERE
from fundlink.pipeline.rooms import Rooms
from fundlink.store import access_persons, access_sessions, audit

WARNING = "見本の利用者です。だれでも使えるので、本物のデータには使わないでください。production では起動しません。"


def accounts(rooms: Rooms) -> list[dict[str, str]]:
    """One a role: login, role, password; made by the first call and the same ones afterwards."""
    if rooms.production:
        raise ConfigurationError([problem("FL-AUTH-007", detail="demo")])
    path = rooms.folder / "demo" / "accounts.json"
    with rooms.store.read() as connection:
        there = {known.login for known in access_persons.everybody(connection) if known.demo}
    if path.exists() and there:
        kept: list[dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    made = [
        {"login": f"demo-{role}", "role": role, "role_ja": roles.BY_NAME[role].ja, "password": f"demo-{secrets.token_urlsafe(12)}"}
        for role in roles.HUMAN_ROLES
    ]
    core_files.put(path, [json.dumps(made, ensure_ascii=False).encode()], mode=0o600)  # first: a password nobody can read is lost
    _registered(rooms, made, there)
    return made


def _registered(rooms: Rooms, made: list[dict[str, str]], there: set[str]) -> None:
    hashes = [passwords.hashed(one["password"]) for one in made]
    with rooms.store.together() as connection:
        access_persons.begin_change(connection)
        at = rooms.now()
        for one, hashed in zip(made, hashes, strict=True):
            person_id = f"DEMO-{one['role']}"
            if one["login"] not in there:
                access_persons.add_person(connection, (person_id, f"見本 {one['role_ja']}", 1), by="demo", at=at)
                access_persons.add_grant(connection, person_id, ((one["role"],), EVERYWHERE), by=("demo", ""), at=at)
                access_persons.add_account(connection, one["login"], person_id, by="demo", at=at)
            known = access_persons.by_login(connection, one["login"])
            assert known is not None
            access_sessions.set_secret(connection, known.account_id, ("password", hashed, ""), at)
        access_persons.note_change(connection, "demo", at)
        audit.append(connection, audit.Entry("demo", "users.demo", "person:DEMO", {"accounts": len(made)}, at))


def words(made: list[dict[str, str]]) -> list[str]:
    """Lines for people."""
    return [f"利用者（{WARNING}）", *(f"   {one['role_ja']}: {one['login']} / {one['password']}" for one in made)]


def tour(made: list[dict[str, str]], console: str) -> list[str]:
    """What to open, who to be, what to try there."""
    login = {one["role"]: one["login"] for one in made}
    return [
        f"画面: `fundlink serve` を動かし、ブラウザで {console} を開いて、上の利用者でログインします（確認コードは空のまま）。",
        f"   試すこと: {login['treasury']}（会計）で朝の確認から日を開き、「締めの準備へ」→「この内容で準備する」。ログアウトして、",
        f"   {login['approve']}（決裁）で朝の確認の「承認」から同じ内容を見て「承認して締める」。1 人では締められません。",
    ]


def refuse_among_real_ones(rooms: Rooms) -> None:
    """The demo does not play where real persons are registered: its staff are nobody there, and its bills would be among real ones."""
    with rooms.store.read() as connection:
        if access_persons.any_real(connection):
            raise ConfigurationError([problem("FL-AUTH-015")])


def refuse_in_production(rooms: Rooms) -> None:
    """FL-AUTH-007 for a production whose database holds an active throw-away person; called before anything is served."""
    if not rooms.production:
        return
    with rooms.store.read() as connection:
        found: list[Any] = [known.login for known in access_persons.everybody(connection) if known.demo and known.is_active]
    if found:
        raise ConfigurationError([problem("FL-AUTH-007", detail="、".join(found))])
