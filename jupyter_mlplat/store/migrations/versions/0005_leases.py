"""Devices, and claims on them that wait, have an order and an end; what an idempotency key asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("host", sa.String(length=255), server_default=sa.text("''"), nullable=False, comment="whose devices"),
        sa.Column("kind", sa.String(length=16), server_default="process", nullable=False, comment="what it is for"),
        sa.Column("label", sa.String(length=200), server_default=sa.text("''"), nullable=False),
        sa.Column("boot", sa.String(length=320), nullable=True, comment="which boot of which host pid is of"),
        sa.Column("pid", sa.Integer(), nullable=True, comment="it ends with this process"),
        sa.Column("pid_started", sa.Float(), nullable=True),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("gpu_type", sa.String(length=100), nullable=True),
        sa.Column("memory", sa.BigInteger(), nullable=True, comment="bytes of each device"),
        sa.Column("wanted", sa.JSON(), nullable=True, comment="UUIDs that it has to be"),
        sa.Column("shared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "place", sa.Float(), server_default="0", nullable=False, comment="order of those that wait on a host"
        ),
        sa.Column("load", sa.Float(), server_default="0", nullable=False, comment="devices its owner had when it came"),
        sa.Column("cause", sa.Text(), nullable=True, comment="what came before it in the queue last"),
        sa.Column("held_up", sa.Text(), nullable=True, comment="what it waits for beside its turn"),
        sa.Column("seconds", sa.Float(), nullable=True, comment="how long it may be held"),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("idempotency_key", sa.String(length=300), nullable=True),
    ):
        op.add_column("leases", column)
    op.add_column(
        "jobs",
        sa.Column("request", sa.String(length=64), nullable=True, comment="SHA-256 of what was asked for with the key"),
    )
    for table in ("schedules", "sweeps", "pipelines", "leases"):
        op.add_column(table, sa.Column("request", sa.String(length=64), nullable=True))
    op.drop_index("ix_leases_state", table_name="leases")
    op.create_index("ix_leases_state", "leases", ["state", "id"], unique=False)
    op.create_index("ix_leases_queue", "leases", ["host", "state", "place"], unique=False)
    op.create_index("ix_leases_owner_ended", "leases", ["owner", "ended_at"], unique=False)
    op.create_index("ix_leases_idempotency_key", "leases", ["idempotency_key"], unique=True)
    op.create_table(
        "devices",
        sa.Column("uuid", sa.String(length=100), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("memory", sa.BigInteger(), nullable=False),
        sa.Column("lease_id", sa.Integer(), nullable=True, comment="who has the whole of it"),
        sa.Column("shared", sa.BigInteger(), server_default="0", nullable=False, comment="bytes that shares have"),
        sa.CheckConstraint("lease_id IS NULL OR shared = 0", name=op.f("ck_devices_whole_or_shared")),
        sa.CheckConstraint("shared >= 0 AND shared <= memory", name=op.f("ck_devices_no_more_than_it_has")),
        sa.ForeignKeyConstraint(["lease_id"], ["leases.id"], name=op.f("fk_devices_lease_id_leases")),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_devices")),
    )
    op.create_index(op.f("ix_devices_host"), "devices", ["host"], unique=False)
