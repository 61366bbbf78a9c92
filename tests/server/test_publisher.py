"""Panels hear within a second of a change, whichever process made it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import insert, select

from jupyter_mlplat import server
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.processes import host_id
from jupyter_mlplat.server.app import MLPlatExtension
from jupyter_mlplat.server.publisher import EVENT, Publisher, Watch
from jupyter_mlplat.store import tables
from jupyter_mlplat.store.store import TOPICS

EMIT = """
import sys
from jupyter_mlplat.platform import Platform
platform = Platform()
platform.store
print("ready", flush=True)
for line in sys.stdin:
    topic, key = line.split()
    with platform.store.write() as transaction:
        transaction.emit(topic, key)
    print("written", flush=True)
platform.close()
"""


@pytest.fixture
def writer(home: Any) -> Iterator[subprocess.Popen[str]]:
    """Another process on the same store, which writes an outbox row per line that it is told."""
    process = subprocess.Popen(
        [sys.executable, "-c", EMIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    assert process.stdin is not None
    process.stdin.close()
    process.stdout.close()
    assert process.wait(10) == 0


def tell(process: subprocess.Popen[str], topic: str, key: str) -> None:
    """Have the other process write, and return when it has."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{topic} {key}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "written\n"


@asynccontextmanager
async def publishing(extension: MLPlatExtension) -> AsyncIterator[Publisher]:
    """jp_serverapp does not run the start hook."""
    extension.start_publisher()
    publisher = extension.publisher
    assert publisher is not None
    assert await asyncio.get_running_loop().run_in_executor(None, publisher.ready.wait, 30)
    yield publisher


async def test_a_change_of_another_process_is_on_the_event_stream_within_a_second(
    extension: MLPlatExtension, jp_ws_fetch: Any, jp_fetch: Any, writer: subprocess.Popen[str]
) -> None:
    async with publishing(extension):
        stream = await jp_ws_fetch("api", "events", "subscribe")
        for number in range(5):
            begin = time.monotonic()
            tell(writer, "jobs", str(number))
            event = json.loads(await asyncio.wait_for(stream.read_message(), 5))
            taken = time.monotonic() - begin
            assert event["schema_id"] == EVENT
            assert (event["topic"], event["key"]) == ("jobs", str(number))
            assert taken < 1.0, taken
        stream.close()


async def test_the_start_hook_starts_it_and_the_stop_hook_ends_it(
    extension: MLPlatExtension, jp_serverapp: Any, jp_fetch: Any
) -> None:
    await extension._start_jupyter_server_extension(jp_serverapp)
    deadline = time.monotonic() + 30
    while extension.publisher is None and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    publisher = extension.publisher
    assert publisher is not None
    await extension.stop_extension()
    assert not publisher._thread.is_alive()


async def test_stopping_before_it_has_started_starts_nothing(extension: MLPlatExtension, jp_serverapp: Any) -> None:
    await extension._start_jupyter_server_extension(jp_serverapp)
    await extension.stop_extension()
    assert extension.publisher is None
    assert extension._later is not None
    assert extension._later.cancelled()


# --- what it remembers ----------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, platform: Platform) -> Platform:
    """A platform on each database."""
    if request.param == "postgresql":
        platform.db_url = request.getfixturevalue("postgresql_url")
    return platform


def watch(platform: Platform) -> Watch:
    return Watch(platform, logging.getLogger("test"))


def emit(platform: Platform, topic: str, key: str, *, at: datetime | None = None, id: int | None = None) -> None:
    row: dict[str, object] = {"topic": topic, "key": key, "at": at or datetime.now(UTC)}
    if id is not None:
        row["id"] = id
    with platform.store.write() as transaction:
        transaction.connection.execute(insert(tables.outbox).values(**row))


def test_what_changed_before_the_start_is_not_told(either: Platform) -> None:
    emit(either, "jobs", "1")
    found = watch(either)
    emit(either, "jobs", "2")
    assert found.outbox() == [("jobs", "2")]
    assert found.outbox() == []


def test_a_topic_of_a_newer_program_is_passed_over(either: Platform) -> None:
    found = watch(either)
    emit(either, "telescopes", "1")
    emit(either, "schedules", "2")
    assert found.outbox() == [("schedules", "2")]
    assert found.outbox() == []


def test_the_event_knows_every_topic() -> None:
    schema = yaml.safe_load((Path(server.__file__).parent / "events" / "changed.yaml").read_text())
    assert set(schema["properties"]["topic"]["enum"]) == TOPICS


def test_a_row_that_is_committed_late_is_told_once(either: Platform) -> None:
    emit(either, "jobs", "first", id=10)
    found = watch(either)
    emit(either, "jobs", "third", id=12)
    assert found.outbox() == [("jobs", "third")]
    emit(either, "jobs", "second", id=11)
    assert found.outbox() == [("jobs", "second")]
    emit(either, "jobs", "fourth", id=13)
    assert found.outbox() == [("jobs", "fourth")]


def test_a_flood_is_told_whole(platform: Platform) -> None:
    found = watch(platform)
    with platform.store.write() as transaction:
        now = datetime.now(UTC)
        rows = [{"topic": "jobs", "key": str(key), "at": now} for key in range(12_000)]
        transaction.connection.execute(insert(tables.outbox), rows)
    told: list[str] = []
    deadline = time.monotonic() + 30
    while len(told) < 12_000 and time.monotonic() < deadline:
        told += [key for _, key in found.outbox()]
    assert sorted(told, key=int) == [str(key) for key in range(12_000)]


def test_a_quiet_store_is_not_read(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    found = watch(platform)
    monkeypatch.setattr(platform.store, "changes_after", lambda cursor: pytest.fail("the outbox was read"))
    assert found.outbox() == []


def test_old_rows_are_dropped(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    emit(platform, "jobs", "old", at=datetime.now(UTC) - timedelta(hours=2))
    emit(platform, "jobs", "new")
    found = watch(platform)
    monkeypatch.setattr("jupyter_mlplat.server.publisher.PRUNE_EVERY_S", 0.0)
    found.chores()
    with platform.store.read() as connection:
        assert connection.execute(select(tables.outbox.c.key)).scalars().all() == ["new"]


def test_runs_that_another_program_wrote_are_noticed(platform: Platform) -> None:
    import mlflow

    client = mlflow.MlflowClient(platform.mlflow_uri)
    run = client.create_run(client.create_experiment("theirs"))
    found = watch(platform)
    assert found.mlflow() == []
    client.log_metric(run.info.run_id, "loss", 0.5)
    assert found.mlflow() == [("runs", "*"), ("models", "*")]
    assert found.mlflow() == []


def test_an_engine_that_died_is_replaced_once(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[float] = []
    monkeypatch.setattr(Platform, "wake_engine", lambda self: woken.append(time.monotonic()))
    monkeypatch.setattr("jupyter_mlplat.server.publisher.LOOK_AFTER_ENGINE_EVERY_S", 0.0)
    found = watch(platform)
    found.chores()
    assert woken == [], "without a lease left behind nobody died"
    now = platform.clock.now()
    with platform.store.write() as transaction:
        transaction.connection.execute(
            insert(tables.engine).values(
                id=1, holder="x", host=host_id(), pid=2**22 + 1, pid_started=1.0, since=now, expires=now
            )
        )
    found.chores()
    found.chores()
    assert len(woken) == 1


def test_a_store_that_fails_is_told_once_and_heard_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("jupyter_mlplat.server.publisher.EVERY_AFTER_ERROR_S", 0.05)
    heard = threading.Event()
    publisher = Publisher(lambda: platform, lambda topic, key: heard.set(), logging.getLogger("publisher"))
    with caplog.at_level(logging.INFO, "publisher"):
        publisher.start()
        assert publisher.ready.wait(30)
        with platform.store.write() as transaction:
            transaction.connection.exec_driver_sql("ALTER TABLE outbox RENAME TO gone")
        deadline = time.monotonic() + 10
        while not caplog.records and time.monotonic() < deadline:
            heard.wait(0.05)
        heard.wait(0.5)
        with platform.store.write() as transaction:
            transaction.connection.exec_driver_sql("ALTER TABLE gone RENAME TO outbox")
            transaction.emit("jobs", "1")
        assert heard.wait(10)
        publisher.stop()
    said = [record.message for record in caplog.records]
    assert len([line for line in said if "not told" in line]) == 1, said
    assert len([line for line in said if "answers again" in line]) == 1, said
