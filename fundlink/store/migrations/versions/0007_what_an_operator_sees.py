"""upkeep: the last backup and the last check of the invariants, for metrics and alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "upkeep",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ok", sa.Integer(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("upkeep_by_kind", "upkeep", ["kind", "id"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index("upkeep_by_kind", table_name="upkeep")
    op.drop_table("upkeep")
