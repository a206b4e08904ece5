"""notice numbers handed out with templates, workbooks that a person looks at before they count."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "notice_number_block",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("municipality_code", "fund_code")),
        sa.Column("levy_year", sa.Integer(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("by", "at")),
        sa.PrimaryKeyConstraint("municipality_code", "fund_code", "levy_year", "first"),
    )
    op.create_table(
        "sheet_draft",
        sa.Column("id", key, nullable=False),
        sa.Column("raw_id", key, nullable=False),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("name", "municipality_code", "fund_code", "department_code", "found", "by", "at")
        ),
        sa.ForeignKeyConstraint(["raw_id"], ["raw.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("sheet_draft_by_municipality", "sheet_draft", ["municipality_code", "id"])
    op.create_table(
        "sheet_draft_end",
        sa.Column("draft_id", key, autoincrement=False, nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("file_id", key, nullable=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("by", "at")),
        sa.ForeignKeyConstraint(["draft_id"], ["sheet_draft.id"]),
        sa.PrimaryKeyConstraint("draft_id"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("sheet_draft_end")
    op.drop_table("sheet_draft")
    op.drop_table("notice_number_block")
