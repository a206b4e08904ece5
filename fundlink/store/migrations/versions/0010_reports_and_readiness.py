"""totals by month that reports read, counted from all there is at the next run; what persons declare about getting ready; accounts changed in two steps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "month_total",
        sa.Column("id", key, nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("municipality_code", "part", "fund_code", "month", "channel")),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    columns = ["municipality_code", "part", "fund_code", "month", "channel", "id"]
    op.create_index("month_total_by_part", "month_total", columns)
    op.create_table(
        "readiness_declaration",
        sa.Column("id", key, nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("municipality_code", "department_code", "item")),
        sa.Column("done", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("note", "by", "at")),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("readiness_declaration_by_item", "readiness_declaration", ["municipality_code", "department_code", "item", "id"])
    op.create_table(
        "access_proposal",
        sa.Column("id", key, nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("kind", "content", "prepared_by", "at")),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "access_proposal_end",
        sa.Column("proposal_id", key, autoincrement=False, nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("event", "by", "at")),
        sa.ForeignKeyConstraint(["proposal_id"], ["access_proposal.id"]),
        sa.PrimaryKeyConstraint("proposal_id"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("access_proposal_end")
    op.drop_table("access_proposal")
    op.drop_table("readiness_declaration")
    op.drop_table("month_total")
