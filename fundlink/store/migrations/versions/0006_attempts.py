"""Every call about a message is written down, with what became of it and when the next one is due; a gateway may be left alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BAD = "event IN ('unknown', 'rejected', 'exhausted', 'contradicted')"
_BAD_BEFORE = "event IN ('unknown', 'rejected')"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "message_attempt",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message_id", "round", "number", name="message_attempt_once"),
    )
    op.create_table(
        "attempt_result",
        sa.Column("attempt_id", _KEY, autoincrement=False, nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("raw_id", _KEY, nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("next_try_at", sa.String(), nullable=True),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["message_attempt.id"]),
        sa.PrimaryKeyConstraint("attempt_id"),
    )
    op.create_table(
        "gateway_pause",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("until_at", sa.String(), nullable=False),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("gateway_pause_by_gateway", "gateway_pause", ["gateway", "id"], unique=False)
    _bad_messages(_BAD)


def downgrade() -> None:
    """Take back."""
    _bad_messages(_BAD_BEFORE)
    for table in ("gateway_pause", "attempt_result", "message_attempt"):
        op.drop_table(table)


def _bad_messages(condition: str) -> None:
    op.drop_index("message_event_bad", table_name="message_event")
    op.create_index(
        "message_event_bad", "message_event", ["message_id"], sqlite_where=sa.text(condition), postgresql_where=sa.text(condition)
    )
