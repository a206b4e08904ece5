"""Scenarios and books: every outcome occurs, one seed gives one history, and the state survives."""

import csv
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from tests.mock.conftest import everyday, start
from tests.mock.sender import DAY, Sender, enrol, pay, put, register, signed_message, slip
from tests.mock.test_mock_day import receipts, yen

Closed = tuple[TestClient, dict[str, Any]]
FUNDS = Path(__file__).parents[2] / "schemas" / "codes" / "fund_codes.csv"
OUTCOMES = {
    "matched",
    "paid_after_limit",
    "amount_mismatch",
    "duplicate_payment",
    "paid_after_supersede",
    "paid_after_cancel",
    "wrong_confirmation_number",
    "unknown_bill",
    "withdrawn",
}


def books(client: TestClient, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/books", params=query).json()
    return found


def test_an_ordinary_day_has_every_outcome(closed: Closed) -> None:
    client, answer = closed
    found = books(client)
    assert found["outcomes"].keys() == found["outcomes_yen"].keys() == OUTCOMES
    assert sum(found["outcomes"].values()) == found["transactions"] == answer["receipts"] + found["outcomes"]["withdrawn"]
    assert sum(day["receipts_yen"] for day in found["days"]) == answer["receipts_yen"]
    assert all(day["receipts_yen"] == day["settled_yen"] == day["credited_yen"] + day["fee_yen"] for day in found["days"])
    assert (found["registered"], found["refused"]) == (324, 0)


def test_the_books_agree_with_the_files(closed: Closed) -> None:
    client, _ = closed
    sent = [row for row in receipts(client) if row["Stage"] == "preliminary"]
    detail = books(client, detail=1)
    assert {row["TransactionKey"] for row in sent} == {row["transaction_key"] for row in detail["receipts"]}
    assert yen(sent) == detail["transactions_yen"]
    assert Counter(row["outcome"] for row in detail["receipts"]) == detail["outcomes"]
    assert books(client, day=DAY)["outcomes"] == detail["outcomes"]
    assert books(client, day="2026-11-19")["outcomes"] == {}
    assert books(client, institution_code="99999")["transactions"] == 0


def test_payers_in_time_pay_in_time_and_unknown_bills_begin_with_a_real_fund(closed: Closed) -> None:
    client, _ = closed
    detail = books(client, detail=1)
    limits = {row["case_key"]: row["payable_until"] for row in detail["slips"]}
    with FUNDS.open(encoding="utf-8") as lines:
        funds = {row["code"] for row in csv.DictReader(lines)}
    for row in detail["receipts"]:
        assert row["paid_on"] <= DAY
        if row["outcome"] == "matched":
            assert row["paid_on"] <= limits[row["case_key"]]
        if row["outcome"] == "unknown_bill":
            assert row["case_key"] not in limits
            assert row["case_key"][:3] == row["fund_code"]
            assert row["fund_code"] in funds


def test_playing_again_changes_nothing(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(number) for number in range(20)])
    first = client.post("/scenario", json={"name": "everyday", "seed": 3, "day": DAY}).json()
    withdrawn = first["institutions"][0]["roles"]["withdrawn"]
    assert client.post("/scenario", json={"name": "everyday", "seed": "3", "day": DAY}).json() == first
    assert client.post("/close-day", json={"day": DAY}).json()["receipts"] == first["payments"] - withdrawn
    assert client.post("/scenario", json={"name": "nonsense"}).json()["code"] == "unknown_scenario"


def test_twelve_slips_are_enough_for_every_role(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(number) for number in range(12)])
    (story,) = client.post("/scenario", json={"day": DAY}).json()["institutions"]
    assert story["roles"].keys() == {"exact", "unpaid", "twice", "wrong_amount", "late", "wrong_number", "withdrawn", "unknown"}


def test_every_scenario_can_be_played_on_any_register(client: TestClient, sender: Sender) -> None:
    names = [row["name"] for row in client.get("/scenarios").json()["scenarios"]]
    assert {"everyday", "exact", "quiet", "duplicates", "late", "lost-answers"} <= set(names)
    for name in names:
        assert client.post("/scenario", json={"name": name, "day": DAY}).json()["payments"] == 0
    register(client, sender, [slip(1, AmountYen=1, PayableUntil="2026-11-01", DueOn="2026-11-01")], "one")
    for name in names:
        assert client.post("/scenario", json={"name": name, "day": DAY}).status_code == 200


def test_one_seed_gives_one_history(tmp_path: Path, sender: Sender) -> None:
    stories = []
    for folder, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        client = start(tmp_path / folder, seed)
        everyday(client, sender, 60)
        found = books(client, detail=1)
        stories.append((found, [(row["TransactionKey"], row["Stage"]) for row in receipts(client)]))
    assert stories[0] == stories[1]
    assert stories[0][1] != stories[2][1]


def test_the_first_payment_of_a_bill_is_judged_and_the_others_are_duplicates(client: TestClient, sender: Sender) -> None:
    old, new = slip(1), slip(2)
    register(client, sender, [old, new])
    register(client, sender, [{**old, "Operation": "cancel", "ReplacedBy": new["CaseKey"]}], "reg-2")
    late_new = pay(client, new, paid_on="2026-11-19")
    early_old = pay(client, old, paid_on="2026-11-18")
    withdrawn = pay(client, old, paid_on="2026-11-01")
    wrong = pay(client, old, paid_on="2026-11-01", confirmation_number="000001")
    client.post("/cancel", json={"transaction_key": withdrawn})
    client.post("/close-day", json={"day": DAY})
    outcomes = {row["transaction_key"]: row["outcome"] for row in books(client, detail=1)["receipts"]}
    assert outcomes == {
        late_new: "duplicate_payment",
        early_old: "paid_after_supersede",
        withdrawn: "withdrawn",
        wrong: "wrong_confirmation_number",
    }


@pytest.mark.parametrize(
    ("prepare", "changes", "outcome"),
    [
        (None, {}, "matched"),
        (None, {"amount_yen": 1}, "amount_mismatch"),
        (None, {"paid_on": "2026-12-11"}, "paid_after_limit"),
        (None, {"paid_on": "2026-12-11", "amount_yen": 1}, "amount_mismatch"),
        (slip(1, Operation="cancel"), {"paid_on": "2026-12-11"}, "paid_after_cancel"),
        (slip(1, Operation="update", AmountYen=5), {"amount_yen": 5}, "matched"),
        (None, {"case_key": slip(9)["CaseKey"], "amount_yen": 1}, "unknown_bill"),
    ],
)
def test_one_payment_has_one_outcome(
    client: TestClient, sender: Sender, prepare: dict[str, str] | None, changes: dict[str, Any], outcome: str
) -> None:
    register(client, sender, [slip(1)])
    if prepare:
        register(client, sender, [prepare], "reg-2")
    pay(client, slip(1), **changes)
    client.post("/close-day", json={"day": "2026-12-11"})
    assert books(client)["outcomes"] == {outcome: 1}


def test_open_payments_are_not_in_the_books(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(1)])
    pay(client, slip(1))
    assert books(client)["transactions"] == 0
    assert client.get("/slips").json()["slips"][0]["state"] == "paid"


def test_a_restart_keeps_everything_and_one_line_says_where_it_listens(tmp_path: Path, sender: Sender) -> None:
    def first(url: str) -> Any:
        with httpx2.Client(base_url=url) as client:
            enrol(client, sender)
            register(client, sender, [slip(1)])
            pay(client, slip(1))
            client.post("/close-day", json={"day": DAY})
        return _everything(url)

    assert _with_process(tmp_path, first) == _with_process(tmp_path, _everything)


def test_a_lost_answer_closes_the_connection_after_the_message_took_effect(tmp_path: Path, sender: Sender) -> None:
    def lose(url: str) -> None:
        with httpx2.Client(base_url=url) as client:
            enrol(client, sender)
            body = signed_message(sender, "m-1", [slip(1, CaseKey="99910000000000000001")])
            with pytest.raises(httpx2.RemoteProtocolError):
                put(client, "m-1", body)
            assert len(client.get("/slips").json()["slips"]) == 1
            assert put(client, "m-1", body).status_code == 200

    _with_process(tmp_path, lose)


def _everything(url: str) -> list[str]:
    with httpx2.Client(base_url=url) as client:
        paths = (
            "/gateway/certificate",
            "/slips",
            "/books?detail=1",
            "/gateway/files?institution_code=13101",
            "/gateway/messages/reg-1?institution_code=13101",
        )
        return [client.get(path).text for path in paths]


def _with_process(folder: Path, act: Callable[[str], Any]) -> Any:
    command = [sys.executable, "-m", "mock_eltax", "--port", "0", "--state", str(folder), "--seed", "7"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": ""})
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("mock_eltax listening on http://127.0.0.1:")
        return act(line.split()[-1])
    finally:
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=20)[0]
        assert rest == ""
