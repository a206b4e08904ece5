"""Faults by name: armed for the next calls, played as often as asked, and gone after that."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from signxml.exceptions import InvalidSignature

from mock_eltax import faults
from tests.mock.sender import Sender, header, put, results, signed_message, slip, verified

INQUIRY = {"institution_code": "13101"}


def arm(client: TestClient, name: str, **more: Any) -> dict[str, int]:
    answer = client.post("/faults", json={"name": name, **more})
    assert answer.status_code == 200, answer.text
    waiting: dict[str, int] = answer.json()["waiting"]
    return waiting


def status(client: TestClient, message_id: str = "m-1") -> str:
    return header(verified(client, client.get(f"/gateway/messages/{message_id}", params=INQUIRY).content))["Status"]


@pytest.mark.parametrize(
    ("name", "told", "taken"),
    [
        ("too_many", (429, "7"), False), ("server_error", (500, None), False), ("unavailable", (503, None), False),
        ("maintenance", (503, "7"), False), ("slow", (200, None), True), ("forgets", (200, None), False),
    ],
)  # fmt: skip
def test_a_fault_is_played_as_often_as_asked(
    client: TestClient, sender: Sender, name: str, told: tuple[int, str | None], taken: bool
) -> None:
    body = signed_message(sender, "m-1", [slip(1)])
    seconds = 0.01 if name == "slow" else 7
    assert arm(client, name, times=2, asked_s=seconds) == {name: 2}
    for _ in range(2):
        answer = put(client, "m-1", body)
        assert (answer.status_code, answer.headers.get("Retry-After")) == told
    assert status(client) == ("processed" if taken else "absent")
    assert len(client.get("/slips").json()["slips"]) == int(taken)
    assert results(verified(client, put(client, "m-1", body).content)) == {slip(1)["CaseKey"]: "registered"}
    assert client.get("/faults").json()["waiting"] == {}


@pytest.mark.parametrize("name", ["99916", "wrong_signature"])
def test_a_wrong_signature_is_wrong_and_the_truth_comes_after_it(client: TestClient, sender: Sender, name: str) -> None:
    one = slip(1, CaseKey="99916000000000000001") if name == "99916" else slip(1)
    if name == "wrong_signature":
        arm(client, name)
    body = signed_message(sender, "m-1", [one])
    with pytest.raises(InvalidSignature):
        verified(client, put(client, "m-1", body).content)
    assert status(client) == "processed"


def test_an_inquiry_lies_and_then_tells(client: TestClient, sender: Sender) -> None:
    put(client, "m-1", signed_message(sender, "m-1", [slip(1)]))
    arm(client, "lies")
    assert [status(client), status(client)] == ["absent", "processed"]


def test_taking_twice_shows_in_the_books_only(client: TestClient, sender: Sender) -> None:
    body = signed_message(sender, "m-1", [slip(1)])
    first = put(client, "m-1", body).content
    before = client.get("/books").json()
    arm(client, "takes_twice")
    assert put(client, "m-1", body).content == first
    assert client.get("/books").json() != before


def test_a_fault_can_be_taken_back_and_an_unknown_one_is_refused(client: TestClient) -> None:
    arm(client, "html", times=3)
    assert arm(client, "html", times=0) == {}
    assert client.post("/faults", json={"name": "nothing"}).status_code == 404
    assert client.get("/faults").json()["faults"] == [fault.name for fault in faults.FAULTS]
