"""The pages without a browser: what they say, what they refuse, what they weigh, and what their answers carry."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from python_calamine import CalamineWorkbook

from fundlink.api.app import create_app
from fundlink.config import Settings
from fundlink.console.door import SECURITY
from fundlink.console.view import HERE
from tests.builders import CODE, World
from tests.console.persons import ADMIN, CHIEF, CLERK, STRANGER, Desk, close
from tests.console.screens import OPEN_PAGES, PAGES
from tests.console.town import DAYS, LATE, PREPARED, SHORT, SHORT_YEN, TWO_ANSWERS, YESTERDAY, key, states

MOST_BYTES = 150_000


def text(body: str) -> str:
    """A page as it reads."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_the_town_is_what_its_docstring_says(town: World) -> None:
    assert states(town) == dict(
        zip(DAYS, ("closed", "closed", "tied", "tied", "difference", "tied", "tied", "open", "late", "difference"), strict=True)
    )


def test_the_morning_answers_the_three_questions(desk: Desk) -> None:
    page = text(desk.get("").text)
    assert "12,000 円 合いません" in page
    assert "まだ出せません" in page
    assert "11月18日（水）" in page  # complete up to
    assert "11月19日（木）分の収納" in page  # late
    assert "二重納付" in page
    assert "該当する納付書なし" in page
    assert "11月11日（水）の締め" in page
    assert "あなたが準備したものです" in page


def test_every_page_is_small_safe_and_asks_for_nothing_elsewhere(desk: Desk) -> None:
    for name, path in {**PAGES, **OPEN_PAGES}.items():
        answer = desk.get(path)
        assert answer.status_code == (404 if name == "failure" else 200), name
        for header, value in SECURITY.items():
            assert answer.headers[header] == value, (name, header)
        own = re.findall(r'(?:src|href)="/console/(static/[^"]+)"', answer.text)
        weight = len(answer.content) + sum(len(desk.get(asset).content) for asset in set(own))
        assert weight < MOST_BYTES, (name, weight)
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", answer.text), name
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", answer.text), name
        assert answer.text.count("<h1") == 1, name
        ids = re.findall(r'\sid="([^"]+)"', answer.text)
        assert len(ids) == len(set(ids)), name


def test_static_files_are_kept_by_their_content(desk: Desk) -> None:
    asset = re.search(r'href="/console/(static/console\.css\?v=[0-9a-f]{8})"', desk.get("").text)
    assert asset
    answer = desk.get(asset[1])
    assert answer.headers["cache-control"].endswith("immutable")
    assert len(answer.content) < 25_000
    assert "url(" not in answer.text
    assert "@import" not in answer.text
    assert (HERE / "static/htmx-LICENSE.txt").exists()
    assert (HERE / "static/tokens-LICENSE.txt").exists()


def test_a_difference_is_two_clicks_from_its_rows(desk: Desk) -> None:
    day = desk.get(f"days/{YESTERDAY}/{CODE}")
    links = re.findall(r'href="/console/(days/[^"]+/funds/601)"', day.text)
    fund = desk.get(links[0])
    assert "T261120601D" in fund.text
    payment = desk.get(re.findall(r'href="/console/(payments/T261120601D)"', fund.text)[0])
    assert "判定は「二重納付」です" in payment.text
    assert "OC-06" in payment.text
    assert "この請求には先の納付がある" in payment.text
    assert "OC-05" in payment.text
    short = text(desk.get(f"days/{SHORT}/{CODE}/funds/632").text)
    assert f"{SHORT_YEN:,} 円 合いません" in short
    assert key(SHORT, "632") in short


def test_a_list_goes_on_by_a_cursor(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fundlink.pipeline.glance.fund_rows.__kwdefaults__", {"after": 0, "every": False, "limit": 2})
    seen: list[str] = []
    address: str | None = f"days/{SHORT}/{CODE}/funds/632?rows=all"
    while address:
        answer = desk.get(address, headers={"HX-Request": "true"} if seen else {})
        assert ("<h1" in answer.text) != bool(seen)
        seen += re.findall(r'href="/console/payments/([^"]+)"', answer.text)
        following = re.search(r'hx-get="/console/([^"]+)"', answer.text)
        address = following[1].replace("&amp;", "&") if following else None
    assert len(seen) == len(set(seen)) == 6


def test_a_day_is_closed_by_two_persons(desk: Desk, town: World) -> None:
    page = f"days/{PREPARED}/{CODE}/close"
    desk.sit(CLERK)
    assert "承認は別の人が行います" in desk.get(page).text
    refused = desk.post(f"{page}/approve")
    assert refused.status_code == 422
    assert "FL-DAY-012" in refused.text
    desk.sit(CHIEF)
    assert "固定される帳簿" in desk.get(page).text
    closed = desk.post(f"{page}/approve")
    assert closed.status_code == 200
    assert "締めました" in closed.text
    assert "固定された帳簿" in closed.text
    assert states(town)[PREPARED] == "closed"
    assert town.sql("SELECT \"by\" FROM day_close WHERE step = 'approved' AND day = :day", day=PREPARED) == [(CHIEF.number,)]


def test_a_day_that_does_not_tie_needs_a_reason_that_both_see(desk: Desk, town: World) -> None:
    for day in (PREPARED, DAYS[3]):
        close(town.jobs, day)
    page = f"days/{SHORT}/{CODE}/close"
    refused = desk.post(f"{page}/prepare")
    assert refused.status_code == 422
    assert "FL-DAY-004" in refused.text
    assert "<textarea" in refused.text
    reason = "払込の不足をゲートウェイに照会済み <b>"
    assert "準備しました" in desk.post(f"{page}/prepare", data={"reason": reason}).text
    desk.sit(CHIEF)
    assert "照会済み &lt;b&gt;" in desk.get(page).text
    assert "締めました" in desk.post(f"{page}/approve").text
    assert town.sql("SELECT reason FROM day_close WHERE step = 'approved' AND day = :day", day=SHORT) == [(reason,)]


def test_days_close_in_order(desk: Desk) -> None:
    answer = desk.get(f"days/{DAYS[5]}/{CODE}/close")
    assert "まだ締められません" in answer.text
    assert "FL-DAY-003" in answer.text
    assert "この内容で準備する" not in answer.text


def test_a_suggestion_is_proposed_by_one_and_accepted_by_another(desk: Desk, town: World) -> None:
    name = key(TWO_ANSWERS, "601")
    page = desk.get(f"settlements/{name}")
    suggestion = re.search(r'name="suggestion" id="s1" value="([^"]+)"', page.text)
    assert suggestion
    assert desk.post(f"settlements/{name}/propose", data={"suggestion": suggestion[1], "reason": " "}).status_code == 422
    assert "FL-SET-103" in desk.post(f"settlements/{name}/propose", data={"suggestion": "nothing", "reason": "r"}).text
    told = desk.post(f"settlements/{name}/propose", data={"suggestion": suggestion[1], "reason": "電話で確認"})
    assert "提案しました" in told.text
    assert "承認して清算する" not in told.text
    (standing,) = town.jobs.proposals(kind="settle")
    proposal = {"proposal": str(standing["proposal_id"]), "sha256": standing["sha256"]}
    assert desk.post(f"settlements/{name}/accept", data=proposal).status_code == 422
    desk.sit(CHIEF)
    assert f"払込 {name} の清算" in desk.get("").text
    assert "FL-SET-107" in desk.post(f"settlements/{name}/accept", data={"proposal": "99"}).text
    assert "FL-VER-002" in desk.post(f"settlements/{name}/accept", data={**proposal, "sha256": "0" * 64}).text
    done = desk.post(f"settlements/{name}/accept", data=proposal)
    assert "清算されています" in done.text
    assert f"{CLERK.shown} が提案し、{CHIEF.shown} が承認（理由: 電話で確認）" in done.text
    assert town.jobs.proposals(kind="settle") == []
    assert "FL-SET-107" in desk.post(f"settlements/{name}/drop").text


def test_a_proposal_can_be_taken_back(desk: Desk, town: World) -> None:
    name = key(TWO_ANSWERS, "601")
    suggestion = town.jobs.explain_settlement(name)["suggestions"][0]["suggestion"]
    desk.post(f"settlements/{name}/propose", data={"suggestion": suggestion, "reason": "r"})
    assert "取り下げました" in desk.post(f"settlements/{name}/drop").text
    assert town.jobs.proposals(kind="settle") == []
    acts = [act for (act,) in town.sql("SELECT act FROM audit WHERE act LIKE 'desk.settle%' ORDER BY seq")]
    assert acts == ["desk.settle.propose", "desk.settle.withdraw"]


def test_the_papers_of_a_day_are_files(desk: Desk) -> None:
    sheet = desk.get(f"days/{DAYS[1]}/{CODE}/sheet")
    assert "日計表" in sheet.text
    assert "締め済" in sheet.text
    base = f"days/{DAYS[1]}/{CODE}/papers/day-sheet"
    table = desk.get(f"{base}.csv")
    assert table.headers["content-disposition"] == f'attachment; filename="day-sheet-{CODE}-{DAYS[1]}.csv"'
    rows = list(csv.reader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert rows[-1][0] == "合計"
    total = f"{int(rows[-1][rows[0].index('収納額')]):,}"
    assert total in sheet.text
    book: Any = CalamineWorkbook.from_filelike(io.BytesIO(desk.get(f"{base}.xlsx").content))
    assert book.get_sheet_by_index(0).to_python()[0][0] == "日計表"
    assert desk.get(f"days/{DAYS[1]}/{CODE}/papers/day-sheet.exe").status_code == 404
    assert desk.get(f"days/{DAYS[1]}/{CODE}/papers/unpaid.csv").status_code == 404


def test_a_day_on_which_nothing_came_is_a_page(desk: Desk) -> None:
    """The morning of a municipality that has just begun leads there."""
    page = desk.get(f"days/2026-10-30/{CODE}")
    assert page.status_code == 200
    assert "この日の収納・払込・入金は、まだありません" in page.text
    assert "この日に届くはずのファイルはありません" in page.text
    assert "/close" not in page.text


@pytest.mark.parametrize(
    "path",
    ["days/2026-12-30/990019", "days/2026-13-01/990019", "days/2026-11-20/123456", "days/1999-01-01/990019", "payments/nobody", "settlements/S0", "nothing",
     f"days/{YESTERDAY}/{CODE}/funds/999", f"days/{YESTERDAY}/{CODE}/funds/601?after=x", f"days/{YESTERDAY}/{CODE}/close/undo", "?municipality=1"],
)  # fmt: skip
def test_what_is_not_there_says_so_in_words(desk: Desk, path: str) -> None:
    answer = desk.get(path)
    assert answer.status_code in (404, 405)
    assert "<h1" in answer.text
    assert "Traceback" not in answer.text


def test_late_files_are_told_on_their_day(desk: Desk) -> None:
    page = text(desk.get(f"days/{LATE}/{CODE}").text)
    assert "遅れ" in page
    assert "11月20日（金）に届く予定" in page


def test_english_is_one_click_and_stays(desk: Desk) -> None:
    page = desk.get("")
    switch = re.search(r'class="language" href="/console/([^"]+)"', page.text)
    assert switch
    assert "Did Fri 20 Nov tie?" in desk.get(switch[1].replace("&amp;", "&")).text
    again = desk.get(f"days/{YESTERDAY}/{CODE}")
    assert '<html lang="en">' in again.text
    assert "The four witnesses" in again.text


def test_no_other_site_can_act(desk: Desk, town: World) -> None:
    page = f"days/{PREPARED}/{CODE}/close/approve"
    desk.sit(CHIEF)
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}, {"X-CSRF-Token": ""}):
        assert desk.post(page, headers=headers).status_code == 403
    assert states(town)[PREPARED] == "tied"
    assert desk.post(page, headers={"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_another_municipality_is_told_like_what_is_not_there(desk: Desk) -> None:
    desk.sit(STRANGER)
    assert "まだ団体がありません" in desk.get("").text
    nowhere = text(desk.get("payments/nobody").text)
    lists = ("cases", "approvals", "search", "files", "files/streams", "bank-accounts")  # of all that somebody sees, which here is nothing
    own = ("home", "home-english", *(name for name, path in PAGES.items() if path.startswith("account/") or path.split("?")[0] in lists))
    for path in lists:
        assert CODE not in desk.get(path).text
    for path in (*(p for name, p in PAGES.items() if name not in own), f"days/{YESTERDAY}/{CODE}/papers/day-sheet.csv"):
        answer = desk.get(path)
        assert (answer.status_code, text(answer.text)) == (404, nowhere), path
    for path in (f"days/{PREPARED}/{CODE}/close/approve", f"settlements/{key(TWO_ANSWERS, '601')}/drop"):
        assert desk.post(path).status_code == 404, path


def test_an_administrator_is_welcome_and_sees_no_money(desk: Desk) -> None:
    desk.sit(ADMIN)
    page = desk.get("")
    assert page.status_code == 200
    assert "ログインの一覧" in page.text
    assert "円" not in text(page.text)
    assert 'href="/console/days"' not in page.text


def test_nobody_gets_in_without_a_login(desk: Desk) -> None:
    desk.client.cookies.clear()
    for path in ("", f"days/{YESTERDAY}/{CODE}"):
        answer = desk.get(path, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/console/login?next=/console/{path}")
    assert desk.post(f"days/{PREPARED}/{CODE}/close/approve", follow_redirects=False).status_code == 401


def test_production_takes_no_session_over_plain_http(town: World) -> None:
    settings = Settings(home=town.folder / "home", environment="production")
    with TestClient(create_app(town.jobs.rooms, settings), base_url="http://127.0.0.1/console/") as client:
        answer = client.get("login")
    assert {"Secure", "HttpOnly"} <= set(answer.headers["set-cookie"].split("; "))
    assert answer.headers["set-cookie"].startswith("__Host-")
    assert answer.headers["strict-transport-security"]


def test_the_database_being_away_is_told_as_a_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: Any) -> None:
        raise sa.exc.OperationalError("secret words", {}, Exception())

    monkeypatch.setattr("fundlink.desk.login.visitor_of", away)
    answer = desk.get("")
    assert answer.status_code == 503
    assert "いま処理の途中です" in answer.text
    assert answer.headers["Content-Security-Policy"] == SECURITY["content-security-policy"]


def test_a_failure_tells_nothing_of_the_inside(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr("fundlink.jobs.Jobs.day_at_a_glance", broken)
    answer = desk.get(f"days/{YESTERDAY}/{CODE}")
    assert answer.status_code == 500
    assert "表示できませんでした" in answer.text
    assert "secret" not in answer.text
    assert answer.headers["Content-Security-Policy"] == SECURITY["content-security-policy"]
