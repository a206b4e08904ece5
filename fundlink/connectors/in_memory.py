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
from fundlink.connectors.gateway import RemoteFile
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
_TAKEN = {"register": "registered", "update": "updated", "cancel": "cancelled"}


class InMemoryGateway:
    """One institution's gateway. ``faults``: message-level events to play, one a submission: lose_answer, lose_message, html, unsigned, busy."""

    def __init__(self, pair: tuple[bytes, bytes] | None = None) -> None:
        key, self._certificate = pair or identity.make_demo_identity("in-memory gateway")
        self._signer = identity.Signer(key, self._certificate)
        self._adapters: dict[str, bytes] = {}
        self._answers: dict[str, tuple[bytes, bytes]] = {}
        self._files: dict[str, tuple[RemoteFile, bytes]] = {}
        self.slips: dict[str, dict[str, str]] = {}
        self.effects: dict[tuple[str, str], int] = {}
        self.faults: list[str] = []

    def submit(self, message_id: str, body: bytes) -> bytes:
        """Take a message once; the same id gives the stored answer again."""
        fault = self.faults.pop(0) if self.faults else ""
        if fault in ("lose_message", "busy"):
            raise OutcomeUnknownError(fault)
        answer = self._answer(message_id, body)
        if fault == "lose_answer":
            raise OutcomeUnknownError(fault)
        if fault == "html":
            return b"<html><body>maintenance</body></html>"
        if fault == "unsigned":
            return answer[: answer.index(b"<ds:Signature")] + b"</AcknowledgementFile>"
        return answer

    def inquire(self, message_id: str, institution_code: str) -> bytes:
        """The stored answer, or one that says the message never arrived."""
        known = self._answers.get(message_id)
        return known[1] if known else self._sealed(message_id, institution_code, "absent", [])

    def files(self, institution_code: str, after: int) -> list[RemoteFile]:
        """Files a test has put in."""
        mine = [remote for remote, _ in self._files.values() if remote.sequence > after and remote.name.startswith(institution_code)]
        return sorted(mine, key=lambda remote: remote.sequence)[:100]

    def fetch(self, file_id: str) -> bytes:
        """The bytes of a file a test has put in."""
        return self._files[file_id][1]

    def certificate(self) -> bytes:
        """The twin's certificate."""
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

    def _answer(self, message_id: str, body: bytes) -> bytes:
        known = self._answers.get(message_id)
        if known is not None:
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
