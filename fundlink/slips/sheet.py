"""What stands on one slip: words and numbers as they are printed, the QR as a finished image.

Filled by pipeline.printing, printed by ``printer``. Nothing is worked out here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

MOST_SHEETS: Final = 200
"""Slips a file: what a person prints in one go, and what memory has to hold."""


class Sheet(NamedTuple):
    """One page. ``qr_svg`` is one `<svg>` element with its quiet zone; empty texts are left out on the page."""

    bill_key: str
    municipality: str
    fund: str
    institution_code: str
    case_key: str
    confirmation_number: str
    fund_code: str
    amount_yen: int
    charge_yen: int
    reminder_fee_yen: int
    late_charge_yen: int
    levy_year: int
    notice_number: str
    installment: str
    due_on: str
    payable_until: str
    payer_postal_code: str
    payer_address: str
    payer_name: str
    qr_svg: str

    @property
    def free_texts(self) -> tuple[str, ...]:
        """What came from outside and may hold any character at all."""
        return (self.municipality, self.fund, self.notice_number, self.payer_address, self.payer_name)


class Printer(Protocol):
    """What prints sheets; the one there is loads its libraries only when somebody prints."""

    def missing(self, sheet: Sheet) -> list[str]:
        """The characters of a sheet that would be printed as boxes."""
        ...

    def lacking(self, texts: Sequence[str]) -> list[str]:
        """The characters of some texts that would be."""
        ...

    def pdf(self, sheets: Sequence[Sheet]) -> bytes:
        """One PDF, one page a sheet; at most MOST_SHEETS."""
        ...

    def report(self, told: Mapping[str, Any]) -> bytes:
        """One report as PDF, of finished words."""
        ...
