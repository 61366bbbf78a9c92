"""Keep a database of the current schema for the tests of later ones: tests/assets/store-<schema>.<dialect>.sql.

    python scripts/keep_old_database.py sqlite:////tmp/new.db
    python scripts/keep_old_database.py postgresql://user@/empty?host=/tmp/socket    (needs pg_dump)

Run it once for each schema, when that schema is released, on an empty database.
"""

from __future__ import annotations

import argparse
import re
import sqlite3
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert
from sqlalchemy.engine import make_url

from jupyter_mlplat.store import Store, tables
from jupyter_mlplat.store.schema import HEAD

ASSETS = Path(__file__).resolve().parents[1] / "tests" / "assets"
START = datetime(2026, 3, 29, 0, 59, 59, 123456, tzinfo=UTC)


def fill(store: Store) -> None:
    """A few rows of every table, with what is awkward in them."""

    def at(minutes: int) -> datetime:
        return START + timedelta(minutes=minutes)

    with store.write() as transaction:
        for number, state in enumerate(("succeeded", "failed", "cancelled", "running", "queued"), 1):
            transaction.connection.execute(
                insert(tables.jobs).values(
                    name=f"träin {number}",
                    notebook="/data/notebooks/träin's.ipynb",
                    owner="ana",
                    state=state,
                    attempt=0 if state == "queued" else number,
                    parameters={"lr": 0.01, "layers": [1, None, True], "text": "1,5 € ☃"},
                    folder=f"/data/mlplat/jobs/{number}",
                    submitted_at=at(number),
                    started_at=None if state == "queued" else at(number + 1),
                    ended_at=at(number + 2) if number <= 3 else None,
                    reason={"failed": "cell_error", "cancelled": "cancelled"}.get(state),
                    message="cell 3: ValueError: a 'quoted' \"text\"\nand a second line" if state == "failed" else None,
                    metric={"accuracy": 0.9736842105263158} if state == "succeeded" else {},
                    cells_total=3,
                    cells_done=min(number, 3),
                    pruned_at=7 if state == "succeeded" else None,
                    gpus=1 if state == "running" else 0,
                    gpu_type="A100" if state == "running" else None,
                    interruptible=state == "running",
                    autolog=state != "failed",
                    idempotency_key=f"ana:{number}",
                )
            )
        for index, state in enumerate(("ok", "ok", "error")):
            transaction.connection.execute(
                insert(tables.cells).values(
                    job_id=2, attempt=2, index=index, state=state, started_at=at(3), ended_at=at(4)
                )
            )
        transaction.connection.execute(
            insert(tables.attempts).values(
                job_id=2,
                number=2,
                state="failed",
                reason="cell_error",
                claimed_at=at(2),
                run_id="f" * 32,
                run_closed=True,
            )
        )
        transaction.connection.execute(
            insert(tables.schedules).values(
                name="nächtlich",
                owner="ana",
                state="active",
                notebook="/data/notebooks/träin's.ipynb",
                notebook_hash="0" * 64,
                folder="/data/mlplat/schedules/1",
                job={"parameters": {"lr": 0.01}, "options": {"retries": 1}},
                cron="30 2 * * *",
                timezone="Europe/Berlin",
                starts_at=at(1),
                overlap="queue",
                catch_up="latest",
                catch_up_limit=100,
                next_at=at(60),
                created_at=at(1),
                updated_at=at(1),
            )
        )
        transaction.connection.execute(
            insert(tables.occurrences).values(
                schedule_id=1, scheduled_for=at(2), state="ran", job_id=2, decided_at=at(2)
            )
        )
        transaction.connection.execute(
            insert(tables.sweeps).values(
                name="träin",
                owner="ana",
                state="partial",
                notebook="/data/notebooks/träin's.ipynb",
                folder="/data/mlplat/sweeps/1",
                job={"parameters": {}, "options": {}},
                space={"lr": [0.1, 0.01], "depth": {"low": 1, "high": 9, "log": False}},
                strategy="optuna",
                trials=2,
                metric="loss",
                direction="minimize",
                study={
                    "objectives": [{"metric": "loss", "direction": "minimize"}],
                    "constraints": ["latency <= 0.2"],
                    "sampler": "tpe",
                    "pruner": "median",
                    "metrics": ["loss", "latency"],
                },
                seed=0,
                created_at=at(1),
            )
        )
        transaction.connection.execute(
            insert(tables.pipelines).values(
                name="nächtlich",
                owner="ana",
                state="running",
                folder="/data/mlplat/pipelines/1",
                parameters={"day": "2026-03-29"},
                nodes=[{"name": "train", "notebook": "/data/notebooks/träin's.ipynb", "needs": []}],
                notify=[{"to": "mailto:ana@example.org", "on": ["failure"], "after": None}],
                created_at=at(1),
            )
        )
        transaction.connection.execute(
            insert(tables.notices).values(
                noun="jobs",
                key=2,
                owner="ana",
                event="failure",
                target="mailto:ana@example.org",
                text="träin 2 failed\ncell 3: ValueError",
                state="pending",
                tries=1,
                not_before=at(5),
                created_at=at(4),
            )
        )
        transaction.connection.execute(
            insert(tables.deployments).values(
                name="digits",
                owner="ben",
                target="local",
                state="ready",
                versions=[{"model": "digits", "version": "1", "uri": "models:/digits/1", "traffic": 100}],
                url="http://127.0.0.1:40001",
                token_file="/data/mlplat/run/endpoints/digits/token",
                folder="/data/mlplat/run/endpoints/digits",
                gpus=1,
                gpu_type="A100",
                gpu_memory=32 * 2**30,
                created_at=at(10),
                updated_at=at(11),
            )
        )
        asked_for = {"kind": "alias", "model": "träin's", "alias": "champion", "asked_by": "ana", "asked_at": at(12)}
        for number, state in enumerate(("approved", "stale", "open", "open"), 1):
            ended = {"decided_by": "ben", "decided_at": at(13)} if state == "approved" else {}
            transaction.connection.execute(
                insert(tables.alias_requests).values(
                    **asked_for, **ended, version="" if number == 4 else str(number),
                    before="1" if number > 1 else None, why="better on 'new' customers", state=state,
                )
            )  # fmt: skip
        transaction.connection.execute(
            insert(tables.feature_views).values(
                name="training",
                owner="ana",
                source="/data/training.parquet",
                entities=["patient"],
                timestamp="seen_at",
                features=[{"name": "radius", "type": "DOUBLE"}],
                ttl=86400.0,
                created_at=at(20),
                updated_at=at(20),
            )
        )
        asked = {"owner": "ana", "host": "gpu-host", "created_at": at(30)}
        for lease in (
            {"state": "granted", "devices": ["GPU-1"], "kind": "kernel", "label": "träin's.ipynb", "granted_at": at(31),
             "boot": "gpu-host:boot", "pid": 4242, "pid_started": 1.5, "gpu_type": "A100", "memory": 32 * 2**30},
            {"state": "granted", "devices": ["GPU-2"], "shared": True, "memory": 20 * 2**30, "granted_at": at(31),
             "seconds": 3600.0, "ends_at": at(91), "idempotency_key": "ana:1"},
            {"state": "queued", "devices": [], "count": 2, "wanted": ["GPU-1", "GPU-2"], "priority": 5, "place": 0.5,
             "load": 2.25, "cause": "request 4 of ben came before it: priority 6", "held_up": "ana has 2 of the 2 …"},
            {"state": "granted", "devices": ["GPU-3"], "kind": "job", "job_id": 4, "attempt": 4, "granted_at": at(4),
             "notebook": "/data/notebooks/träin's.ipynb", "interruptible": True, "wanted_by": 3, "price": 2.5,
             "idle_limit": 600.0, "idle_since": at(20), "idle_seconds": 60.0, "seen_at": at(30), "kept_until": at(50)},
            {"state": "expired", "devices": ["GPU-1"], "granted_at": at(5), "ended_at": at(6), "reason": "owner_gone"},
            {"state": "granted", "devices": ["GPU-4"], "kind": "deployment", "label": "digits", "deployment": "digits",
             "granted_at": at(10)},
        ):  # fmt: skip
            transaction.connection.execute(insert(tables.leases).values(**asked, **lease))
        for number, held in enumerate(({"lease_id": 1}, {"shared": 20 * 2**30}, {"lease_id": 4}, {"lease_id": 6}), 1):
            transaction.connection.execute(
                insert(tables.devices).values(
                    uuid=f"GPU-{number}", host="gpu-host", name="NVIDIA A100-SXM4-80GB", memory=85899345920, **held
                )
            )
        for number, whose in enumerate(("@course", "ben"), 1):
            transaction.connection.execute(
                insert(tables.reservations).values(
                    owner="ana", whose=whose, users=["ana", "ben"][-number:], host="gpu-host", label="träining",
                    devices=[f"GPU-{number}"], starts_at=at(600), ends_at=at(720), created_at=at(30),
                    cancelled_at=at(40) if number == 2 else None, idempotency_key=f"ana:{number}",
                )
            )  # fmt: skip
        transaction.connection.execute(
            insert(tables.engine).values(
                id=1, holder="0f" * 16, host="host:boot", pid=4242, pid_started=1.5, since=at(1), expires=at(2)
            )
        )
        transaction.emit("jobs", "5")


def dump(store: Store) -> str:
    """The database as SQL text."""
    url = make_url(store.url)
    if store.dialect == "sqlite":
        connection = sqlite3.connect(str(url.database))
        try:
            return "\n".join(connection.iterdump()) + "\n"
        finally:
            connection.close()
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    command = ["pg_dump", "--inserts", "--no-owner", "--no-privileges", "--dbname", plain]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # psql's own commands and the comments are of no use to a driver.
    lines = [line for line in text.splitlines() if not line.startswith(("--", "\\"))]
    return re.sub(r"\n{2,}", "\n", "\n".join(lines)).strip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="an empty database")
    store = Store(parser.parse_args().url)
    try:
        fill(store)
        target = ASSETS / f"store-{HEAD}.{store.dialect}.sql"
        target.write_text(dump(store), encoding="utf-8")
    finally:
        store.close()
    print(target)


if __name__ == "__main__":
    main()
