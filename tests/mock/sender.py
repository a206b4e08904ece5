"""A sender of payment messages for tests of the mock: builds, signs with signxml and sends. Used by tests/mock only; shares no code with either side."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureMethod
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

NS = "{urn:fundlink:gateway:1}"
INSTITUTION, MUNICIPALITY = "13101", "131016"
DAY = "2026-11-20"


class Sender(NamedTuple):
    """An institution with its key."""

    key: Any
    pem: str
    institution_code: str = INSTITUTION
    municipality_code: str = MUNICIPALITY


def make_sender(elliptic: bool = False, **codes: str) -> Sender:
    """A new key and certificate."""
    key: Any = ec.generate_private_key(ec.SECP256R1()) if elliptic else rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test sender")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    certificate = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2049, 1, 1, tzinfo=UTC))
    return Sender(key, certificate.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode(), **codes)


def slip(number: int, **changes: Any) -> dict[str, str]:
    """A good slip; `changes` by element name, None leaves the element out."""
    fields: dict[str, Any] = {
        "Operation": "register",
        "CaseKey": f"601{number:017d}",
        "ConfirmationNumber": f"{(number * 7919) % 1_000_000:06d}",
        "FundCode": ("601", "602", "611")[number % 3],
        "OfficeCode": "000",
        "LevyYear": "2026",
        "RelevantYear": "2026",
        "FiscalYear": "2026",
        "Installment": "01",
        "AmountYen": 1000 + number * 10,
        "DueOn": "2026-10-31" if number % 4 else "2026-09-30",
        "PayableUntil": "2026-12-10" if number % 4 else "2026-11-09",
    }
    return {name: str(value) for name, value in (fields | changes).items() if value is not None}


def message(sender: Sender, message_id: str, slips: Sequence[dict[str, str]], **header: Any) -> str:
    """An unsigned payment message."""
    fields = {
        "MessageId": message_id,
        "MunicipalityCode": sender.municipality_code,
        "InstitutionCode": sender.institution_code,
        "CreatedAt": "2026-11-19T10:00:00+09:00",
        "RecordCount": len(slips),
        "TotalYen": sum(int(one["AmountYen"]) for one in slips),
    } | header
    inner = "".join(f"<Slip>{_elements(one)}</Slip>" for one in slips)
    return f'<PaymentFile xmlns="urn:fundlink:gateway:1" version="1"><Header>{_elements(fields)}</Header>{inner}</PaymentFile>'


def sign(sender: Sender, document: str) -> bytes:
    """Signed with signxml in the protocol's profile."""
    method = SignatureMethod.RSA_SHA256 if isinstance(sender.key, rsa.RSAPrivateKey) else SignatureMethod.ECDSA_SHA256
    signer = XMLSigner(signature_algorithm=method, c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0)
    return etree.tostring(signer.sign(etree.fromstring(document), key=sender.key, cert=sender.pem, always_add_key_value=False))


def signed_message(sender: Sender, message_id: str, slips: Sequence[dict[str, str]], **header: Any) -> bytes:
    """A whole message, ready to send."""
    return sign(sender, message(sender, message_id, slips, **header))


def put(client: Any, message_id: str, body: bytes) -> Any:
    """Send bytes under an id."""
    return client.put(f"/gateway/messages/{message_id}", content=body, headers={"content-type": "application/xml"})


def enrol(client: Any, sender: Sender) -> Any:
    """Make a sender known."""
    return client.post("/gateway/enrolments", json={"institution_code": sender.institution_code, "certificate_pem": sender.pem})


def register(client: Any, sender: Sender, slips: Sequence[dict[str, str]], message_id: str = "reg-1") -> dict[str, str]:
    """Send a message and give the results by case key, checked against the gateway's certificate."""
    return results(verified(client, put(client, message_id, signed_message(sender, message_id, slips)).content))


def verified(client: Any, document: bytes) -> Any:
    """What signxml says was signed, by the gateway's own certificate and in the one allowed form."""
    certificate = client.get("/gateway/certificate").text
    config = SignatureConfiguration(require_x509=True, signature_methods=frozenset({SignatureMethod.RSA_SHA256}))
    found = XMLVerifier().verify(document, x509_cert=certificate, expect_config=config)
    assert not isinstance(found, list)
    return found.signed_xml


def results(root: Any) -> dict[str, str]:
    """Case key to result or reason code."""
    return {
        answer.findtext(f"{NS}CaseKey"): answer.findtext(f"{NS}ReasonCode") or answer.findtext(f"{NS}Result")
        for answer in root.findall(f"{NS}Answer")
    }


def rows(root: Any, record: str) -> list[dict[str, str]]:
    """Every record of a file as a dict."""
    return [{etree.QName(field).localname: field.text for field in element} for element in root.findall(f"{NS}{record}")]


def header(root: Any) -> dict[str, str]:
    """The header of a document."""
    return {etree.QName(field).localname: field.text for field in root.find(f"{NS}Header")}


def pay(client: Any, one: dict[str, str], **changes: Any) -> str:
    """Pay a slip through the surface."""
    body = {
        "institution_code": INSTITUTION,
        "case_key": one["CaseKey"],
        "confirmation_number": one["ConfirmationNumber"],
        "fund_code": one["FundCode"],
        "channel": "counter",
        "paid_on": DAY,
    } | changes
    answer = client.post("/pay", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["transaction_key"])


def _elements(fields: dict[str, Any]) -> str:
    return "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
