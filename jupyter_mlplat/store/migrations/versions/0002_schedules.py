"""Schedules with their occurrences, attempts of jobs, the queue's order, retries."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False, comment="what If-Match names"),
        sa.Column("notebook", sa.Text(), nullable=False, comment="absolute path; what runs is the copy in the folder"),
        sa.Column("notebook_hash", sa.String(length=64), nullable=False, comment="of the pinned copy"),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("job", sa.JSON(), nullable=False, comment="what each of its jobs is asked for"),
        sa.Column("cron", sa.String(length=200), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("every", sa.Float(), nullable=True, comment="seconds"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "starts_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="instants after this one are due; intervals count from it",
        ),
        sa.Column("overlap", sa.String(length=16), nullable=False),
        sa.Column("catch_up", sa.String(length=16), nullable=False),
        sa.Column("catch_up_limit", sa.Integer(), nullable=False),
        sa.Column("max_lateness", sa.Float(), nullable=True, comment="seconds"),
        sa.Column(
            "next_at", sa.DateTime(timezone=True), nullable=True, comment="the next instant that has no occurrence yet"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idempotency_key", sa.String(length=300), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_schedules_idempotency_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_schedules_due", "schedules", ["state", "next_at"], unique=False)
    op.create_index(op.f("ix_schedules_owner"), "schedules", ["owner"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("run_closed", sa.Boolean(), nullable=False, comment="the MLflow run has its end and its notebook"),
        sa.Column("peak_rss", sa.BigInteger(), nullable=True, comment="bytes of the whole tree"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_attempts_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_attempts")),
    )
    op.create_index("ix_attempts_run_closed", "attempts", ["run_closed", "state"], unique=False)
    op.create_table(
        "occurrences",
        sa.Column("schedule_id", sa.Integer(), nullable=False),
        sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedules.id"], name=op.f("fk_occurrences_schedule_id_schedules"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("schedule_id", "scheduled_for", name=op.f("pk_occurrences")),
    )
    op.add_column(
        "cells",
        sa.Column("peak_rss", sa.BigInteger(), nullable=True, comment="bytes of the attempt's whole tree while it ran"),
    )
    op.add_column("cells", sa.Column("peak_gpu_memory", sa.BigInteger(), nullable=True))
    op.add_column(
        "jobs",
        sa.Column(
            "notebook_hash",
            sa.String(length=64),
            nullable=True,
            comment="SHA-256 of the code cells and their tags, as submitted",
        ),
    )
    op.add_column("jobs", sa.Column("backend", sa.String(length=64), server_default="local", nullable=False))
    op.add_column(
        "jobs", sa.Column("priority", sa.Integer(), server_default="0", nullable=False, comment="higher runs first")
    )
    op.add_column(
        "jobs",
        sa.Column(
            "deadline_at", sa.DateTime(timezone=True), nullable=True, comment="it has ended by then, over all retries"
        ),
    )
    op.add_column("jobs", sa.Column("retries", sa.Integer(), server_default="0", nullable=False))
    op.add_column(
        "jobs", sa.Column("retry_on", sa.JSON(), nullable=True, comment="reasons; null: any that a retry can help")
    )
    op.add_column(
        "jobs",
        sa.Column(
            "retry_delay", sa.Float(), server_default="30", nullable=False, comment="seconds, doubled by each failure"
        ),
    )
    op.add_column(
        "jobs",
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False, comment="attempts that ended badly"),
    )
    op.add_column(
        "jobs",
        sa.Column(
            "not_before", sa.DateTime(timezone=True), nullable=True, comment="a retry starts then at the earliest"
        ),
    )
    op.add_column(
        "jobs", sa.Column("retry_of", sa.Integer(), nullable=True, comment="the ended job that this one runs again")
    )
    op.add_column(
        "jobs",
        sa.Column("lane", sa.String(length=64), nullable=True, comment="jobs of one lane run lane_limit at a time"),
    )
    op.add_column("jobs", sa.Column("lane_limit", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("schedule_id", sa.Integer(), nullable=True, comment="what submitted it"))
    op.add_column(
        "jobs",
        sa.Column(
            "scheduled_for",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the due instant that it is the answer to",
        ),
    )
    op.add_column(
        "jobs",
        sa.Column(
            "cancel_reason", sa.String(length=32), nullable=True, comment="why somebody else than a user wants its end"
        ),
    )
    op.create_index("ix_jobs_queue", "jobs", ["state", "priority", "id"], unique=False)
    op.create_index("ix_jobs_schedule_id", "jobs", ["schedule_id", "id"], unique=False)
    # What a job knew of its current attempt becomes that attempt's own row.
    op.execute(
        """
        INSERT INTO attempts
            (job_id, number, state, reason, message, claimed_at, started_at, ended_at, run_id, run_closed)
        SELECT id, attempt, state, reason, message, submitted_at, started_at, ended_at, run_id, run_closed
        FROM jobs WHERE attempt > 0 AND state <> 'queued'
        """
    )
    op.drop_column("jobs", "run_closed")
