"""Every route of the console, for every role, for nobody, and for a person of another municipality: each cell is asked for."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest
from starlette.routing import Route

from fundlink.console import account
from fundlink.console.door import SECURITY
from fundlink.console.pages import ROUTES
from fundlink.desk import accounts
from tests.builders import CODE
from tests.console.persons import ADMIN, LEAVER, OF_A_ROLE, STRANGER, Desk, Staffed
from tests.console.town import OPEN_BILL, PREPARED, TWO_ANSWERS, WRONG_FILE, YESTERDAY, key

PERSONS = (*OF_A_ROLE, ADMIN)
EVERYBODY = frozenset({"input", "review", "approve", "treasury", "audit", "admin"})
READERS = EVERYBODY - {"admin"}
ADMINS = frozenset({"admin"})
OPEN = {"GET /login", "POST /login", "GET /setup", "POST /setup", "POST /setup/confirm"}
"""Whoever comes; what they do is looked at in tests/access."""
OWN = {"POST /logout", "GET /account/password", "POST /account/password", "GET /account/sessions", "POST /account/sessions/end",
       "GET /account/prove", "POST /account/prove"}  # fmt: skip
"""One's own account: whoever has logged in."""


class Cell(NamedTuple):
    """How a route is asked for, who may use it, and whether it is about one municipality."""

    path: str
    roles: frozenset[str] = READERS
    is_of_a_town: bool = True


_DAY, _SETTLEMENT = f"days/{YESTERDAY}/{CODE}", f"settlements/{key(TWO_ANSWERS, '601')}"
ALLOWED: dict[str, tuple[Cell, ...]] = {
    "GET /": (Cell("", EVERYBODY, is_of_a_town=False),),
    "GET /later/{code}": (Cell(f"later/{CODE}"),),
    "GET /days": (Cell("days", is_of_a_town=False),),
    "GET /days/{day}/{code}": (Cell(_DAY),),
    "POST /days/{day}/{code}/waive": (Cell(f"{_DAY}/waive", frozenset({"input", "treasury"})),),
    "GET /days/{day}/{code}/funds/{fund}": (Cell(f"{_DAY}/funds/601"),),
    "GET /days/{day}/{code}/close": (Cell(f"{_DAY}/close"),),
    "POST /days/{day}/{code}/close/{step:str}": (
        Cell(f"days/{PREPARED}/{CODE}/close/prepare", frozenset({"treasury"})),
        Cell(f"days/{PREPARED}/{CODE}/close/approve", frozenset({"approve"})),
    ),
    "GET /days/{day}/{code}/sheet": (Cell(f"{_DAY}/sheet"),),
    "GET /days/{day}/{code}/papers/{file}": (Cell(f"{_DAY}/papers/day-sheet.csv"),),
    "GET /payments/{key}": (Cell("payments/T261120601D"),),
    "GET /bills/{key:path}": (Cell(f"bills/{OPEN_BILL}"),),
    "GET /bills/{key:path}/qr.{form}": (Cell(f"bills/{OPEN_BILL}/qr.svg"),),
    "GET /bills/{key:path}/slip.pdf": (Cell(f"bills/{OPEN_BILL}/slip.pdf", READERS - {"audit"}),),
    "POST /bills/{key:path}/reissue": (Cell(f"bills/{OPEN_BILL}/reissue", frozenset({"input", "treasury"})),),
    "POST /bills/{key:path}/payer": (Cell(f"bills/{OPEN_BILL}/payer", READERS - {"audit"}),),
    "GET /search": (Cell("search", is_of_a_town=False),),
    "GET /settlements/{key}": (Cell(_SETTLEMENT),),
    "POST /settlements/{key}/{step:str}": (
        Cell(f"{_SETTLEMENT}/propose", frozenset({"treasury"})),
        Cell(f"{_SETTLEMENT}/accept", frozenset({"approve"})),
        Cell(f"{_SETTLEMENT}/drop", frozenset({"approve"})),
        Cell(f"{_SETTLEMENT}/unsettle", frozenset({"treasury"})),
    ),
    "GET /cases": (Cell("cases", is_of_a_town=False),),
    "POST /cases": (Cell("cases", READERS - {"audit"}, is_of_a_town=False),),
    "GET /cases/{name:path}": (Cell("cases/transaction:T261120602U"),),
    "POST /cases/{name:path}": (Cell("cases/transaction:T261120602U", frozenset({"input", "treasury"})),),
    "GET /approvals": (Cell("approvals", is_of_a_town=False),),
    "GET /acts/{id:int}": (Cell("acts/1"),),
    "POST /acts/{id:int}/{step:str}": (
        Cell("acts/1/approve", frozenset({"approve"})),
        Cell("acts/1/refuse", frozenset({"review", "approve"})),
        Cell("acts/1/withdraw", frozenset({"input", "treasury"})),
    ),
    "GET /proposals/{id:int}": (Cell("proposals/1"),),
    "POST /proposals/{id:int}/{step:str}": (
        Cell("proposals/1/approve", frozenset({"approve"})),
        Cell("proposals/1/refuse", frozenset({"approve"})),
        Cell("proposals/1/withdraw", frozenset({"input", "treasury"})),
    ),
    "GET /files": (Cell("files", is_of_a_town=False),),
    "GET /files/streams": (Cell("files/streams", is_of_a_town=False),),
    "GET /files/{number:int}": (Cell(f"files/{WRONG_FILE}"),),
    "GET /files/{number:int}/raw": (Cell(f"files/{WRONG_FILE}/raw", READERS - {"audit"}),),
    "POST /files/{number:int}/rollback": (Cell(f"files/{WRONG_FILE}/rollback", frozenset({"input", "treasury"})),),
    "GET /files/received/{number:int}": (Cell("files/received/1"),),
    "GET /files/received/{number:int}/raw": (Cell("files/received/1/raw", READERS - {"audit"}),),
    "GET /upload": (Cell("upload", frozenset({"input"}), is_of_a_town=False),),
    "POST /upload": (Cell("upload", frozenset({"input"}), is_of_a_town=False),),
    "GET /uploads/{number:int}": (Cell("uploads/1", frozenset({"input"})),),
    "POST /uploads/{number:int}/{step:str}": (
        Cell("uploads/1/take", frozenset({"input"})),
        Cell("uploads/1/drop", frozenset({"input"})),
    ),
    "GET /reports": (Cell("reports", is_of_a_town=False),),
    "GET /reports/{name}/{code}": (Cell(f"reports/collection/{CODE}"),),
    "GET /reports/{name}/{code}/{file}": (Cell(f"reports/collection/{CODE}/collection.csv"),),
    "GET /bank-accounts": (Cell("bank-accounts", is_of_a_town=False),),
    "POST /bank-accounts/propose": (Cell("bank-accounts/propose", frozenset({"treasury"}), is_of_a_town=False),),
    "GET /readiness": (Cell("readiness", EVERYBODY, is_of_a_town=False),),
    "GET /readiness/{code}": (Cell(f"readiness/{CODE}", EVERYBODY),),
    "GET /readiness/{code}/list.{form}": (Cell(f"readiness/{CODE}/list.csv", EVERYBODY),),
    "POST /readiness/{code}/declare": (Cell(f"readiness/{CODE}/declare", frozenset({"admin", "approve", "input", "review", "treasury"})),),
    "GET /small-funds": (Cell("small-funds", is_of_a_town=False),),
    "POST /small-funds/template": (Cell("small-funds/template", frozenset({"input"}), is_of_a_town=False),),
    "POST /small-funds/send": (Cell("small-funds/send", frozenset({"input"}), is_of_a_town=False),),
    "GET /small-funds/{id:int}": (Cell("small-funds/1"),),
    "GET /small-funds/{id:int}/marked.xlsx": (Cell("small-funds/1/marked.xlsx", READERS - {"audit"}),),
    "GET /small-funds/{id:int}/line-{number:int}.pdf": (Cell("small-funds/1/line-9.pdf", READERS - {"audit"}),),
    "GET /small-funds/{id:int}/slips-{number:int}.pdf": (Cell("small-funds/1/slips-1.pdf", READERS - {"audit"}),),
    "POST /small-funds/{id:int}/{step:str}": (
        Cell("small-funds/1/issue", frozenset({"input"})),
        Cell("small-funds/2/accept", frozenset({"input"})),
        Cell("small-funds/1/drop", frozenset({"input"})),
    ),
    "GET /users": (Cell("users", frozenset({"admin", "audit"}), is_of_a_town=False),),
    "GET /keys": (Cell("keys", frozenset({"admin", "audit"}), is_of_a_town=False),),
    "POST /users/propose/{kind}": (Cell("users/propose/roles", ADMINS, is_of_a_town=False),),
    "POST /users/waiting/{number:int}/{step}": (Cell("users/waiting/999/approve", ADMINS, is_of_a_town=False),),
    "POST /users/disable": (Cell("users/disable", ADMINS, is_of_a_town=False),),
    "POST /users/sessions/end": (Cell("users/sessions/end", ADMINS, is_of_a_town=False),),
    "POST /users/unlock": (Cell("users/unlock", ADMINS, is_of_a_town=False),),
    "POST /keys/add": (Cell("keys/add", ADMINS, is_of_a_town=False),),
    "GET /profiles": (Cell("profiles", EVERYBODY, is_of_a_town=False),),
    "POST /profiles/propose": (Cell("profiles/propose", ADMINS, is_of_a_town=False),),
    "POST /profiles/waiting/{id:int}/{step:str}": (Cell("profiles/waiting/2/approve", ADMINS, is_of_a_town=False),),
    "POST /keys/{prefix}/revoke": (Cell("keys/nothing/revoke", ADMINS, is_of_a_town=False),),
}
"""Who may use which route, written once more on purpose: a change must be meant twice."""
CELLS = [(route.split()[0], cell) for route, cells in ALLOWED.items() for cell in cells]


def asked(desk: Desk, method: str, path: str) -> Any:
    """A route asked for; a write with a form that is ours and empty."""
    return desk.get(path) if method == "GET" else desk.post(path)


def text(body: str) -> str:
    """A page as it reads, without the name of who reads it."""
    return re.sub(r"\s+", " ", re.sub(r"<header.*?</header>|<[^>]+>", " ", body, flags=re.DOTALL))


def test_every_route_has_its_row() -> None:
    found = set()
    for route in (*account.routes, *ROUTES):
        assert isinstance(route, Route)
        found |= {f"{method} {route.path}" for method in (route.methods or ()) if method != "HEAD"}
    assert found == {*ALLOWED, *OPEN, *OWN}, "a new route needs a row here and asks `require` for its permission"


@pytest.mark.parametrize(("method", "cell"), CELLS)
def test_a_route_is_for_its_roles(stage: tuple[Desk, Staffed], method: str, cell: Cell) -> None:
    desk, _ = stage
    for person in PERSONS:
        desk.sit(person)
        answer = asked(desk, method, cell.path)
        if person.roles[0] in cell.roles:
            assert answer.status_code in (200, 303, 422), (person.login, answer.status_code)
            assert "account/prove" not in answer.headers.get("location", "")
        else:
            assert answer.status_code == 403, (person.login, answer.status_code)
            assert "FL-AUTH-003" in answer.text


@pytest.mark.parametrize(("method", "cell"), CELLS)
def test_nobody_is_sent_to_the_login(stage: tuple[Desk, Staffed], method: str, cell: Cell) -> None:
    desk, _ = stage
    desk.leave()
    answer = asked(desk, method, cell.path)
    assert answer.status_code == (303 if method == "GET" else 401)
    assert "/console/login?next=" in (answer.headers.get("location", "") + answer.text)


@pytest.mark.parametrize(("method", "cell"), [one for one in CELLS if one[1].is_of_a_town])
def test_another_municipality_is_told_like_what_is_not_there(stage: tuple[Desk, Staffed], method: str, cell: Cell) -> None:
    desk, _ = stage
    desk.sit(STRANGER)
    answers = [asked(desk, method, path) for path in (cell.path, "payments/nobody" if method == "GET" else "settlements/nobody/accept")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert text(answers[0].text) == text(answers[1].text)


@pytest.mark.parametrize("route", sorted(OWN))
def test_ones_own_account_is_for_whoever_has_logged_in(stage: tuple[Desk, Staffed], route: str) -> None:
    desk, _ = stage
    method, path = route.split(" /")
    desk.leave()
    assert asked(desk, method, path).status_code == (303 if method == "GET" else 401)
    if method == "GET":
        for person in (*PERSONS, STRANGER):
            desk.sit(person)
            assert asked(desk, method, path).status_code == 200


def test_whoever_is_cut_is_out_at_the_next_page(stage: tuple[Desk, Staffed]) -> None:
    desk, staffed = stage
    desk.sit(LEAVER)
    assert desk.get("account/sessions").status_code == 200
    accounts.disable(staffed.world.jobs.rooms, LEAVER.login, "退職", "root.admin")
    for path in ("", "account/sessions", _DAY):
        answer = desk.get(path)
        assert answer.status_code == 401
        assert "ログインが切れました" in answer.text
    assert desk.post("logout").status_code == 401


@pytest.mark.parametrize("route", sorted({*ALLOWED, *OPEN, *OWN}))
def test_no_write_is_taken_without_the_token_of_a_form(stage: tuple[Desk, Staffed], route: str) -> None:
    method, path = route.split(" ", 1)
    desk, _ = stage
    desk.sit(PERSONS[2])
    if method == "POST":
        written = ALLOWED[route][0].path if route in ALLOWED else path.lstrip("/")
        for shown in ("", "nonsense", "a.b.c"):
            answer = desk.post(written, headers={"X-CSRF-Token": shown})
            assert answer.status_code == 403, (route, shown)
            assert "FL-AUTH-011" in answer.text


@pytest.mark.parametrize("route", sorted({*ALLOWED, *OPEN, *OWN}))
def test_every_answer_of_every_route_has_the_headers(stage: tuple[Desk, Staffed], route: str) -> None:
    """Whether it is a page, a file, a way elsewhere or a refusal, and whoever asks. The table is held to the routes above."""
    method, pattern = route.split(" ", 1)
    desk, _ = stage
    paths = [cell.path for cell in ALLOWED[route]] if route in ALLOWED else [pattern.lstrip("/")]
    for person in (None, PERSONS[0], PERSONS[4], ADMIN):
        desk.leave() if person is None else desk.sit(person)
        if pattern in ("/logout", "/account/sessions/end"):
            continue  # would end what the other tests sit in; the refusals below go through the same door
        for path in paths:
            for answer in (asked(desk, method, path), desk.post(path, headers={"X-CSRF-Token": ""}), desk.client.put(path)):
                _dressed(answer, sets_up=answer.request.method == "POST" and pattern.startswith("/setup"))


@pytest.mark.parametrize("path", ["static/console.css", "static/nothing.css", "static/../words.toml", "nothing", "login/nothing", "%00"])
def test_what_is_no_route_has_the_headers_too(stage: tuple[Desk, Staffed], path: str) -> None:
    desk, _ = stage
    desk.sit(PERSONS[0])
    answer = desk.get(path)
    _dressed(answer, sets_up=False)
    assert (answer.status_code == 200) == (path == "static/console.css")


def _dressed(answer: Any, *, sets_up: bool) -> None:
    told = {**SECURITY, "content-security-policy": answer.headers["content-security-policy"]} if sets_up else SECURITY
    assert {name: answer.headers.get(name) for name in told} == told, (answer.request.method, answer.request.url)
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "static/" in str(answer.request.url) or answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers
