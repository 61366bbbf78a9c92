"""Reservations of devices; deployments on devices."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LIVE = "deployment IS NOT NULL AND state IN ('queued', 'granted')"


def upgrade() -> None:
    op.create_table(
        "reservations",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False, comment="who made it"),
        sa.Column("whose", sa.String(length=201), nullable=False, comment="a user, or @ and a group"),
        sa.Column("users", sa.JSON(), nullable=False, comment="who may have the devices"),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("devices", sa.JSON(), nullable=False),
        sa.Column("label", sa.String(length=200), server_default=sa.text("''"), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("idempotency_key", sa.String(length=300), nullable=True),
        sa.Column("request", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reservations_idempotency_key", "reservations", ["idempotency_key"], unique=True)
    op.create_index("ix_reservations_host_ends", "reservations", ["host", "ends_at"], unique=False)
    own: tuple[sa.Column[Any], ...] = (
        sa.Column("gpus", sa.Integer(), server_default="0", nullable=False, comment="devices"),
        sa.Column("gpu_type", sa.String(length=100), nullable=True),
        sa.Column("gpu_memory", sa.BigInteger(), nullable=True, comment="bytes of each device"),
        sa.Column("gpu_shared", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    for one in own:
        op.add_column("deployments", one)
    op.add_column(
        "leases",
        sa.Column("deployment", sa.String(length=63), nullable=True, comment="it ends with this deployment's process"),
    )
    op.create_index(
        "ix_leases_deployment",
        "leases",
        ["deployment"],
        unique=True,
        sqlite_where=sa.text(LIVE),
        postgresql_where=sa.text(LIVE),
    )
