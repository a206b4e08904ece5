"""the road: bills, messages, receipts, outcomes, clearing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "absence_waiver",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("business_day", sa.String(), nullable=False),
        sa.Column("received_until", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("absence_waiver", schema=None) as batch_op:
        batch_op.create_index("absence_waiver_by_day", ["municipality_code", "kind", "business_day"], unique=False)

    op.create_table(
        "act",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("prepared_by", sa.String(), nullable=False),
        sa.Column("prepared_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("act", schema=None) as batch_op:
        batch_op.create_index("act_by_subject", ["subject", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_act_municipality_code"), ["municipality_code"], unique=False)

    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "bill",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("bill_key", sa.String(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("bill_key"),
    )
    op.create_table(
        "bill_version",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("bill_key", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("fund_code", sa.String(), nullable=False),
        sa.Column("levy_year", sa.Integer(), nullable=False),
        sa.Column("relevant_year", sa.Integer(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("notice_number", sa.String(), nullable=False),
        sa.Column("installment", sa.String(), nullable=False),
        sa.Column("subject_code", sa.String(), nullable=False),
        sa.Column("child_number", sa.String(), nullable=False),
        sa.Column("addressee_number", sa.String(), nullable=False),
        sa.Column("department_code", sa.String(), nullable=False),
        sa.Column("charge_yen", sa.BigInteger(), nullable=False),
        sa.Column("reminder_fee_yen", sa.BigInteger(), nullable=False),
        sa.Column("late_charge_yen", sa.BigInteger(), nullable=False),
        sa.Column("total_yen", sa.BigInteger(), nullable=False),
        sa.Column("due_on", sa.String(), nullable=True),
        sa.Column("payable_until", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("core_key", sa.String(), nullable=False),
        sa.Column("case_key", sa.String(), nullable=False),
        sa.Column("confirmation_number", sa.String(), nullable=False),
        sa.CheckConstraint("charge_yen >= 0", name="charge_yen_not_negative"),
        sa.CheckConstraint("late_charge_yen >= 0", name="late_charge_yen_not_negative"),
        sa.CheckConstraint("reminder_fee_yen >= 0", name="reminder_fee_yen_not_negative"),
        sa.CheckConstraint("total_yen = charge_yen + reminder_fee_yen + late_charge_yen", name="total_adds_up"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("bill_version", schema=None) as batch_op:
        batch_op.create_index(
            "bill_version_by_core_key",
            ["core_key"],
            unique=False,
            sqlite_where=sa.text("core_key <> ''"),
            postgresql_where=sa.text("core_key <> ''"),
        )

    op.create_table(
        "case_owner",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_name", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("assigned_by", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("case_owner", schema=None) as batch_op:
        batch_op.create_index("case_owner_by_case", ["case_name", "id"], unique=False)

    op.create_table(
        "change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slip_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("change", schema=None) as batch_op:
        batch_op.create_index("change_by_municipality", ["municipality_code", "id"], unique=False)
        batch_op.create_index("change_by_slip", ["slip_id", "id"], unique=False)

    op.create_table(
        "clearing_entry",
        sa.Column("entry_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("transaction_key", sa.String(), nullable=False),
        sa.Column("outcome_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("entry_number"),
    )
    with op.batch_alter_table("clearing_entry", schema=None) as batch_op:
        batch_op.create_index("clearing_entry_by_transaction", ["transaction_key", "entry_number"], unique=False)

    op.create_table(
        "day_book",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("fund_code", sa.String(), nullable=False),
        sa.Column("department_code", sa.String(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("year_kind", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("value_on", sa.String(), nullable=False),
        sa.Column("transactions", sa.BigInteger(), nullable=False),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "municipality_code",
            "day",
            "fund_code",
            "department_code",
            "fiscal_year",
            "year_kind",
            "source",
            "account",
            "value_on",
            name="day_book_row",
        ),
    )
    with op.batch_alter_table("day_book", schema=None) as batch_op:
        batch_op.create_index("day_book_by_value", ["municipality_code", "value_on", "fund_code"], unique=False)

    op.create_table(
        "day_close",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("books_sha256", sa.String(), nullable=False),
        sa.Column("sheet_sha256", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("until_outcome_id", sa.BigInteger(), nullable=False),
        sa.Column("until_total_id", sa.BigInteger(), nullable=False),
        sa.Column("until_move_id", sa.BigInteger(), nullable=False),
        sa.Column("until_state_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("day_close", schema=None) as batch_op:
        batch_op.create_index("day_close_by_day", ["municipality_code", "day", "id"], unique=False)
        batch_op.create_index("day_close_by_step", ["municipality_code", "step", "id"], unique=False)

    op.create_table(
        "day_state",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("fund_code", sa.String(), nullable=False),
        sa.Column("receipts", sa.BigInteger(), nullable=False),
        sa.Column("receipts_yen", sa.BigInteger(), nullable=False),
        sa.Column("settled_yen", sa.BigInteger(), nullable=False),
        sa.Column("fee_yen", sa.BigInteger(), nullable=False),
        sa.Column("credited_yen", sa.BigInteger(), nullable=False),
        sa.Column("difference_yen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("differences", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.CheckConstraint("fee_yen >= 0", name="fee_yen_not_negative"),
        sa.CheckConstraint("receipts_yen >= 0", name="receipts_yen_not_negative"),
        sa.CheckConstraint("settled_yen >= 0", name="settled_yen_not_negative"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("day_state", schema=None) as batch_op:
        batch_op.create_index("day_state_by_day", ["day", "municipality_code", "fund_code", "id"], unique=False)
        batch_op.create_index(
            "day_state_difference",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state = 'difference'"),
            postgresql_where=sa.text("state = 'difference'"),
        )

    op.create_table("enterprise_fund", sa.Column("fund_code", sa.String(), nullable=False), sa.PrimaryKeyConstraint("fund_code"))
    op.create_table(
        "export_mark",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("last_outcome_id", sa.BigInteger(), nullable=False),
        sa.Column("handed_until", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "idempotency",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request_sha256", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "mark",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("until_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("mark", schema=None) as batch_op:
        batch_op.create_index("mark_by_name", ["name", "id"], unique=False)

    op.create_table(
        "moved_entry",
        sa.Column("entry_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("act_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bill_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("yen >= 0", name="yen_not_negative"),
        sa.PrimaryKeyConstraint("entry_number"),
    )
    with op.batch_alter_table("moved_entry", schema=None) as batch_op:
        batch_op.create_index("moved_entry_by_bill", ["bill_id", "entry_number"], unique=False)

    op.create_table(
        "municipality",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("institution_code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("registered_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("code"),
    )
    with op.batch_alter_table("municipality", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_municipality_institution_code"), ["institution_code"], unique=False)

    op.create_table("open_message", sa.Column("message_id", sa.String(), nullable=False), sa.PrimaryKeyConstraint("message_id"))
    op.create_table(
        "outcome",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("transaction_key", sa.String(), nullable=False),
        sa.Column("receipt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slip_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("bill_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("evidence", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("outcome", schema=None) as batch_op:
        batch_op.create_index("outcome_by_transaction", ["transaction_key", "id"], unique=False)
        batch_op.create_index(
            "outcome_open",
            ["transaction_key"],
            unique=False,
            sqlite_where=sa.text("outcome NOT IN ('matched', 'paid_after_limit')"),
            postgresql_where=sa.text("outcome NOT IN ('matched', 'paid_after_limit')"),
        )
        batch_op.create_index(
            "outcome_unknown",
            ["transaction_key"],
            unique=False,
            sqlite_where=sa.text("outcome = 'unknown_bill'"),
            postgresql_where=sa.text("outcome = 'unknown_bill'"),
        )

    op.create_table(
        "outcome_rule",
        sa.Column("evidence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("evidence"),
    )
    op.create_table(
        "outcome_total",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("fund_code", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("transactions", sa.BigInteger(), nullable=False),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("yen >= 0", name="yen_not_negative"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("outcome_total", schema=None) as batch_op:
        batch_op.create_index("outcome_total_by_day", ["municipality_code", "day", "fund_code", "outcome", "id"], unique=False)

    op.create_table(
        "pending_receipt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("received_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("after_id", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "raw",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kept_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("raw", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_raw_sha256"), ["sha256"], unique=False)

    op.create_table(
        "refused_slip",
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("slip_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", "slip_id"),
    )
    op.create_table(
        "rejected_row",
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("file_id", "line"),
    )
    op.create_table(
        "row_problem",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("column_number", sa.Integer(), nullable=True),
        sa.Column("field", sa.String(), nullable=True),
        sa.Column("ja", sa.String(), nullable=True),
        sa.Column("args", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("row_problem", schema=None) as batch_op:
        batch_op.create_index("row_problem_by_file", ["file_id", "line"], unique=False)

    op.create_table(
        "serial_block",
        sa.Column("institution_code", sa.String(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("institution_code", "first"),
    )
    op.create_table(
        "settling",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("fee", sa.String(), nullable=False),
        sa.Column("equation", sa.String(), nullable=False),
        sa.Column("withdraws", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["withdraws"],
            ["settling.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("settling", schema=None) as batch_op:
        batch_op.create_index("settling_by_municipality", ["municipality_code", "id"], unique=False)
        batch_op.create_index(
            "settling_withdrawn",
            ["withdraws"],
            unique=False,
            sqlite_where=sa.text("withdraws IS NOT NULL"),
            postgresql_where=sa.text("withdraws IS NOT NULL"),
        )

    op.create_table(
        "slip",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bill_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("issue_count", sa.Integer(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("institution_code", sa.String(), nullable=False),
        sa.Column("case_key", sa.String(), nullable=False),
        sa.Column("confirmation_number", sa.String(), nullable=False),
        sa.Column("issued_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("bill_id", "issue_count", name="slip_of_bill"),
        sa.UniqueConstraint("institution_code", "case_key", name="slip_el_number"),
    )
    with op.batch_alter_table("slip", schema=None) as batch_op:
        batch_op.create_index("slip_by_municipality", ["municipality_code", "id"], unique=False)
        batch_op.create_index(
            "slip_reissued",
            ["bill_id", "issue_count"],
            unique=False,
            sqlite_where=sa.text("issue_count > 1"),
            postgresql_where=sa.text("issue_count > 1"),
        )

    op.create_table(
        "slip_state",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slip_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("slip_state", schema=None) as batch_op:
        batch_op.create_index("slip_state_by_slip", ["slip_id", "id"], unique=False)

    op.create_table(
        "unpaid_list",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("until", sa.String(), nullable=False),
        sa.Column("last_received_id", sa.BigInteger(), nullable=False),
        sa.Column("last_outcome_id", sa.BigInteger(), nullable=False),
        sa.Column("bills", sa.BigInteger(), nullable=False),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.CheckConstraint("yen >= 0", name="yen_not_negative"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table("used_profile", sa.Column("profile", sa.String(), nullable=False), sa.PrimaryKeyConstraint("profile"))
    op.create_table(
        "act_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("act_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["act_id"],
            ["act.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("act_event", schema=None) as batch_op:
        batch_op.create_index("act_event_by_act", ["act_id", "id"], unique=False)

    op.create_table(
        "act_ground",
        sa.Column("act_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("transaction_key", sa.String(), nullable=False),
        sa.Column("outcome_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["act_id"],
            ["act.id"],
        ),
        sa.PrimaryKeyConstraint("act_id", "transaction_key"),
    )
    op.create_table(
        "act_move",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("act_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("value_on", sa.String(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("fund_code", sa.String(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("transaction_key", sa.String(), nullable=False),
        sa.Column("bill_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("from_account", sa.String(), nullable=False),
        sa.Column("to_account", sa.String(), nullable=False),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("yen > 0", name="act_move_positive"),
        sa.ForeignKeyConstraint(
            ["act_id"],
            ["act.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("act_move", schema=None) as batch_op:
        batch_op.create_index(
            "act_move_by_bill",
            ["bill_id"],
            unique=False,
            sqlite_where=sa.text("bill_id IS NOT NULL"),
            postgresql_where=sa.text("bill_id IS NOT NULL"),
        )
        batch_op.create_index("act_move_by_day", ["municipality_code", "day"], unique=False)
        batch_op.create_index("act_move_by_transaction", ["transaction_key"], unique=False)

    op.create_table(
        "export_file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("raw_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("first_entry", sa.BigInteger(), nullable=True),
        sa.Column("last_entry", sa.BigInteger(), nullable=True),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["raw_id"],
            ["raw.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("raw_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("profile_digest", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("municipality_wanted", sa.String(), nullable=False),
        sa.Column("received_at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["raw_id"],
            ["raw.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("file", schema=None) as batch_op:
        batch_op.create_index("file_by_content", ["sha256", "profile"], unique=False)

    op.create_table(
        "message",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("raw_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.CheckConstraint("yen >= 0", name="yen_not_negative"),
        sa.ForeignKeyConstraint(
            ["raw_id"],
            ["raw.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_municipality_code"), ["municipality_code"], unique=False)

    op.create_table(
        "raw_piece",
        sa.Column("raw_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["raw_id"],
            ["raw.id"],
        ),
        sa.PrimaryKeyConstraint("raw_id", "seq"),
    )
    op.create_table(
        "received_file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("business_day", sa.String(), nullable=False),
        sa.Column("raw_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.Column("problems", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("sequence_order", sa.String(), nullable=True),
        sa.Column("at", sa.String(), nullable=False),
        sa.CheckConstraint("yen >= 0", name="yen_not_negative"),
        sa.ForeignKeyConstraint(
            ["raw_id"],
            ["raw.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "remote_id", name="received_once"),
    )
    with op.batch_alter_table("received_file", schema=None) as batch_op:
        batch_op.create_index("received_by_day", ["municipality_code", "kind", "business_day"], unique=False)
        batch_op.create_index("received_by_raw", ["raw_id"], unique=False)
        batch_op.create_index("received_by_sequence", ["municipality_code", "sequence"], unique=False)
        batch_op.create_index(
            "received_quarantined",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state = 'quarantined'"),
            postgresql_where=sa.text("state = 'quarantined'"),
        )

    op.create_table(
        "revision",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bill_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_id"],
            ["bill.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("revision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_revision_file_id"), ["file_id"], unique=False)
        batch_op.create_index("revision_by_bill", ["bill_id", "id"], unique=False)
        batch_op.create_index("revision_by_version", ["version_id"], unique=False)
        batch_op.create_index(
            "revision_conflict",
            ["id"],
            unique=False,
            sqlite_where=sa.text("effect = 'conflict'"),
            postgresql_where=sa.text("effect = 'conflict'"),
        )

    op.create_table(
        "unpaid_list_day",
        sa.Column("list_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("business_day", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["list_id"],
            ["unpaid_list.id"],
        ),
        sa.PrimaryKeyConstraint("list_id", "business_day"),
    )
    op.create_table(
        "unpaid_list_file",
        sa.Column("list_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fund_code", sa.String(), nullable=False),
        sa.Column("raw_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bills", sa.BigInteger(), nullable=False),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("yen >= 0", name="yen_not_negative"),
        sa.ForeignKeyConstraint(
            ["list_id"],
            ["unpaid_list.id"],
        ),
        sa.ForeignKeyConstraint(
            ["raw_id"],
            ["raw.id"],
        ),
        sa.PrimaryKeyConstraint("list_id", "fund_code"),
    )
    op.create_table(
        "bank_credit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("received_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("inquiry_number", sa.String(), nullable=False),
        sa.Column("booked_on", sa.String(), nullable=False),
        sa.Column("value_on", sa.String(), nullable=False),
        sa.Column("amount_yen", sa.BigInteger(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("cancelled", sa.String(), nullable=False),
        sa.Column("remitter_code", sa.String(), nullable=False),
        sa.Column("remitter_name", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.CheckConstraint("amount_yen >= 0", name="amount_yen_not_negative"),
        sa.ForeignKeyConstraint(
            ["received_id"],
            ["received_file.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "booked_on", "inquiry_number", "direction", "cancelled", "amount_yen", name="bank_credit_once"),
    )
    with op.batch_alter_table("bank_credit", schema=None) as batch_op:
        batch_op.create_index("bank_credit_by_municipality", ["municipality_code", "id"], unique=False)
        batch_op.create_index("bank_credit_by_reference", ["reference"], unique=False)
        batch_op.create_index(
            "bank_credit_cancelled",
            ["account", "amount_yen"],
            unique=False,
            sqlite_where=sa.text("cancelled = '1'"),
            postgresql_where=sa.text("cancelled = '1'"),
        )

    op.create_table(
        "clearing_handover",
        sa.Column("entry_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("export_file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_file_id"],
            ["export_file.id"],
        ),
        sa.PrimaryKeyConstraint("entry_number"),
    )
    op.create_table(
        "export_delivery",
        sa.Column("export_file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_file_id"],
            ["export_file.id"],
        ),
        sa.PrimaryKeyConstraint("export_file_id"),
    )
    op.create_table(
        "file_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["file.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("file_event", schema=None) as batch_op:
        batch_op.create_index("file_event_by_file", ["file_id", "id"], unique=False)

    op.create_table(
        "file_position",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("business_day", sa.String(), nullable=True),
        sa.Column("sequence_order", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["file.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("file_position", schema=None) as batch_op:
        batch_op.create_index("file_position_by_stream", ["stream", "id"], unique=False)

    op.create_table(
        "message_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("raw_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("message_event", schema=None) as batch_op:
        batch_op.create_index(
            "message_event_bad",
            ["message_id"],
            unique=False,
            sqlite_where=sa.text("event IN ('unknown', 'rejected')"),
            postgresql_where=sa.text("event IN ('unknown', 'rejected')"),
        )
        batch_op.create_index("message_event_by_message", ["message_id", "id"], unique=False)

    op.create_table(
        "message_item",
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("slip_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("last_change_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.id"],
        ),
        sa.PrimaryKeyConstraint("message_id", "position"),
    )
    with op.batch_alter_table("message_item", schema=None) as batch_op:
        batch_op.create_index("message_item_by_slip", ["slip_id", "last_change_id"], unique=False)

    op.create_table(
        "receipt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("received_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("transaction_key", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("institution_code", sa.String(), nullable=False),
        sa.Column("case_key", sa.String(), nullable=False),
        sa.Column("confirmation_number", sa.String(), nullable=False),
        sa.Column("fund_code", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("amount_yen", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.String(), nullable=False),
        sa.Column("booked_on", sa.String(), nullable=False),
        sa.CheckConstraint("amount_yen > 0", name="receipt_positive"),
        sa.ForeignKeyConstraint(
            ["received_id"],
            ["received_file.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("transaction_key", "stage", name="receipt_once"),
    )
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.create_index("receipt_by_day", ["municipality_code", "booked_on"], unique=False)
        batch_op.create_index("receipt_by_slip", ["institution_code", "case_key"], unique=False)
        batch_op.create_index(
            "receipt_cancelled",
            ["transaction_key"],
            unique=False,
            sqlite_where=sa.text("stage = 'cancelled'"),
            postgresql_where=sa.text("stage = 'cancelled'"),
        )
        batch_op.create_index(
            "receipt_preliminary",
            ["booked_on"],
            unique=False,
            sqlite_where=sa.text("stage = 'preliminary'"),
            postgresql_where=sa.text("stage = 'preliminary'"),
        )

    op.create_table(
        "settlement",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("received_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("settlement_key", sa.String(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("institution_code", sa.String(), nullable=False),
        sa.Column("fund_code", sa.String(), nullable=False),
        sa.Column("business_day", sa.String(), nullable=False),
        sa.Column("receipt_count", sa.BigInteger(), nullable=False),
        sa.Column("gross_yen", sa.BigInteger(), nullable=False),
        sa.Column("fee_yen", sa.BigInteger(), nullable=False),
        sa.Column("net_yen", sa.BigInteger(), nullable=False),
        sa.Column("transfer_on", sa.String(), nullable=False),
        sa.CheckConstraint("fee_yen >= 0", name="fee_yen_not_negative"),
        sa.CheckConstraint("gross_yen >= 0", name="gross_yen_not_negative"),
        sa.CheckConstraint("net_yen >= 0", name="net_yen_not_negative"),
        sa.ForeignKeyConstraint(
            ["received_id"],
            ["received_file.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("settlement_key", "edition", name="settlement_once"),
    )
    with op.batch_alter_table("settlement", schema=None) as batch_op:
        batch_op.create_index("settlement_by_municipality", ["municipality_code", "id"], unique=False)

    op.create_table(
        "slip_handover",
        sa.Column("slip_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("export_file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_file_id"],
            ["export_file.id"],
        ),
        sa.PrimaryKeyConstraint("slip_id"),
    )
    op.create_table(
        "settling_line",
        sa.Column("settling_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("settlement_key", sa.String(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("credit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credit_id"],
            ["bank_credit.id"],
        ),
        sa.ForeignKeyConstraint(
            ["settling_id"],
            ["settling.id"],
        ),
        sa.PrimaryKeyConstraint("settling_id", "position"),
    )
    with op.batch_alter_table("settling_line", schema=None) as batch_op:
        batch_op.create_index(
            "settling_line_by_credit",
            ["credit_id", "settling_id"],
            unique=False,
            sqlite_where=sa.text("credit_id IS NOT NULL"),
            postgresql_where=sa.text("credit_id IS NOT NULL"),
        )
        batch_op.create_index(
            "settling_line_by_settlement",
            ["settlement_key", "settling_id"],
            unique=False,
            sqlite_where=sa.text("settlement_key <> ''"),
            postgresql_where=sa.text("settlement_key <> ''"),
        )


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("settling_line", schema=None) as batch_op:
        batch_op.drop_index(
            "settling_line_by_settlement", sqlite_where=sa.text("settlement_key <> ''"), postgresql_where=sa.text("settlement_key <> ''")
        )
        batch_op.drop_index(
            "settling_line_by_credit", sqlite_where=sa.text("credit_id IS NOT NULL"), postgresql_where=sa.text("credit_id IS NOT NULL")
        )

    op.drop_table("settling_line")
    op.drop_table("slip_handover")
    with op.batch_alter_table("settlement", schema=None) as batch_op:
        batch_op.drop_index("settlement_by_municipality")

    op.drop_table("settlement")
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.drop_index(
            "receipt_preliminary", sqlite_where=sa.text("stage = 'preliminary'"), postgresql_where=sa.text("stage = 'preliminary'")
        )
        batch_op.drop_index(
            "receipt_cancelled", sqlite_where=sa.text("stage = 'cancelled'"), postgresql_where=sa.text("stage = 'cancelled'")
        )
        batch_op.drop_index("receipt_by_slip")
        batch_op.drop_index("receipt_by_day")

    op.drop_table("receipt")
    with op.batch_alter_table("message_item", schema=None) as batch_op:
        batch_op.drop_index("message_item_by_slip")

    op.drop_table("message_item")
    with op.batch_alter_table("message_event", schema=None) as batch_op:
        batch_op.drop_index("message_event_by_message")
        batch_op.drop_index(
            "message_event_bad",
            sqlite_where=sa.text("event IN ('unknown', 'rejected')"),
            postgresql_where=sa.text("event IN ('unknown', 'rejected')"),
        )

    op.drop_table("message_event")
    with op.batch_alter_table("file_position", schema=None) as batch_op:
        batch_op.drop_index("file_position_by_stream")

    op.drop_table("file_position")
    with op.batch_alter_table("file_event", schema=None) as batch_op:
        batch_op.drop_index("file_event_by_file")

    op.drop_table("file_event")
    op.drop_table("export_delivery")
    op.drop_table("clearing_handover")
    with op.batch_alter_table("bank_credit", schema=None) as batch_op:
        batch_op.drop_index("bank_credit_cancelled", sqlite_where=sa.text("cancelled = '1'"), postgresql_where=sa.text("cancelled = '1'"))
        batch_op.drop_index("bank_credit_by_reference")
        batch_op.drop_index("bank_credit_by_municipality")

    op.drop_table("bank_credit")
    op.drop_table("unpaid_list_file")
    op.drop_table("unpaid_list_day")
    with op.batch_alter_table("revision", schema=None) as batch_op:
        batch_op.drop_index(
            "revision_conflict", sqlite_where=sa.text("effect = 'conflict'"), postgresql_where=sa.text("effect = 'conflict'")
        )
        batch_op.drop_index("revision_by_version")
        batch_op.drop_index("revision_by_bill")
        batch_op.drop_index(batch_op.f("ix_revision_file_id"))

    op.drop_table("revision")
    with op.batch_alter_table("received_file", schema=None) as batch_op:
        batch_op.drop_index(
            "received_quarantined", sqlite_where=sa.text("state = 'quarantined'"), postgresql_where=sa.text("state = 'quarantined'")
        )
        batch_op.drop_index("received_by_sequence")
        batch_op.drop_index("received_by_raw")
        batch_op.drop_index("received_by_day")

    op.drop_table("received_file")
    op.drop_table("raw_piece")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_message_municipality_code"))

    op.drop_table("message")
    with op.batch_alter_table("file", schema=None) as batch_op:
        batch_op.drop_index("file_by_content")

    op.drop_table("file")
    op.drop_table("export_file")
    with op.batch_alter_table("act_move", schema=None) as batch_op:
        batch_op.drop_index("act_move_by_transaction")
        batch_op.drop_index("act_move_by_day")
        batch_op.drop_index(
            "act_move_by_bill", sqlite_where=sa.text("bill_id IS NOT NULL"), postgresql_where=sa.text("bill_id IS NOT NULL")
        )

    op.drop_table("act_move")
    op.drop_table("act_ground")
    with op.batch_alter_table("act_event", schema=None) as batch_op:
        batch_op.drop_index("act_event_by_act")

    op.drop_table("act_event")
    op.drop_table("used_profile")
    op.drop_table("unpaid_list")
    with op.batch_alter_table("slip_state", schema=None) as batch_op:
        batch_op.drop_index("slip_state_by_slip")

    op.drop_table("slip_state")
    with op.batch_alter_table("slip", schema=None) as batch_op:
        batch_op.drop_index("slip_reissued", sqlite_where=sa.text("issue_count > 1"), postgresql_where=sa.text("issue_count > 1"))
        batch_op.drop_index("slip_by_municipality")

    op.drop_table("slip")
    with op.batch_alter_table("settling", schema=None) as batch_op:
        batch_op.drop_index(
            "settling_withdrawn", sqlite_where=sa.text("withdraws IS NOT NULL"), postgresql_where=sa.text("withdraws IS NOT NULL")
        )
        batch_op.drop_index("settling_by_municipality")

    op.drop_table("settling")
    op.drop_table("serial_block")
    with op.batch_alter_table("row_problem", schema=None) as batch_op:
        batch_op.drop_index("row_problem_by_file")

    op.drop_table("row_problem")
    op.drop_table("rejected_row")
    op.drop_table("refused_slip")
    with op.batch_alter_table("raw", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_raw_sha256"))

    op.drop_table("raw")
    op.drop_table("pending_receipt")
    with op.batch_alter_table("outcome_total", schema=None) as batch_op:
        batch_op.drop_index("outcome_total_by_day")

    op.drop_table("outcome_total")
    op.drop_table("outcome_rule")
    with op.batch_alter_table("outcome", schema=None) as batch_op:
        batch_op.drop_index(
            "outcome_unknown", sqlite_where=sa.text("outcome = 'unknown_bill'"), postgresql_where=sa.text("outcome = 'unknown_bill'")
        )
        batch_op.drop_index(
            "outcome_open",
            sqlite_where=sa.text("outcome NOT IN ('matched', 'paid_after_limit')"),
            postgresql_where=sa.text("outcome NOT IN ('matched', 'paid_after_limit')"),
        )
        batch_op.drop_index("outcome_by_transaction")

    op.drop_table("outcome")
    op.drop_table("open_message")
    with op.batch_alter_table("municipality", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_municipality_institution_code"))

    op.drop_table("municipality")
    with op.batch_alter_table("moved_entry", schema=None) as batch_op:
        batch_op.drop_index("moved_entry_by_bill")

    op.drop_table("moved_entry")
    with op.batch_alter_table("mark", schema=None) as batch_op:
        batch_op.drop_index("mark_by_name")

    op.drop_table("mark")
    op.drop_table("idempotency")
    op.drop_table("export_mark")
    op.drop_table("enterprise_fund")
    with op.batch_alter_table("day_state", schema=None) as batch_op:
        batch_op.drop_index(
            "day_state_difference", sqlite_where=sa.text("state = 'difference'"), postgresql_where=sa.text("state = 'difference'")
        )
        batch_op.drop_index("day_state_by_day")

    op.drop_table("day_state")
    with op.batch_alter_table("day_close", schema=None) as batch_op:
        batch_op.drop_index("day_close_by_step")
        batch_op.drop_index("day_close_by_day")

    op.drop_table("day_close")
    with op.batch_alter_table("day_book", schema=None) as batch_op:
        batch_op.drop_index("day_book_by_value")

    op.drop_table("day_book")
    with op.batch_alter_table("clearing_entry", schema=None) as batch_op:
        batch_op.drop_index("clearing_entry_by_transaction")

    op.drop_table("clearing_entry")
    with op.batch_alter_table("change", schema=None) as batch_op:
        batch_op.drop_index("change_by_slip")
        batch_op.drop_index("change_by_municipality")

    op.drop_table("change")
    with op.batch_alter_table("case_owner", schema=None) as batch_op:
        batch_op.drop_index("case_owner_by_case")

    op.drop_table("case_owner")
    with op.batch_alter_table("bill_version", schema=None) as batch_op:
        batch_op.drop_index("bill_version_by_core_key", sqlite_where=sa.text("core_key <> ''"), postgresql_where=sa.text("core_key <> ''"))

    op.drop_table("bill_version")
    op.drop_table("bill")
    op.drop_table("audit")
    with op.batch_alter_table("act", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_act_municipality_code"))
        batch_op.drop_index("act_by_subject")

    op.drop_table("act")
    with op.batch_alter_table("absence_waiver", schema=None) as batch_op:
        batch_op.drop_index("absence_waiver_by_day")

    op.drop_table("absence_waiver")
