"""Pipelines; notices; results of jobs; what an attempt went on from."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pipelines",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False, comment="has the notebooks as they were, by node"),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("nodes", sa.JSON(), nullable=False, comment="in an order in which they may run"),
        sa.Column("notify", sa.JSON(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("idempotency_key", sa.String(length=300), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipelines")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_pipelines_idempotency_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_pipelines_owner"), "pipelines", ["owner"], unique=False)
    op.create_index(op.f("ix_pipelines_state"), "pipelines", ["state"], unique=False)
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("noun", sa.String(length=16), nullable=False, comment="jobs, sweeps or pipelines"),
        sa.Column("key", sa.Integer(), nullable=False, comment="number of what it is about"),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False, comment="what is said; the first line is the subject"),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.Text(), nullable=True, comment="why it did not arrive"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notices_about", "notices", ["noun", "key"], unique=False)
    op.create_index("ix_notices_due", "notices", ["state", "not_before"], unique=False)
    op.add_column("attempts", sa.Column("note", sa.Text(), nullable=True, comment="which checkpoint it went on from"))
    op.add_column("jobs", sa.Column("pipeline_id", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("node", sa.String(length=63), nullable=True))
    op.add_column("jobs", sa.Column("results", sa.JSON(), nullable=True, comment="what it left for others"))
    op.add_column("jobs", sa.Column("notify", sa.JSON(), nullable=True, comment="whom to tell of what"))
    op.add_column(
        "jobs",
        sa.Column(
            "resume",
            sa.Boolean(),
            server_default=sa.true(),
            nullable=False,
            comment="a retry goes on behind a checkpoint",
        ),
    )
    op.create_index("ix_jobs_pipeline_id", "jobs", ["pipeline_id", "id"], unique=False)
    op.create_index("ix_jobs_notebook_id", "jobs", ["notebook", "id"], unique=False)
