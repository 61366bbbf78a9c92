"""Sweeps; secrets and memory limits of jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sweeps",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("notebook", sa.Text(), nullable=False, comment="absolute path; what runs is the copy in the folder"),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("job", sa.JSON(), nullable=False, comment="fixed parameters and options of each of its jobs"),
        sa.Column("space", sa.JSON(), nullable=False),
        sa.Column("strategy", sa.String(length=16), nullable=False),
        sa.Column("trials", sa.Integer(), nullable=False, comment="how many points it has, or will have"),
        sa.Column("metric", sa.String(length=250), nullable=True),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("parallel", sa.Integer(), nullable=True),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("idempotency_key", sa.String(length=300), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweeps")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_sweeps_idempotency_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_sweeps_owner"), "sweeps", ["owner"], unique=False)
    op.create_index(op.f("ix_sweeps_state"), "sweeps", ["state"], unique=False)
    op.add_column("jobs", sa.Column("sweep_id", sa.Integer(), nullable=True))
    op.add_column(
        "jobs",
        sa.Column("point", sa.JSON(), nullable=True, comment="its place in the sweep's space: parameter -> value"),
    )
    op.add_column(
        "jobs",
        sa.Column("trial", sa.Integer(), nullable=True, comment="number of the sweep's point, or of its Optuna trial"),
    )
    op.add_column(
        "jobs",
        sa.Column(
            "memory", sa.BigInteger(), nullable=True, comment="bytes that all of its processes may have together"
        ),
    )
    op.add_column("jobs", sa.Column("secrets", sa.JSON(), nullable=True, comment="references, never values"))
    op.create_index("ix_jobs_sweep_id", "jobs", ["sweep_id", "id"], unique=False)
