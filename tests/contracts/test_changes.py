"""What changed since the last success, over SQLite and PostgreSQL, with the files that runners leave."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from jupyter_mlplat.attempts import ENVIRONMENT
from jupyter_mlplat.errors import Conflict, NotFound, Unavailable
from jupyter_mlplat.models import JobSpec, RunDetail
from jupyter_mlplat.services.jobs import Changes, JobQueue, JobsService
from jupyter_mlplat.store import Store

from .conftest import ManualClock


def run(run_id: str) -> RunDetail:
    """MLflow as it would answer."""
    known = {
        "good": {"metrics": {"auc": 0.9}, "datasets": [{"name": "train", "digest": "aaaa"}]},
        "bad": {"metrics": {"auc": 0.5, "loss": 1.0}, "datasets": [{"name": "train", "digest": "bbbb"}]},
    }
    return RunDetail(id=run_id, name=run_id, experiment_id="1", experiment="e", status="FINISHED", **known[run_id])  # type: ignore[arg-type]


def execute(
    jobs: JobsService,
    queue: JobQueue,
    clock: ManualClock,
    spec: JobSpec,
    *,
    run_id: str,
    seconds: float,
    **record: object,
) -> str:
    """Submit a job, and let its only attempt end."""
    job = jobs.submit(spec, owner="ada")
    (claim,) = queue.claim(1)
    queue.set_run(claim, run_id)
    claim.folder.mkdir(parents=True)
    packages = {"numpy": "2.3.0"} if record["state"] == "succeeded" else {"numpy": "2.4.0", "scipy": "1.17"}
    (claim.folder / ENVIRONMENT).write_text(json.dumps({"python": "3.11.7", "packages": packages}))
    began = clock.now()
    clock.move(seconds=seconds)
    cells = [
        {"index": index, "state": "ok", "started_at": began.isoformat(), "ended_at": clock.now().isoformat()}
        for index in (1, 2)
    ]
    queue.end(claim.key, {"cells": cells, "started_at": began.isoformat(), **record})
    queue.close_run(claim.key, {})
    return job.id


def test_everything_that_is_different_is_named(
    store: Store, jobs: JobsService, queue: JobQueue, clock: ManualClock, notebook: Path
) -> None:
    changes = Changes(store, run)
    spec = JobSpec(notebook=str(notebook), parameters={"x": 2})
    good = execute(jobs, queue, clock, spec, run_id="good", seconds=2, state="succeeded")
    assert changes.of(good).model_dump() == {
        **changes.of(good).model_dump(), "against": None, "notes": ["it has never succeeded before"],
    }  # fmt: skip
    edited = nbformat.read(notebook, as_version=4)
    edited.cells[2].source = "print(x + 1)"
    nbformat.write(edited, notebook)
    spec = JobSpec(notebook=str(notebook), parameters={"x": 7})
    bad = execute(jobs, queue, clock, spec, run_id="bad", seconds=6, state="failed", reason="cell_error")

    found = changes.of(bad)
    assert (found.job_id, found.against, found.notes) == (bad, good, [])
    assert [one.model_dump() for one in found.parameters] == [{"name": "x", "before": 2, "after": 7}]
    assert "-print(x)\n+print(x + 1)\n" in found.code
    assert "# cell 1" in found.code
    assert {one.name: (one.before, one.after) for one in found.environment} == {
        "numpy": ("2.3.0", "2.4.0"), "scipy": (None, "1.17"),
    }  # fmt: skip
    assert {one.name: (one.before, one.after) for one in found.data} == {"train": ("aaaa", "bbbb")}
    assert {one.name: (one.before, one.after) for one in found.metrics} == {"auc": (0.9, 0.5), "loss": (None, 1.0)}
    # Cell 2 was edited: how long another cell took says nothing about it.
    assert [(one.index, one.before, one.after) for one in found.timings] == [(1, 2.0, 6.0)]


def test_what_cannot_be_compared_is_said(
    store: Store, jobs: JobsService, queue: JobQueue, clock: ManualClock, notebook: Path
) -> None:
    def nobody(run_id: str) -> RunDetail:
        raise Unavailable("MLflow does not answer", hint="start it")

    spec = JobSpec(notebook=str(notebook))
    good = execute(jobs, queue, clock, spec, run_id="good", seconds=1, state="succeeded")
    bad = execute(jobs, queue, clock, spec, run_id="bad", seconds=1, state="failed", reason="cell_error")
    folder = Path(jobs.get(good).folder)
    (folder / "submitted.ipynb").unlink()
    (folder / "attempt-1" / ENVIRONMENT).write_text("{")
    found = Changes(store, nobody).of(bad)
    assert sorted(found.notes) == [
        f"code: the notebook of job {good} is no longer there",
        "data and metrics: MLflow does not answer",
        "environment: one of the two has left no record of it",
    ]
    assert (found.parameters, found.code, found.timings) == ([], "", [])
    with pytest.raises(NotFound):
        Changes(store, nobody).of("999")


def test_another_owners_success_is_no_measure(
    store: Store, jobs: JobsService, queue: JobQueue, clock: ManualClock, notebook: Path
) -> None:
    spec = JobSpec(notebook=str(notebook))
    execute(jobs, queue, clock, spec, run_id="good", seconds=1, state="succeeded")
    other = jobs.submit(spec, owner="ben")
    assert Changes(store, run).of(other.id).against is None


def test_a_retry_may_take_the_notebook_as_it_is_now_or_begin_at_the_start(
    jobs: JobsService, queue: JobQueue, clock: ManualClock, notebook: Path
) -> None:
    spec = JobSpec(notebook=str(notebook), retries=1, retry_delay=1)
    failed = execute(jobs, queue, clock, spec, run_id="bad", seconds=1, state="failed", reason="cell_error")
    clock.move(seconds=2)
    (claim,) = queue.claim(1)
    checkpoints = str(Path(jobs.get(failed).folder) / "checkpoints")
    assert (claim.attempt({}).checkpoints, claim.attempt({}).resume_from) == (checkpoints, [checkpoints])
    with pytest.raises(Conflict):
        jobs.retry(failed, owner="ada")
    queue.end(claim.key, {"state": "failed", "reason": "cell_error", "note": "from the start: because"})
    assert [one.note for one in jobs.get(failed).attempts] == [None, "from the start: because"]

    edited = nbformat.read(notebook, as_version=4)
    edited.cells[2].source = "print('edited')"
    nbformat.write(edited, notebook)
    for options, source, sources in (
        ({}, "print(x)", [checkpoints]),
        ({"edited": True}, "print('edited')", [checkpoints]),
        ({"from_start": True}, "print(x)", []),
    ):
        again = jobs.retry(failed, owner="ada", **options)
        assert nbformat.read(jobs.output(again.id), as_version=4).cells[2].source == source
        (claim,) = queue.claim(1)
        assert claim.attempt({}).resume_from == sources
        queue.end(claim.key, {"state": "succeeded", "results": {"rows": 3}})
        assert jobs.get(again.id).results == {"rows": 3}
    succeeded_again = jobs.retry(again.id, owner="ada")
    assert succeeded_again.resume is False
