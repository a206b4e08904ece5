"""Users and keys at the console: two administrators for accounts and roles, one to cut a leaver, secrets that are shown once."""

from __future__ import annotations

import re

import pytest

from tests.access.staff import OTHER
from tests.builders import CODE, World
from tests.console.persons import ADMIN, CHIEF, CLERK, SECOND, Desk
from tests.console.test_pages import text

NEW = {
    "login": "shin.jin",
    "person": "4001",
    "name": "新任 太郎",
    "role": ["input", "review"],
    "municipalities": CODE,
    "departments": "110",
}


@pytest.fixture
def admins(desk: Desk) -> Desk:
    """The desk of an administrator, where another one may sit too; both have just entered a code."""
    desk.sit(ADMIN)
    return desk


def _waiting(desk: Desk) -> str:
    return str(re.findall(r"users/waiting/(\d+)/drop", desk.get("users").text)[-1])


def test_an_account_takes_two_administrators(admins: Desk, town: World) -> None:
    done = admins.post("users/propose/add", data=NEW)
    assert done.status_code == 200, text(done.text)
    assert "別の管理者の承認を待っています" in done.text
    number = _waiting(admins)
    assert "users/waiting/" + number + "/approve" not in admins.get("users").text
    refused = admins.post(f"users/waiting/{number}/approve")
    assert refused.status_code == 422
    assert "FL-4EY-001" in refused.text
    assert not town.sql("SELECT 1 FROM account WHERE login = 'shin.jin'")
    admins.sit(SECOND)
    shown = admins.post(f"users/waiting/{number}/approve")
    assert "この 1 回だけ表示" in shown.text
    secret = re.findall(r"<code>([^<]+)</code>", shown.text)[0]
    assert secret not in admins.get("users").text
    assert "新任 太郎" in admins.get("users").text
    assert admins.post(f"users/waiting/{number}/approve").status_code == 422  # once
    grant = town.sql("SELECT roles, municipalities, departments FROM person_grant WHERE person_id = '4001'")
    assert grant == [("input,review", CODE, "110")]


def test_roles_are_changed_as_they_were_prepared_or_dropped(admins: Desk, town: World) -> None:
    admins.post("users/propose/roles", data={"login": CHIEF.login, "role": ["review"], "municipalities": f"{CODE}、{OTHER}"})
    first = _waiting(admins)
    admins.sit(SECOND)
    assert "役割を変えました" in admins.post(f"users/waiting/{first}/approve").text
    assert town.sql("SELECT roles, municipalities FROM person_grant WHERE person_id = :id ORDER BY id DESC", id=CHIEF.number)[0] == (
        "review",
        f"{CODE},{OTHER}",
    )
    admins.post("users/propose/reset", data={"login": CLERK.login})
    admins.post(f"users/waiting/{_waiting(admins)}/drop")
    assert "users/waiting/" not in admins.get("users").text
    refused = admins.post("users/propose/add", data={**NEW, "role": ["admin", "approve"]})
    assert refused.status_code == 422
    assert "FL-AUTH-005" in refused.text


def test_a_leaver_is_cut_at_once(admins: Desk) -> None:
    admins.sit(CLERK)
    assert admins.get("").status_code == 200
    admins.sit(ADMIN)
    assert admins.post("users/disable", data={"login": CLERK.login, "reason": ""}).status_code == 422
    assert "利用者を止めました" in admins.post("users/disable", data={"login": CLERK.login, "reason": "異動"}).text
    assert "停止中ですが役割が残っています" in admins.get("users").text
    admins.sit(CLERK)
    assert admins.client.get("", follow_redirects=False).status_code != 200


def test_the_session_of_somebody_else_is_seen_and_ended(admins: Desk, town: World) -> None:
    admins.sit(CLERK)
    admins.sit(ADMIN)
    page = admins.get("users").text
    row = re.search(
        rf'<tr><th scope="row">{re.escape(CLERK.login)}</th>.*?name="number" value="([0-9a-f]+)"', page.split('id="open"')[1], re.DOTALL
    )
    assert row
    assert "この画面" in page
    assert "ログインを終わらせました" in admins.post("users/sessions/end", data={"number": row[1]}).text
    assert row[1] not in admins.get("users").text
    assert admins.post("users/sessions/end", data={"number": row[1]}).status_code == 422
    assert town.sql("SELECT COUNT(*) FROM audit WHERE act = 'users.session.end'") == [(1,)]
    admins.sit(CLERK)
    assert admins.client.get("", follow_redirects=False).status_code == 401


def test_a_login_that_waits_is_released_by_an_administrator(admins: Desk) -> None:
    admins.leave()
    for _ in range(5):
        admins.client.post("login", data={"login": CHIEF.login, "password": "wrong", "code": "1"})
    admins.sit(ADMIN)
    assert f"{CHIEF.login} の待ち時間を解除する" in admins.get("users").text
    assert "待ち時間を解除しました" in admins.post("users/unlock", data={"login": CHIEF.login}).text
    assert "待ち時間を解除する" not in admins.get("users").text
    admins.sit(CHIEF)
    assert admins.get("").status_code == 200


def test_a_key_is_shown_once_and_revoked(admins: Desk, town: World) -> None:
    made = admins.post("keys/add", data={"name": "国保システム", "municipality": CODE, "profile": "", "role": "vendor"})
    key = re.findall(r"<code>([^<]+)</code>", made.text)[0]
    assert key not in admins.get("keys").text
    prefix = str(town.sql("SELECT prefix FROM api_key ORDER BY id DESC LIMIT 1")[0][0])
    assert "失効させました" in admins.post(f"keys/{prefix}/revoke").text
    assert admins.post(f"keys/{prefix}/revoke").status_code == 422
    assert admins.post("keys/add", data={"name": "", "municipality": "1", "role": "vendor"}).status_code == 422


def test_nobody_else_comes_near(desk: Desk) -> None:
    for path in ("users", "keys"):
        assert desk.get(path).status_code == 403
    for path in (
        "users/propose/add",
        "users/waiting/1/approve",
        "users/waiting/1/drop",
        "users/disable",
        "users/sessions/end",
        "users/unlock",
        "keys/add",
        "keys/x/revoke",
    ):
        assert desk.post(path, data=NEW).status_code == 403
