"""Jobs that need GPUs; leases of jobs, their rest and their price."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("gpus", sa.Integer(), server_default="0", nullable=False, comment="devices"),
        sa.Column("gpu_type", sa.String(length=100), nullable=True),
        sa.Column("gpu_memory", sa.BigInteger(), nullable=True, comment="bytes of each device"),
        sa.Column("gpu_shared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column(
            "interruptible",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="its devices can be taken back",
        ),
    ):
        op.add_column("jobs", column)
    op.create_index("ix_jobs_gpus", "jobs", ["state", "gpus"], unique=False)
    own: tuple[sa.Column[Any], ...] = (
        sa.Column(
            "notebook",
            sa.Text(),
            nullable=True,
            comment="what it is used from; a kernel of it takes a claim over that was made ahead",
        ),
        sa.Column("job_id", sa.Integer(), nullable=True, comment="it ends with this job's attempt"),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("interruptible", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("wanted_by", sa.Integer(), nullable=True, comment="the claim for which it has to go"),
        sa.Column("idle_limit", sa.Float(), nullable=True, comment="seconds of rest after which its user is asked"),
        sa.Column(
            "idle_since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="nothing has happened on its devices since then",
        ),
        sa.Column("idle_seconds", sa.Float(), server_default="0", nullable=False, comment="of rest, all together"),
        sa.Column(
            "kept_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="its user wants it that long, at rest or not",
        ),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True, comment="when its devices were last looked at"),
        sa.Column(
            "user_pid", sa.Integer(), nullable=True, comment="while this process lives, nobody else gets the devices"
        ),
        sa.Column("user_started", sa.Float(), nullable=True),
        sa.Column("price", sa.Float(), nullable=True, comment="of one device for an hour"),
    )
    for one in own:
        op.add_column("leases", one)
    op.create_index("ix_leases_job", "leases", ["job_id", "state"], unique=False)
    op.create_index(
        "ix_leases_job_id",
        "leases",
        ["job_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('queued', 'granted')"),
        postgresql_where=sa.text("state IN ('queued', 'granted')"),
    )
    op.execute("UPDATE leases SET notebook = label WHERE kind = 'kernel'")
