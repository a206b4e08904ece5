"""Staff of the made-up town, and how they get to their desks: through the login page, as in a browser.

Called by town, which registers them, and by the fixtures. Business time stands still in a town and a code is good once, so
everybody logs in once and keeps the session.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from fastapi.testclient import TestClient
from playwright.sync_api import Page

from fundlink.desk import accounts, credentials
from fundlink.desk.accounts import NewAccount
from fundlink.domain.scope import Scope
from fundlink.jobs import Jobs
from fundlink.pipeline import Rooms
from tests.access.staff import HERE, OTHER, PASSWORD, code
from tests.builders import CODE, World

ELSEWHERE = Scope(frozenset({OTHER}))


class Person(NamedTuple):
    """One of the staff: login, staff number, name, roles, and what part they see."""

    login: str
    number: str
    name: str
    roles: tuple[str, ...]
    scope: Scope = HERE

    @property
    def shown(self) -> str:
        """As pages name them."""
        return f"{self.name}（{self.number}）"


CLERK = Person("mihon.tanto", "1001", "見本 担当", ("treasury", "approve"))
CHIEF = Person("mihon.kakari", "1002", "見本 係長", ("treasury", "approve"))
STAFF = (CLERK, CHIEF)
"""Two who may do everything with a day, because closing it takes two."""
OF_A_ROLE = tuple(
    Person(f"only.{role}", f"20{at}", f"{role} 氏", (role,)) for at, role in enumerate(("input", "review", "approve", "treasury", "audit"))
)
INPUT = OF_A_ROLE[0]
ADMIN = Person("only.admin", "209", "admin 氏", ("admin",), Scope())
SECOND = Person("other.admin", "210", "admin 二氏", ("admin",), Scope())
STRANGER = Person("yoso.tanto", "3001", "他団体 担当", ("input", "treasury", "approve"), ELSEWHERE)
OF_110 = Person("kaki.110", "4110", "保険課 担当", ("input", "treasury", "approve"), Scope(frozenset({CODE}), frozenset({"110"})))
OF_120 = Person("kaki.120", "4120", "他課 担当", ("input", "treasury", "approve"), Scope(frozenset({CODE}), frozenset({"120"})))
"""Of one department each; every bill of the town is one of 110."""
LEAVER = Person("taishoku.yotei", "3002", "退職 予定", ("treasury",))
EVERYBODY = (*STAFF, *OF_A_ROLE, ADMIN, SECOND, STRANGER, OF_110, OF_120, LEAVER)


def close(jobs: Jobs, day: str, override: str | None = None) -> None:
    """Close a day as the two of them do: one prepares it, the other approves."""
    assert jobs.prepare_close(day, CLERK.login, municipality=CODE, override=override)["prepared"], day
    assert jobs.approve_close(day, CHIEF.login, municipality=CODE)["closed"], day


def register(rooms: Rooms) -> dict[str, str]:
    """Everybody, set up by themselves; login to secret of the second factor."""
    accounts.first_admin(rooms, NewAccount("root.admin", "100", "管理 一郎"))
    accounts.add(rooms, NewAccount("second.admin", "101", "管理 二郎", ("admin",)), "root.admin", "")
    return {person.login: _set_up(rooms, person) for person in EVERYBODY}


def _set_up(rooms: Rooms, person: Person) -> str:
    new = NewAccount(person.login, person.number, person.name, person.roles, person.scope)
    made = accounts.add(rooms, new, "root.admin", "second.admin")
    secret = credentials.begin_enrolment(person.login).secret
    credentials.set_up(rooms, credentials.Setup(person.login, made["setup_secret"], PASSWORD), secret, code(rooms, secret))
    return secret


class Staffed(NamedTuple):
    """A town with its staff: what a test needs to log somebody in."""

    world: World
    secrets: dict[str, str]

    def code(self, person: Person) -> str:
        """The code of this moment."""
        return code(self.world.jobs.rooms, self.secrets[person.login])


class Desk:
    """A client without a browser at the console; it keeps a session for each person and shows the token of its forms."""

    def __init__(self, client: TestClient, staffed: Staffed) -> None:
        self.client, self._staffed = client, staffed
        self._held: dict[str, tuple[dict[str, str], str]] = {}

    def sit(self, person: Person) -> None:
        """Be this person from now on."""
        if person.login not in self._held:
            self.client.cookies.clear()
            fields = {"login": person.login, "password": PASSWORD, "code": self._staffed.code(person), "csrf": token(self.client, "login")}
            answer = self.client.post("login", data=fields, headers={"X-CSRF-Token": ""}, follow_redirects=False)
            assert answer.status_code == 303, answer.text
            self._held[person.login] = (dict(self.client.cookies), token(self.client, "account/password"))
        cookies, shown = self._held[person.login]
        self.client.cookies.clear()
        self.client.cookies.update(cookies)
        self.client.headers["X-CSRF-Token"] = shown

    def leave(self) -> None:
        """Be nobody, with a form's token of nobody."""
        self.client.cookies.clear()
        self.client.headers["X-CSRF-Token"] = token(self.client, "login")

    def get(self, path: str, **more: Any) -> Any:
        """Open a page."""
        return self.client.get(path, **more)

    def post(self, path: str, **more: Any) -> Any:
        """Send a form of this person's pages."""
        return self.client.post(path, **more)


def token(client: TestClient, page: str) -> str:
    """The token of the form on a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(page).text)
    assert found is not None
    return found[1]


def log_in(page: Page, address: str, staffed: Staffed, person: Person) -> None:
    """Enter all three in a browser."""
    page.goto(address)
    page.get_by_label("利用者名").fill(person.login)
    page.get_by_label("パスワード").fill(PASSWORD)
    page.get_by_label("確認コード").fill(staffed.code(person))
    page.get_by_role("button", name="ログイン").click()
    page.wait_for_url(address)
