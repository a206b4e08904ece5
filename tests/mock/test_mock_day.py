"""The close of a day: what goes out ties, is valid, and is signed so that two independent tools agree."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from lxml import etree

from tests.mock.sender import DAY, Sender, header, pay, register, rows, slip, verified

SCHEMAS = Path(__file__).parents[2] / "schemas"
Closed = tuple[TestClient, dict[str, Any]]


def fetch(client: TestClient, institution_code: str = "13101") -> list[dict[str, Any]]:
    """Every file listed, with its bytes."""
    found, after = [], 0
    while page := client.get("/gateway/files", params={"institution_code": institution_code, "after": after, "limit": 2}).json()["files"]:
        found += [{**file, "body": client.get(f"/gateway/files/{file['file_id']}").content} for file in page]
        after = page[-1]["sequence"]
    return found


def receipts(client: TestClient) -> list[dict[str, str]]:
    return [row for file in fetch(client) if file["kind"] == "receipt" for row in rows(verified(client, file["body"]), "Receipt")]


def settlements(client: TestClient) -> list[dict[str, str]]:
    return [row for file in fetch(client) if file["kind"] == "settlement" for row in rows(verified(client, file["body"]), "Settlement")]


def bank_files(client: TestClient) -> list[list[str]]:
    bodies = [file["body"] for file in fetch(client) if file["kind"] == "bank_credit"]
    assert all(body.endswith(b"\r\n") for body in bodies)
    lines = [body.decode("cp932").split("\r\n")[:-1] for body in bodies]
    assert all(len(line.encode("cp932")) == 200 for records in lines for line in records)
    return lines


def yen(found: list[dict[str, str]], field: str = "AmountYen") -> int:
    return sum(int(row[field]) for row in found)


def test_receipts_settlement_and_bank_credit_tie(closed: Closed) -> None:
    client, answer = closed
    found, lines = receipts(client), settlements(client)
    by_stage = {stage: [row for row in found if row["Stage"] == stage] for stage in ("preliminary", "confirmed", "cancelled")}
    keys = {stage: {row["TransactionKey"] for row in part} for stage, part in by_stage.items()}
    assert keys["preliminary"] == keys["confirmed"] | keys["cancelled"]
    assert not keys["confirmed"] & keys["cancelled"]
    assert keys["cancelled"]
    assert yen(by_stage["confirmed"]) == yen(lines, "GrossYen") == answer["receipts_yen"]
    assert len(by_stage["confirmed"]) == yen(lines, "ReceiptCount") == answer["receipts"]
    assert all(int(row["GrossYen"]) - int(row["FeeYen"]) == int(row["NetYen"]) for row in lines)


def test_the_bank_file_has_every_net_and_adds_up(closed: Closed) -> None:
    client, _ = closed
    (records,) = bank_files(client)
    head, *movements, trailer, end = records
    nets = {row["SettlementKey"]: int(row["NetYen"]) for row in settlements(client)}
    assert {line[179:199].strip(): int(line[24:36]) for line in movements} == nets
    assert (head[:3], trailer[0], end[0]) == ("103", "8", "9")
    assert {line[9:15] for line in movements} == {line[15:21] for line in movements} == {head[10:16]} == {head[16:22]} == {"081126"}
    assert (int(trailer[1:7]), int(trailer[7:20]), int(trailer[20:26]), int(trailer[26:39])) == (len(nets), sum(nets.values()), 0, 0)
    assert int(head[115:129]) + sum(nets.values()) == int(trailer[40:54])
    assert (int(trailer[54:61]), int(end[1:11]), int(end[11:16])) == (len(nets), len(records), 1)
    assert movements[0][81:129].rstrip() == "ﾁﾎｳｾﾞｲｷﾖｳﾄﾞｳｷｺｳ"


def test_the_next_day_goes_on_from_the_balance(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(1), slip(2)])
    for number, day in ((1, DAY), (2, "2026-11-24")):
        pay(client, slip(number), paid_on=day)
        client.post("/close-day", json={"day": day})
    first, second = bank_files(client)
    assert second[0][115:129] == first[-2][40:54]


def test_every_file_is_valid_and_its_header_agrees(closed: Closed) -> None:
    client, _ = closed
    for file in fetch(client):
        if file["kind"] == "bank_credit":
            continue
        root = verified(client, file["body"])
        etree.XMLSchema(etree.parse(SCHEMAS / f"{file['kind']}.xsd")).assertValid(etree.fromstring(file["body"]))
        head, record, field = header(root), *{"receipt": ("Receipt", "AmountYen"), "settlement": ("Settlement", "GrossYen")}[file["kind"]]
        assert (int(head["RecordCount"]), int(head["TotalYen"])) == (len(rows(root, record)), yen(rows(root, record), field))
        assert (head["BusinessDay"], file["bytes"]) == (DAY, len(file["body"]))


def test_xmlsec1_verifies_what_the_gateway_signs(closed: Closed, tmp_path: Path) -> None:
    binary = shutil.which("xmlsec1")
    if binary is None and os.environ.get("CI_NO_SKIP") != "1":
        pytest.skip("xmlsec1 is not installed")
    client, _ = closed
    (tmp_path / "gateway.crt").write_text(client.get("/gateway/certificate").text)
    for file in fetch(client):
        if file["kind"] != "bank_credit":
            (tmp_path / "file.xml").write_bytes(file["body"])
            command = [str(binary), "--verify", "--trusted-pem", "gateway.crt", "--enabled-key-data", "x509", "file.xml"]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr


def test_closing_again_changes_nothing_and_late_payments_wait_for_the_next_day(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(1), slip(2)])
    pay(client, slip(1))
    first = client.post("/close-day", json={"day": DAY}).json()
    assert client.post("/close-day", json={"day": DAY}).json() == first
    late = pay(client, slip(2))
    again = client.post("/close-day", json={"day": DAY}).json()
    assert (again["files"], again["waiting"]) == (first["files"], 1)
    following = client.post("/close-day", json={"day": "2026-11-24"}).json()
    assert (following["receipts"], following["waiting"]) == (1, 0)
    assert [(row["PaidOn"], row["BookedOn"]) for row in receipts(client) if row["TransactionKey"] == late][:1] == [(DAY, "2026-11-24")]


def test_a_day_without_payments_leaves_no_file_and_stays_open(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(1)])
    assert client.post("/close-day", json={"day": DAY}).json() == {"day": DAY, "receipts": 0, "receipts_yen": 0, "waiting": 0, "files": []}
    pay(client, slip(1))
    assert client.post("/close-day", json={"day": DAY}).json()["receipts"] == 1


def test_a_day_that_is_closed_without_payments_says_so(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(1)])
    answer = client.post("/close-day", json={"day": DAY, "institution_code": "13101"}).json()
    assert [(file["kind"], file["sequence"]) for file in answer["files"]] == [("receipt", 1)]
    (file,) = fetch(client)
    assert header(verified(client, file["body"]))["RecordCount"] == "0"
    etree.XMLSchema(etree.parse(SCHEMAS / "receipt.xsd")).assertValid(etree.fromstring(file["body"]))
    assert client.post("/close-day", json={"day": DAY, "institution_code": "13101"}).json() == answer
    assert client.post("/close-day", json={"day": DAY, "institution_code": "99999"}).json()["files"] == []


def test_every_institution_counts_its_own_files(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(1)])
    pay(client, slip(99), amount_yen=7, institution_code="99999")
    pay(client, slip(1))
    client.post("/close-day", json={"day": DAY})
    for code in ("13101", "99999"):
        assert [file["sequence"] for file in fetch(client, code)] == [1, 2, 3, 4]


def test_a_small_amount_never_costs_more_than_itself(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(1, AmountYen=2)])
    pay(client, slip(1, AmountYen=2))
    client.post("/close-day", json={"day": DAY})
    assert [(row["GrossYen"], row["FeeYen"], row["NetYen"]) for row in settlements(client)] == [("2", "2", "0")]
    assert bank_files(client) == []


def test_a_cancelled_payment_is_a_receipt_and_its_cancellation(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(1)])
    key = pay(client, slip(1))
    assert client.post("/cancel", json={"transaction_key": key}).status_code == 200
    client.post("/close-day", json={"day": DAY})
    assert [(row["TransactionKey"], row["Stage"]) for row in receipts(client)] == [(key, "preliminary"), (key, "cancelled")]
    assert settlements(client) == []
    assert client.post("/cancel", json={"transaction_key": "none"}).json()["code"] == "unknown_transaction"


def test_a_booked_payment_is_not_cancelled_any_more(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(1)])
    key = pay(client, slip(1))
    client.post("/close-day", json={"day": DAY})
    assert client.post("/cancel", json={"transaction_key": key}).json()["code"] == "day_closed"


def test_pay_takes_everything_but_malformed_input(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(1)])
    register(client, sender, [slip(1, Operation="cancel")], "reg-2")
    pay(client, slip(1))
    pay(client, slip(1), amount_yen=7, paid_on="2027-01-01")
    pay(client, slip(99), amount_yen=7, institution_code="99999")
    body = {"institution_code": "13101", "case_key": slip(99)["CaseKey"], "confirmation_number": "123456", "fund_code": "601"}
    missing = client.post("/pay", json={**body, "channel": "counter", "paid_on": DAY})
    assert (missing.status_code, missing.json()["code"]) == (422, "amount_required")
    wrong = client.post("/pay", json={**body, "channel": "pigeon", "paid_on": DAY})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_input")
    assert client.get("/nowhere").json() == {"code": "not_found", "detail": "見つかりません"}


def test_receipt_files_are_split_and_lose_nothing(client: TestClient, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mock_eltax.papers.RECORDS_A_FILE", 4)
    register(client, sender, [slip(number) for number in range(10)])
    paid = [pay(client, slip(number)) for number in range(10)]
    answer = client.post("/close-day", json={"day": DAY}).json()
    assert [file["kind"] for file in answer["files"]] == ["receipt"] * 6 + ["settlement", "bank_credit"]
    found = receipts(client)
    assert [(row["TransactionKey"], row["Stage"]) for row in found] == [
        (key, stage) for stage in ("preliminary", "confirmed") for key in paid
    ]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-02-30", "tomorrow", None, 7.5])
def test_an_impossible_day_is_a_problem_and_no_traceback(client: TestClient, day: Any) -> None:
    answer = client.post(
        "/pay",
        json={
            "institution_code": "13101",
            "case_key": "1" * 20,
            "confirmation_number": "1" * 6,
            "fund_code": "601",
            "channel": "app",
            "paid_on": day,
        },
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
