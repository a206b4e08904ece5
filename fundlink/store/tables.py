"""The tables: storage only. Facts are appended and never updated; what is current is the newest row of a narrow table.

Read by the other modules of this room and by the migrations. The models validate nothing: rows come checked from formats.
Identifiers are text, money is ``BigInteger`` yen, days are ISO text, instants are UTC ISO text with offset.
"""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

# SQLite numbers only INTEGER keys by itself; PostgreSQL wants 64 bits
BigKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Yen = sa.BigInteger


def _key() -> Any:
    return Field(default=None, sa_type=BigKey, primary_key=True)


def _only(condition: str) -> dict[str, Any]:
    """An index over the few rows that a condition holds for."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _yen(name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{name} >= 0", name=f"{name}_not_negative")


class Municipality(SQLModel, table=True):
    """A body that takes public funds; registered by hand, or by its first accepted file outside production."""

    code: str = Field(primary_key=True)
    institution_code: str = Field(index=True)
    name: str = ""
    registered_at: str


class Raw(SQLModel, table=True):
    """Bytes as received or sent, kept before anything is read from them."""

    id: int = _key()
    sha256: str = Field(index=True)
    size: int = Field(sa_type=sa.BigInteger)
    direction: str  # in | out
    kind: str
    name: str
    kept_at: str


class RawPiece(SQLModel, table=True):
    """One piece of kept bytes, at most 1 MiB, so that no file is ever whole in memory."""

    __tablename__ = "raw_piece"
    raw_id: int = Field(sa_type=BigKey, primary_key=True, foreign_key="raw.id")
    seq: int = Field(primary_key=True)
    data: bytes


class File(SQLModel, table=True):
    """One intake: a file, an upload, or single API writes that waited together. Its rows count only once it is accepted."""

    __table_args__ = (
        sa.Index("file_by_content", "sha256", "profile"),
        sa.Index("file_of_files", "id", **_only("channel <> 'api-bill'")),
        sa.Index("file_by_instant", "received_at"),
    )
    id: int = _key()
    raw_id: int = Field(sa_type=BigKey, foreign_key="raw.id")
    sha256: str
    profile: str
    profile_digest: str
    name: str
    channel: str  # file | folder | api | api-bill | upload
    municipality_wanted: str = ""
    received_at: str


class Upload(SQLModel, table=True):
    """Bytes that a person handed over at the console; they count only when they are taken as a ``file``."""

    id: int = _key()
    raw_id: int = Field(sa_type=BigKey, foreign_key="raw.id")
    name: str
    profile: str
    municipality_code: str
    uploaded_by: str
    at: str


class UploadEvent(SQLModel, table=True):
    """How far an upload is; the newest row counts."""

    __tablename__ = "upload_event"
    __table_args__ = (sa.Index("upload_event_by_upload", "upload_id", "id"),)
    id: int = _key()
    upload_id: int = Field(sa_type=BigKey, foreign_key="upload.id")
    event: str  # trying | tried | taking | taken | dropped
    by: str
    told: str  # JSON: the numbers and problems of the try, or of the intake
    at: str


class FileEvent(SQLModel, table=True):
    """What became of a file; the newest row counts."""

    __tablename__ = "file_event"
    __table_args__ = (
        sa.Index("file_event_by_file", "file_id", "id"),
        sa.Index("file_event_quarantined", "file_id", **_only("event = 'quarantined'")),
    )
    id: int = _key()
    file_id: int = Field(sa_type=BigKey, foreign_key="file.id")
    event: str  # received | accepted | quarantined
    municipality_code: str = ""
    summary: str = "{}"
    at: str


class FilePosition(SQLModel, table=True):
    """Where an accepted bill file stands in its stream, by the number and business day that its header states."""

    __tablename__ = "file_position"
    __table_args__ = (sa.Index("file_position_by_stream", "stream", "id"),)
    id: int = _key()
    stream: str  # profile:municipality
    file_id: int = Field(sa_type=BigKey, foreign_key="file.id")
    sequence: int | None = Field(default=None, sa_type=sa.BigInteger)
    business_day: str | None = None
    sequence_order: str  # first | next | gap | restart, "" without a number
    at: str


class SerialBlock(SQLModel, table=True):
    """Serial numbers handed out for case keys, in blocks; a gap is harmless, a number given twice impossible."""

    __tablename__ = "serial_block"
    institution_code: str = Field(primary_key=True)
    first: int = Field(sa_type=sa.BigInteger, primary_key=True)
    size: int
    file_id: int = Field(sa_type=BigKey)


class BillVersion(SQLModel, table=True):
    """One accepted row as the core system wrote it. ``id`` = file id * 2**24 + line, so it also says where it came from."""

    __tablename__ = "bill_version"
    __table_args__: ClassVar[Any] = (
        _yen("charge_yen"),
        _yen("reminder_fee_yen"),
        _yen("late_charge_yen"),
        sa.CheckConstraint("total_yen = charge_yen + reminder_fee_yen + late_charge_yen", name="total_adds_up"),
        sa.Index("bill_version_by_core_key", "core_key", **_only("core_key <> ''")),
        sa.Index("bill_version_by_payer", "municipality_code", "addressee_number", **_only("addressee_number <> ''")),
        sa.Index("bill_version_by_notice", "notice_number"),
        sa.Index("bill_version_by_limit", "municipality_code", "payable_until", "total_yen", "id"),
    )
    id: int = Field(sa_column=sa.Column(BigKey, primary_key=True, autoincrement=False))
    file_id: int = Field(sa_type=BigKey)
    line: int
    bill_key: str
    content: str
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
    charge_yen: int = Field(sa_type=Yen)
    reminder_fee_yen: int = Field(sa_type=Yen)
    late_charge_yen: int = Field(sa_type=Yen)
    total_yen: int = Field(sa_type=Yen)
    due_on: str | None
    payable_until: str | None
    action: str
    core_key: str
    case_key: str
    confirmation_number: str


class RowProblem(SQLModel, table=True):
    """What was wrong with a row (or, without a line, with the file)."""

    __tablename__ = "row_problem"
    __table_args__ = (sa.Index("row_problem_by_file", "file_id", "line"),)
    id: int = _key()
    file_id: int = Field(sa_type=BigKey)
    line: int | None = None
    code: str
    severity: str
    column_number: int | None = None
    field: str | None = None
    ja: str | None = None
    args: str = "[]"
    place: str | None = None


class RejectedRow(SQLModel, table=True):
    """A row that was not taken, with the yen that could be read from it."""

    __tablename__ = "rejected_row"
    file_id: int = Field(sa_type=BigKey, primary_key=True)
    line: int = Field(primary_key=True)
    yen: int = Field(sa_type=Yen)


class Bill(SQLModel, table=True):
    """The identity of a bill. ``id`` is the id of its first version, so the bills of a file are a range of ids."""

    id: int = Field(sa_column=sa.Column(BigKey, primary_key=True, autoincrement=False))
    bill_key: str = Field(unique=True)
    municipality_code: str
    file_id: int = Field(sa_type=BigKey)


class Revision(SQLModel, table=True):
    """A later row for a known bill and what it did. The newest one but for conflicts is the current content."""

    __table_args__ = (
        sa.Index("revision_by_bill", "bill_id", "id"),
        sa.Index("revision_by_version", "version_id"),
        sa.Index("revision_conflict", "id", **_only("effect = 'conflict'")),
    )
    id: int = _key()
    bill_id: int = Field(sa_type=BigKey, foreign_key="bill.id")
    version_id: int = Field(sa_type=BigKey)
    file_id: int = Field(sa_type=BigKey, index=True)
    effect: str  # updated | readdressed (its payer alone) | cancelled | conflict


class Slip(SQLModel, table=True):
    """One eL number of a bill; a re-issue makes another one and the older one is superseded.

    ``bill_id`` is no foreign key: slips come from an insert-select over bills alone, a check a row cost more than it proves, and
    verify (I-24) looks at them all.
    """

    __table_args__ = (
        sa.UniqueConstraint("institution_code", "case_key", name="slip_el_number"),
        sa.UniqueConstraint("bill_id", "issue_count", name="slip_of_bill"),
        sa.Index("slip_by_municipality", "municipality_code", "id"),
        sa.Index("slip_reissued", "bill_id", "issue_count", **_only("issue_count > 1")),
    )
    id: int = _key()
    bill_id: int = Field(sa_type=BigKey)
    issue_count: int
    municipality_code: str
    institution_code: str
    case_key: str
    confirmation_number: str
    issued_at: str


class SlipState(SQLModel, table=True):
    """A step in the life of a slip; the newest row is its state, no row means issued."""

    __tablename__ = "slip_state"
    __table_args__ = (sa.Index("slip_state_by_slip", "slip_id", "id"),)
    id: int = _key()
    slip_id: int = Field(sa_type=BigKey)
    state: str
    event: str
    cause: str
    at: str


class Change(SQLModel, table=True):
    """A slip that is known to the gateway, or may be, has to be brought in line with its bill."""

    __table_args__ = (sa.Index("change_by_slip", "slip_id", "id"), sa.Index("change_by_municipality", "municipality_code", "id"))
    id: int = _key()
    slip_id: int = Field(sa_type=BigKey)
    municipality_code: str


class Message(SQLModel, table=True):
    """A payment message, stored under its id before it is sent."""

    __table_args__ = (_yen("yen"),)
    id: str = Field(primary_key=True)
    municipality_code: str = Field(index=True)
    raw_id: int = Field(sa_type=BigKey, foreign_key="raw.id")
    records: int
    yen: int = Field(sa_type=Yen)
    created_at: str


class OpenMessage(SQLModel, table=True):
    """Work list of submit: messages without a final answer. A queue, not a fact."""

    __tablename__ = "open_message"
    message_id: str = Field(primary_key=True)


class MessageItem(SQLModel, table=True):
    """One slip in a message: the version it carries and the newest change it covers."""

    __tablename__ = "message_item"
    __table_args__ = (sa.Index("message_item_by_slip", "slip_id", "last_change_id"),)
    message_id: str = Field(primary_key=True, foreign_key="message.id")
    position: int = Field(primary_key=True)
    slip_id: int = Field(sa_type=BigKey)
    version_id: int = Field(sa_type=BigKey)
    operation: str
    last_change_id: int = Field(sa_type=sa.BigInteger)


class MessageEvent(SQLModel, table=True):
    """What happened to a message; the newest row counts.

    stored, sent, unknown, answered, rejected by the road; exhausted (tried as often as may be) and contradicted (the gateway says
    another thing than before) wait for a person; asked, resent, given_up are what persons did.
    """

    __tablename__ = "message_event"
    __table_args__ = (
        sa.Index("message_event_by_message", "message_id", "id"),
        sa.Index("message_event_bad", "message_id", **_only("event IN ('unknown', 'rejected', 'exhausted', 'contradicted')")),
    )
    id: int = _key()
    message_id: str = Field(foreign_key="message.id")
    event: str
    raw_id: int | None = Field(default=None, sa_type=BigKey)
    detail: str = ""
    at: str


class MessageAttempt(SQLModel, table=True):
    """One call about a message, written before it is made; a person's question begins another round."""

    __tablename__ = "message_attempt"
    __table_args__ = (sa.UniqueConstraint("message_id", "round", "number", name="message_attempt_once"),)
    id: int = _key()
    message_id: str = Field(foreign_key="message.id")
    round: int
    number: int
    kind: str  # send | inquire
    gateway: str
    at: str


class AttemptResult(SQLModel, table=True):
    """What became of an attempt, and when its message is due again; one without a row was cut off."""

    __tablename__ = "attempt_result"
    attempt_id: int = Field(sa_column=sa.Column(BigKey, sa.ForeignKey("message_attempt.id"), primary_key=True, autoincrement=False))
    result: str  # a word of domain.attempts.RESULTS
    http_status: int | None = None
    raw_id: int | None = Field(default=None, sa_type=BigKey)
    detail: str = ""
    next_try_at: str | None = None
    at: str


class GatewayPause(SQLModel, table=True):
    """A gateway is left alone by everybody until an instant, or no longer (``until_at`` empty); the newest row counts."""

    __tablename__ = "gateway_pause"
    __table_args__ = (sa.Index("gateway_pause_by_gateway", "gateway", "id"),)
    id: int = _key()
    gateway: str
    until_at: str
    reopened: int
    reason: str
    at: str


class RefusedSlip(SQLModel, table=True):
    """A slip the gateway refused within an answered message, with its reason and our word for it."""

    __tablename__ = "refused_slip"
    message_id: str = Field(primary_key=True)
    slip_id: int = Field(sa_type=BigKey, primary_key=True)
    operation: str
    reason_code: str


class ToldAgain(SQLModel, table=True):
    """A change that was refused because its slip was paid is told again, once for each payment of the slip that was taken back."""

    __tablename__ = "told_again"
    slip_id: int = Field(sa_column=sa.Column(BigKey, sa.ForeignKey("slip.id"), primary_key=True, autoincrement=False))
    transaction_key: str = Field(primary_key=True)
    message_id: str = Field(foreign_key="message.id")  # in which it was refused
    at: str


class ReceivedFile(SQLModel, table=True):
    """A file taken from the gateway or the drop folder, and whether it was applied."""

    __tablename__ = "received_file"
    __table_args__ = (
        sa.UniqueConstraint("source", "remote_id", name="received_once"),
        sa.Index("received_by_day", "municipality_code", "kind", "business_day"),
        sa.Index("received_by_sequence", "municipality_code", "sequence"),
        sa.Index("received_by_raw", "raw_id"),
        sa.Index("received_by_instant", "at"),
        sa.Index("received_quarantined", "id", **_only("state = 'quarantined'")),
        _yen("yen"),
    )
    id: int = _key()
    source: str
    remote_id: str
    kind: str  # receipt | settlement | bank_credit
    name: str
    municipality_code: str
    business_day: str
    raw_id: int = Field(sa_type=BigKey, foreign_key="raw.id")
    state: str  # applied | quarantined
    records: int
    duplicates: int
    yen: int = Field(sa_type=Yen)
    problems: str = "[]"
    sequence: int | None = Field(default=None, sa_type=sa.BigInteger)  # its number in the gateway's list of the institution
    sequence_order: str | None = None  # how that stands to the highest one before: first | next | gap | late | again
    at: str


class Receipt(SQLModel, table=True):
    """One statement that a payer paid, exactly as it came. A resend has no second row."""

    __table_args__: ClassVar[Any] = (
        sa.UniqueConstraint("transaction_key", "stage", name="receipt_once"),
        sa.Index("receipt_by_slip", "institution_code", "case_key"),
        sa.Index("receipt_by_day", "municipality_code", "booked_on"),
        sa.Index("receipt_by_booked_yen", "municipality_code", "booked_on", "amount_yen", "id"),
        sa.Index("receipt_by_paid_yen", "municipality_code", "paid_on", "amount_yen", "id"),
        sa.Index("receipt_cancelled", "transaction_key", **_only("stage = 'cancelled'")),
        sa.Index("receipt_preliminary", "booked_on", **_only("stage = 'preliminary'")),
        sa.CheckConstraint("amount_yen > 0", name="receipt_positive"),
    )
    id: int = _key()
    received_id: int = Field(sa_type=BigKey, foreign_key="received_file.id")
    position: int
    municipality_code: str
    transaction_key: str
    stage: str
    institution_code: str
    case_key: str
    confirmation_number: str
    fund_code: str
    channel: str
    amount_yen: int = Field(sa_type=Yen)
    paid_on: str
    booked_on: str


class LatePreliminary(SQLModel, table=True):
    """Preliminary statements that nobody had confirmed when they were looked at. A work list: what is confirmed since leaves it."""

    __tablename__ = "late_preliminary"
    __table_args__ = (sa.Index("late_preliminary_by_day", "booked_on"),)
    receipt_id: int = Field(sa_column=sa.Column(BigKey, primary_key=True, autoincrement=False))
    municipality_code: str
    booked_on: str


class PendingReceipt(SQLModel, table=True):
    """Work list of reconcile: receipts whose transaction has to be looked at, a row a file. A queue, not a fact."""

    __tablename__ = "pending_receipt"
    id: int = _key()
    received_id: int = Field(sa_type=BigKey)
    after_id: int = Field(sa_type=sa.BigInteger)  # its receipts lie behind this one ...
    last_id: int = Field(sa_type=sa.BigInteger)  # ... up to this one, perhaps among those of other files


class Settlement(SQLModel, table=True):
    """One line of a settlement notice."""

    __table_args__: ClassVar[Any] = (
        sa.UniqueConstraint("settlement_key", "edition", name="settlement_once"),
        sa.Index("settlement_by_municipality", "municipality_code", "id"),
        _yen("gross_yen"),
        _yen("fee_yen"),
        _yen("net_yen"),
    )
    id: int = _key()
    received_id: int = Field(sa_type=BigKey, foreign_key="received_file.id")
    position: int
    municipality_code: str
    settlement_key: str
    edition: int
    institution_code: str
    fund_code: str
    business_day: str
    receipt_count: int = Field(sa_type=sa.BigInteger)
    gross_yen: int = Field(sa_type=Yen)
    fee_yen: int = Field(sa_type=Yen)
    net_yen: int = Field(sa_type=Yen)
    transfer_on: str


class BankAccount(SQLModel, table=True):
    """An account of a municipality: whose it is, and the one spelling that entries are compared by."""

    __tablename__ = "bank_account"
    account: str = Field(primary_key=True)  # bank-branch-kind-number with their zeros, or the text a bank names it by
    municipality_code: str = Field(index=True)
    holder: str = ""
    funds: str = ""  # fund codes joined by commas; none = any
    by: str
    approved_by: str = ""  # '' = made by the first file, outside production
    at: str


class BankAccountSpelling(SQLModel, table=True):
    """How a bank writes an account where it does not give its four parts."""

    __tablename__ = "bank_account_spelling"
    spelling: str = Field(primary_key=True)
    account: str = Field(foreign_key="bank_account.account")


class BankCredit(SQLModel, table=True):
    """One entry on the account as one form of bank file tells it. Told again in another form it is another row; see credit_telling."""

    __tablename__ = "bank_credit"
    __table_args__ = (
        sa.UniqueConstraint(
            "account", "booked_on", "inquiry_number", "direction", "cancelled", "amount_yen", "form", name="bank_credit_once"
        ),
        sa.Index("bank_credit_by_value", "account", "value_on", "amount_yen"),
        sa.Index("bank_credit_by_reference", "reference"),
        sa.Index("bank_credit_by_municipality", "municipality_code", "id"),
        sa.Index("bank_credit_cancelled", "account", "amount_yen", **_only("cancelled = '1'")),
        _yen("amount_yen"),
    )
    id: int = _key()
    received_id: int = Field(sa_type=BigKey, foreign_key="received_file.id")
    position: int
    municipality_code: str
    account: str
    inquiry_number: str
    booked_on: str
    value_on: str
    amount_yen: int = Field(sa_type=Yen)
    direction: str
    cancelled: str
    remitter_code: str
    remitter_name: str
    reference: str
    summary: str
    form: str  # the profile of the file


class CreditTelling(SQLModel, table=True):
    """What an entry is beside those of other forms; the newest row counts, none means that it stands as a credit of its own."""

    __tablename__ = "credit_telling"
    __table_args__ = (
        sa.Index("credit_telling_by_credit", "credit_id", "id"),
        sa.Index("credit_telling_unsure", "credit_id", **_only("state = 'unsure'")),
        sa.Index("credit_telling_by_municipality", "municipality_code", "id"),
    )
    id: int = _key()
    credit_id: int = Field(sa_type=BigKey, foreign_key="bank_credit.id")
    municipality_code: str
    state: str  # stands | same (as stands_for) | unsure (whether it is stands_for)
    stands_for: int | None = Field(default=None, sa_column=sa.Column(BigKey, sa.ForeignKey("bank_credit.id"), nullable=True))
    act_id: int | None = Field(default=None, sa_column=sa.Column(BigKey, sa.ForeignKey("act.id"), nullable=True))  # two persons said so
    at: str


class BankStatement(SQLModel, table=True):
    """What one file says of the balance of an account, where it says it: before its first entry and after its last one."""

    __tablename__ = "bank_statement"
    __table_args__ = (sa.Index("bank_statement_by_account", "account", "form", "first_on"),)
    id: int = _key()
    received_id: int = Field(sa_type=BigKey, foreign_key="received_file.id")
    municipality_code: str = Field(index=True)
    account: str
    form: str
    first_on: str
    last_on: str
    opening_balance_yen: int = Field(sa_type=Yen)  # below zero where overdrawn
    closing_balance_yen: int = Field(sa_type=Yen)
    repeats: bool  # some entries were known before
    broken_at: int | None = None  # the line whose balance does not follow from the one before


class Settling(SQLModel, table=True):
    """Credits that pay settlements, by a rule or by two persons; or (``withdraws``) that an earlier one stands no more."""

    __table_args__ = (
        sa.Index("settling_by_municipality", "municipality_code", "id"),
        sa.Index("settling_withdrawn", "withdraws", **_only("withdraws IS NOT NULL")),
    )
    id: int = _key()
    municipality_code: str
    rule: str
    fee: str  # netted | apart; '' where no settlement is in it
    equation: str
    withdraws: int | None = Field(default=None, sa_column=sa.Column(BigKey, sa.ForeignKey("settling.id"), nullable=True))
    reason: str = ""
    decided_by: str = ""  # '' = found by the rule
    approved_by: str = ""
    at: str


class SettlingLine(SQLModel, table=True):
    """One settlement (with the yen its credits reach) or one credit (signed) of a settling; both sides have the same sum."""

    __tablename__ = "settling_line"
    __table_args__: ClassVar[Any] = (
        sa.Index("settling_line_by_settlement", "settlement_key", "settling_id", **_only("settlement_key <> ''")),
        sa.Index("settling_line_by_credit", "credit_id", "settling_id", **_only("credit_id IS NOT NULL")),
    )
    settling_id: int = Field(sa_column=sa.Column(BigKey, sa.ForeignKey("settling.id"), primary_key=True, autoincrement=False))
    position: int = Field(primary_key=True)
    settlement_key: str = ""
    edition: int = 0
    credit_id: int | None = Field(default=None, sa_column=sa.Column(BigKey, sa.ForeignKey("bank_credit.id"), nullable=True))
    yen: int = Field(sa_type=Yen)


class Proposal(SQLModel, table=True):
    """What one person proposed outside of cases, for another one to approve; it changes nothing."""

    __table_args__ = (sa.Index("proposal_by_subject", "kind", "subject", "id"),)
    id: int = _key()
    kind: str  # reissue | rollback | waive | resend | give_up | settle | unsettle | account | profile
    municipality_code: str
    subject: str
    content: str  # canonical JSON: what was asked for, what there was, what will be
    content_sha256: str
    prepared_by: str
    prepared_at: str


class ProposalEnd(SQLModel, table=True):
    """What became of a proposal; it has one end."""

    __tablename__ = "proposal_end"
    proposal_id: int = Field(sa_column=sa.Column(BigKey, sa.ForeignKey("proposal.id"), primary_key=True, autoincrement=False))
    event: str  # carried_out | refused | withdrawn
    by: str
    note: str
    told: str  # JSON: what was done
    at: str


class OutcomeRule(SQLModel, table=True):
    """The table from evidence to outcome, loaded from reconcile/outcomes.py so that set work uses the same one."""

    __tablename__ = "outcome_rule"
    evidence: int = Field(sa_column=sa.Column(sa.Integer, primary_key=True, autoincrement=False))
    outcome: str
    rule: str


class Outcome(SQLModel, table=True):
    """What a transaction turned out to be; the newest row of a transaction counts."""

    __table_args__ = (
        sa.Index("outcome_by_transaction", "transaction_key", "id"),
        sa.Index("outcome_unknown", "transaction_key", **_only("outcome = 'unknown_bill'")),
        sa.Index("outcome_open", "transaction_key", **_only("outcome NOT IN ('matched', 'paid_after_limit')")),
    )
    id: int = _key()
    transaction_key: str
    receipt_id: int = Field(sa_type=BigKey)
    slip_id: int | None = Field(default=None, sa_type=BigKey)
    bill_id: int | None = Field(default=None, sa_type=BigKey)
    version_id: int | None = Field(default=None, sa_type=BigKey)
    outcome: str
    evidence: int
    at: str


class OutcomeTotal(SQLModel, table=True):
    """How many transactions of a day and fund have an outcome, and their yen; the newest row counts and stays. No day: all."""

    __tablename__ = "outcome_total"
    __table_args__: ClassVar[Any] = (
        sa.Index("outcome_total_by_day", "municipality_code", "day", "fund_code", "outcome", "id"),
        _yen("yen"),
    )
    id: int = _key()
    municipality_code: str
    day: str
    fund_code: str
    outcome: str
    transactions: int = Field(sa_type=sa.BigInteger)
    yen: int = Field(sa_type=Yen)


class SlipTotal(SQLModel, table=True):
    """How many slips of a fund were numbered, are paid by payments, or stand unpaid, cancelled, expired; the newest row counts and stays."""

    __tablename__ = "slip_total"
    __table_args__ = (sa.Index("slip_total_by_fund", "municipality_code", "fund_code", "part", "id"),)
    id: int = _key()
    municipality_code: str
    fund_code: str
    part: str  # registered | paid | unpaid | cancelled | expired
    slips: int = Field(sa_type=sa.BigInteger)
    until_id: int = Field(sa_type=sa.BigInteger)  # the newest slip of the municipality that is counted in it


class MonthTotal(SQLModel, table=True):
    """Bills by the month they are due, what was paid of them, and payments by month and channel; the newest row counts and stays."""

    __tablename__ = "month_total"
    __table_args__ = (sa.Index("month_total_by_part", "municipality_code", "part", "fund_code", "month", "channel", "id"),)
    id: int = _key()
    municipality_code: str
    part: str  # billed | paid (both by the month a bill is due) | collected (by the month a payment was booked)
    fund_code: str
    month: str  # YYYY-MM, '' for a bill that is due on no day
    channel: str  # of collected only
    number: int = Field(sa_type=sa.BigInteger)
    yen: int = Field(sa_type=Yen)


class ReadinessDeclaration(SQLModel, table=True):
    """What a person declares about a municipality or one of its departments getting ready; the newest row of an item counts."""

    __tablename__ = "readiness_declaration"
    __table_args__ = (sa.Index("readiness_declaration_by_item", "municipality_code", "department_code", "item", "id"),)
    id: int = _key()
    municipality_code: str
    department_code: str  # '' = the municipality as a whole
    item: str
    done: int
    note: str
    by: str
    at: str


class NoticeNumberBlock(SQLModel, table=True):
    """Notice numbers handed out with a template, in blocks a municipality, fund and year; a gap is harmless, a number given twice not."""

    __tablename__ = "notice_number_block"
    municipality_code: str = Field(primary_key=True)
    fund_code: str = Field(primary_key=True)
    levy_year: int = Field(primary_key=True)
    first: int = Field(sa_type=sa.BigInteger, primary_key=True)
    size: int
    by: str
    at: str


class SheetDraft(SQLModel, table=True):
    """A workbook that a person looks at before it counts: its bytes as they came, and what was found in it."""

    __tablename__ = "sheet_draft"
    __table_args__ = (sa.Index("sheet_draft_by_municipality", "municipality_code", "id"),)
    id: int = _key()
    raw_id: int = Field(sa_type=BigKey, foreign_key="raw.id")
    name: str
    municipality_code: str  # '' where the workbook does not say it
    fund_code: str
    department_code: str
    found: str  # JSON: the numbers of a rehearsed intake, and all problems
    by: str
    at: str


class SheetDraftEnd(SQLModel, table=True):
    """What became of it: accepted as a file, or dropped."""

    __tablename__ = "sheet_draft_end"
    draft_id: int = Field(sa_column=sa.Column(BigKey, sa.ForeignKey("sheet_draft.id"), primary_key=True, autoincrement=False))
    event: str  # accepted | dropped
    file_id: int | None = Field(default=None, sa_type=BigKey)
    by: str
    at: str


class DayState(SQLModel, table=True):
    """Totals and state of one business day and fund; the newest row counts."""

    __tablename__ = "day_state"
    __table_args__: ClassVar[Any] = (
        sa.Index("day_state_by_day", "day", "municipality_code", "fund_code", "id"),
        sa.Index("day_state_difference", "id", **_only("state = 'difference'")),
        _yen("receipts_yen"),
        _yen("settled_yen"),
        _yen("fee_yen"),
    )
    id: int = _key()
    day: str
    municipality_code: str
    fund_code: str
    receipts: int = Field(sa_type=sa.BigInteger)
    receipts_yen: int = Field(sa_type=Yen)
    settled_yen: int = Field(sa_type=Yen)
    fee_yen: int = Field(sa_type=Yen)
    credited_yen: int = Field(sa_type=Yen)
    difference_yen: int = Field(sa_type=Yen)
    state: str
    differences: str
    at: str


class ClearingEntry(SQLModel, table=True):
    """One entry for the core system; numbers ascend without a gap a database."""

    __tablename__ = "clearing_entry"
    __table_args__ = (sa.Index("clearing_entry_by_transaction", "transaction_key", "entry_number"),)
    entry_number: int = Field(sa_column=sa.Column(BigKey, primary_key=True, autoincrement=False))
    transaction_key: str
    outcome_id: int = Field(sa_type=BigKey)
    stage: str
    municipality_code: str
    profile: str
    at: str


class MovedEntry(SQLModel, table=True):
    """What a clearing entry says when acts have spread its payment: the part that lies on one bill, or what is left of it.

    Without a bill the entry speaks as its outcome does, of this many yen.
    """

    __tablename__ = "moved_entry"
    __table_args__ = (sa.Index("moved_entry_by_bill", "bill_id", "entry_number"), _yen("yen"))
    entry_number: int = Field(sa_column=sa.Column(BigKey, primary_key=True, autoincrement=False))
    act_id: int = Field(sa_type=BigKey)
    bill_id: int | None = Field(default=None, sa_type=BigKey)
    version_id: int | None = Field(default=None, sa_type=BigKey)
    outcome: str
    yen: int = Field(sa_type=Yen)


class ExportFile(SQLModel, table=True):
    """A file handed to a core system: clearing entries or slip records."""

    __tablename__ = "export_file"
    id: int = _key()
    kind: str  # clearing | slips
    name: str
    municipality_code: str
    profile: str
    raw_id: int = Field(sa_type=BigKey, foreign_key="raw.id")
    first_entry: int | None = Field(default=None, sa_type=sa.BigInteger)  # of clearing files: their entries lie between these two,
    last_entry: int | None = Field(default=None, sa_type=sa.BigInteger)  # perhaps among those of other files
    records: int
    yen: int = Field(sa_type=sa.BigInteger)
    at: str


class OpenExport(SQLModel, table=True):
    """Work list of export: files that do not lie at their place yet. A queue, not a fact."""

    __tablename__ = "open_export"
    export_file_id: int = Field(sa_type=sa.BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": False})


class ExportDelivery(SQLModel, table=True):
    """This file lies where the core system fetches it; before this fact nothing is cleared."""

    __tablename__ = "export_delivery"
    export_file_id: int = Field(sa_column=sa.Column(BigKey, sa.ForeignKey("export_file.id"), primary_key=True, autoincrement=False))
    at: str


class ClearingHandover(SQLModel, table=True):
    """This entry stands in that file."""

    __tablename__ = "clearing_handover"
    entry_number: int = Field(sa_column=sa.Column(BigKey, primary_key=True, autoincrement=False))
    export_file_id: int = Field(sa_type=BigKey, foreign_key="export_file.id")


class SlipHandover(SQLModel, table=True):
    """This slip was handed to its core system in that file."""

    __tablename__ = "slip_handover"
    slip_id: int = Field(sa_column=sa.Column(BigKey, primary_key=True, autoincrement=False))
    export_file_id: int = Field(sa_type=BigKey, foreign_key="export_file.id")


class Mark(SQLModel, table=True):
    """How far something has been looked at; the newest row of a name counts."""

    __table_args__ = (sa.Index("mark_by_name", "name", "id"),)
    id: int = _key()
    name: str
    until_id: int = Field(sa_type=sa.BigInteger)
    at: str


class UsedProfile(SQLModel, table=True):
    """A profile that bills came in by."""

    __tablename__ = "used_profile"
    profile: str = Field(primary_key=True)


class ExportMark(SQLModel, table=True):
    """How far outcomes have been turned into clearing entries, and entries written to files; the newest row counts."""

    __tablename__ = "export_mark"
    id: int = _key()
    last_outcome_id: int = Field(sa_type=sa.BigInteger)
    handed_until: int = Field(sa_type=sa.BigInteger)  # every entry up to this number stands in a file
    at: str


class Act(SQLModel, table=True):
    """A manual act on money as one person prepared it; what is carried out is byte for byte ``content``."""

    __table_args__ = (sa.Index("act_by_subject", "subject", "id"),)
    id: int = _key()
    verb: str
    municipality_code: str = Field(index=True)
    subject: str  # what it acts on: transaction:…, bill:…, day:…, case:…
    content: str  # canonical JSON: everything that will be carried out
    content_sha256: str
    reason: str
    before: str  # canonical JSON of what it found
    prepared_by: str
    prepared_at: str


class ActEvent(SQLModel, table=True):
    """What became of an act; the newest row counts, none means prepared."""

    __tablename__ = "act_event"
    __table_args__ = (sa.Index("act_event_by_act", "act_id", "id"),)
    id: int = _key()
    act_id: int = Field(sa_type=BigKey, foreign_key="act.id")
    event: str  # carried_out | refused | withdrawn
    by: str
    note: str = ""
    after: str = "{}"
    at: str


class ActMove(SQLModel, table=True):
    """Yen that an act moved between accounts, in the books of ``day``; ``value_on`` is the day the money came in. Never changed."""

    __tablename__ = "act_move"
    __table_args__: ClassVar[Any] = (
        sa.Index("act_move_by_day", "municipality_code", "day"),
        sa.Index("act_move_by_transaction", "transaction_key"),
        sa.Index("act_move_by_bill", "bill_id", **_only("bill_id IS NOT NULL")),
        sa.CheckConstraint("yen > 0", name="act_move_positive"),
    )
    id: int = _key()
    act_id: int = Field(sa_type=BigKey, foreign_key="act.id")
    day: str
    value_on: str
    municipality_code: str
    fund_code: str
    fiscal_year: int
    transaction_key: str
    bill_id: int | None = Field(default=None, sa_type=BigKey)
    from_account: str  # collected | overpaid | suspense | refunded | written_off; '' where money or debt begins
    to_account: str
    yen: int = Field(sa_type=Yen)


class AbsenceWaiver(SQLModel, table=True):
    """Two persons say that no (further) file of a kind is to come for a business day; covers what was quarantined of it so far."""

    __tablename__ = "absence_waiver"
    __table_args__ = (sa.Index("absence_waiver_by_day", "municipality_code", "kind", "business_day"),)
    id: int = _key()
    municipality_code: str
    kind: str
    business_day: str
    received_until: int = Field(sa_type=sa.BigInteger)  # the newest received file when it was said
    reason: str
    by: str
    approved_by: str
    at: str


class UnpaidList(SQLModel, table=True):
    """A list of unpaid bills that was given out, and what it rests on."""

    __tablename__ = "unpaid_list"
    __table_args__ = (_yen("yen"),)
    id: int = _key()
    municipality_code: str
    until: str
    last_received_id: int = Field(sa_type=sa.BigInteger)  # the newest received file when it was made
    last_outcome_id: int = Field(sa_type=sa.BigInteger)
    bills: int = Field(sa_type=sa.BigInteger)
    yen: int = Field(sa_type=Yen)
    at: str


class UnpaidListDay(SQLModel, table=True):
    """A business day whose receipts a list of unpaid bills rests on."""

    __tablename__ = "unpaid_list_day"
    list_id: int = Field(sa_type=BigKey, primary_key=True, foreign_key="unpaid_list.id")
    business_day: str = Field(primary_key=True)


class UnpaidListFile(SQLModel, table=True):
    """The file of one fund of a list of unpaid bills."""

    __tablename__ = "unpaid_list_file"
    __table_args__ = (_yen("yen"),)
    list_id: int = Field(sa_type=BigKey, primary_key=True, foreign_key="unpaid_list.id")
    fund_code: str = Field(primary_key=True)
    raw_id: int = Field(sa_type=BigKey, foreign_key="raw.id")
    bills: int = Field(sa_type=sa.BigInteger)
    yen: int = Field(sa_type=Yen)


class DayClose(SQLModel, table=True):
    """A step of closing a municipality's day: prepared by one person, approved by another. The marks say what its books had seen."""

    __tablename__ = "day_close"
    __table_args__: ClassVar[Any] = (
        sa.Index("day_close_by_step", "municipality_code", "step", "id"),
        sa.Index("day_close_by_day", "municipality_code", "day", "id"),
    )
    id: int = _key()
    municipality_code: str
    day: str
    step: str  # prepared | approved
    by: str
    books_sha256: str  # over the rows of day_book
    sheet_sha256: str  # over the sums and states of the funds
    reason: str = ""  # why it is closed although it does not tie
    until_outcome_id: int = Field(sa_type=sa.BigInteger)
    until_total_id: int = Field(sa_type=sa.BigInteger)
    until_move_id: int = Field(sa_type=sa.BigInteger)
    until_state_id: int = Field(sa_type=sa.BigInteger)
    at: str


class DayBook(SQLModel, table=True):
    """The frozen books of a closed day. A row with an earlier ``value_on`` compensates what a closed day had not known. Never changed."""

    __tablename__ = "day_book"
    __table_args__: ClassVar[Any] = (
        sa.UniqueConstraint(
            "municipality_code", "day", "fund_code", "department_code", "fiscal_year", "year_kind", "source", "account", "value_on",
            name="day_book_row",
        ),
        sa.Index("day_book_by_value", "municipality_code", "value_on", "fund_code"),
    )  # fmt: skip
    id: int = _key()
    municipality_code: str
    day: str
    fund_code: str
    department_code: str
    fiscal_year: int
    year_kind: str  # current | carried_over
    source: str  # receipt | act | money
    account: str
    value_on: str
    transactions: int = Field(sa_type=sa.BigInteger)
    yen: int = Field(sa_type=Yen)


class EnterpriseFund(SQLModel, table=True):
    """Funds of public enterprises as the code list names them, loaded when a day is closed so that checks read the same ones."""

    __tablename__ = "enterprise_fund"
    fund_code: str = Field(primary_key=True)


class ActGround(SQLModel, table=True):
    """The outcome of a payment that an act which moved its yen rests on; another one later makes the act a case."""

    __tablename__ = "act_ground"
    act_id: int = Field(sa_type=BigKey, primary_key=True, foreign_key="act.id")
    transaction_key: str = Field(primary_key=True)
    outcome_id: int = Field(sa_type=BigKey)


class CaseOwner(SQLModel, table=True):
    """Who looks after a case; the newest row counts, an empty owner gives it back."""

    __tablename__ = "case_owner"
    __table_args__ = (sa.Index("case_owner_by_case", "case_name", "id"),)
    id: int = _key()
    case_name: str
    owner: str
    assigned_by: str
    at: str


class Person(SQLModel, table=True):
    """A member of staff by 職員番号. Two accounts of one person are one person. ``demo`` is 1 for the throw-away ones."""

    person_id: str = Field(primary_key=True)
    name: str
    demo: int = 0
    at: str


class PersonState(SQLModel, table=True):
    """Whether a person is active; the newest row counts."""

    __tablename__ = "person_state"
    __table_args__ = (sa.Index("person_state_by_person", "person_id", "id"),)
    id: int = _key()
    person_id: str = Field(foreign_key="person.person_id")
    state: str  # active | disabled
    reason: str
    by: str
    at: str


class PersonGrant(SQLModel, table=True):
    """Roles and scope of a person, given by two; the newest row counts. ``*`` stands for all municipalities or departments."""

    __tablename__ = "person_grant"
    __table_args__ = (sa.Index("person_grant_by_person", "person_id", "id"),)
    id: int = _key()
    person_id: str = Field(foreign_key="person.person_id")
    roles: str
    municipalities: str
    departments: str
    by: str
    approved_by: str  # '' for the first administrators, who had nobody beside them
    at: str


class Account(SQLModel, table=True):
    """A login of one person."""

    id: int = _key()
    login: str = Field(unique=True)  # folded
    person_id: str = Field(foreign_key="person.person_id", index=True)
    by: str
    at: str


class AccountSecret(SQLModel, table=True):
    """What an account proves itself with; the newest row of a kind counts, an empty one takes it away."""

    __tablename__ = "account_secret"
    __table_args__ = (sa.Index("account_secret_by_account", "account_id", "kind", "id"),)
    id: int = _key()
    account_id: int = Field(sa_type=BigKey, foreign_key="account.id")
    kind: str  # password (Argon2id) | second (sealed) | setup (SHA-256)
    secret: str
    until: str  # '' where it does not end by itself
    at: str


class UsedStep(SQLModel, table=True):
    """Steps of time whose code an account has used: none is good twice."""

    __tablename__ = "used_step"
    account_id: int = Field(sa_type=BigKey, primary_key=True, foreign_key="account.id")
    step: int = Field(sa_type=sa.BigInteger, primary_key=True)


class LoginAttempt(SQLModel, table=True):
    """Logins that were tried, so that failures cost time. What was typed is kept as a digest only: it may be a password."""

    __tablename__ = "login_attempt"
    __table_args__: ClassVar[Any] = (
        sa.Index("login_attempt_by_subject", "subject", "id"),
        sa.Index("login_attempt_by_address", "address", "at"),
    )
    id: int = _key()
    subject: str
    address: str
    result: str  # failed | passed | unlocked
    at: str


class LoginSession(SQLModel, table=True):
    """A session as the server holds it, by the SHA-256 of its id. Its times move; it is no fact of money."""

    __tablename__ = "login_session"
    id_sha256: str = Field(primary_key=True)
    number: str = Field(unique=True)  # what people may see of it
    account_id: int = Field(sa_type=BigKey, foreign_key="account.id", index=True)
    began_at: str
    seen_at: str
    proved_at: str  # the last second factor
    until: str
    ended_at: str  # '' while it lasts
    ended_why: str
    address: str


class ApiKey(SQLModel, table=True):
    """A key of a machine, bound to one municipality (and profile, where one is named); only its digest is kept."""

    __tablename__ = "api_key"
    id: int = _key()
    prefix: str = Field(unique=True)
    sha256: str
    name: str
    role: str
    municipality_code: str
    profile: str
    by: str
    at: str


class ApiKeyEnd(SQLModel, table=True):
    """A key was revoked."""

    __tablename__ = "api_key_end"
    key_id: int = Field(sa_type=BigKey, primary_key=True, foreign_key="api_key.id")
    by: str
    at: str


class AccessChange(SQLModel, table=True):
    """Every change of persons, roles and keys in one row of numbers: who remembers something compares the newest number."""

    __tablename__ = "access_change"
    id: int = _key()
    what: str
    at: str


class Idempotency(SQLModel, table=True):
    """The answer given to a keyed write, stored in the transaction of its effect."""

    key: str = Field(primary_key=True)
    request_sha256: str
    status: int
    answer: str
    at: str


class AccessProposal(SQLModel, table=True):
    """A change of accounts or roles that one administrator prepared at the console."""

    __tablename__ = "access_proposal"
    id: int = _key()
    kind: str  # add | roles | reset
    content: str  # canonical JSON: everything that will be carried out
    prepared_by: str
    at: str


class AccessProposalEnd(SQLModel, table=True):
    """What became of it; a proposal has one end."""

    __tablename__ = "access_proposal_end"
    proposal_id: int = Field(sa_column=sa.Column(BigKey, sa.ForeignKey("access_proposal.id"), primary_key=True, autoincrement=False))
    event: str  # approved | dropped
    by: str
    at: str


class Audit(SQLModel, table=True):
    """Who did what, chained by hash; one entry a file or message, one a single act."""

    seq: int = Field(sa_column=sa.Column(BigKey, primary_key=True, autoincrement=False))
    at: str
    actor: str
    act: str
    subject: str
    detail: str
    previous: str
    hash: str


class Upkeep(SQLModel, table=True):
    """A backup that was taken, a check of the invariants that was run; the newest of a kind is what an operator is shown."""

    __table_args__ = (sa.Index("upkeep_by_kind", "kind", "id"),)
    id: int = _key()
    kind: str  # backup | verify
    ok: int
    detail: str = "{}"
    at: str


METADATA = SQLModel.metadata
