"""persons, accounts, roles, sessions and keys: who may do what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TABLES = (
    "person", "person_state", "person_grant", "account", "account_secret", "used_step", "login_attempt", "login_session", "api_key",
    "api_key_end", "access_change",
)  # fmt: skip


def upgrade() -> None:
    """Apply."""
    _persons()
    _accounts()
    _sessions()
    _keys()


def _id() -> sa.Column[int]:
    return sa.Column("id", _KEY, primary_key=True)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def _of(column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target])


def _persons() -> None:
    op.create_table(
        "person",
        sa.Column("person_id", sa.String(), primary_key=True),
        *_texts("name"),
        sa.Column("demo", sa.Integer(), nullable=False),
        *_texts("at"),
    )
    op.create_table("person_state", _id(), *_texts("person_id", "state", "reason", "by", "at"), _of("person_id", "person.person_id"))
    op.create_index("person_state_by_person", "person_state", ["person_id", "id"])
    granted = _texts("person_id", "roles", "municipalities", "departments", "by", "approved_by", "at")
    op.create_table("person_grant", _id(), *granted, _of("person_id", "person.person_id"))
    op.create_index("person_grant_by_person", "person_grant", ["person_id", "id"])


def _accounts() -> None:
    account = sa.Column("account_id", _KEY, nullable=False)
    op.create_table(
        "account", _id(), *_texts("login", "person_id", "by", "at"), _of("person_id", "person.person_id"), sa.UniqueConstraint("login")
    )
    op.create_index("ix_account_person_id", "account", ["person_id"])
    op.create_table("account_secret", _id(), account, *_texts("kind", "secret", "until", "at"), _of("account_id", "account.id"))
    op.create_index("account_secret_by_account", "account_secret", ["account_id", "kind", "id"])
    op.create_table(
        "used_step",
        sa.Column("account_id", _KEY, primary_key=True),
        sa.Column("step", sa.BigInteger(), primary_key=True, autoincrement=False),
        _of("account_id", "account.id"),
    )


def _sessions() -> None:
    op.create_table("login_attempt", _id(), *_texts("subject", "address", "result", "at"))
    op.create_index("login_attempt_by_subject", "login_attempt", ["subject", "id"])
    op.create_index("login_attempt_by_address", "login_attempt", ["address", "at"])
    op.create_table(
        "login_session",
        sa.Column("id_sha256", sa.String(), primary_key=True),
        *_texts("number"),
        sa.Column("account_id", _KEY, nullable=False),
        *_texts("began_at", "seen_at", "proved_at", "until", "ended_at", "ended_why", "address"),
        _of("account_id", "account.id"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("ix_login_session_account_id", "login_session", ["account_id"])


def _keys() -> None:
    named = _texts("prefix", "sha256", "name", "role", "municipality_code", "profile", "by", "at")
    op.create_table("api_key", _id(), *named, sa.UniqueConstraint("prefix"))
    op.create_table("api_key_end", sa.Column("key_id", _KEY, primary_key=True), *_texts("by", "at"), _of("key_id", "api_key.id"))
    op.create_table("access_change", _id(), *_texts("what", "at"))


def downgrade() -> None:
    """Take back."""
    for name in reversed(_TABLES):
        op.drop_table(name)
