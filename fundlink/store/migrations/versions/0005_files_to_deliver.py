"""Files that wait for their delivery stand in a list of their own: those of several municipalities are delivered side by side."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "open_export",
        sa.Column("export_file_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("export_file_id"),
    )
    op.execute(
        """INSERT INTO open_export (export_file_id)
           SELECT f.id FROM export_file f WHERE f.id > COALESCE((SELECT MAX(export_file_id) FROM export_delivery), 0)"""
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("open_export")
