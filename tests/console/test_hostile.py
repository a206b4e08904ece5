"""What people and browsers do wrong, on purpose or not: names that are markup, a login that ends mid-form, a second click, odd addresses."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from fundlink.api.app import create_app
from fundlink.config import Settings
from tests.builders import CODE, World
from tests.console.persons import CHIEF, CLERK, OF_A_ROLE, Desk, Staffed, close, token
from tests.console.screens import PAGES
from tests.console.town import DAYS, PREPARED, SHORT, states

CANARY = """<script>alert('7f3')</script>"><img src=x onerror=alert(1)>"""
ACT = f"days/{PREPARED}/{CODE}/close/approve"


def test_a_name_that_is_markup_stays_a_name(stage: tuple[Desk, Staffed]) -> None:
    desk, staffed = stage
    with staffed.world.jobs.rooms.store.write() as connection:
        for change in ("UPDATE municipality SET name = :name", f"UPDATE person SET name = :name WHERE person_id = '{CLERK.number}'"):
            connection.execute(sa.text(change), {"name": CANARY})
    desk.sit(CLERK)
    for path in PAGES.values():
        page = desk.get(path).text
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert "&lt;script&gt;alert" in page, path
    for path in (f"?municipality={CANARY}", f"days?day={CANARY}", f"days/{CANARY}/{CODE}", f"login?next={CANARY}", f"?lang={CANARY}"):
        assert "<script>alert" not in desk.get(path).text, path


@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc%2fpasswd.csv", "day-sheet.csv%00.exe", "day-sheet.csv%0d%0aSet-Cookie:a=b", "day-sheet", ".csv"]
)
def test_only_papers_are_handed_out(stage: tuple[Desk, Staffed], name: str) -> None:
    desk, _ = stage
    desk.sit(OF_A_ROLE[3])
    assert desk.get(f"days/{DAYS[1]}/{CODE}/papers/{name}").status_code == 404


def test_a_download_has_a_name_that_any_system_can_keep(stage: tuple[Desk, Staffed]) -> None:
    desk, _ = stage
    desk.sit(OF_A_ROLE[3])
    for name in ("day-sheet", "breakdown", "overpayments"):
        for form in ("csv", "xlsx"):
            answer = desk.get(f"days/{DAYS[1]}/{CODE}/papers/{name}.{form}")
            told = re.fullmatch(r'attachment; filename="([A-Za-z0-9._-]{1,80})"', answer.headers["content-disposition"])
            assert told, answer.headers["content-disposition"]
            assert told[1].endswith(f".{form}")
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_login_that_ends_mid_form_leads_back_to_the_form(stage: tuple[Desk, Staffed]) -> None:
    desk, staffed = stage
    desk.sit(OF_A_ROLE[2])
    page = f"http://127.0.0.1/console/days/{PREPARED}/{CODE}/close"
    desk.post("logout")
    desk.client.cookies.set("fundlink_demo", "ended")
    answer = desk.post(ACT, headers={"Referer": page})
    assert answer.status_code == 401
    assert "この操作は行われていません" in answer.text
    assert "API キー" not in answer.text
    assert f'href="/console/login?next=/console/days/{PREPARED}/{CODE}/close"' in answer.text
    elsewhere = desk.post(ACT, headers={"Referer": "http://evil.example/console/x"})
    assert 'href="/console/login?next=/console/"' in elsewhere.text
    assert states(staffed.world)[PREPARED] == "tied"


def test_two_clicks_on_approve_are_one_close(desk: Desk, town: World) -> None:
    desk.sit(CHIEF)
    app = create_app(town.jobs.rooms, Settings(home=town.folder / "home"))
    cookies, headers = dict(desk.client.cookies), {"X-CSRF-Token": str(desk.client.headers["X-CSRF-Token"])}

    def click(_: int) -> int:
        address = "http://127.0.0.1/console/"
        with TestClient(app, base_url=address, follow_redirects=False, cookies=cookies, headers=headers) as client:
            return client.post(ACT).status_code

    with ThreadPoolExecutor(2) as clicks:
        codes = sorted(clicks.map(click, range(2)))
    assert codes[0] == 303
    assert codes[1] in (303, 422, 503)
    assert town.sql("SELECT COUNT(*) FROM day_close WHERE step = 'approved' AND day = :day", day=PREPARED) == [(1,)]
    assert states(town)[PREPARED] == "closed"


def test_money_waits_for_a_fresh_code_and_nothing_typed_is_lost(staffed: Staffed) -> None:
    rooms = staffed.world.jobs.rooms
    settings = Settings(home=staffed.world.folder / "home", step_up_s=30)
    later = staffed.world.at("2026-11-24T09:05:00").jobs.rooms
    with TestClient(create_app(rooms, settings), base_url="http://127.0.0.1/console/", follow_redirects=False) as client:
        Desk(client, staffed).sit(CLERK)
        cookies, shown = dict(client.cookies), token(client, "account/password")
    page = f"days/{SHORT}/{CODE}/close"
    with TestClient(create_app(later, settings), base_url="http://127.0.0.1/console/", cookies=cookies, follow_redirects=False) as client:
        for day in (PREPARED, DAYS[3]):
            close(staffed.world.jobs, day)
        before = client.get(page).text
        assert "<textarea" not in before
        assert f"account/prove?next=/console/{page}" in before
        sent = client.post(f"{page}/prepare", data={"reason": "r", "csrf": shown}, headers={"Referer": f"http://127.0.0.1/console/{page}"})
        assert sent.headers["location"] == f"/console/account/prove?next=/console/{page}"
        fields = {
            "code": Staffed(staffed.world.at("2026-11-24T09:05:00"), staffed.secrets).code(CLERK),
            "next": f"/console/{page}",
            "csrf": shown,
        }
        proved = client.post("account/prove", data=fields)
        assert (proved.status_code, proved.headers["location"]) == (303, f"/console/{page}")
        assert "<textarea" in client.get(page).text
