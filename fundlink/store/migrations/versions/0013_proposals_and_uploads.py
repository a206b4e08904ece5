"""what one person proposes and another one approves is one table, whatever it is about; what waits about settlements goes along. Files come by upload."""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_WAITING = """
    SELECT p.municipality_code, p.settlement_key, p.suggestion, p.equation, p.reason, p.proposed_by, p.at FROM settling_proposal p
    WHERE p.suggestion <> '' AND p.id = (SELECT MAX(x.id) FROM settling_proposal x WHERE x.settlement_key = p.settlement_key) ORDER BY p.id"""


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "proposal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("prepared_by", sa.String(), nullable=False),
        sa.Column("prepared_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("proposal_by_subject", "proposal", ["kind", "subject", "id"])
    op.create_table(
        "proposal_end",
        sa.Column("proposal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("told", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["proposal_id"], ["proposal.id"]),
        sa.PrimaryKeyConstraint("proposal_id"),
    )
    _carry_over()
    op.drop_table("settling_proposal")
    _uploads()


def _uploads() -> None:
    """Files handed over at the console, and what lists of files look things up by."""
    op.create_table(
        "upload",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("raw_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("uploaded_by", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["raw_id"], ["raw.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "upload_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("upload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("told", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("upload_event_by_upload", "upload_event", ["upload_id", "id"])
    not_single = sa.text("channel <> 'api-bill'")
    op.create_index("file_of_files", "file", ["id"], sqlite_where=not_single, postgresql_where=not_single)
    op.create_index("file_by_instant", "file", ["received_at"])
    op.create_index("received_by_instant", "received_file", ["at"])


def _carry_over() -> None:
    """Proposals of settlings that wait: few, each with the content it would have had here."""
    connection = op.get_bind()
    for code, key, suggestion, equation, reason, proposed_by, at in connection.execute(sa.text(_WAITING)).all():
        said = {
            "kind": "settle", "subject": key, "municipality_code": code, "asked": {"suggestion": suggestion}, "reason": reason, "before": {},
            "after": {"equation": equation},
        }  # fmt: skip
        content = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        connection.execute(
            sa.text(
                """INSERT INTO proposal (kind, municipality_code, subject, content, content_sha256, prepared_by, prepared_at)
                   VALUES ('settle', :code, :key, :content, :sha256, :who, :at)"""
            ),
            {
                "code": code,
                "key": key,
                "content": content,
                "sha256": hashlib.sha256(content.encode()).hexdigest(),
                "who": proposed_by,
                "at": at,
            },
        )


def downgrade() -> None:
    """Take back; what waited has to be proposed again."""
    op.drop_index("received_by_instant", "received_file")
    op.drop_index("file_by_instant", "file")
    op.drop_index("file_of_files", "file")
    op.drop_table("upload_event")
    op.drop_table("upload")
    op.create_table(
        "settling_proposal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_code", sa.String(), nullable=False),
        sa.Column("settlement_key", sa.String(), nullable=False),
        sa.Column("suggestion", sa.String(), nullable=False),
        sa.Column("equation", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("proposed_by", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("settling_proposal_by_settlement", "settling_proposal", ["settlement_key", "id"])
    op.drop_table("proposal_end")
    op.drop_table("proposal")
