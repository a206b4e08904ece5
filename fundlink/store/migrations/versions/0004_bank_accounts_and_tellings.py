"""accounts have one spelling, a credit may be told in several forms, files state balances; bills are found by their payer.

Entries stored before keep the account as it was written as their form, so that none of them collide under the one spelling.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fundlink.domain.bank_accounts import spelling

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ONCE = ["account", "booked_on", "inquiry_number", "direction", "cancelled", "amount_yen"]
_UNSURE = sa.text("state = 'unsure'")
_PAYER = sa.text("addressee_number <> ''")
_QUARANTINED = sa.text("event = 'quarantined'")


def upgrade() -> None:
    """Apply."""
    _accounts()
    _form_of_entries()
    _tellings()
    _statements()
    op.create_index(
        "bill_version_by_payer", "bill_version", ["municipality_code", "addressee_number"], sqlite_where=_PAYER, postgresql_where=_PAYER
    )
    op.create_index("file_event_quarantined", "file_event", ["file_id"], sqlite_where=_QUARANTINED, postgresql_where=_QUARANTINED)
    _one_spelling()


def _accounts() -> None:
    op.create_table(
        "bank_account",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("funds", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_index("ix_bank_account_municipality_code", "bank_account", ["municipality_code"])
    op.create_table(
        "bank_account_spelling",
        sa.Column("spelling", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["bank_account.account"]),
        sa.PrimaryKeyConstraint("spelling"),
    )


def _form_of_entries() -> None:
    """SQLite makes the table anew; what leads to it steps aside meanwhile."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        op.execute("CREATE TEMPORARY TABLE aside AS SELECT * FROM settling_line")
        op.execute("DELETE FROM settling_line")
    with op.batch_alter_table("bank_credit") as batch:
        batch.add_column(sa.Column("form", sa.String(), server_default="", nullable=False))
        batch.drop_constraint("bank_credit_once", type_="unique")
        batch.create_unique_constraint("bank_credit_once", [*_ONCE, "form"])
        batch.create_index("bank_credit_by_value", ["account", "value_on", "amount_yen"])
    with op.batch_alter_table("bank_credit") as batch:
        batch.alter_column("form", server_default=None, existing_type=sa.String(), existing_nullable=False)
    if sqlite:
        op.execute("INSERT INTO settling_line SELECT * FROM aside")
        op.execute("DROP TABLE aside")


def _tellings() -> None:
    op.create_table(
        "credit_telling",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("credit_id", _KEY, nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stands_for", _KEY, nullable=True),
        sa.Column("act_id", _KEY, nullable=True),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["credit_id"], ["bank_credit.id"]),
        sa.ForeignKeyConstraint(["stands_for"], ["bank_credit.id"]),
        sa.ForeignKeyConstraint(["act_id"], ["act.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("credit_telling_by_credit", "credit_telling", ["credit_id", "id"])
    op.create_index("credit_telling_by_municipality", "credit_telling", ["municipality_code", "id"])
    op.create_index("credit_telling_unsure", "credit_telling", ["credit_id"], sqlite_where=_UNSURE, postgresql_where=_UNSURE)


def _statements() -> None:
    op.create_table(
        "bank_statement",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("received_id", _KEY, nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("first_on", sa.String(), nullable=False),
        sa.Column("last_on", sa.String(), nullable=False),
        sa.Column("opening_balance_yen", sa.BigInteger(), nullable=False),
        sa.Column("closing_balance_yen", sa.BigInteger(), nullable=False),
        sa.Column("repeats", sa.Boolean(), nullable=False),
        sa.Column("broken_at", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["received_id"], ["received_file.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_bank_statement_municipality_code", "bank_statement", ["municipality_code"])
    op.create_index("bank_statement_by_account", "bank_statement", ["account", "form", "first_on"])


def _one_spelling() -> None:
    """Bring the accounts of stored entries into the one spelling and register them for the municipality that has them."""
    connection = op.get_bind()
    found = connection.execute(sa.text("SELECT account, MIN(municipality_code), MIN(booked_on) FROM bank_credit GROUP BY account")).all()
    connection.execute(sa.text("UPDATE bank_credit SET form = account"))
    for written, code, since in found:
        account = spelling(written)
        connection.execute(
            sa.text("UPDATE bank_credit SET account = :account WHERE form = :written"), {"account": account, "written": written}
        )
        connection.execute(
            sa.text(
                """INSERT INTO bank_account (account, municipality_code, holder, funds, "by", approved_by, at)
                   VALUES (:account, :code, '', '', 'fundlink', '', :at) ON CONFLICT (account) DO NOTHING"""
            ),
            {"account": account, "code": code, "at": since},
        )


def downgrade() -> None:
    """Take back. Entries that two forms tell under one number do not fit into the former table: then it is refused by the database."""
    for table in ("bank_statement", "credit_telling", "bank_account_spelling", "bank_account"):
        op.drop_table(table)
    op.drop_index("bill_version_by_payer", "bill_version")
    op.drop_index("file_event_quarantined", "file_event")
    with op.batch_alter_table("bank_credit") as batch:
        batch.drop_index("bank_credit_by_value")
        batch.drop_constraint("bank_credit_once", type_="unique")
        batch.create_unique_constraint("bank_credit_once", _ONCE)
        batch.drop_column("form")
