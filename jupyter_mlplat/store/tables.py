"""The schema. A change here needs a migration beside it; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    false,
    text,
    true,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UTCDateTime(TypeDecorator[datetime]):
    """An aware UTC time, on a database that has no such type too."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone reached the store")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(200), nullable=False),
    Column("notebook", Text, nullable=False, comment="absolute path on the submitting host"),
    Column("owner", String(200), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False, default=0, comment="fencing token: late writers lose"),
    Column("parameters", JSON, nullable=False),
    Column("folder", Text, nullable=False),
    Column("notebook_hash", String(64), comment="SHA-256 of the code cells and their tags, as submitted"),
    Column("backend", String(64), nullable=False, server_default="local"),
    Column("priority", Integer, nullable=False, server_default="0", comment="higher runs first"),
    Column("timeout", Float),
    Column("cell_timeout", Float),
    Column("deadline_at", UTCDateTime, comment="it has ended by then, over all retries"),
    Column("retries", Integer, nullable=False, server_default="0"),
    Column("retry_on", JSON, comment="reasons; null: any that a retry can help"),
    Column("retry_delay", Float, nullable=False, server_default="30", comment="seconds, doubled by each failure"),
    Column("memory", BigInteger, comment="bytes that all of its processes may have together"),
    Column("gpus", Integer, nullable=False, server_default="0", comment="devices"),
    Column("gpu_type", String(100)),
    Column("gpu_memory", BigInteger, comment="bytes of each device"),
    Column("gpu_shared", Boolean, nullable=False, server_default=false()),
    Column("interruptible", Boolean, nullable=False, server_default=false(), comment="its devices can be taken back"),
    Column("secrets", JSON, comment="references, never values"),
    Column("failures", Integer, nullable=False, server_default="0", comment="attempts that ended badly"),
    Column("not_before", UTCDateTime, comment="a retry starts then at the earliest"),
    Column("retry_of", Integer, comment="the ended job that this one runs again"),
    Column("lane", String(64), comment="jobs of one lane run lane_limit at a time"),
    Column("lane_limit", Integer),
    Column("schedule_id", Integer, comment="what submitted it"),
    Column("scheduled_for", UTCDateTime, comment="the due instant that it is the answer to"),
    Column("sweep_id", Integer),
    Column("point", JSON, comment="its place in the sweep's space: parameter -> value"),
    Column("trial", Integer, comment="number of the sweep's point, or of its Optuna trial"),
    Column("pipeline_id", Integer),
    Column("node", String(63)),
    Column("results", JSON, comment="what it left for others"),
    Column("notify", JSON, comment="whom to tell of what"),
    Column("resume", Boolean, nullable=False, server_default=true(), comment="a retry goes on behind a checkpoint"),
    Column("submitted_at", UTCDateTime, nullable=False),
    Column("started_at", UTCDateTime),
    Column("ended_at", UTCDateTime),
    Column("seen_at", UTCDateTime, comment="the runner's last sign of life"),
    Column("reason", String(32)),
    Column("message", Text),
    Column("run_id", String(64)),
    Column("metric", JSON, nullable=False, default=dict),
    Column("metric_name", String(250), comment="metadata.mlplat.metric of the notebook"),
    Column("cancel_requested", Boolean, nullable=False, default=False),
    Column("cancel_reason", String(32), comment="why somebody else than a user wants its end"),
    Column("cells_total", Integer, nullable=False, default=0),
    Column("cells_done", Integer, nullable=False, default=0),
    Column("idempotency_key", String(300), unique=True, comment="owner and the client's key"),
    Column("request", String(64), comment="SHA-256 of what was asked for with the key"),
    Index("ix_jobs_state_id", "state", "id"),
    Index("ix_jobs_queue", "state", "priority", "id"),
    Index("ix_jobs_gpus", "state", "gpus"),
    Index("ix_jobs_schedule_id", "schedule_id", "id"),
    Index("ix_jobs_sweep_id", "sweep_id", "id"),
    Index("ix_jobs_pipeline_id", "pipeline_id", "id"),
    Index("ix_jobs_notebook_id", "notebook", "id"),
    sqlite_autoincrement=True,
)

attempts = Table(
    "attempts",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32)),
    Column("message", Text),
    Column("claimed_at", UTCDateTime, nullable=False),
    Column("started_at", UTCDateTime),
    Column("ended_at", UTCDateTime),
    Column("run_id", String(64)),
    Column("run_closed", Boolean, nullable=False, default=False, comment="the MLflow run has its end and its notebook"),
    Column("peak_rss", BigInteger, comment="bytes of the whole tree"),
    Column("note", Text, comment="which checkpoint it went on from"),
    PrimaryKeyConstraint("job_id", "number"),
    Index("ix_attempts_run_closed", "run_closed", "state"),
)

cells = Table(
    "cells",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("index", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("started_at", UTCDateTime),
    Column("ended_at", UTCDateTime),
    Column("error", Text),
    Column("peak_rss", BigInteger, comment="bytes of the attempt's whole tree while it ran"),
    Column("peak_gpu_memory", BigInteger),
    PrimaryKeyConstraint("job_id", "attempt", "index"),
)

schedules = Table(
    "schedules",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(200), nullable=False),
    Column("owner", String(200), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("revision", Integer, nullable=False, default=1, comment="what If-Match names"),
    Column("notebook", Text, nullable=False, comment="absolute path; what runs is the copy in the folder"),
    Column("notebook_hash", String(64), nullable=False, comment="of the pinned copy"),
    Column("folder", Text, nullable=False),
    Column("job", JSON, nullable=False, comment="what each of its jobs is asked for"),
    Column("cron", String(200)),
    Column("timezone", String(64), nullable=False, default="UTC"),
    Column("every", Float, comment="seconds"),
    Column("at", UTCDateTime),
    Column(
        "starts_at", UTCDateTime, nullable=False, comment="instants after this one are due; intervals count from it"
    ),
    Column("overlap", String(16), nullable=False),
    Column("catch_up", String(16), nullable=False),
    Column("catch_up_limit", Integer, nullable=False),
    Column("max_lateness", Float, comment="seconds"),
    Column("next_at", UTCDateTime, comment="the next instant that has no occurrence yet"),
    Column("created_at", UTCDateTime, nullable=False),
    Column("updated_at", UTCDateTime, nullable=False),
    Column("idempotency_key", String(300), unique=True),
    Column("request", String(64)),
    Index("ix_schedules_due", "state", "next_at"),
    sqlite_autoincrement=True,
)

occurrences = Table(
    "occurrences",
    metadata,
    Column("schedule_id", Integer, ForeignKey("schedules.id", ondelete="CASCADE"), nullable=False),
    Column("scheduled_for", UTCDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text),
    Column("job_id", Integer),
    Column("decided_at", UTCDateTime, nullable=False),
    PrimaryKeyConstraint("schedule_id", "scheduled_for"),
)

sweeps = Table(
    "sweeps",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(200), nullable=False),
    Column("owner", String(200), nullable=False, index=True),
    Column("state", String(16), nullable=False, index=True),
    Column("notebook", Text, nullable=False, comment="absolute path; what runs is the copy in the folder"),
    Column("folder", Text, nullable=False),
    Column("job", JSON, nullable=False, comment="fixed parameters and options of each of its jobs"),
    Column("space", JSON, nullable=False),
    Column("strategy", String(16), nullable=False),
    Column("trials", Integer, nullable=False, comment="how many points it has, or will have"),
    Column("metric", String(250)),
    Column("direction", String(16), nullable=False),
    Column("parallel", Integer),
    Column("seed", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False, default=False),
    Column("message", Text),
    Column("created_at", UTCDateTime, nullable=False),
    Column("ended_at", UTCDateTime),
    Column("idempotency_key", String(300), unique=True),
    Column("request", String(64)),
    sqlite_autoincrement=True,
)

pipelines = Table(
    "pipelines",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(200), nullable=False),
    Column("owner", String(200), nullable=False, index=True),
    Column("state", String(16), nullable=False, index=True),
    Column("folder", Text, nullable=False, comment="has the notebooks as they were, by node"),
    Column("parameters", JSON, nullable=False),
    Column("nodes", JSON, nullable=False, comment="in an order in which they may run"),
    Column("notify", JSON, nullable=False),
    Column("cancel_requested", Boolean, nullable=False, default=False),
    Column("message", Text),
    Column("created_at", UTCDateTime, nullable=False),
    Column("ended_at", UTCDateTime),
    Column("idempotency_key", String(300), unique=True),
    Column("request", String(64)),
    sqlite_autoincrement=True,
)

notices = Table(
    "notices",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("noun", String(16), nullable=False, comment="jobs, sweeps or pipelines"),
    Column("key", Integer, nullable=False, comment="number of what it is about"),
    Column("owner", String(200), nullable=False),
    Column("event", String(16), nullable=False),
    Column("target", Text, nullable=False),
    Column("text", Text, nullable=False, comment="what is said; the first line is the subject"),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("not_before", UTCDateTime),
    Column("message", Text, comment="why it did not arrive"),
    Column("created_at", UTCDateTime, nullable=False),
    Column("sent_at", UTCDateTime),
    Index("ix_notices_about", "noun", "key"),
    Index("ix_notices_due", "state", "not_before"),
    sqlite_autoincrement=True,
)

deployments = Table(
    "deployments",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("owner", String(200), nullable=False, index=True),
    Column("target", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("revision", Integer, nullable=False, default=1, comment="fencing token of the supervisor"),
    Column("versions", JSON, nullable=False),
    Column("url", Text),
    Column("token_file", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("handle", JSON, nullable=False, default=dict, comment="how the target finds its process again"),
    Column("example", JSON),
    Column("message", Text),
    Column("restarts", Integer, nullable=False, default=0),
    Column("stop_requested", Boolean, nullable=False, default=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("updated_at", UTCDateTime, nullable=False),
    Column("idempotency_key", String(300), unique=True),
)

feature_views = Table(
    "feature_views",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("owner", String(200), nullable=False, index=True),
    Column("source", Text, nullable=False),
    Column("entities", JSON, nullable=False),
    Column("timestamp", String(250), nullable=False),
    Column("features", JSON, nullable=False),
    Column("ttl", Float),
    Column("description", Text, nullable=False, default=""),
    Column("rows", Integer),
    Column("materialized_at", UTCDateTime),
    Column("created_at", UTCDateTime, nullable=False),
    Column("updated_at", UTCDateTime, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("state", String(16), nullable=False),
    Column("owner", String(200), nullable=False),
    Column("devices", JSON, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("host", String(255), nullable=False, server_default=text("''"), comment="whose devices"),
    Column("kind", String(16), nullable=False, server_default="process", comment="what it is for"),
    Column("label", String(200), nullable=False, server_default=text("''")),
    Column("notebook", Text, comment="what it is used from; a kernel of it takes a claim over that was made ahead"),
    Column("job_id", Integer, comment="it ends with this job's attempt"),
    Column("attempt", Integer),
    Column("interruptible", Boolean, nullable=False, server_default=false()),
    Column("wanted_by", Integer, comment="the claim for which it has to go"),
    Column("idle_limit", Float, comment="seconds of rest after which its user is asked"),
    Column("idle_since", UTCDateTime, comment="nothing has happened on its devices since then"),
    Column("idle_seconds", Float, nullable=False, server_default="0", comment="of rest, all together"),
    Column("kept_until", UTCDateTime, comment="its user wants it that long, at rest or not"),
    Column("seen_at", UTCDateTime, comment="when its devices were last looked at"),
    Column("price", Float, comment="of one device for an hour"),
    Column("boot", String(320), comment="which boot of which host pid is of"),
    Column("pid", Integer, comment="it ends with this process"),
    Column("pid_started", Float),
    Column("user_pid", Integer, comment="while this process lives, nobody else gets the devices"),
    Column("user_started", Float),
    Column("count", Integer, nullable=False, server_default="1"),
    Column("gpu_type", String(100)),
    Column("memory", BigInteger, comment="bytes of each device"),
    Column("wanted", JSON(none_as_null=True), comment="UUIDs that it has to be"),
    Column("shared", Boolean, nullable=False, server_default=false()),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("place", Float, nullable=False, server_default="0", comment="order of those that wait on a host"),
    Column("load", Float, nullable=False, server_default="0", comment="devices its owner had when it came"),
    Column("cause", Text, comment="what came before it in the queue last"),
    Column("held_up", Text, comment="what it waits for beside its turn"),
    Column("seconds", Float, comment="how long it may be held"),
    Column("granted_at", UTCDateTime),
    Column("ends_at", UTCDateTime),
    Column("ended_at", UTCDateTime),
    Column("reason", String(32)),
    Column("idempotency_key", String(300)),
    Column("request", String(64)),
    Index("ix_leases_idempotency_key", "idempotency_key", unique=True),
    Index("ix_leases_queue", "host", "state", "place"),
    Index("ix_leases_owner_ended", "owner", "ended_at"),
    Index("ix_leases_state", "state", "id"),
    Index("ix_leases_job", "job_id", "state"),
    # What makes it impossible that one job holds or waits twice.
    Index(
        "ix_leases_job_id",
        "job_id",
        unique=True,
        sqlite_where=text("state IN ('queued', 'granted')"),
        postgresql_where=text("state IN ('queued', 'granted')"),
    ),
    sqlite_autoincrement=True,
)

devices = Table(
    "devices",
    metadata,
    Column("uuid", String(100), primary_key=True),
    Column("host", String(255), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("memory", BigInteger, nullable=False),
    Column("lease_id", Integer, ForeignKey("leases.id"), comment="who has the whole of it"),
    Column("shared", BigInteger, nullable=False, server_default="0", comment="bytes that shares have"),
    # What makes it impossible that two have one device, whatever a program does.
    CheckConstraint("lease_id IS NULL OR shared = 0", name="whole_or_shared"),
    CheckConstraint("shared >= 0 AND shared <= memory", name="no_more_than_it_has"),
)

engine = Table(
    "engine",
    metadata,
    Column("id", Integer, primary_key=True, comment="always 1: one engine per store"),
    Column("holder", String(64), nullable=False, comment="random id of the process that holds the lease"),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("pid_started", Float, nullable=False),
    Column("since", UTCDateTime, nullable=False),
    Column("expires", UTCDateTime, nullable=False),
    Column("stop_requested", String(16), comment="wait or cancel: what to do with running jobs"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("topic", String(32), nullable=False),
    Column("key", String(250), nullable=False),
    Column("at", UTCDateTime, nullable=False, index=True),
    sqlite_autoincrement=True,
)
