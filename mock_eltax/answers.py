"""Acknowledgements: what the gateway says about a message, signed.

Called by `gateway`. Writes only; the decisions were made before.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from mock_eltax import clock
from mock_eltax.documents import template, write
from mock_eltax.inbound import municipality_code
from mock_eltax.registry import DONE
from mock_eltax.signature import seal
from mock_eltax.world import World

ACCEPTED = template("Answer", ("CaseKey", "Result", "AmountYen"))
REFUSED = template("Answer", ("CaseKey", "Result", "ReasonCode", "AmountYen"))


class Verdict(NamedTuple):
    """The gateway's word on one message: every slip's answer, or why none took effect."""

    institution_code: str
    status: str
    reason_code: str = ""
    answers: Sequence[tuple[str, str, str, int]] = ()

    @property
    def refused(self) -> int:
        """Slips that were refused."""
        return sum(1 for _, _, reason, _ in self.answers if reason)


def acknowledge(world: World, message_id: str, verdict: Verdict) -> bytes:
    """The signed document."""
    return seal(unsigned(message_id, verdict), world.identity)


def unsigned(message_id: str, verdict: Verdict) -> bytes:
    """The document before sealing; one transport fault sends it like this."""
    own_id = hashlib.sha256(f"{verdict.institution_code}:{message_id}:{verdict.status}".encode()).hexdigest()[:32]
    reason = [("ReasonCode", verdict.reason_code)] if verdict.reason_code else []
    code = verdict.institution_code
    header: list[tuple[str, str | int]] = [
        ("MessageId", f"ack-{own_id}"),
        ("InReplyTo", message_id),
        ("MunicipalityCode", "000000" if code == "00000" else municipality_code(code)),
        ("InstitutionCode", code),
        ("CreatedAt", clock.instant()),
        ("Status", verdict.status),
        *reason,
        ("RecordCount", len(verdict.answers)),
        ("TotalYen", sum(yen for *_, yen in verdict.answers)),
    ]
    return write("AcknowledgementFile", header, map(_answer, verdict.answers))


def _answer(answer: tuple[str, str, str, int]) -> str:
    case_key, operation, reason, yen = answer
    if reason:
        return REFUSED % (case_key, "refused", reason, yen)
    return ACCEPTED % (case_key, DONE[operation], yen)
