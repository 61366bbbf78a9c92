"""A store of each kind, and the services of jobs on it, without an engine and with a clock that tests move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from jupyter_mlplat.home import Home
from jupyter_mlplat.services.jobs import JobQueue, JobsService
from jupyter_mlplat.store import Store


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def move(self, **length: float) -> None:
        self.moment += timedelta(**length)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 21, 4, 0, tzinfo=UTC))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    made = Store(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgresql_store_url"))
    yield made
    made.close()


@pytest.fixture
def jobs(store: Store, home: Home, clock: ManualClock) -> JobsService:
    return JobsService(store, home, clock, lambda: None, backend="local", slots=2)


@pytest.fixture
def queue(store: Store, clock: ManualClock) -> JobQueue:
    return JobQueue(store, clock)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    parameters = new_code_cell("x: int = 1  # how many", metadata={"tags": ["parameters"]})
    made = new_notebook(cells=[new_markdown_cell("# words"), parameters, new_code_cell("print(x)")])
    made.cells[2].outputs = [nbformat.v4.new_output("stream", text="an old output")]
    made.metadata["mlplat"] = {"metric": "auc"}
    path = tmp_path / "train.ipynb"
    nbformat.write(made, path)
    return path
