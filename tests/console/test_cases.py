"""The queue of cases and the approvals without a browser: narrowed, given, prepared one by one and together, approved by another person, undone."""

from __future__ import annotations

import re

from tests.builders import World
from tests.console.persons import CHIEF, Desk
from tests.console.test_pages import text

DOUBLE, UNKNOWN = "transaction:T261120601D", "transaction:T261120602U"


def balances(town: World, key: str) -> dict[str, int]:
    """Where the yen of a payment lies."""
    found = town.jobs.case(f"transaction:{key}")["facts"]
    return dict(found["payments"][key]["balances"]) if found else {}


def test_the_queue_is_narrowed_by_every_filter(desk: Desk) -> None:
    everything = desk.get("cases").text
    assert DOUBLE in everything
    assert UNKNOWN in everything
    assert DOUBLE not in desk.get("cases?kind=day").text
    assert DOUBLE not in desk.get("cases?fund=602").text
    assert UNKNOWN in desk.get("cases?fund=602").text
    assert UNKNOWN in desk.get("cases?yen=7700").text
    assert UNKNOWN not in desk.get("cases?yen=7701&kind=transaction").text
    assert UNKNOWN not in desk.get("cases?age=300").text
    assert UNKNOWN in desk.get("cases", params={"yen": "７,７００ 円"}).text, "as people type it"
    assert desk.get("cases?kind=nothing").status_code == 404
    assert desk.get("cases?age=x").status_code == 404


def test_an_amount_that_is_none_is_told_in_words_of_the_page(desk: Desk) -> None:
    for yen in ("0", "-5", "abc"):
        page = desk.post(f"cases/{UNKNOWN}", data={"step": "act", "verb": "suspend", "yen": yen, "reason": "x"})
        assert page.status_code == 422
        assert "金額は 1 円以上の数字で入力してください" in text(page.text), yen
        assert "--yen" not in page.text


def test_cases_are_given_all_or_none(desk: Desk, town: World) -> None:
    page = desk.post("cases", data={"case": [DOUBLE, UNKNOWN], "step": "mine"})
    assert "2 件の担当を決めました" in text(page.text)
    mine = desk.get("cases?owner=-").text
    assert DOUBLE not in mine
    refused = desk.post("cases", data={"case": [DOUBLE, "transaction:nobody"], "step": "back"})
    assert refused.status_code == 422
    assert "FL-ACT-005" in refused.text
    assert town.jobs.case(DOUBLE)["owner"] != ""
    assert desk.post("cases", data={"step": "mine"}).status_code == 422


def test_a_page_of_cases_leads_to_the_next_without_a_gap(desk: Desk, town: World) -> None:
    first = town.jobs.cases({"without": "preliminary"}, None, 1)
    since, name = first["next"]
    rest = desk.get("cases", params={"since": since, "name": name}, headers={"hx-request": "true"}).text
    assert "<html" not in rest
    told = [row["case"] for row in town.jobs.cases({"without": "preliminary"})["cases"]]
    assert re.findall(r'name="case" value="([^"]+)"', rest) == told[1:]


def test_several_are_prepared_at_once_and_what_is_refused_is_told(desk: Desk, town: World) -> None:
    form = {"case": [DOUBLE, UNKNOWN], "step": "act", "verb": "wait", "until": "2026-12-10", "reason": "納付者の返事を待つ"}
    page = desk.post("cases", data=form)
    assert page.status_code == 422  # one of them waits for an approval already
    assert "FL-ACT-014" in page.text
    assert len([act for act in town.jobs.waiting_acts() if act["verb"] == "wait"]) == 1
    assert desk.post("cases", data={**form, "verb": "attach"}).status_code == 422


def test_an_act_is_shown_before_and_after_and_only_another_person_approves(desk: Desk, town: World) -> None:
    page = desk.get("acts/1")
    assert "承認は別の人が行います" in page.text
    assert "承認して実施する" not in page.text
    desk.sit(CHIEF)
    page = desk.get("acts/1")
    before, after = text(page.text).split(" 前 ")[1].split(" 後 ")
    assert "別段" in before
    assert "過誤納" in after
    sha256 = re.findall(r'name="sha256" value="([0-9a-f]{64})"', page.text)[0]
    assert desk.post("acts/1/approve", data={"sha256": "0" * 64}).status_code == 422
    assert "実施しました" in desk.post("acts/1/approve", data={"sha256": sha256}).text
    assert "overpaid" in balances(town, "T261120601D")


def test_what_was_carried_out_is_undone_by_two_persons(desk: Desk, town: World) -> None:
    town.jobs.approve_act(1, CHIEF.login)
    assert "この処理を取り消す準備をする" in desk.get("acts/1").text
    prepared = desk.post("cases/act:1", data={"step": "act", "verb": "reverse", "reason": "取り違え"})
    number = str(prepared.url).split("/acts/")[1].split("?")[0]
    assert "overpaid" in balances(town, "T261120601D")
    desk.sit(CHIEF)
    sha256 = re.findall(r'name="sha256" value="([0-9a-f]{64})"', desk.get(f"acts/{number}").text)[0]
    assert desk.post(f"acts/{number}/approve", data={"sha256": sha256}).status_code == 200
    assert "overpaid" not in balances(town, "T261120601D")
    assert "この処理は取り消されています" in desk.get("acts/1").text


def test_an_edit_takes_the_act_back_and_a_refusal_needs_a_reason(desk: Desk, town: World) -> None:
    page = desk.post("acts/1/withdraw", data={"again": "1"})
    assert str(page.url).split("?")[0].endswith(DOUBLE)
    assert not [act for act in town.jobs.waiting_acts() if act["act_id"] == 1]
    again = desk.post(f"cases/{DOUBLE}", data={"step": "act", "verb": "accept", "yen": "1,000", "reason": "一部だけ"})
    number = str(again.url).split("/acts/")[1].split("?")[0]
    desk.sit(CHIEF)
    assert desk.post(f"acts/{number}/refuse", data={"note": ""}).status_code == 422
    assert "却下しました" in desk.post(f"acts/{number}/refuse", data={"note": "全額とすること"}).text
    assert town.jobs.case(DOUBLE)["open"]
    assert desk.post(f"acts/{number}/withdraw").status_code in (403, 422)
    assert desk.get("acts/999").status_code in (404, 422)


def test_a_refused_form_keeps_what_was_typed(desk: Desk) -> None:
    page = desk.post(f"cases/{UNKNOWN}", data={"step": "act", "verb": "attach", "bill": "nobody", "reason": "名義で照合"})
    assert page.status_code == 422
    assert "名義で照合" in page.text
    assert 'value="nobody"' in page.text
    assert "FL-BIL-004" in page.text
