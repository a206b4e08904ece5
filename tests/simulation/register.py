"""The fake gateway's register: slips, messages and payments, and what it believes of them. Its books are what the product is held against.

Driven by the wire (messages) and by the world (payments). Written from docs/gateway.md; shares no code with the product.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from lxml import etree

from mock_eltax import documents, signature
from tests.simulation.seals import Pair, forge, seal

CHANNELS = ("counter", "card", "internet_banking", "direct_debit", "pay_easy", "app")
TAKEN = {"register": "registered", "update": "updated", "cancel": "cancelled"}


@dataclass
class Slip:
    """One eL number as the gateway knows it."""

    told: dict[str, str]
    cancelled: bool = False
    effects: Counter[str] = field(default_factory=Counter)
    by: set[str] = field(default_factory=set)  # the messages that registered it

    @property
    def yen(self) -> int:
        return int(self.told["AmountYen"])


@dataclass
class Message:
    """A message that arrived, with the answer that was given."""

    body: bytes
    answer: bytes
    slips: list[tuple[str, str]]  # institution and case key: two institutions count alike
    status: str
    heard: bool = False  # the answer reached the adapter
    undo: dict[tuple[str, str], Slip | None] = field(default_factory=dict)


@dataclass
class Payment:
    """What a payer did, in the words of a receipt."""

    key: str
    institution: str
    case_key: str
    number: str
    fund: str
    channel: str
    yen: int
    paid_on: str
    booked_on: str
    stages: list[str] = field(default_factory=list)  # as far as it was told to the adapter
    cancelled: bool = False


class Register:
    """All institutions' slips and payments."""

    def __init__(self, own: Pair, adapter: Pair, now: Callable[[], dt.datetime]) -> None:
        self._own, self._adapter, self._now = own, adapter, now
        self.slips: dict[tuple[str, str], Slip] = {}
        self.messages: dict[str, Message] = {}
        self.payments: dict[str, Payment] = {}
        self.wrong: list[str] = []
        self.forgotten: set[str] = set()
        self.doubled: set[tuple[str, str]] = set()  # slips about which a message took effect twice
        self.denied: set[str] = set()  # messages that it took, and says it did not
        self.kept_back: set[tuple[str, str]] = set()  # slips of which a change was refused because they are paid

    def take(self, message_id: str, body: bytes, *, double: bool = False) -> bytes:
        """Take a message once; the same id gives the stored answer again."""
        known = self.messages.get(message_id)
        if known is not None:
            if known.body != body:
                self.wrong.append(f"I-07 message {message_id} came with other bytes")
            if not double or known.status != "processed":
                return known.answer
            self.doubled |= self.slips.keys() & set(known.slips)  # its own bug: judged and answered anew
        root = documents.parse(body)
        signature.check(root, self._adapter.der)
        header = {str(etree.QName(child).localname): child.text or "" for child in root[0]}
        rows = [{str(etree.QName(child).localname): child.text or "" for child in slip} for slip in list(root)[1:]]
        if header["MessageId"] != message_id or int(header["RecordCount"]) != len(rows):
            self.wrong.append(f"I-05 message {message_id} says something else in its header")
        if int(header["TotalYen"]) != sum(int(row["AmountYen"]) for row in rows):
            self.wrong.append(f"I-02 message {message_id}: its total is not that of its slips")
        institution = header["InstitutionCode"]
        if header["MunicipalityCode"][:5] != institution:
            self.wrong.append(f"I-24 message {message_id} is of two municipalities")
        slips = [(institution, row["CaseKey"]) for row in rows]
        undo = {key: self._copy(key) for key in slips}
        answers = [self._judge(institution, row, message_id) for row in rows]
        answer = self._answer(message_id, institution, "processed", answers)
        first = known or Message(body, answer, slips, "processed", undo=undo)
        self.messages[message_id] = replace(first, answer=answer)
        return answer

    def _copy(self, key: tuple[str, str]) -> Slip | None:
        known = self.slips.get(key)
        return None if known is None else Slip(dict(known.told), known.cancelled, Counter(known.effects), set(known.by))

    def reject(self, message_id: str, body: bytes) -> bytes:
        """Say no to a whole message: no slip takes effect."""
        known = self.messages.get(message_id)
        if known is not None:
            return known.answer
        root = documents.parse(body)
        institution = root[0].findtext(f"{{{documents.NAMESPACE}}}InstitutionCode") or ""
        answer = self._answer(message_id, institution, "rejected", [], "R004")
        self.messages[message_id] = Message(body, answer, [], "rejected")
        return answer

    def tell(self, message_id: str, institution: str) -> bytes:
        """What became of a message."""
        known = self.messages.get(message_id)
        return known.answer if known else self.absent(message_id, institution)

    def absent(self, message_id: str, institution: str) -> bytes:
        """This message never arrived."""
        return self._answer(message_id, institution, "absent", [])

    def forget(self, rng: Random) -> bool:
        """Be restored from a backup made before the last message, which nobody had heard the answer of."""
        if not self.messages:
            return False
        last = list(self.messages)[-1]
        message = self.messages[last]
        paid = {(payment.institution, payment.case_key) for payment in self.payments.values()}
        if message.heard or message.status != "processed" or paid & set(message.slips) or rng.random() < 0.3:
            return False
        for key, before in message.undo.items():
            if before is None:
                self.slips.pop(key, None)
            else:
                self.slips[key] = before
        del self.messages[last]
        self.forgotten.add(last)
        return True

    def would_double(self, message_id: str) -> bool:
        """Whether a message that comes now is one that took effect before."""
        known = self.messages.get(message_id)
        return known is not None and known.status == "processed"

    def forged(self, message_id: str, body: bytes, kind: str) -> bytes:
        """What somebody on the way would have us believe: all was done as asked."""
        root = documents.parse(body)
        institution = root[0].findtext(f"{{{documents.NAMESPACE}}}InstitutionCode") or ""
        rows = [{str(etree.QName(child).localname): child.text or "" for child in slip} for slip in list(root)[1:] if len(slip)]
        told = [(row["CaseKey"], TAKEN[row["Operation"]], "", row["AmountYen"]) for row in rows if "CaseKey" in row]
        return self._answer(message_id, institution, "processed", told, forgery=kind)

    def _judge(self, institution: str, row: dict[str, str], message_id: str) -> tuple[str, str, str, str]:
        operation, key = row["Operation"], (institution, row["CaseKey"])
        known = self.slips.get(key)
        reason = ""
        if operation == "register":
            if known is not None:
                reason = "E106" if known.cancelled else "" if known.yen == int(row["AmountYen"]) else "E101"
        elif known is None:
            reason = "E104"
        elif known.cancelled:
            reason = "E106"
        elif self.is_paid(institution, row["CaseKey"]):
            reason = "E105"
            self.kept_back.add(key)
        if reason:
            return row["CaseKey"], "refused", reason, row["AmountYen"]
        if operation == "register":
            known = self.slips.setdefault(key, Slip(row))
            known.by.add(message_id)
            if len(known.by) > 1:
                self.wrong.append(f"I-05 slip of {institution} was registered by {sorted(known.by)}")
        assert known is not None
        if operation == "update":
            known.told = {**known.told, "AmountYen": row["AmountYen"], "DueOn": row["DueOn"], "PayableUntil": row["PayableUntil"]}
        known.cancelled = operation == "cancel"
        known.effects[operation] += 1
        return row["CaseKey"], TAKEN[operation], "", row["AmountYen"]

    def is_paid(self, institution: str, case_key: str) -> bool:
        """A payment that is not taken back carries its confirmation number."""
        slip = self.slips.get((institution, case_key))
        return slip is not None and any(
            not p.cancelled and p.institution == institution and p.case_key == case_key and p.number == slip.told["ConfirmationNumber"]
            for p in self.payments.values()
        )

    def _answer(
        self, message_id: str, institution: str, status: str, rows: list[tuple[str, str, str, str]], reason: str = "", *, forgery: str = ""
    ) -> bytes:
        header = [
            ("MessageId", f"A-{message_id}"), ("InReplyTo", message_id), ("MunicipalityCode", institution + check_digit(institution)),
            ("InstitutionCode", institution), ("CreatedAt", self._now().isoformat(timespec="seconds")), ("Status", status),
            *([("ReasonCode", reason)] if reason else []), ("RecordCount", str(len(rows))), ("TotalYen", str(sum(int(row[3]) for row in rows))),
        ]  # fmt: skip
        told = [
            documents.record("Answer", [("CaseKey", key), ("Result", result), *([("ReasonCode", why)] if why else []), ("AmountYen", yen)])
            for key, result, why, yen in rows
        ]
        document = documents.write("AcknowledgementFile", header, told)
        return forge(document, self._own, forgery) if forgery else seal(document, self._own)


def check_digit(institution: str) -> str:
    """The sixth digit of a municipality code: modulus 11 with weights 6 to 2."""
    total = sum(int(digit) * weight for digit, weight in zip(institution, (6, 5, 4, 3, 2), strict=True))
    return str((11 - total % 11) % 10)
