"""What two persons decide outside of cases, each from its page: a message without an answer, a file that does not come, an account."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.builders import CODE, INSTITUTION, World
from tests.console.persons import CHIEF, CLERK, INPUT, OF_110, OF_A_ROLE, STRANGER, Desk
from tests.console.town import LATE, TWO_ANSWERS, UNANSWERED, key

REVIEW = OF_A_ROLE[1]
ACCOUNT = "0002-002-1-0007654321"


def proposed(desk: Desk, address: str, **given: str) -> str:
    """Propose on a page; the address of the proposal that the browser is led to."""
    told = desk.post(address, data=given)
    assert "別の人の承認を待っています" in told.text, told.text
    found: str = told.url.path.removeprefix("/console/")
    assert re.fullmatch(r"proposals/\d+", found)
    return found


def approved(desk: Desk, address: str) -> Any:
    """The other person reads it and approves."""
    desk.sit(CHIEF)
    page = desk.get(address).text
    (sha256,) = re.findall(r'name="sha256" value="(\w+)"', page)
    told = desk.post(f"{address}/approve", data={"sha256": sha256})
    assert "実施しました" in told.text, told.text
    return page


@pytest.mark.parametrize(("deed", "event"), [("resend", "resent"), ("give_up", "given_up")])
def test_a_message_without_an_answer_is_decided_about_on_the_page_of_its_case(desk: Desk, town: World, deed: str, event: str) -> None:
    case = f"cases/message:{UNANSWERED}"
    page = desk.get(case).text
    assert "8 回（上限 8 回）" in page
    assert ("電文の送り直し" in page, "電文の打切り" in page) == (True, True)
    assert "理由を書いてください" in desk.post(case, data={"step": deed, "reason": " "}).text
    where = proposed(desk, case, step=deed, reason="電話で確かめた")
    again = desk.get(case).text
    assert where in again
    assert 'value="resend"' not in again
    assert "電話で確かめた" in approved(desk, where)
    last = town.sql("SELECT event FROM message_event WHERE message_id = :id ORDER BY id DESC LIMIT 1", id=UNANSWERED)
    assert last == [(event,)]
    assert desk.get(case).status_code == 404, "nothing is left to be decided"


def asked(desk: Desk) -> Any:
    """Ask the gateway on the page of the case."""
    return desk.post(f"cases/message:{UNANSWERED}", data={"step": "inquire"})


def test_the_gateway_is_asked_from_the_page_and_its_answer_settles_the_case(desk: Desk, town: World) -> None:
    assert "答えを受け取り、案件は解決しました" in asked(desk).text
    assert town.jobs.messages()["messages"] == []


def test_a_gateway_that_cannot_be_reached_leaves_the_case_where_it_was(desk: Desk, town: World) -> None:
    town.twin.inquiry_faults = ["unreachable"]
    told = asked(desk)
    assert (told.status_code, "FL-GTW-003" in told.text, "電文の状態" in told.text) == (422, True, True)
    (row,) = town.jobs.messages()["messages"]
    assert (row["message_id"], row["state"], row["event"]) == (UNANSWERED, "person", "exhausted")
    assert UNANSWERED in desk.get("cases?kind=message").text
    town.jobs.submit()
    assert [row["event"] for row in town.jobs.messages()["messages"] if row["message_id"] == UNANSWERED] == ["exhausted"]


def test_a_message_that_never_arrived_is_told_as_that(desk: Desk, town: World) -> None:
    town.twin.inquiry_faults = ["lies"]
    told = asked(desk).text
    assert "届いていないとの答えです" in told
    assert "解決しました" not in told
    assert town.sql("SELECT event FROM message_event WHERE message_id = :id ORDER BY id DESC LIMIT 1", id=UNANSWERED) == [("stored",)]


def test_an_answer_with_refusals_leads_back_to_the_case(desk: Desk, town: World) -> None:
    """The gateway took the message and refused its slips: nothing is settled by that."""
    raw, answer = town.twin._answers[UNANSWERED]
    refused = [
        (key, "refused", "E103", int(yen)) for key, yen in re.findall(r"CaseKey>(\d+)<.*?AmountYen>(\d+)<", answer.decode(), re.DOTALL)
    ]
    assert len(refused) == 3
    town.twin._answers[UNANSWERED] = (raw, town.twin._sealed(UNANSWERED, INSTITUTION, "processed", refused))
    told = asked(desk)
    assert "登録を断られたものがあります" in told.text
    assert told.url.path.endswith(f"cases/message:{UNANSWERED}")
    assert "登録を断られた納付書がある" in told.text


def test_an_answer_that_is_lost_again_is_told_and_the_pause_after_it_kept(desk: Desk, town: World) -> None:
    town.twin.inquiry_faults = ["answer_lost"]
    told = desk.post(f"cases/message:{UNANSWERED}", data={"step": "inquire"})
    assert (told.status_code, "ゲートウェイの答えが分かりません" in told.text, "電文の状態" in told.text) == (422, True, True)
    calls = len(town.twin.calls)
    assert "FL-GTW-004" in desk.post(f"cases/message:{UNANSWERED}", data={"step": "inquire"}).text
    assert len(town.twin.calls) == calls
    assert UNANSWERED in [row["message_id"] for row in town.jobs.messages()["messages"]]


def test_who_may_not_prepare_sees_the_message_and_no_button(desk: Desk, town: World) -> None:
    case = f"cases/message:{UNANSWERED}"
    desk.sit(REVIEW)
    assert "電文の状態" in desk.get(case).text
    assert "いまゲートウェイに照会する" not in desk.get(case).text
    calls = len(town.twin.calls)
    for step in ("inquire", "resend", "give_up"):
        assert desk.post(case, data={"step": step, "reason": "確認"}).status_code == 403
    desk.sit(STRANGER)
    assert desk.get(case).status_code == 404
    assert desk.post(case, data={"step": "inquire"}).status_code == 404
    assert (len(town.twin.calls), town.jobs.proposals(kind="resend")) == (calls, [])


@pytest.mark.parametrize("step", ["inquire", "resend", "give_up"])
def test_every_step_is_for_its_roles(desk: Desk, town: World, step: str) -> None:
    calls = len(town.twin.calls)
    for person in OF_A_ROLE:
        if person.roles[0] in ("input", "treasury"):
            continue
        desk.sit(person)
        assert desk.post(f"cases/message:{UNANSWERED}", data={"step": step, "reason": "確認"}).status_code == 403, person.login
    desk.sit(OF_110)
    assert desk.post(f"cases/message:{UNANSWERED}", data={"step": step, "reason": "確認"}).status_code == 404
    assert (len(town.twin.calls), town.jobs.proposals(kind=step)) == (calls, [])
    desk.sit(INPUT)
    assert desk.post("cases/transaction:T261120602U", data={"step": step, "reason": "確認"}).status_code == 404
    assert desk.post(f"cases/message:{UNANSWERED}", data={"step": step, "reason": "確認"}).status_code == 200


def test_one_decision_about_a_message_waits_at_a_time(desk: Desk, town: World) -> None:
    case = f"cases/message:{UNANSWERED}"
    proposed(desk, case, step="resend", reason="電話で確かめた")
    assert "FL-PRP-003" in desk.post(case, data={"step": "give_up", "reason": "打ち切る"}).text
    assert town.jobs.proposals(kind="give_up") == []


def test_a_file_in_quarantine_is_declared_done_with_and_not_offered_again(desk: Desk, town: World) -> None:
    """Only as long as it lies there unread: a file that is in has nothing to be waived."""
    day = f"days/{LATE}/{CODE}"
    town.twin.put_bytes(INSTITUTION, "receipt", LATE, body=b"<half")
    assert town.jobs.collect()["quarantined"] == 1
    assert "隔離したままのファイルを、済んだものと 2 人で決めます" in desk.get(day).text
    where = proposed(desk, f"{day}/waive", kind="receipt", reason="正しいファイルを別に受け取った")
    page = approved(desk, where)
    assert re.search(r"隔離したファイルを済みとする</dt><dd[^>]*>はい", page)
    assert 'name="kind" value="receipt"' not in desk.get(day).text


def test_a_proposal_says_when_the_file_has_come_meanwhile(desk: Desk, town: World) -> None:
    where = proposed(desk, f"days/{LATE}/{CODE}/waive", kind="receipt", reason="届かない")
    town.receive([], LATE)
    assert "前提" in desk.get(where).text or "変わ" in desk.get(where).text
    assert where in desk.get(f"days/{LATE}/{CODE}").text
    desk.sit(CHIEF)
    assert "承認して実施する" not in desk.get(where).text


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"days/{LATE}/{CODE}/waive", "reason"),
        ("bank-accounts/propose", "account"),
        (f"cases/message:{UNANSWERED}", "reason"),
        ("cases", "to"),
    ],
)
def test_what_no_keyboard_writes_is_refused(desk: Desk, town: World, path: str, field: str) -> None:
    told = desk.post(path, data={"step": "resend", "kind": "receipt", "municipality": CODE, "reason": "r", field: "a\0b"})
    assert (told.status_code, "FL-CHR-001" in told.text) == (422, True)
    assert town.jobs.proposals(kind="waive") == []


def test_a_file_that_does_not_come_is_waived_on_the_page_of_its_day(desk: Desk, town: World) -> None:
    day = f"days/{LATE}/{CODE}"
    page = desk.get(day).text
    assert "ファイルを待たない" in page
    assert "理由を書いてください" in desk.post(f"{day}/waive", data={"kind": "receipt", "reason": ""}).text
    assert "FL-WTM-006" in desk.post(f"{day}/waive", data={"kind": "nothing", "reason": "試し"}).text
    where = proposed(desk, f"{day}/waive", kind="receipt", reason="システム停止の日だった")
    assert where in desk.get(day).text
    before = {file["kind"]: file["state"] for file in town.jobs.day_at_a_glance(CODE, LATE)["files"]}
    assert "システム停止の日だった" in approved(desk, where)
    after = {file["kind"]: file["state"] for file in town.jobs.day_at_a_glance(CODE, LATE)["files"]}
    assert (before["receipt"] in ("late", "missing"), after) == (True, {**before, "receipt": "waived"})
    assert 'name="kind" value="receipt"' not in desk.get(day).text


def test_a_settling_is_taken_back_on_its_page(desk: Desk, town: World) -> None:
    page = f"settlements/{key(TWO_ANSWERS, '601')}"
    assert "清算の取下げ" not in desk.get(page).text
    assert "FL-SET-105" in desk.post(f"{page}/unsettle", data={"reason": "まだ決めていない"}).text
    suggestion = next(
        one["suggestion"] for one in town.jobs.explain_settlement(key(TWO_ANSWERS, "601"))["suggestions"] if not one["difference_yen"]
    )
    desk.post(f"{page}/propose", data={"suggestion": suggestion, "reason": "電話で確かめた"})
    desk.sit(CHIEF)
    (number, sha256), *_ = re.findall(
        r'name="proposal" value="(\d+)"><input type="hidden" name="sha256" value="(\w+)"', desk.get(page).text
    )
    assert "清算しました" in desk.post(f"{page}/accept", data={"proposal": number, "sha256": sha256}).text
    desk.sit(CLERK)
    where = proposed(desk, f"{page}/unsettle", reason="もう一方の払込だった")
    assert where in desk.get(page).text
    assert "もう一方の払込だった" in approved(desk, where)
    told = town.jobs.explain_settlement(key(TWO_ANSWERS, "601"))
    assert (told["settling"], len(told["before"])) == (None, 1)


def test_an_account_is_registered_from_the_page_by_two_persons(desk: Desk, town: World) -> None:
    assert ACCOUNT not in desk.get("bank-accounts").text
    wrong = desk.post(
        "bank-accounts/propose", data={"municipality": CODE, "account": "本店 1", "holder": "見本市会計管理者", "funds": "601"}
    )
    assert "FL-BNK-010" in wrong.text
    assert 'value="見本市会計管理者"' in wrong.text, "what was typed is not lost"
    assert "FL-CODE-001" in desk.post("bank-accounts/propose", data={"municipality": CODE, "account": ACCOUNT, "funds": "9zz"}).text
    where = proposed(
        desk, "bank-accounts/propose", municipality=CODE, account="０００２-2-普通-7654321", holder="見本市会計管理者", funds="６０１、602",
        written_as="本店 普通 7654321\r\n\r\n見本支店 7654321",
    )  # fmt: skip
    assert where in desk.get("bank-accounts").text
    assert ACCOUNT in approved(desk, where)
    (found,) = [row for row in town.jobs.accounts()["accounts"] if row["account"] == ACCOUNT]
    assert (found["municipality_code"], found["holder"], found["funds"]) == (CODE, "見本市会計管理者", ["601", "602"])
    assert len(found["written_as"]) == 2
    assert ACCOUNT in desk.get("bank-accounts").text


def test_an_account_of_another_municipality_is_neither_shown_nor_proposed(desk: Desk, town: World) -> None:
    where = proposed(desk, "bank-accounts/propose", municipality=CODE, account=ACCOUNT)
    assert "FL-PRP-003" in desk.post("bank-accounts/propose", data={"municipality": CODE, "account": "0002-2-普通-7654321"}).text
    desk.sit(STRANGER)
    assert ACCOUNT not in desk.get("bank-accounts").text
    approved(desk, where)
    desk.sit(STRANGER)
    assert ACCOUNT not in desk.get("bank-accounts").text
    told = desk.post("bank-accounts/propose", data={"municipality": CODE, "account": "0003-003-1-1111111"})
    assert (told.status_code, town.jobs.proposals(kind="account")) == (422, [])
    assert "FL-AUTH" in told.text
    desk.sit(INPUT)
    assert "口座を書いて準備します" not in desk.get("bank-accounts").text
