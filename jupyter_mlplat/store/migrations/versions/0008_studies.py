"""Sweeps that prune, and sweeps with several objectives."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "jobs",
        sa.Column("pruned_at", sa.Integer(), nullable=True, comment="the step at which its trial was found hopeless"),
    )
    op.add_column(
        "sweeps",
        sa.Column(
            "study",
            sa.JSON(),
            nullable=True,
            comment="all objectives, constraints, sampler and pruner; null before there were any",
        ),
    )
