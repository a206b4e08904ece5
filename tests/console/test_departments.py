"""Who belongs to one department sees and moves what is of its bills, and decides nothing that is of the municipality as a whole."""

from __future__ import annotations

import re

import pytest

from fundlink.desk import queue
from fundlink.desk.acts import Asked
from fundlink.domain.errors import ProblemError
from fundlink.domain.scope import Scope
from fundlink.pipeline.people import Needs
from fundlink.store import case_departments
from tests.builders import CODE, World
from tests.console.persons import CHIEF, CLERK, OF_110, OF_120, Desk, Person, Staffed
from tests.console.test_matrix import ALLOWED
from tests.console.town import DAYS, LATE, OPEN_BILL, PREPARED, TWO_ANSWERS, YESTERDAY, key

DOUBLE, UNKNOWN, DAY = "transaction:T261120601D", "transaction:T261120602U", f"day:{YESTERDAY}/{CODE}/651"
ROWS = f"days/{YESTERDAY}/{CODE}/funds/601?rows=all"


@pytest.mark.parametrize("person", [OF_110, OF_120, CLERK])
def test_a_department_sees_its_own_cases_payments_and_acts(desk: Desk, person: Person) -> None:
    desk.sit(person)
    own, whole = person is not OF_120, person is CLERK
    queue = desk.get("cases").text
    assert (DOUBLE in queue, UNKNOWN in queue, DAY in queue) == (own, whole, whole)
    for name, sees in ((DOUBLE, own), (UNKNOWN, whole), (DAY, whole)):
        assert desk.get(f"cases/{name}").status_code == (200 if sees else 404), name
    assert desk.get("payments/T261120601D").status_code == (200 if own else 404)
    assert desk.get("payments/T261120602U").status_code == (200 if whole else 404)
    assert desk.get("acts/1").status_code == (200 if own else 404)
    assert ("acts/1" in desk.get("approvals").text) == own
    assert len(re.findall(r"payments/T261120601", desk.get(ROWS).text)) == (7 if own else 0)
    home = desk.get("").text
    assert ("二重納付" in home, "該当する納付書なし" in home) == (own, whole)


def test_what_is_of_the_whole_municipality_takes_somebody_of_the_whole(desk: Desk, town: World) -> None:
    desk.sit(OF_110)
    close = f"days/{PREPARED}/{CODE}/close"
    for path, form in (
        (f"{close}/prepare", {}), (f"{close}/approve", {}),
        (f"settlements/{key(TWO_ANSWERS, '601')}/propose", {"suggestion": "1", "reason": "r"}),
        (f"settlements/{key(TWO_ANSWERS, '601')}/unsettle", {"reason": "r"}),
        (f"days/{LATE}/{CODE}/waive", {"kind": "receipt", "reason": "r"}),
        ("bank-accounts/propose", {"municipality": CODE, "account": "0002-002-1-7654321"}),
    ):  # fmt: skip
        answer = desk.post(path, data=form)
        assert answer.status_code in (403, 422), path
        assert "FL-AUTH-003" in answer.text, path
    assert town.sql("SELECT COUNT(*) FROM day_close WHERE day = :day", day=PREPARED) == [(1,)]
    with pytest.raises(ProblemError, match="FL-AUTH-003"):
        town.jobs.prepare_close(DAYS[3], OF_110.login, municipality=CODE)


def test_what_takes_somebody_of_the_whole_is_not_offered_to_others(desk: Desk) -> None:
    """A form that can only be refused is none."""
    forms = {
        f"days/{PREPARED}/{CODE}/close": "close/approve",
        f"settlements/{key(TWO_ANSWERS, '601')}": 'name="reason"', f"days/{LATE}/{CODE}": "/waive", "bank-accounts": "bank-accounts/propose",
    }  # fmt: skip
    for person, is_offered in ((CHIEF, True), (OF_110, False)):
        desk.sit(person)
        assert {path: form in desk.get(path).text for path, form in forms.items()} == dict.fromkeys(forms, is_offered), person.login


def test_an_act_is_for_the_department_whose_bill_it_is(town: World) -> None:
    town.jobs.withdraw_act(1, CLERK.login, "")
    for who, name in ((OF_120, DOUBLE), (OF_110, UNKNOWN)):
        with pytest.raises(ProblemError, match="FL-AUTH-003"):
            town.jobs.prepare_act(Asked("accept", name, who.login, "二度の納付"))
        with pytest.raises(ProblemError, match="FL-AUTH-003"):
            town.jobs.assign_case(name, who.login, who.login)
    act = town.jobs.prepare_act(Asked("accept", DOUBLE, OF_110.login, "二度の納付"))["act_id"]
    with pytest.raises(ProblemError, match="FL-AUTH-003"):
        town.jobs.approve_act(act, OF_120.login)
    town.jobs.approve_act(act, CHIEF.login)
    undone = town.jobs.prepare_act(Asked("reverse", f"act:{act}", OF_110.login, "取り違え"))["act_id"]
    assert [row["act_id"] for row in town.jobs.waiting_acts(scope=OF_120.scope)] == []
    assert undone in [row["act_id"] for row in town.jobs.waiting_acts()]


def test_no_yen_is_laid_on_a_bill_of_another_department(town: World) -> None:
    bill, rooms = str(town.sql("SELECT bill_key FROM bill ORDER BY id LIMIT 1")[0][0]), town.jobs.rooms
    with rooms.store.write() as connection:
        queue.check_bills(rooms, connection, OF_110.login, Needs("act.prepare", CODE), [bill])
        queue.check_bills(rooms, connection, OF_120.login, Needs("act.prepare", CODE), ["", "nobody"])
        with pytest.raises(ProblemError, match="FL-AUTH-003"):
            queue.check_bills(rooms, connection, OF_120.login, Needs("act.prepare", CODE), [bill])


def test_counts_and_departments_are_those_of_the_scope(town: World) -> None:
    everything, own = town.jobs.case_counts(CODE), town.jobs.case_counts(CODE, scope=OF_110.scope)
    assert everything["transaction"] == 2
    assert own == {"transaction": 1}
    assert town.jobs.case_counts(CODE, scope=OF_120.scope) == {}
    assert town.jobs.case_counts(CODE, scope=Scope(frozenset({CODE}), frozenset())) == {}
    bill = town.sql("SELECT bill_key FROM bill ORDER BY id LIMIT 1")[0][0]
    with town.jobs.rooms.store.read() as connection:
        found = case_departments.departments_of(connection, [DOUBLE, UNKNOWN, DAY, f"bill:{bill}", "transaction:nobody"])
    assert found == {DOUBLE: "110", f"bill:{bill}": "110"}


_ROWS = {
    "GET /payments/{key}", "GET /bills/{key:path}", "GET /bills/{key:path}/qr.{form}", "GET /bills/{key:path}/slip.pdf", "POST /bills/{key:path}/payer", "POST /bills/{key:path}/reissue",
    "GET /cases/{name:path}", "POST /cases/{name:path}", "GET /acts/{id:int}", "POST /acts/{id:int}/{step:str}", "GET /proposals/{id:int}",
    "POST /proposals/{id:int}/{step:str}", "GET /files/{number:int}", "GET /files/{number:int}/raw", "POST /files/{number:int}/rollback",
    "GET /uploads/{number:int}", "POST /uploads/{number:int}/{step:str}", "GET /small-funds/{id:int}", "GET /small-funds/{id:int}/marked.xlsx",
    "GET /small-funds/{id:int}/line-{number:int}.pdf", "GET /small-funds/{id:int}/slips-{number:int}.pdf", "POST /small-funds/{id:int}/{step:str}",
}  # fmt: skip
"""About rows of others: told like what is not there."""
_ACTS = {
    "POST /days/{day}/{code}/close/{step:str}", "POST /days/{day}/{code}/waive", "POST /settlements/{key}/{step:str}",
    "POST /bank-accounts/propose",
}  # fmt: skip
"""About the municipality as a whole: refused."""
_SUMS = {
    "GET /", "GET /later/{code}", "GET /days", "GET /days/{day}/{code}", "GET /days/{day}/{code}/funds/{fund}", "GET /days/{day}/{code}/close",
    "GET /days/{day}/{code}/sheet", "GET /days/{day}/{code}/papers/{file}", "GET /search", "GET /settlements/{key}", "GET /cases", "POST /cases",
    "GET /approvals", "GET /files", "GET /files/streams", "GET /files/received/{number:int}", "GET /upload", "POST /upload", "GET /reports",
    "GET /reports/{name}/{code}", "GET /reports/{name}/{code}/{file}", "GET /readiness", "GET /readiness/{code}", "GET /readiness/{code}/list.{form}",
    "POST /readiness/{code}/declare", "GET /small-funds", "POST /small-funds/template", "POST /small-funds/send",
    "GET /profiles", "GET /bank-accounts",
}  # fmt: skip
"""Sums that name nobody, what is of no department, and lists that leave out what is of others."""
_NOBODYS = {"GET /files/received/{number:int}/raw"}
"""The bytes of a file of the gateway hold payments of everybody."""


def test_every_route_says_what_it_is_for_a_department() -> None:
    of_administrators = {route for route, cells in ALLOWED.items() if all(cell.roles <= {"admin", "audit"} for cell in cells)}
    parts = (_ROWS, _ACTS, _SUMS, _NOBODYS, of_administrators)
    assert set().union(*parts) == set(ALLOWED), "a new route is about rows, about the whole, or tells sums"
    assert sum(map(len, parts)) == len(ALLOWED)


@pytest.mark.parametrize("route", sorted(_ROWS | _ACTS | _SUMS | _NOBODYS))
def test_another_department_reaches_nothing(stage: tuple[Desk, Staffed], route: str) -> None:
    desk, _ = stage
    desk.sit(OF_120)
    for cell in ALLOWED[route]:
        answer = (
            desk.get(cell.path)
            if route.startswith("GET")
            else desk.post(cell.path, data={"reason": "r", "suggestion": "1", "proposal": "1"})
        )
        if route in _ROWS:
            assert answer.status_code == 404, cell.path
        elif route in _SUMS:
            assert answer.status_code in (200, 303, 422), cell.path
            assert "T261120601D" not in answer.text
            assert OPEN_BILL not in answer.text
        else:
            assert answer.status_code in (403, 404, 422), cell.path
            assert answer.status_code == 404 or "FL-" in answer.text
