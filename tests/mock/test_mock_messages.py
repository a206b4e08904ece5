"""Payment messages: what the gateway answers, slip by slip and as a whole."""

import base64
import random
from typing import Any

import pytest
from fastapi.testclient import TestClient
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from tests.mock.sender import (
    Sender,
    enrol,
    header,
    make_sender,
    message,
    pay,
    put,
    register,
    results,
    sign,
    signed_message,
    slip,
    verified,
)


def status(client: TestClient, body: bytes, message_id: str = "m-1") -> tuple[str, str | None]:
    head = header(verified(client, put(client, message_id, body).content))
    return head["Status"], head.get("ReasonCode")


def test_a_message_is_answered_slip_by_slip(client: TestClient, sender: Sender) -> None:
    slips = [slip(number) for number in range(3)]
    root = verified(client, put(client, "m-1", signed_message(sender, "m-1", slips)).content)
    assert results(root) == {one["CaseKey"]: "registered" for one in slips}
    head = header(root)
    assert (head["InReplyTo"], head["Status"], head["RecordCount"], head["TotalYen"]) == ("m-1", "processed", "3", "3030")
    states = client.get("/slips", params={"institution_code": "13101"}).json()["slips"]
    assert [(row["case_key"], row["amount_yen"], row["state"]) for row in states] == [
        (one["CaseKey"], int(one["AmountYen"]), "registered") for one in slips
    ]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (slip(1), "registered"),
        (slip(1, AmountYen=5), "E101"),
        (slip(3, FundCode="999"), "E102"),
        (slip(3, PayableUntil="2026-01-01"), "E103"),
        (slip(3, DueOn="0001-01-01"), "E103"),
        (slip(3, Operation="update"), "E104"),
        (slip(3, Operation="cancel"), "E104"),
        (slip(1, Operation="update", AmountYen=5), "updated"),
        (slip(1, Operation="update", ConfirmationNumber="000000"), "E199"),
        (slip(1, Operation="cancel"), "cancelled"),
        (slip(1, Operation="cancel", ReplacedBy=slip(9)["CaseKey"]), "cancelled"),
        (slip(1, Operation="cancel", ReplacedBy=slip(1)["CaseKey"]), "E199"),
        (slip(2, Operation="update"), "E105"),
        (slip(2, Operation="cancel"), "E105"),
        (slip(2), "registered"),
        (slip(4, Operation="update"), "E106"),
        (slip(4, Operation="cancel"), "E106"),
        (slip(4), "E106"),
        (slip(5, CaseKey="99900000000000000102"), "E102"),
        (slip(5, CaseKey="99900000000000000777"), "E199"),
    ],
)
def test_every_reason_for_a_slip(client: TestClient, sender: Sender, second: dict[str, str], expected: str) -> None:
    register(client, sender, [slip(1), slip(2), slip(4)])
    register(client, sender, [slip(4, Operation="cancel")], "reg-2")
    pay(client, slip(2))
    assert register(client, sender, [second], "reg-3") == {second["CaseKey"]: expected}


def test_a_payment_with_a_wrong_number_does_not_make_a_slip_paid(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(1)])
    pay(client, slip(1), confirmation_number="999999")
    assert register(client, sender, [slip(1, Operation="cancel")], "reg-2") == {slip(1)["CaseKey"]: "cancelled"}


def test_the_same_bytes_get_the_stored_answer_and_other_bytes_r005(client: TestClient, sender: Sender) -> None:
    body = signed_message(sender, "m-1", [slip(1)])
    first = put(client, "m-1", body)
    register(client, sender, [slip(1, Operation="cancel")], "m-2")
    assert put(client, "m-1", body).content == first.content
    assert client.get("/slips").json()["slips"][0]["state"] == "cancelled"
    assert status(client, signed_message(sender, "m-1", [slip(2)])) == ("rejected", "R005")
    inquiry = client.get("/gateway/messages/m-1", params={"institution_code": "13101"})
    assert inquiry.content == first.content
    assert len(client.get("/slips").json()["slips"]) == 1


def test_a_message_that_never_came_is_absent(client: TestClient) -> None:
    answer = client.get("/gateway/messages/nothing", params={"institution_code": "13101"})
    head = header(verified(client, answer.content))
    assert (head["Status"], head["InReplyTo"], head["RecordCount"]) == ("absent", "nothing", "0")


def _totals(sender: Sender) -> bytes:
    return signed_message(sender, "m-1", [slip(1)], TotalYen=1)


def _count(sender: Sender) -> bytes:
    return signed_message(sender, "m-1", [slip(1)], RecordCount=2)


def _other_id(sender: Sender) -> bytes:
    return signed_message(sender, "m-9", [slip(1)])


def _twice(sender: Sender) -> bytes:
    return signed_message(sender, "m-1", [slip(1), slip(1)])


def _bad_date(sender: Sender) -> bytes:
    return signed_message(sender, "m-1", [slip(1, DueOn="2026-02-30")])


def _wrong_municipality(sender: Sender) -> bytes:
    return signed_message(sender, "m-1", [slip(1)], MunicipalityCode="131024")


def _unsigned(sender: Sender) -> bytes:
    return message(sender, "m-1", [slip(1)]).encode()


def _altered(sender: Sender) -> bytes:
    return signed_message(sender, "m-1", [slip(1)]).replace(b"<AmountYen>1010<", b"<AmountYen>1011<")


def _two_signatures(sender: Sender) -> bytes:
    body = signed_message(sender, "m-1", [slip(1)])
    start, end = body.index(b"<ds:Signature "), body.index(b"</PaymentFile>")
    return body[:end] + body[start:end] + body[end:]


def _not_last(sender: Sender) -> bytes:
    body = signed_message(sender, "m-1", [slip(1)])
    start, end = body.index(b"<ds:Signature "), body.index(b"</PaymentFile>")
    return body[:start].replace(b"<Slip>", body[start:end] + b"<Slip>", 1) + body[end:]


def _other_transform(sender: Sender) -> bytes:
    return signed_message(sender, "m-1", [slip(1)]).replace(
        b"http://www.w3.org/2001/10/xml-exc-c14n#", b"http://www.w3.org/2006/12/xml-c14n11", 1
    )


def _stranger(sender: Sender) -> bytes:
    return signed_message(make_sender(), "m-1", [slip(1)])


def _doctype(sender: Sender) -> bytes:
    return b'<!DOCTYPE PaymentFile [<!ENTITY a "1">]>' + signed_message(sender, "m-1", [slip(1)])


def _comment(sender: Sender) -> bytes:
    return signed_message(sender, "m-1", [slip(1)]).replace(b"<Slip>", b"<!-- --><Slip>")


def _broken(sender: Sender) -> bytes:
    return signed_message(sender, "m-1", [slip(1)])[:-5]


def _utf16(sender: Sender) -> bytes:
    return message(sender, "m-1", [slip(1)]).encode("utf-16")


def _other_root(sender: Sender) -> bytes:
    return sign(sender, "<PaymentFile/>")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_unsigned, "R001"),
        (_altered, "R001"),
        (_two_signatures, "R001"),
        (_not_last, "R001"),
        (_other_transform, "R001"),
        (_stranger, "R001"),
        (_other_id, "R002"),
        (_twice, "R002"),
        (_bad_date, "R002"),
        (_doctype, "R002"),
        (_comment, "R002"),
        (_broken, "R002"),
        (_utf16, "R002"),
        (_other_root, "R002"),
        (_totals, "R003"),
        (_count, "R003"),
        (_wrong_municipality, "R004"),
    ],
)
def test_every_reason_for_a_whole_message(client: TestClient, sender: Sender, spoil: Any, reason: str) -> None:
    assert status(client, spoil(sender)) == ("rejected", reason)
    assert client.get("/slips").json() == {"slips": []}


def test_a_sender_nobody_knows_or_another_one_is_r004(client: TestClient) -> None:
    other = make_sender(institution_code="01100", municipality_code="011002")
    assert status(client, signed_message(other, "m-1", [slip(1)])) == ("rejected", "R004")
    assert enrol(client, other).status_code == 201
    disguised = other._replace(institution_code="13101", municipality_code="131016")
    assert status(client, signed_message(disguised, "m-1", [slip(1)])) == ("rejected", "R004")


def test_what_an_unknown_sender_said_does_not_use_up_a_message_id(client: TestClient, sender: Sender) -> None:
    assert status(client, _stranger(sender)) == ("rejected", "R001")
    assert status(client, signed_message(sender, "m-1", [slip(1)])) == ("processed", None)


def test_an_elliptic_key_is_accepted(client: TestClient) -> None:
    other = make_sender(elliptic=True, institution_code="01100", municipality_code="011002")
    enrol(client, other)
    assert register(client, other, [slip(1)]) == {slip(1)["CaseKey"]: "registered"}


def test_enrolment_pins_the_first_certificate(client: TestClient, sender: Sender) -> None:
    assert enrol(client, sender).status_code == 200
    assert enrol(client, make_sender()).json()["code"] == "other_certificate"
    wrong = client.post("/gateway/enrolments", json={"institution_code": "13101", "certificate_pem": base64.b64encode(b"no").decode()})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_certificate")


@pytest.mark.parametrize(
    ("prefix", "kind", "taken"),
    [
        ("99910", "lost", True),
        ("99911", "lost", False),
        ("99912", "html", False),
        ("99913", "empty", True),
        ("99914", "unsigned", True),
        ("99915", "503", False),
    ],
)
def test_a_fault_is_played_once_and_then_the_truth_is_told(client: TestClient, sender: Sender, prefix: str, kind: str, taken: bool) -> None:
    one = slip(1, CaseKey=f"{prefix}000000000000001")
    body = signed_message(sender, "m-1", [one])
    _expect_fault(client, body, kind)
    inquiry = client.get("/gateway/messages/m-1", params={"institution_code": "13101"})
    assert header(verified(client, inquiry.content))["Status"] == ("processed" if taken else "absent")
    assert len(client.get("/slips").json()["slips"]) == int(taken)
    assert results(verified(client, put(client, "m-1", body).content)) == {one["CaseKey"]: "registered"}
    assert len(client.get("/slips").json()["slips"]) == 1


def _expect_fault(client: TestClient, body: bytes, kind: str) -> None:
    if kind == "lost":
        with pytest.raises(ConnectionResetError):
            put(client, "m-1", body)
        return
    answer = put(client, "m-1", body)
    seen = {"html": b"<!doctype html" in answer.content, "empty": answer.content == b"", "503": answer.status_code == 503}
    unsigned = b"AcknowledgementFile" in answer.content and b"Signature" not in answer.content
    assert {**seen, "unsigned": unsigned}[kind]


def test_lost_answers_loses_some_and_ends_with_the_truth(client: TestClient, sender: Sender) -> None:
    client.post("/scenario", json={"name": "lost-answers"})
    faulty = 0
    for number in range(12):
        body = signed_message(sender, f"m-{number}", [slip(number)])
        try:
            answer = put(client, f"m-{number}", body)
            faulty += answer.status_code != 200 or b"<Signature " not in answer.content
        except ConnectionResetError:
            faulty += 1
        assert results(verified(client, put(client, f"m-{number}", body).content)) == {slip(number)["CaseKey"]: "registered"}
    assert 2 <= faulty <= 10


def _with(sender: Sender, signer: XMLSigner, **options: Any) -> bytes:
    """Validly signed, but not in the one accepted form."""
    document = etree.fromstring(message(sender, "m-1", [slip(1)]))
    return etree.tostring(signer.sign(document, key=sender.key, cert=sender.pem, **options))


EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0


@pytest.mark.parametrize(
    ("signer", "options"),
    [
        (XMLSigner(c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_1), {}),
        (XMLSigner(c14n_algorithm=EXCLUSIVE, digest_algorithm=DigestAlgorithm.SHA512), {}),
        (XMLSigner(c14n_algorithm=EXCLUSIVE, signature_algorithm=SignatureMethod.RSA_SHA512), {}),
        (XMLSigner(c14n_algorithm=EXCLUSIVE), {"always_add_key_value": True}),
        (XMLSigner(c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0_WITH_COMMENTS), {}),
    ],
)
def test_a_valid_signature_of_another_form_is_refused(client: TestClient, sender: Sender, signer: XMLSigner, options: Any) -> None:
    assert status(client, _with(sender, signer, **options)) == ("rejected", "R001")


def test_text_after_the_signature_is_part_of_what_was_signed(client: TestClient, sender: Sender) -> None:
    body = signed_message(sender, "m-1", [slip(1)])
    assert status(client, body.replace(b"</PaymentFile>", b"\n</PaymentFile>")) == ("rejected", "R001")


def test_an_indented_document_of_another_writer_is_accepted(client: TestClient, sender: Sender) -> None:
    indented = message(sender, "m-1", [slip(1)]).replace("><", ">\n  <")
    assert status(client, b'<?xml version="1.0" encoding="UTF-8"?>\n' + sign(sender, indented)) == ("processed", None)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes_get_a_signed_refusal(client: TestClient, sender: Sender, seed: int) -> None:
    lot, whole = random.Random(seed), signed_message(sender, "m-1", [slip(1)])
    body = bytearray(whole)
    for _ in range(lot.choice((1, 1, 3, 20))):
        body[lot.randrange(len(body))] = lot.randrange(256)
    unharmed = body.split() == whole.split()  # blanks between lines of base64 mean nothing
    head = header(verified(client, put(client, "m-1", bytes(body)).content))
    assert (head["Status"], head["InReplyTo"]) == ("processed" if unharmed else "rejected", "m-1")
