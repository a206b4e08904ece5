"""受付結果 (acknowledgement): the gateway's answer for each slip of a payment message. Read through ``specs``."""

from __future__ import annotations

from random import Random
from typing import Any

from fundlink.domain.records import AcknowledgementRecord
from fundlink.formats.catalogue import Attribute, Spec
from fundlink.formats.payment import slip_keys

ATTRIBUTES = (
    Attribute("institution_code", "共通納税機関コード", exact=5),
    Attribute("case_key", "案件特定キー", exact=20),
    Attribute("result", "受付結果"),
    Attribute("reason_code", "理由コード"),
)


def invent(rng: Random, number: int) -> dict[str, Any]:
    """Made-up values of one answer."""
    result = rng.choice(("registered", "updated", "cancelled", "refused"))
    return {**slip_keys(rng, number), "result": result, "reason_code": "E102" if result == "refused" else ""}


SPEC = Spec(kind="acknowledgement", ja="受付結果", record=AcknowledgementRecord, attributes=ATTRIBUTES, invent=invent)
