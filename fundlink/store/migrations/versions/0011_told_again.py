"""changes that were refused because of a payment and are told again after it was taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "told_again",
        sa.Column("slip_id", key, autoincrement=False, nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("transaction_key", "message_id", "at")),
        sa.ForeignKeyConstraint(["slip_id"], ["slip.id"]),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"]),
        sa.PrimaryKeyConstraint("slip_id", "transaction_key"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("told_again")
