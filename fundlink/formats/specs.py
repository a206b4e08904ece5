"""Every message by its kind: the one register that profiles, the book and the checks read."""

from __future__ import annotations

from fundlink.formats import acknowledgement, bank_credit, billing, clearing, payment, receipt, settlement, slips
from fundlink.formats.catalogue import Spec

SPECS: dict[str, Spec] = {
    module.SPEC.kind: module.SPEC for module in (billing, payment, acknowledgement, receipt, settlement, bank_credit, clearing, slips)
}
