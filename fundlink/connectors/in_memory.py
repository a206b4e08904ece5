"""The gateway's twin inside the process: same protocol, same promises, no network. For tests and simulation.

Built by tests through bootstrap.build(gateway=…). Registers, updates, cancels and refuses as docs/gateway.md says; hands out
the files a test puts in. Faults are asked for by name, so that a test says what goes wrong instead of hoping for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from lxml import etree

from fundlink import safe_xml
from fundlink.connectors import envelope, identity
from fundlink.connectors.gateway import NoAnswerError, RemoteFile, UnreachableError
from fundlink.domain.errors import OutcomeUnknownError
from fundlink.domain.values import municipality_check_digit

_NS = "urn:fundlink:gateway:1"
_HEAD = (
    '<AcknowledgementFile xmlns="{ns}" version="1"><Header><MessageId>A-{id}</MessageId><InReplyTo>{id}</InReplyTo>'
    "<MunicipalityCode>{code}</MunicipalityCode><InstitutionCode>{institution}</InstitutionCode>"
    "<CreatedAt>2026-11-24T09:00:00+09:00</CreatedAt><Status>{status}</Status>{reason}"
    "<RecordCount>{count}</RecordCount><TotalYen>{total}</TotalYen></Header>"
)
_ANSWER = "<Answer><CaseKey>{key}</CaseKey><Result>{result}</Result>{reason}<AmountYen>{yen}</AmountYen></Answer>"
FAULTS = {
    "answer_lost": "taken, the answer is lost",
    "message_lost": "not taken, nothing comes back",
    "slow": "taken, the answer comes after the timeout",
    "unreachable": "no connection",
    "server_error": "HTTP 500, not taken",
    "too_many": "HTTP 429 with Retry-After, not taken",
    "unavailable": "HTTP 503 without Retry-After, not taken",
    "html": "200 with a page, taken",
    "empty": "200 with nothing, taken",
    "unsigned": "taken, the answer has no signature",
    "wrong_signature": "taken, the answer's signature is wrong",
    "forgets": "taken and answered, then forgotten with its slips",
    "takes_twice": "a message that was taken before is judged and takes effect again",
    "lies": "(inquiry) says absent, whatever is true",
}
"""What can go wrong, by name; the mock plays the same under the same names."""
_UNTAKEN = {"message_lost", "unreachable", "server_error", "too_many", "unavailable"}
_FORMERLY = {"lose_answer": "answer_lost", "lose_message": "message_lost", "busy": "message_lost"}
ASKED_S = 30.0
_TAKEN = {"register": "registered", "update": "updated", "cancel": "cancelled"}


class InMemoryGateway:
    """One institution's gateway. ``faults`` are played one a submission, ``inquiry_faults`` one an inquiry, by the names of FAULTS.

    ``away`` calls, of whatever kind, are refused with 503 and a Retry-After of ``away_for_s``: a maintenance window.
    """

    name = "in-memory"

    def __init__(self, pair: tuple[bytes, bytes] | None = None) -> None:
        key, self._certificate = pair or identity.make_demo_identity("in-memory gateway")
        self._signer = identity.Signer(key, self._certificate)
        self._adapters: dict[str, bytes] = {}
        self._answers: dict[str, tuple[bytes, bytes]] = {}
        self._files: dict[str, tuple[RemoteFile, bytes]] = {}
        self.slips: dict[str, dict[str, str]] = {}
        self.effects: dict[tuple[str, str], int] = {}
        self.paid: list[str] = []
        """Case keys, one a payment that a payer made here and that was not taken back."""
        self.faults: list[str] = []
        self.inquiry_faults: list[str] = []
        self.away, self.away_for_s = 0, 600.0
        self.calls: list[tuple[str, str]] = []
        """Every call about a message that came through: kind and message id."""

    def submit(self, message_id: str, body: bytes) -> bytes:
        """Take a message once; the same id gives the stored answer again."""
        self._at_home()
        fault = self.faults.pop(0) if self.faults else ""
        fault = _FORMERLY.get(fault, fault)
        self.calls.append(("send", message_id))
        if fault in _UNTAKEN:
            raise _silence(fault)
        answer = self._answer(message_id, body, again=fault == "takes_twice")
        if fault == "forgets":
            self._forget(message_id, body)
        return _travelled(fault, answer)

    def inquire(self, message_id: str, institution_code: str) -> bytes:
        """The stored answer, or one that says the message never arrived."""
        self._at_home()
        fault = self.inquiry_faults.pop(0) if self.inquiry_faults else ""
        self.calls.append(("inquire", message_id))
        if fault in _UNTAKEN:
            raise _silence(fault)
        known = None if fault == "lies" else self._answers.get(message_id)
        return _travelled(fault, known[1] if known else self._sealed(message_id, institution_code, "absent", []))

    def _at_home(self) -> None:
        if self.away > 0:
            self.away -= 1
            raise NoAnswerError("maintenance", "busy", status=503, asked_s=self.away_for_s)

    def _forget(self, message_id: str, body: bytes) -> None:
        """Restored from an older copy: the message and what it registered never were."""
        self._answers.pop(message_id, None)
        for slip in safe_xml.parse(body).iterfind(f"{{{_NS}}}Slip"):
            self.slips.pop(slip.findtext(f"{{{_NS}}}CaseKey") or "", None)

    def files(self, institution_code: str, after: int) -> list[RemoteFile]:
        """Files a test has put in."""
        mine = [remote for remote, _ in self._files.values() if remote.sequence > after and remote.name.startswith(institution_code)]
        return sorted(mine, key=lambda remote: remote.sequence)[:100]

    def fetch(self, file_id: str) -> bytes:
        """The bytes of a file a test has put in."""
        return self._files[file_id][1]

    def certificate(self) -> bytes:
        """The twin's certificate."""
        self._at_home()
        return self._certificate

    def enrol(self, institution_code: str, certificate_pem: bytes) -> None:
        """Pin the adapter's certificate."""
        self._adapters[institution_code] = certificate_pem

    def close(self) -> None:
        """There is nothing to give back."""

    def put(self, institution_code: str, kind: str, business_day: str, *, pieces: Iterable[bytes]) -> str:
        """Offer a file: XML without signature is signed here, a bank file goes as it is. Its file id."""
        body = b"".join(pieces if kind == "bank_credit" else envelope.seal(pieces, self._signer))
        return self.put_bytes(institution_code, kind, business_day, body=body)

    def put_bytes(self, institution_code: str, kind: str, business_day: str, *, body: bytes) -> str:
        """Offer these very bytes, whatever they are."""
        number = len(self._files) + 1
        file_id = f"{kind}-{number}"
        digest = hashlib.sha256(body).hexdigest()
        sequence = 1 + sum(remote.name.startswith(institution_code) for remote, _ in self._files.values())
        self._files[file_id] = (RemoteFile(file_id, sequence, kind, f"{institution_code}-{file_id}", business_day, digest, len(body)), body)
        return file_id

    def _answer(self, message_id: str, body: bytes, *, again: bool = False) -> bytes:
        known = self._answers.get(message_id)
        if known is not None and not again:
            return known[1] if known[0] == body else self._sealed(message_id, "00000", "rejected", [], "R005")
        root = safe_xml.parse(body)
        institution = root.findtext(f"{{{_NS}}}Header/{{{_NS}}}InstitutionCode") or "00000"
        octets = envelope.open_sealed(body, self._adapters[institution])
        answers = [self._judge(slip) for slip in safe_xml.parse(octets).iterfind(f"{{{_NS}}}Slip")]
        answer = self._sealed(message_id, institution, "processed", answers)
        self._answers[message_id] = (body, answer)
        return answer

    def _judge(self, slip: etree._Element) -> tuple[str, str, str, int]:
        """(case key, result, reason, yen) of one slip, and its effect."""
        told = {etree.QName(child).localname: child.text or "" for child in slip}
        key, operation, known = told["CaseKey"], told["Operation"], self.slips.get(told["CaseKey"])
        reason = ""
        if key.startswith("99900"):
            reason = f"E{key[-3:]}"
        elif operation == "register" and known is not None:
            reason = "E106" if known["state"] == "cancelled" else "" if known["AmountYen"] == told["AmountYen"] else "E101"
        elif operation != "register" and (known is None or known["state"] == "cancelled"):
            reason = "E104" if known is None else "E106"
        elif operation != "register" and key in self.paid:
            reason = "E105"
        if reason:
            return key, "refused", reason, int(told["AmountYen"])
        self.slips[key] = {**told, "state": "cancelled" if operation == "cancel" else "registered"}
        self.effects[key, operation] = self.effects.get((key, operation), 0) + 1
        return key, _TAKEN[operation], "", int(told["AmountYen"])

    def _sealed(self, message_id: str, institution: str, status: str, answers: list[tuple[str, str, str, int]], reason: str = "") -> bytes:
        def reasoned(code: str) -> str:
            return f"<ReasonCode>{code}</ReasonCode>" if code else ""

        head = _HEAD.format(
            ns=_NS, id=message_id, code=institution + municipality_check_digit(institution), institution=institution, status=status,
            reason=reasoned(reason), count=len(answers), total=sum(item[3] for item in answers),
        )  # fmt: skip
        rows = [_ANSWER.format(key=key, result=result, reason=reasoned(code), yen=yen) for key, result, code, yen in answers]
        pieces = [head.encode(), *(row.encode() for row in rows), b"</AcknowledgementFile>"]
        return b"".join(envelope.seal(pieces, self._signer))


def _silence(fault: str) -> OutcomeUnknownError:
    """What the connector makes of a call that was not answered."""
    if fault == "unreachable":
        return UnreachableError(fault)
    status = {"server_error": 500, "too_many": 429, "unavailable": 503}.get(fault)
    asked_s = ASKED_S if fault == "too_many" else None
    return NoAnswerError(fault, "busy" if asked_s else "error" if status else "lost", status=status, asked_s=asked_s)


def _travelled(fault: str, answer: bytes) -> bytes:
    """An answer on its way back, whole or with its fault."""
    if fault in ("answer_lost", "slow"):
        raise NoAnswerError(fault)
    if fault == "empty":
        raise NoAnswerError("empty answer", "unusable", status=200)
    if fault == "html":
        return b"<html><body>maintenance</body></html>"
    if fault == "unsigned":
        return answer[: answer.index(b"<ds:Signature")] + b"</AcknowledgementFile>"
    if fault == "wrong_signature":
        at = answer.index(b"SignatureValue>") + len(b"SignatureValue>")
        return answer[:at] + (b"B" if answer[at : at + 1] == b"A" else b"A") + answer[at + 1 :]
    return answer
