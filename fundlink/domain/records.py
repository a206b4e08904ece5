"""What travels on the road, one NamedTuple a message: a tuple goes straight into an insert and into a message template.

Read by every room. Text is ``str`` (absent = ""), money ``int`` yen, years ``int``, dates ISO text (absent = None).
"""

from __future__ import annotations

from typing import NamedTuple


class BillingRecord(NamedTuple):
    """One 期 of one bill as a core system wrote it, in canonical attributes."""

    municipality_code: str
    fund_code: str
    levy_year: int
    relevant_year: int
    fiscal_year: int
    notice_number: str
    installment: str
    subject_code: str
    child_number: str
    addressee_number: str
    department_code: str
    charge_yen: int
    reminder_fee_yen: int
    late_charge_yen: int
    due_on: str | None
    payable_until: str | None
    payer_name: str
    payer_kana: str
    payer_postal_code: str
    payer_address: str
    action: str
    core_key: str

    @property
    def total_yen(self) -> int:
        """料 + 督促 + 延滞, in yen."""
        return self.charge_yen + self.reminder_fee_yen + self.late_charge_yen

    @property
    def bill_key(self) -> str:
        """The eight key parts joined by ``~``, as URLs name a bill."""
        return "~".join(
            (
                self.municipality_code,
                self.fund_code,
                str(self.levy_year),
                str(self.relevant_year),
                self.notice_number,
                self.installment,
                self.subject_code,
                self.child_number,
            )
        )


BILL_KEY_PARTS: tuple[str, ...] = (
    "municipality_code",
    "fund_code",
    "levy_year",
    "relevant_year",
    "notice_number",
    "installment",
    "subject_code",
    "child_number",
)


class PaymentRecord(NamedTuple):
    """One slip in a payment message to the gateway."""

    operation: str  # register | update | cancel
    institution_code: str
    case_key: str
    confirmation_number: str
    fund_code: str
    office_code: str
    levy_year: int
    relevant_year: int
    fiscal_year: int
    installment: str
    amount_yen: int
    due_on: str
    payable_until: str
    replaced_by: str  # case key of the slip that supersedes this one; "" otherwise


class AcknowledgementRecord(NamedTuple):
    """The gateway's answer for one slip of a payment message."""

    institution_code: str
    case_key: str
    result: str  # registered | updated | cancelled | refused
    reason_code: str  # the gateway's own code; "" when taken


class ReceiptRecord(NamedTuple):
    """One statement that a payer paid; one transaction may send several (preliminary, confirmed, cancelled)."""

    transaction_key: str
    stage: str  # preliminary | confirmed | cancelled
    institution_code: str
    case_key: str
    confirmation_number: str
    fund_code: str
    channel: str
    amount_yen: int
    paid_on: str
    booked_on: str


class SettlementRecord(NamedTuple):
    """One line of a settlement notice: what the gateway says it will pay in for one day and fund."""

    settlement_key: str
    edition: int
    institution_code: str
    fund_code: str
    business_day: str
    receipt_count: int
    gross_yen: int
    fee_yen: int
    net_yen: int
    transfer_on: str


class BankCreditRecord(NamedTuple):
    """One entry on the account of the municipality as its designated bank reports it."""

    account: str
    inquiry_number: str
    booked_on: str
    value_on: str
    amount_yen: int
    direction: str  # 1 in, 2 out
    cancelled: str  # 1 when the bank takes an earlier credit back
    remitter_code: str
    remitter_name: str
    reference: str
    summary: str
    balance: str = ""  # after the entry, as written; '' where the form has none


class ClearingEntry(NamedTuple):
    """What is handed back to the core system: a bill (where one is known) and what happened to its money."""

    entry_number: int
    stage: str  # 0 preliminary | 1 confirmed | 9 withdrawn
    outcome: str
    transaction_key: str
    channel: str
    paid_yen: int
    charge_paid_yen: int
    reminder_fee_paid_yen: int
    late_charge_paid_yen: int
    paid_on: str
    booked_on: str
    settled_on: str | None
    institution_code: str
    case_key: str
    confirmation_number: str
    municipality_code: str
    fund_code: str
    levy_year: int | None
    relevant_year: int | None
    fiscal_year: int | None
    notice_number: str
    installment: str
    subject_code: str
    child_number: str
    addressee_number: str
    department_code: str
    charge_yen: int | None
    reminder_fee_yen: int | None
    late_charge_yen: int | None
    due_on: str | None
    payable_until: str | None
    payer_name: str
    payer_kana: str
    payer_postal_code: str
    payer_address: str
    action: str
    core_key: str


class SlipRecord(NamedTuple):
    """納付書発行情報: one issued slip with its eL number, handed to the core system."""

    municipality_code: str
    fund_code: str
    levy_year: int
    relevant_year: int
    fiscal_year: int
    notice_number: str
    installment: str
    subject_code: str
    child_number: str
    addressee_number: str
    department_code: str
    charge_yen: int
    reminder_fee_yen: int
    late_charge_yen: int
    due_on: str | None
    payable_until: str | None
    payer_name: str
    payer_kana: str
    payer_postal_code: str
    payer_address: str
    action: str
    core_key: str
    institution_code: str
    case_key: str
    confirmation_number: str
    issue_count: int
    issue_serial: int
    slip_yen: int
    qr_payload: str
