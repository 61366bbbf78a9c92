"""Requests to change protected aliases of registered models."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alias_requests",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False, comment="alias, or protection: what is to change"),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("alias", sa.String(255), nullable=False),
        sa.Column(
            "version", sa.String(16), nullable=False, comment="what it is to stand for; empty: it is to be deleted"
        ),
        sa.Column("before", sa.String(16), nullable=True, comment="what it stood for then"),
        sa.Column("asked_by", sa.String(200), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column(
            "claimed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="somebody has approved it, and is changing it in MLflow",
        ),
        sa.Column("decided_by", sa.String(200), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_why", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alias_requests")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alias_requests_model_id", "alias_requests", ["model", "id"])
    op.create_index("ix_alias_requests_state", "alias_requests", ["state", "id"])
    op.create_index(
        "ix_alias_requests_open",
        "alias_requests",
        ["model", "kind", "alias", "version", "asked_by"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column("notices", "noun", comment="jobs, sweeps, pipelines, or models")
        op.alter_column("notices", "key", comment="number of what it is about; of models, of the request")
