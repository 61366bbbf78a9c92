"""Jobs in the store, without an engine: submission, lists, and who may write what, over SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from pathlib import Path

import nbformat
import pytest
from sqlalchemy import func, select

from jupyter_mlplat.errors import Conflict, Invalid, MLPlatError, NotFound
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import JobSpec, JobState, Reason
from jupyter_mlplat.platform import SystemClock
from jupyter_mlplat.protocols import Report
from jupyter_mlplat.services.jobs import JobQueue, JobsService
from jupyter_mlplat.store import Store, tables


def ended(state: str = "succeeded", **fields: object) -> dict[str, object]:
    moment = "2026-11-21T04:00:00+00:00"
    return {"state": state, "reason": None, "message": None, "started_at": moment, "ended_at": moment, **fields}


def test_a_submitted_job_is_queued_with_its_cells_and_a_copy_without_old_outputs(
    jobs: JobsService, notebook: Path
) -> None:
    job = jobs.submit(JobSpec(notebook=str(notebook), parameters={"x": 3}), owner="ada")
    assert (job.state, job.attempt, job.name, job.owner, job.parameters) == ("queued", 0, "train", "ada", {"x": 3})
    assert [(cell.index, cell.state) for cell in job.cells] == [(1, "not_run"), (2, "not_run")]
    assert (job.cells_done, job.cells_total) == (0, 2)
    copy = jobs.output(job.id)
    notebook.unlink()
    assert "an old output" not in copy.read_text()
    assert jobs.log(job.id).text == ""


@pytest.mark.parametrize(
    ("parameters", "field"),
    [({"y": 1}, "parameters.y"), ({"x": "three"}, "parameters.x"), ({"x; import os": 1}, "parameters.x; import os")],
)
def test_bad_parameters_are_refused_and_nothing_is_written(
    jobs: JobsService, store: Store, home: Home, notebook: Path, parameters: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        jobs.submit(JobSpec.model_validate({"notebook": str(notebook), "parameters": parameters}), owner="ada")
    assert field in refused.value.fields
    assert refused.value.hint
    assert jobs.list().items == []
    assert list(home.jobs.iterdir()) == []
    assert store.last_change() == 0


def test_bad_notebooks_are_refused_and_nothing_is_written(jobs: JobsService, home: Home, tmp_path: Path) -> None:
    (tmp_path / "text.ipynb").write_text("no notebook")
    (tmp_path / "other.ipynb").write_text('{"cells": 1}')
    for path in (tmp_path / "missing.ipynb", tmp_path, tmp_path / "text.ipynb", tmp_path / "other.ipynb"):
        with pytest.raises(MLPlatError) as refused:
            jobs.submit(JobSpec(notebook=str(path)), owner="ada")
        assert refused.value.exit_code == 2
        assert refused.value.hint
        assert "notebook" in refused.value.fields
    assert list(home.jobs.iterdir()) == []


def test_the_same_key_is_one_job_and_another_request_under_it_a_conflict(jobs: JobsService, notebook: Path) -> None:
    spec = JobSpec(notebook=str(notebook), parameters={"x": 3})
    first = jobs.submit(spec, owner="ada", idempotency_key="k")
    assert jobs.submit(spec, owner="ada", idempotency_key="k").id == first.id
    assert jobs.submit(spec, owner="bob", idempotency_key="k").id != first.id
    with pytest.raises(Conflict, match="another request"):
        jobs.submit(JobSpec(notebook=str(notebook)), owner="ada", idempotency_key="k")
    for change in ({"priority": 7}, {"name": "other"}, {"retries": 1}, {"deadline": 60.0}):
        with pytest.raises(Conflict, match="another request"):
            jobs.submit(spec.model_copy(update=change), owner="ada", idempotency_key="k")
    notebook.unlink()
    assert jobs.submit(spec, owner="ada", idempotency_key="k").id == first.id, "the same request, the same answer"


def test_lists_page_from_the_newest_and_filter(jobs: JobsService, notebook: Path) -> None:
    spec = JobSpec(notebook=str(notebook))
    ids = [jobs.submit(spec, owner=owner).id for owner in ("ada", "bob", "ada", "bob", "ada")]
    seen, after = [], None
    while True:
        page = jobs.list(limit=2, after=after)
        seen += [job.id for job in page.items]
        after = page.next
        if after is None:
            break
    assert seen == ids[::-1]
    assert [job.id for job in jobs.list(owner="bob").items] == [ids[3], ids[1]]
    assert jobs.list(state="running").items == []
    with pytest.raises(Invalid, match="no job state"):
        jobs.list(state="sleeping")


@pytest.mark.parametrize("job_id", ["0", "99", "-1", "1; drop table jobs", "１", "", "9" * 40])
def test_an_unknown_id_is_not_found(jobs: JobsService, job_id: str) -> None:
    for call in (jobs.get, jobs.cancel, jobs.log, jobs.output):
        with pytest.raises(NotFound):
            call(job_id)


def test_many_claimers_take_each_job_once(jobs: JobsService, store: Store, notebook: Path) -> None:
    ids = {jobs.submit(JobSpec(notebook=str(notebook)), owner="ada").id for _ in range(12)}
    taken: list[str] = []
    start = threading.Barrier(4)

    def claim() -> None:
        mine = JobQueue(store, SystemClock())
        start.wait()
        while claims := mine.claim(3):
            taken.extend(str(one.row["id"]) for one in claims)

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(ids)


def test_the_record_of_an_attempt_from_claim_to_end(jobs: JobsService, queue: JobQueue, notebook: Path) -> None:
    job = jobs.submit(JobSpec(notebook=str(notebook)), owner="ada")
    (claim,) = queue.claim(5)
    assert claim.key == f"{job.id}-1"
    assert jobs.get(job.id).state == "starting"
    assert queue.set_run(claim, "run-1")
    cell = {"index": 1, "state": "ok", "started_at": "2026-11-21T04:00:00+00:00", "ended_at": None, "error": None}
    queue.record(
        [Report(claim.key, "started", {"started_at": "2026-11-21T04:00:00+00:00"}), Report(claim.key, "cell", cell)]
    )
    running = jobs.get(job.id)
    assert (running.state, running.cells_done, running.cells[0].state) == ("running", 1, "ok")
    queue.record([Report(claim.key, "cell", {**cell, "index": 2, "state": "running"})])
    assert queue.end(claim.key, ended("failed", reason="kernel_died", message="the kernel died"))
    after = jobs.get(job.id)
    assert (after.state, after.reason, after.message) == ("failed", Reason.KERNEL_DIED, "the kernel died")
    assert [cell.state for cell in after.cells] == ["ok", "kernel_died"]  # nothing is shown running
    (attempt,) = after.attempts
    assert (attempt.number, attempt.state, attempt.reason, attempt.run_id) == (1, "failed", "kernel_died", "run-1")
    assert queue.unclosed() == [claim.key]
    queue.close_run(claim.key, {"auc": 0.9, "loss": 1.0})
    assert jobs.get(job.id).metric == {"auc": 0.9}
    assert queue.unclosed() == []


def test_late_writers_lose(jobs: JobsService, queue: JobQueue, notebook: Path) -> None:
    job = jobs.submit(JobSpec(notebook=str(notebook)), owner="ada")
    (first,) = queue.claim(1)
    assert queue.requeue(first, "the cluster is gone")
    assert jobs.get(job.id).message == "the cluster is gone"
    (second,) = queue.claim(1)
    assert second.number == 2
    queue.record([Report(first.key, "started", {"started_at": "2026-11-21T04:00:00+00:00"})])
    assert jobs.get(job.id).state == "starting"
    assert not queue.end(first.key, ended())
    assert not queue.set_run(first, "run-1")
    assert queue.end(second.key, ended())
    assert not queue.end(second.key, ended("failed", reason="kernel_died"))
    assert jobs.get(job.id).state == "succeeded"


def test_secrets_come_by_reference_only(jobs: JobsService, queue: JobQueue, notebook: Path) -> None:
    text = notebook.read_text().replace("x: int = 1  # how many", "x: int = 1\\ndb_password: str\\nmax_tokens: int = 5")
    notebook.write_text(text)
    schema = jobs.schema(notebook)
    assert schema["properties"]["db_password"]["writeOnly"] is True
    assert "writeOnly" not in schema["properties"]["max_tokens"]
    for fields, wrong in (
        ({}, "parameters.db_password"),
        ({"parameters": {"db_password": "hush"}}, "parameters.db_password"),
        ({"secrets": {"db_password": "env:P", "y": "env:P"}}, "secrets.y"),
        ({"secrets": {"db_password": "env:P", "x": "env:P"}, "parameters": {"x": 1}}, "secrets.x"),
    ):
        with pytest.raises(Invalid) as refused:
            jobs.submit(JobSpec.model_validate({"notebook": str(notebook), **fields}), owner="ada")
        assert wrong in refused.value.fields, refused.value.fields
    spec = JobSpec(notebook=str(notebook), secrets={"db_password": "env:P"}, memory=2**30)
    job = jobs.submit(spec, owner="ada")
    assert (job.secrets, job.memory) == ({"db_password": "env:P"}, 2**30)
    (claim,) = queue.claim(1)
    attempt = claim.attempt({})
    assert (attempt.secrets, attempt.memory_limit) == ({"db_password": "env:P"}, 2**30)
    queue.end(claim.key, {"state": "succeeded"})
    assert jobs.retry(job.id, owner="ada").secrets == job.secrets


def test_a_cancel_is_a_request_that_the_engine_carries_out(jobs: JobsService, queue: JobQueue, notebook: Path) -> None:
    job = jobs.submit(JobSpec(notebook=str(notebook)), owner="ada")
    asked = jobs.cancel(job.id)
    assert (asked.state, asked.cancel_requested) == ("queued", True)
    assert queue.claim(5) == []  # it never starts
    (claim,) = queue.cancellations()
    assert queue.cancel_queued(claim)
    after = jobs.get(job.id)
    assert (after.state, after.reason) == ("cancelled", Reason.CANCELLED)
    assert after.ended_at is not None
    with pytest.raises(Conflict, match="has ended: cancelled"):
        jobs.cancel(job.id)


def test_every_change_of_a_job_is_announced(jobs: JobsService, queue: JobQueue, store: Store, notebook: Path) -> None:
    def announced() -> int:
        with store.read() as connection:
            return connection.execute(select(func.count()).select_from(tables.outbox)).scalar_one()

    job = jobs.submit(JobSpec(notebook=str(notebook)), owner="ada")
    counts = [announced()]
    (claim,) = queue.claim(1)
    counts.append(announced())
    queue.record([Report(claim.key, "started", {"started_at": "2026-11-21T04:00:00+00:00"})])
    counts.append(announced())
    jobs.cancel(job.id)
    counts.append(announced())
    queue.end(claim.key, ended("cancelled", reason="cancelled"))
    counts.append(announced())
    assert counts == sorted(set(counts))


def test_the_log_is_read_in_whole_characters(jobs: JobsService, queue: JobQueue, notebook: Path) -> None:
    job = jobs.submit(JobSpec(notebook=str(notebook)), owner="ada")
    (claim,) = queue.claim(1)
    claim.folder.mkdir(parents=True)
    log = claim.folder / "log.txt"
    log.write_bytes("grün €".encode()[:-1])
    first = jobs.log(job.id)
    assert (first.text, first.ended) == ("grün ", False)
    log.write_bytes("grün € ok\n".encode())
    assert jobs.log(job.id, offset=first.offset).text == "€ ok\n"
    assert jobs.log(job.id, offset=10_000).text == ""


def test_states_that_have_ended_move_no_more() -> None:
    assert {state for state in JobState if state.ended} == {"succeeded", "failed", "cancelled", "lost", "skipped"}


@pytest.mark.parametrize(
    ("own", "field", "hint"),
    [
        ({"retires": 3}, "retires", "did you mean retries?"),
        ({"nope": 1}, "nope", "it takes"),
        ([1], "mlplat", "mend it"),
        ("x", "mlplat", "mend it"),
        ({"deadline": 1e18}, "deadline", "mend it"),
    ],
)
def test_an_option_that_nobody_would_read_is_told(
    jobs: JobsService, notebook: Path, own: object, field: str, hint: str
) -> None:
    content = nbformat.read(notebook, 4)
    content.metadata["mlplat"] = own
    nbformat.write(content, notebook)
    with pytest.raises(Invalid) as refused:
        jobs.submit(JobSpec(notebook=str(notebook)), owner="ada")
    assert list(refused.value.fields) == [field]
    assert hint in str(refused.value.hint)
    assert jobs.list().items == []
