"""The door of the console as a browser meets it: login, sessions, forms, headers, the code before acts on money."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from fundlink.config import Settings
from fundlink.console import account
from fundlink.console.app import create_console
from fundlink.console.visitor import require
from fundlink.desk import accounts
from fundlink.jobs import Jobs
from tests.access.staff import PASSWORD, code, person, with_login
from tests.builders import World


class Browser(NamedTuple):
    """A browser at the console, and the adapter behind it."""

    client: TestClient
    world: World

    def get(self, path: str, **more: Any) -> Any:
        """Open a page."""
        return self.client.get(f"/console{path}", follow_redirects=False, **more)

    def token(self, path: str) -> str:
        """The token of the form on a page."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(path).text)
        assert found is not None
        return found[1]

    def post(self, path: str, page: str = "", headers: dict[str, str] | None = None, **fields: str) -> Any:
        """Send the form of a page (the same path unless said otherwise)."""
        data = {"csrf": self.token(page or path), **fields}
        return self.client.post(f"/console{path}", data=data, headers=headers or {}, follow_redirects=False)

    def log_in(self, login: str, digits: str, password: str = PASSWORD) -> Any:
        """Enter all three."""
        return self.post("/login", login=login, password=password, code=digits, next="/console/cases")

    def cookie(self) -> str:
        """The session cookie as the browser holds it."""
        return str(self.client.cookies.get("__Host-fundlink") or "")


def cases(request: Request) -> Response:
    return PlainTextResponse(require(request, "cases.read").name)


def approve(request: Request) -> Response:
    return PlainTextResponse(require(request, "act.approve", money=True).person)


class Clock:
    """Business time that a test moves."""

    def __init__(self, world: World) -> None:
        self.now = world.jobs.rooms.clock()

    def pass_s(self, seconds: int) -> None:
        """Let time pass."""
        import datetime as dt

        self.now += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock(world: World) -> Clock:
    return Clock(world)


@pytest.fixture
def browser(world: World, clock: Clock, tmp_path: Path) -> Iterator[Browser]:
    rooms = replace(world.jobs.rooms, clock=lambda: clock.now)
    pages = [Route("/cases", cases), Route("/approve", approve, methods=["GET", "POST"]), *account.routes]
    app = Starlette(routes=[Mount("/console", create_console(Jobs(rooms), Settings(home=tmp_path), routes=pages))])
    with TestClient(app, base_url="https://testserver") as client:
        yield Browser(client, World(Jobs(rooms), world.twin, world.folder))


def test_a_login_from_the_first_secret_to_the_last_page(browser: Browser, clock: Clock) -> None:
    rooms = browser.world.jobs.rooms
    made = person(rooms, "sato", "treasury")
    asked = browser.get("/cases")
    assert (asked.status_code, asked.headers["location"]) == (303, "/console/login?next=/console/cases")
    weak = browser.post("/setup", login="sato", secret=made["setup_secret"], password="satosatosatosato", again="satosatosatosato")
    assert weak.status_code == 422
    page = browser.post("/setup", login="sato", secret=made["setup_secret"], password=PASSWORD, again=PASSWORD)
    assert 'src="data:image/svg+xml;base64,' in page.text
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page.text)
    sealed = re.search(r'name="sealed" value="([^"]+)"', page.text)
    assert secret is not None
    assert sealed is not None
    factor = secret[1].replace(" ", "")
    wrong = browser.post("/setup/confirm", "/setup", sealed=sealed[1], code="000000")
    assert wrong.status_code == 401
    assert browser.post("/setup/confirm", "/setup", sealed=sealed[1], code=code(rooms, factor)).status_code == 200
    again = browser.post("/setup", login="sato", secret=made["setup_secret"], password=PASSWORD, again=PASSWORD)
    assert again.status_code == 401, "the set-up secret is used up"
    assert browser.log_in("sato", code(rooms, factor)).status_code == 401, "the code of the set-up is used up"
    clock.pass_s(30)
    done = browser.log_in("ＳＡＴＯ", code(rooms, factor))
    assert (done.status_code, done.headers["location"]) == (303, "/console/cases")
    line = next(value for value in done.headers.get_list("set-cookie") if value.startswith("__Host-fundlink="))
    assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(line.split("; "))
    assert browser.cookie() not in str(browser.world.sql("SELECT * FROM login_session"))
    assert browser.get("/cases").text == "sato 氏"
    assert browser.post("/logout", "/account/sessions").status_code == 303
    assert browser.get("/cases").status_code == 303


def test_one_factor_is_refused_and_nothing_says_which(browser: Browser, clock: Clock) -> None:
    rooms = browser.world.jobs.rooms
    factor = with_login(rooms, "sato", "treasury")
    clock.pass_s(30)
    good = code(rooms, factor)
    tries = [("sato", PASSWORD, ""), ("sato", "wrong password!", good), ("nobody", PASSWORD, good), ("sato", PASSWORD, "123456"[::-1])]
    answers = [browser.log_in(name, digits, password) for name, password, digits in tries]
    assert {answer.status_code for answer in answers} == {401}
    assert len({re.sub(r'value="[^"]*"', "", answer.text) for answer in answers}) == 1
    assert browser.log_in("sato", good).status_code == 303
    kept = str(browser.world.sql("SELECT * FROM login_attempt")) + str(browser.world.sql("SELECT * FROM audit"))
    assert PASSWORD not in kept
    assert "wrong password" not in kept


def test_failures_cost_time_and_an_administrator_unlocks(browser: Browser, clock: Clock) -> None:
    rooms = browser.world.jobs.rooms
    factor = with_login(rooms, "sato", "treasury")
    for _ in range(5):
        assert browser.log_in("sato", "000000", "wrong password!").status_code == 401
    clock.pass_s(10)
    locked = browser.log_in("sato", code(rooms, factor))
    assert (locked.status_code, locked.headers["retry-after"]) == (429, "20")
    clock.pass_s(50)
    assert browser.log_in("sato", "000000", "wrong password!").status_code == 401
    assert browser.log_in("sato", code(rooms, factor)).headers["retry-after"] == "60"
    accounts.unlock(rooms, "sato", "root.admin")
    assert browser.log_in("sato", code(rooms, factor)).status_code == 303


def test_a_session_ends_when_it_rests_when_it_is_old_and_when_its_person_leaves(browser: Browser, clock: Clock) -> None:
    rooms = browser.world.jobs.rooms
    factor = with_login(rooms, "sato", "treasury")

    def enter() -> None:
        clock.pass_s(30)
        assert browser.log_in("sato", code(rooms, factor)).status_code == 303
        assert browser.get("/cases").status_code == 200

    enter()
    clock.pass_s(1_801)
    assert browser.get("/cases").status_code == 401
    enter()
    for _ in range(21):
        clock.pass_s(1_799)
        last = browser.get("/cases").status_code
    assert last == 401, "ten hours are over, however busy they were"
    enter()
    first = browser.cookie()
    accounts.disable(rooms, "sato", "異動", "root.admin")
    assert browser.get("/cases").status_code == 401
    assert browser.get("/cases", headers={"hx-request": "true"}).headers["hx-redirect"].startswith("/console/login")
    clock.pass_s(30)
    assert browser.log_in("sato", code(rooms, factor)).status_code == 401
    assert browser.cookie() == first


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}])
def test_a_form_of_another_site_is_refused(browser: Browser, clock: Clock, headers: dict[str, str]) -> None:
    rooms = browser.world.jobs.rooms
    factor = with_login(rooms, "sato", "approve")
    clock.pass_s(30)
    browser.log_in("sato", code(rooms, factor))
    token = browser.token("/account/password") if headers else ""
    for given in ({"csrf": token}, {"csrf": "x"}, {}):
        assert browser.client.post("/console/approve", data=given, headers=headers).status_code == 403
    good = browser.token("/account/password")
    assert browser.client.post("/console/approve", headers={"x-csrf-token": good}).text == "P-sato"


def test_a_token_of_one_session_is_none_of_another(browser: Browser, clock: Clock) -> None:
    rooms = browser.world.jobs.rooms
    factor = with_login(rooms, "sato", "approve")
    clock.pass_s(30)
    browser.log_in("sato", code(rooms, factor))
    old = browser.token("/account/password")
    clock.pass_s(30)
    browser.log_in("sato", code(rooms, factor))
    assert browser.client.post("/console/approve", headers={"x-csrf-token": old}).status_code == 403


def test_the_code_before_money_and_the_new_id_after_it(browser: Browser, clock: Clock) -> None:
    rooms = browser.world.jobs.rooms
    factor = with_login(rooms, "sato", "approve")
    clock.pass_s(30)
    browser.log_in("sato", code(rooms, factor))
    assert browser.get("/approve").text == "P-sato"
    clock.pass_s(601)
    sent = browser.get("/approve")
    assert (sent.status_code, sent.headers["location"]) == (303, "/console/account/prove?next=/console/approve")
    before = browser.cookie()
    assert browser.post("/account/prove", code="000000", next="/console/approve").status_code == 401
    done = browser.post("/account/prove", code=code(rooms, factor), next="/console/approve")
    assert (done.status_code, done.headers["location"]) == (303, "/console/approve")
    assert browser.cookie() not in ("", before)
    assert browser.get("/approve").text == "P-sato"
    old = TestClient(browser.client.app, base_url="https://testserver", cookies={"__Host-fundlink": before})
    assert old.get("/console/approve", follow_redirects=False).status_code == 401
    assert browser.get("/cases").status_code == 200


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example/", "/console/\\evil", "javascript:alert(1)", "/v1/bills"])
def test_a_login_leads_nowhere_else(browser: Browser, clock: Clock, where: str) -> None:
    rooms = browser.world.jobs.rooms
    factor = with_login(rooms, "sato", "approve")
    clock.pass_s(30)
    done = browser.post("/login", login="sato", password=PASSWORD, code=code(rooms, factor), next=where)
    assert done.headers["location"] == "/console/"


def test_a_role_that_lacks_the_permission_is_told_so(browser: Browser, clock: Clock) -> None:
    rooms = browser.world.jobs.rooms
    factor = with_login(rooms, "sato", "treasury")
    clock.pass_s(30)
    browser.log_in("sato", code(rooms, factor))
    refused = browser.get("/approve")
    assert refused.status_code == 403
    assert "FL-AUTH-003" in refused.text


def test_every_answer_has_the_headers_and_no_inline_script(browser: Browser) -> None:
    for path in ("/login", "/setup", "/cases", "/nothing", "/static/none.css"):
        answer = browser.get(path)
        headers = answer.headers
        assert "'unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["strict-transport-security"]
        assert headers.get("cache-control") == (None if path.startswith("/static/") else "no-store")
        assert not re.search(r"<script(?![^>]*src=)", answer.text)
        assert " style=" not in answer.text
        assert not re.search(r" on\w+=", answer.text)


def test_a_new_password_ends_the_other_sessions(browser: Browser, clock: Clock) -> None:
    rooms = browser.world.jobs.rooms
    factor = with_login(rooms, "sato", "treasury")
    clock.pass_s(30)
    browser.log_in("sato", code(rooms, factor))
    browser.client.cookies.clear()
    clock.pass_s(30)
    browser.log_in("sato", code(rooms, factor))
    assert browser.get("/account/sessions").text.count("終わらせる") == 1
    new = "Umi wa hiroi na ookii na"
    assert browser.post("/account/password", old="wrong", password=new, again=new).status_code == 401
    assert browser.post("/account/password", old=PASSWORD, password=new, again=new + "x").status_code == 422
    assert "ほかのログイン 1 件" in browser.post("/account/password", old=PASSWORD, password=new, again=new).text
    assert browser.get("/account/sessions").text.count("終わらせる") == 0
    clock.pass_s(30)
    assert browser.log_in("sato", code(rooms, factor), PASSWORD).status_code == 401
    assert browser.log_in("sato", code(rooms, factor), new).status_code == 303
