"""Finding a bill by what somebody holds in their hands, its page, and the trail of who looked at a payer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from fastapi.testclient import TestClient

from fundlink.api.app import create_app
from fundlink.config import Settings
from fundlink.desk.payers import Looker
from fundlink.desk.proposals import Wanted
from fundlink.desk.search import Sought, search
from fundlink.domain.errors import ProblemError
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.formats import elqr
from fundlink.jobs.desk import OPERATOR
from fundlink.pipeline import printing
from fundlink.store.bill_search import Pair
from tests.access.staff import quick_hashes
from tests.builders import CODE, INSTITUTION, World, bill
from tests.builders import world as build_world
from tests.console.persons import CHIEF, CLERK, OF_A_ROLE, STRANGER, Desk, Staffed
from tests.console.test_matrix import text
from tests.console.town import OPEN_BILL, PAID_BILL, YESTERDAY, built
from tests.console.town import town as build_town
from tests.postgresql import database


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def staffed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    """One town for the file, on each database in turn: it takes longer to build than to ask. Tests that change a bill have their own."""
    server = request.getfixturevalue("postgresql_server") if request.param == "postgresql" else ""
    with pytest.MonkeyPatch.context() as patched, database(server, "bills") if server else nullcontext("") as url:
        quick_hashes(patched)
        built_town = build_town(build_world(tmp_path_factory.mktemp("bills"), url))
        yield built_town
        built_town.world.jobs.rooms.close()


@pytest.fixture
def town(staffed: Staffed) -> World:
    """The town."""
    return staffed.world


@pytest.fixture(scope="module")
def seated(staffed: Staffed) -> Iterator[Desk]:
    """A console over the town."""
    app = create_app(staffed.world.jobs.rooms, Settings(home=staffed.world.folder / "home"))
    with TestClient(app, base_url="http://127.0.0.1/console/", raise_server_exceptions=False) as client:
        yield Desk(client, staffed)


@pytest.fixture
def desk(seated: Desk) -> Desk:
    """The clerk at the console."""
    seated.sit(CLERK)
    return seated


AUDITOR = next(person for person in OF_A_ROLE if person.roles == ("audit",))


def found(world: World, typed: str, scope: Scope = EVERYWHERE) -> list[str | None]:
    """Bills that a text finds."""
    return [hit["bill_key"] for hit in search(world.jobs.rooms, Sought(typed), scope=scope)["hits"]]


LOOKS = "(act LIKE 'payer.%' OR act LIKE 'slip.%')"


def newest(world: World) -> int:
    """The newest entry of the trail."""
    return int(world.sql("SELECT MAX(seq) FROM audit")[0][0])


def looks(world: World, since: int) -> list[tuple[Any, ...]]:
    """What the trail says of looks at payers since then: who, what, on which bill, with which details."""
    return world.sql(f"SELECT actor, act, subject, detail FROM audit WHERE {LOOKS} AND seq > :since ORDER BY seq", since=since)


def payload(world: World, key: str) -> str:
    """The digits that the code of a bill's slip holds."""
    rooms = world.jobs.rooms
    told = printing.payload_of(rooms, world.jobs.find_bill(key))
    assert told is not None
    return told


def test_a_bill_is_found_by_everything_that_people_hold_in_their_hands(town: World) -> None:
    view = town.jobs.find_bill(OPEN_BILL)
    number = f"{view.institution_code}{view.case_key}{view.confirmation_number}{view.fund_code}"
    wide = number.translate({ord(digit): chr(ord(digit) + 0xFEE0) for digit in "0123456789"})
    typed = (
        number, number[:25], number[:31], str(view.case_key), f"{INSTITUTION}-{view.case_key}-{view.confirmation_number}-{view.fund_code}",
        " ".join(number[at : at + 4] for at in range(0, len(number), 4)), wide, OPEN_BILL, view.notice_number, view.core_key,
        payload(town, OPEN_BILL), payload(town, OPEN_BILL)[:100] + "\n" + payload(town, OPEN_BILL)[100:],
    )  # fmt: skip
    for text_typed in typed:
        assert found(town, text_typed) == [OPEN_BILL], text_typed
    for nothing in ("", "9999", number.replace(str(view.case_key), "9" * 20), OPEN_BILL.replace("601", "602"), "%", "_" * 20):
        assert found(town, nothing) == [], nothing


def test_what_does_not_fit_the_number_is_said(town: World) -> None:
    view = town.jobs.find_bill(OPEN_BILL)
    wrong = f"{view.institution_code}{view.case_key}000000{view.fund_code}"
    told = search(town.jobs.rooms, Sought(wrong), scope=EVERYWHERE)
    assert [one["field"] for one in told["differs"]] == ["confirmation_number"]
    changed = built(236)
    earlier = payload(town, changed.bill_key)
    town.intake([changed._replace(charge_yen=99)], name="changed.csv")
    told = search(town.jobs.rooms, Sought(earlier), scope=EVERYWHERE)
    assert [(one["field"], one["actual"]) for one in told["differs"]] == [("amount_yen", 99)]


def test_a_payload_that_was_misread_finds_nothing_and_says_why(desk: Desk, town: World) -> None:
    right = payload(town, OPEN_BILL)
    at = right.index("5411") + 10
    misread = right[:at] + str((int(right[at]) + 1) % 10) + right[at + 1 :]
    page = desk.get("search", params={"q": misread})
    assert page.status_code == 200
    assert "FL-ELQ-002" in page.text
    assert "CRC が合いません" in page.text
    assert OPEN_BILL not in page.text


@pytest.mark.parametrize(("by", "day"), [("booked", "2026-11-18"), ("paid", "2026-11-18"), ("limit", "2027-01-09")])
def test_an_amount_and_a_day_find_page_by_page(town: World, monkeypatch: pytest.MonkeyPatch, by: str, day: str) -> None:
    monkeypatch.setattr("fundlink.desk.search.PAGE", 4)
    seen: list[str | None] = []
    after, turns = 0, 0
    while turns == 0 or after:
        told = search(town.jobs.rooms, Sought("", Pair(CODE, 12_000, day, by), after), scope=EVERYWHERE)
        seen += [hit["bill_key"] for hit in told["hits"]]
        after, turns = told["next"] or 0, turns + 1
    assert turns == 3
    assert sorted(map(str, seen)) == sorted(
        str(row[0]) for row in town.sql("SELECT bill_key FROM bill_version WHERE total_yen = 12000 AND action = '1'")
    )


def test_a_payment_of_no_bill_is_found_by_amount_and_by_its_number(town: World) -> None:
    rooms = town.jobs.rooms
    for sought in (Sought("", Pair(CODE, 7_700, YESTERDAY, "paid")), Sought("T261120602U")):
        (hit,) = search(rooms, sought, scope=EVERYWHERE)["hits"]
        assert (hit["bill_key"], hit["transaction_key"], hit["outcome"]) == (None, "T261120602U", "unknown_bill")


@pytest.mark.parametrize("scope", [Scope(frozenset({"990027"})), Scope(frozenset({CODE}), frozenset({"999"}))])
def test_nobody_finds_what_is_outside_their_scope(town: World, scope: Scope) -> None:
    view = town.jobs.find_bill(OPEN_BILL)
    for typed in (OPEN_BILL, f"{INSTITUTION}{view.case_key}", view.notice_number, view.core_key, payload(town, OPEN_BILL), "T261120601D"):
        assert found(town, typed, scope) == [], typed
    for by, day in (("booked", "2026-11-18"), ("limit", "2027-01-09")):
        assert search(town.jobs.rooms, Sought("", Pair(CODE, 12_000, day, by)), scope=scope)["hits"] == []


def test_the_page_shows_the_life_of_a_paid_bill(desk: Desk) -> None:
    page = text(desk.get(f"bills/{PAID_BILL}").text)
    assert re.search(r"調定 11/9（月） 発番 11/9（月） 登録 11/9（月） 収納 11/9（月） 払込 11/12（木） 入金 11/12（木） 消込 —", page)
    assert "T2611096320" in page
    assert "P990019-20261109-000001" in page
    assert "見本　花子" not in page
    assert "払えるものがないので、eL-QR はありません" in page
    assert desk.get(f"bills/{PAID_BILL}/qr.svg").status_code == 404


def test_exits_versions_and_acts_stand_on_the_page(desk: Desk, town: World) -> None:
    moved = built(232)
    town.intake([moved._replace(charge_yen=98), built(239)._replace(action="9")], name="changed-too.csv")
    town.intake([moved._replace(charge_yen=98, payer_address="新しい住所")], name="moved.csv")
    town.jobs.submit()
    proposed = town.jobs.propose(Wanted("reissue", moved.bill_key, desk_login("input"), "汚損"))
    town.jobs.approve_proposal(proposed["proposal_id"], desk_login("review"))
    town.jobs.submit()
    page = text(desk.get(f"bills/{moved.bill_key}").text)
    assert "宛名だけの更新" in page
    assert "1 回目の納付書は差替え" in page
    assert "2 回目" in page
    assert "取消（1 回目の納付書）" in text(desk.get(f"bills/{built(239).bill_key}").text)
    cases = town.jobs.cases({"kind": "transaction"})["cases"]
    paid_twice = next(case["case"] for case in cases if case["reason"] == "duplicate_payment")
    key = town.jobs.explain(paid_twice.partition(":")[2])["bill_key"]
    page = desk.get(f"bills/{key}").text
    assert f'href="/console/cases/{paid_twice}"' in page
    assert 'href="/console/acts/1"' in page


def desk_login(role: str) -> str:
    """The login of the one who has this role alone."""
    return next(person.login for person in OF_A_ROLE if person.roles == (role,))


def test_links_lead_from_every_page_that_names_a_bill(desk: Desk, town: World) -> None:
    key = town.jobs.explain("T261120601D")["bill_key"]
    link = f'href="/console/bills/{key}"'
    for page in (f"days/{YESTERDAY}/{CODE}/funds/601", "payments/T261120601D", f"cases/bill:{key}"):
        assert link in desk.get(page).text, page


def test_looking_at_a_payer_is_an_entry_of_who_and_nothing_of_what(desk: Desk, town: World) -> None:
    since = newest(town)
    assert "見本　花子" not in desk.get(f"bills/{OPEN_BILL}").text
    assert looks(town, since) == []
    page = desk.post(f"bills/{OPEN_BILL}/payer")
    assert "見本　花子" in page.text
    assert "見本県見本市表町" in page.text
    pdf = desk.get(f"bills/{OPEN_BILL}/slip.pdf")
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.headers["cache-control"] == "no-store"
    told = looks(town, since)
    assert [row[:3] for row in told] == [("1001", "payer.view", f"bill:{OPEN_BILL}"), ("1001", "slip.print", f"bill:{OPEN_BILL}")]
    assert set(json.loads(told[0][3])) == {"version", "issue_count"}
    assert not [row for row in town.sql("SELECT detail FROM audit") if "花子" in row[0] or "表町" in row[0]]
    desk.sit(AUDITOR)
    assert "宛名を表示" not in desk.get(f"bills/{OPEN_BILL}").text
    assert desk.post(f"bills/{OPEN_BILL}/payer").status_code == 403
    desk.sit(STRANGER)
    assert desk.get(f"bills/{OPEN_BILL}/slip.pdf").status_code == 404
    assert len(looks(town, since)) == 2


def test_a_slip_that_cannot_be_printed_says_why_and_is_no_entry(desk: Desk, town: World) -> None:
    since = newest(town)
    page = desk.get(f"bills/{PAID_BILL}/slip.pdf")
    assert page.status_code == 422
    assert "FL-SLP-002" in page.text
    assert looks(town, since) == []


def test_the_api_and_the_command_enter_what_they_print(staffed: Staffed) -> None:
    world, since = staffed.world, newest(staffed.world)
    with TestClient(create_app(world.jobs.rooms, Settings(home=world.folder / "home"))) as client:
        assert client.get(f"/v1/bills/{OPEN_BILL}/slip.pdf").status_code == 200
    world.jobs.print_slip(OPEN_BILL, None, world.folder / "one.pdf", looker=OPERATOR)
    done = world.jobs.print_fund("601", CODE, world.folder / "out")
    told = looks(world, since)
    assert [row[0] for row in told[:2]] == ["api", "fundlink"]
    files = [json.loads(row[3]) for row in told[2:]]
    assert len(files) == len(done["files"])
    assert sum(one["slips"] for one in files) == done["slips"]
    assert told[2][2] == f"fund:{CODE}~601"


def test_a_person_named_on_the_command_line_must_be_allowed_to_print(town: World) -> None:
    since = newest(town)
    with pytest.raises(ProblemError) as error:
        town.jobs.print_slip(OPEN_BILL, None, town.folder / "named.pdf", looker=Looker(AUDITOR.login))
    assert error.value.problems[0].code == "FL-AUTH-003"
    assert not (town.folder / "named.pdf").exists()
    town.jobs.print_slip(OPEN_BILL, None, town.folder / "named.pdf", looker=Looker(CHIEF.login))
    assert looks(town, since)[0][0] == CHIEF.number


def test_the_slip_of_the_page_reads_back_as_its_code(desk: Desk, town: World) -> None:
    (page,) = pypdfium2.PdfDocument(desk.get(f"bills/{OPEN_BILL}/slip.pdf").content)
    codes = zxingcpp.read_barcodes(page.render(scale=200 / 72).to_pil())
    assert [code.text for code in codes] == [payload(town, OPEN_BILL)]
    assert elqr.decode(codes[0].text).fields is not None
    image = desk.get(f"bills/{OPEN_BILL}/qr.png?keep=1")
    assert image.headers["content-disposition"] == 'attachment; filename="elqr-0000000000000240-01.png"'
    assert desk.get(f"bills/{OPEN_BILL}/qr.gif").status_code == 404


def test_a_key_with_a_slash_has_its_page(desk: Desk, town: World) -> None:
    key = bill(1, notice_number="2026/A-1").bill_key
    town.intake([bill(1, notice_number="2026/A-1", department_code="110")], name="slash.csv")
    answer = desk.get("search", params={"q": "2026/A-1"}, follow_redirects=False)
    assert answer.status_code == 303
    assert "2026/A-1" in desk.get(answer.headers["location"]).text
    assert desk.get(f"bills/{key.replace('/', '%2F')}").status_code == 200


@pytest.mark.parametrize(
    ("yen", "by", "day"), [("1.5", "paid", "2026-11-18"), ("5", "paid", "2026-11-31"), ("5", "x", "2026-11-18"), ("", "paid", "2026-11-18")]
)
def test_an_amount_or_a_day_that_is_none_is_told(desk: Desk, yen: str, by: str, day: str) -> None:
    page = desk.get("search", params={"yen": yen, "by": by, "day": day})
    assert page.status_code == 422
    assert "FL-SCH-001" in page.text
