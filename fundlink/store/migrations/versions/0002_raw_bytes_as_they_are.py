"""raw bytes are not compressed by the server: it takes longer than writing them, and most of them are read again at once."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE raw_piece ALTER COLUMN data SET STORAGE EXTERNAL")


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE raw_piece ALTER COLUMN data SET STORAGE EXTENDED")
