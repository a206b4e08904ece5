"""Files at the console: what arrived, rows as they came, bytes for who may see them, uploads tried and taken, a file taken back by two persons."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fundlink.api.app import create_app
from fundlink.config import Settings
from fundlink.store import verify
from tests.builders import CODE, World, bills
from tests.console.persons import CHIEF, CLERK, INPUT, OF_A_ROLE, STRANGER, Desk, Staffed
from tests.console.test_pages import text
from tests.console.town import WRONG_FILE, tried

AUDITOR = OF_A_ROLE[4]
FUTURE = {"fund_code": "651", "due_on": "2027-03-31", "payable_until": "2027-05-10"}


def body_of(world: World, count: int = 4, **changed: Any) -> bytes:
    rows = [row._replace(notice_number=f"{7_000 + at:016d}", core_key=f"U{at}", **changed) for at, row in enumerate(bills(count, **FUTURE))]
    return b"".join(world.jobs.rooms.profile("standard").message("billing").writer(rows))


def hand_over(desk: Desk, body: bytes, name: str = "試し.csv", **about: str) -> Any:
    return desk.post(
        "upload", data={"municipality": CODE, "profile": "standard", **about}, files={"file": (name, body)}, follow_redirects=False
    )


def number_of(answer: Any) -> int:
    assert answer.status_code == 303, text(answer.text)
    return int(answer.headers["location"].rpartition("/")[2])


def test_what_arrived_is_listed_newest_first_and_narrowed(desk: Desk, town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fundlink.desk.arrived.PAGE", 30)
    page = desk.get("files")
    names = re.findall(r'<th scope="row"><a [^>]*>([^<]+)</a>', page.text)
    assert "hoken-1124.csv" in names
    assert len(names) == 30
    following = re.search(r'href="[^"]*(files\?after=[^"]+)"', page.text)
    assert following is not None
    more = re.findall(r'<th scope="row"><a [^>]*>([^<]+)</a>', desk.get(following[1].replace("&amp;", "&")).text)
    assert more[-1] == "bills.csv", "the oldest comes last"
    every = town.sql("SELECT COUNT(*) FROM file WHERE channel <> 'api-bill'")[0][0] + town.sql("SELECT COUNT(*) FROM received_file")[0][0]
    assert len(names) + len(more) == every
    assert re.findall(r'<th scope="row"><a [^>]*>([^<]+)</a>', desk.get("files?state=accepted").text) == [
        "hoken-1124.csv",
        "hoken-1120.csv",
        "bills.csv",
    ]
    assert "bills.csv" not in desk.get("files?source=gateway").text
    assert "hoken-1124.csv" in desk.get("files?day=2026-11-24").text
    assert "hoken-1124.csv" not in desk.get("files?day=2026-11-20").text
    for wrong in ("files?source=x", "files?state=x", "files?day=x", "files?after=x", "files?municipality=131016"):
        assert desk.get(wrong).status_code == 404, wrong
    assert "届くはずで、届いていないファイル" in page.text
    desk.sit(STRANGER)
    assert "hoken-1124.csv" not in desk.get("files").text


def test_a_rejected_row_is_shown_as_it_came_to_who_may_see_it(desk: Desk) -> None:
    page = desk.get(f"files/{WRONG_FILE}").text
    assert "12x" in page
    assert "FL-" in page
    assert "3 行目" in page
    assert desk.get(f"files/{WRONG_FILE}/raw").content.count(b"\r\n") == 5
    desk.sit(AUDITOR)
    hidden = desk.get(f"files/{WRONG_FILE}").text
    assert "FL-" in hidden
    assert "12x," not in hidden
    assert "個人情報があるため" in hidden
    assert desk.get(f"files/{WRONG_FILE}/raw").status_code == 403


def test_bytes_that_were_taken_away_are_noted(desk: Desk, town: World) -> None:
    desk.get(f"files/{WRONG_FILE}/raw")
    desk.get("files/received/1/raw")
    noted = town.sql("SELECT actor, subject FROM audit WHERE act = 'files.download' ORDER BY seq")
    assert noted == [(CLERK.number, "file:intake:3"), (CLERK.number, "file:received:1")]


def test_a_file_is_tried_without_a_trace_and_then_taken_the_very_same_bytes(desk: Desk, town: World) -> None:
    desk.sit(INPUT)
    body = body_of(town).replace(b",1003,", b",1x03,")
    before = [town.sql(f"SELECT COUNT(*) FROM {table}")[0][0] for table in ("bill", "bill_version", "file", "slip", "row_problem")]
    number = number_of(hand_over(desk, body))
    tried(town, number)
    page = desk.get(f"uploads/{number}").text
    assert "まだ何も変わっていません" in page
    assert "1x03" in page
    assert [town.sql(f"SELECT COUNT(*) FROM {table}")[0][0] for table in ("bill", "bill_version", "file", "slip", "row_problem")] == before
    sha256 = re.findall(r'name="sha256" value="(\w+)"', page)[0]
    assert "FL-VER-002" in desk.post(f"uploads/{number}/take", data={"sha256": "0" * 64}).text
    assert desk.post(f"uploads/{number}/take", data={"sha256": sha256}).status_code == 200
    told = tried(town, number, "taken")["told"]
    assert (told["created"], told["rejected"]) == (3, 1)
    file = town.sql("SELECT channel, sha256, name FROM file WHERE id = :id", id=told["file_id"])
    assert file == [("upload", sha256, "試し.csv")]
    assert desk.get(f"files/{told['file_id']}/raw").content == body
    assert "FL-VER-002" in desk.post(f"uploads/{number}/take", data={"sha256": sha256}).text, "once"
    acts = [act for (act,) in town.sql("SELECT act FROM audit WHERE act LIKE 'upload.%' ORDER BY seq")]
    assert acts[-2:] == ["upload.receive", "upload.take"]
    again = number_of(hand_over(desk, body))
    tried(town, again)
    shown = desk.get(f"uploads/{again}").text
    assert "もう取り込んであります" in shown
    assert "この内容で取り込む" not in shown
    assert [one["id"] for one in verify.verify(town.jobs.rooms.store)["invariants"] if not one["ok"]] == []


def test_what_cannot_be_taken_is_told_before_anything_happens(desk: Desk, town: World) -> None:
    desk.sit(INPUT)
    assert "ファイルを選んでください" in desk.post("upload", data={"municipality": CODE, "profile": "standard"}).text
    assert hand_over(desk, b"x", profile="nothing").status_code == 422
    assert hand_over(desk, b"x", municipality="131016").status_code == 404
    assert hand_over(desk, b"").status_code == 422
    number = number_of(hand_over(desk, "団体コード\r\nこれは違う\r\n".encode()))
    tried(town, number)
    page = desk.get(f"uploads/{number}")
    assert "このファイルは取り込めません" in page.text
    assert "この内容で取り込む" not in page.text
    sha256 = re.findall(r'name="sha256" value="(\w+)"', page.text)[0]
    assert desk.post(f"uploads/{number}/take", data={"sha256": sha256}).status_code == 422
    assert "取りやめました" in desk.post(f"uploads/{number}/drop", data={"sha256": sha256}).text


def test_a_thread_that_died_is_begun_again_by_whoever_looks(desk: Desk, town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = type(town.jobs)
    with monkeypatch.context() as dead:
        dead.setattr(jobs, "_begin", lambda _self, _number: None)
        desk.sit(INPUT)
        number = number_of(hand_over(desk, body_of(town)))
        page = desk.get(f"uploads/{number}").text
        assert "試しに読んでいます" in page
        assert 'hx-trigger="load delay:1s"' in page
    desk.get(f"uploads/{number}")  # from now on somebody is at it
    tried(town, number)
    far = desk.get(f"uploads/{number}", headers={"HX-Request": "true"})
    assert far.headers["hx-refresh"] == "true"
    assert "hx-trigger" not in far.text


def test_a_file_that_is_too_large_is_told_in_words(staffed: Staffed) -> None:
    app = create_app(staffed.world.jobs.rooms, Settings(home=staffed.world.folder / "home", max_upload_bytes=1 << 20))
    with TestClient(app, base_url="http://127.0.0.1/console/", raise_server_exceptions=False) as client:
        desk = Desk(client, staffed)
        desk.sit(INPUT)
        answer = hand_over(desk, b"x" * (2 << 20))
        assert answer.status_code == 413
        assert "ファイルが大きすぎます（上限 1 MiB）" in answer.text
        assert answer.headers["content-type"].startswith("text/html")


def test_the_form_of_a_file_needs_the_token_too(desk: Desk, town: World) -> None:
    desk.sit(INPUT)
    shown = desk.client.headers.pop("X-CSRF-Token")
    assert "FL-AUTH-011" in hand_over(desk, body_of(town)).text
    assert number_of(hand_over(desk, body_of(town), csrf=shown)) > 0


def test_a_file_is_taken_back_by_two_persons(desk: Desk, town: World) -> None:
    assert "FL-PRP-003" in desk.post(f"files/{WRONG_FILE}/rollback", data={"reason": "もう一度"}).text
    page = desk.get("proposals/1").text
    assert "承認は別の人が行います" in page
    assert "承認して実施する" not in page
    assert desk.post("proposals/1/approve").status_code == 422
    desk.sit(CHIEF)
    assert "ファイルの取消" in desk.get("approvals").text
    page = desk.get("proposals/1").text
    sha256 = re.findall(r'name="sha256" value="(\w+)"', page)[0]
    assert "FL-VER-002" in desk.post("proposals/1/approve", data={"sha256": "1" * 64}).text
    done = desk.post("proposals/1/approve", data={"sha256": sha256})
    assert "実施しました" in done.text
    assert "取消済み" in desk.get(f"files/{WRONG_FILE}").text
    assert town.sql("SELECT event FROM file_event WHERE file_id = 3 ORDER BY id DESC LIMIT 1") == [("rolled_back",)]
