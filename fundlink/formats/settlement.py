"""払込 (settlement): what the gateway says it will pay in, a line a fund and day. Read through ``specs``."""

from __future__ import annotations

from random import Random
from typing import Any

from fundlink.domain.records import SettlementRecord
from fundlink.formats.billing import FUNDS
from fundlink.formats.catalogue import Attribute, Spec

ATTRIBUTES = (
    Attribute("settlement_key", "払込番号"),
    Attribute("edition", "版", "number", 1),
    Attribute("institution_code", "共通納税機関コード", exact=5),
    Attribute("fund_code", "税目・料金番号", exact=3),
    Attribute("business_day", "業務日", "date", None),
    Attribute("receipt_count", "収納件数", "number", 0),
    Attribute("gross_yen", "収納額", "yen", 0),
    Attribute("fee_yen", "手数料", "yen", 0),
    Attribute("net_yen", "払込額", "yen", 0),
    Attribute("transfer_on", "払込日", "date", None),
)


def invent(rng: Random, number: int) -> dict[str, Any]:
    """Made-up values of one line."""
    gross, fee = rng.randrange(10**4, 10**9), rng.randrange(10**3)
    return {
        "settlement_key": f"S{number:010d}",
        "edition": rng.randrange(1, 4),
        "institution_code": "13101",
        "fund_code": rng.choice(FUNDS),
        "business_day": "2026-10-01",
        "receipt_count": rng.randrange(1, 500),
        "gross_yen": gross,
        "fee_yen": fee,
        "net_yen": gross - fee,
        "transfer_on": "2026-10-06",
    }


SPEC = Spec(kind="settlement", ja="払込", record=SettlementRecord, attributes=ATTRIBUTES, invent=invent, totals=(("gross_yen",),))
