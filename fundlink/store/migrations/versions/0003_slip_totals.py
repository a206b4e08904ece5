"""how the slips of a fund stand, counted on from run to run; the first run after this counts all there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "slip_total",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("fund_code", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("slips", sa.BigInteger(), nullable=False),
        sa.Column("until_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("slip_total", schema=None) as batch_op:
        batch_op.create_index("slip_total_by_fund", ["municipality_code", "fund_code", "part", "id"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("slip_total", schema=None) as batch_op:
        batch_op.drop_index("slip_total_by_fund")
    op.drop_table("slip_total")
