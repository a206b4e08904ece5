"""Finding a bill by what people hold in their hands, and the list of preliminary statements that nobody confirmed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INDEXES = {
    "bill_version_by_notice": ("bill_version", ["notice_number"]),
    "bill_version_by_limit": ("bill_version", ["municipality_code", "payable_until", "total_yen", "id"]),
    "receipt_by_booked_yen": ("receipt", ["municipality_code", "booked_on", "amount_yen", "id"]),
    "receipt_by_paid_yen": ("receipt", ["municipality_code", "paid_on", "amount_yen", "id"]),
}


def upgrade() -> None:
    """Apply."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns)
    op.create_table(
        "late_preliminary",
        sa.Column("receipt_id", key, autoincrement=False, nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("booked_on", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("receipt_id"),
    )
    op.create_index("late_preliminary_by_day", "late_preliminary", ["booked_on"])
    op.execute(
        """INSERT INTO late_preliminary (receipt_id, municipality_code, booked_on)
           SELECT p.id, p.municipality_code, p.booked_on FROM receipt p WHERE p.stage = 'preliminary' AND NOT EXISTS (
             SELECT 1 FROM receipt x WHERE x.transaction_key = p.transaction_key AND x.stage IN ('confirmed', 'cancelled'))"""
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("late_preliminary")
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table)
