"""A study with Optuna whose workers are killed: every trial ends once, and journal, sweep and MLflow say the same."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mlplat.attempts import RUNNER_RECORD, read_record
from jupyter_mlplat.models import JobSpec, Sweep, SweepSpec
from jupyter_mlplat.platform import Platform

from .conftest import warm_platform
from .scene import VICTIMS, processes, until

PARAMETERS = "lr: float = 0.1\ndepth: int = 2"
TRAIN = """\
import time
import jupyter_mlplat as mlplat
for step in range(6):
    mlplat.report((lr - 0.3) ** 2 + 0.01 * depth + 1 / (step + 1), step)
    time.sleep(0.05)
"""
LAST = "open('finished', 'a').write(f'{lr}\\n')"


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Iterator[Platform]:
    """Its kernels have imported MLflow ahead: that takes longer than a trial."""
    folder = tmp_path_factory.mktemp("studies")
    with warm_platform(folder, mlflow_database, '{"warm_kernels": 2, "warm_imports": ["mlflow"]}') as made:
        yield made


def notebook_in(folder: Path) -> Path:
    made = new_notebook(cells=[new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})])
    made.cells += [new_code_cell(TRAIN), new_code_cell(LAST)]
    made.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python"}
    nbformat.write(made, folder / "train.ipynb")
    return folder / "train.ipynb"


def ended(sweep: Sweep) -> int:
    return sum(count for state, count in sweep.counts.items() if state in ("succeeded", "pruned", "failed", "lost"))


def kill(platform: Platform, sweep_id: str, victim: str, dice: random.Random) -> int:
    """Kill one process of that kind with SIGKILL while trials run; returns its pid."""
    found: list[psutil.Process] = []

    def look() -> bool:
        if victim == "runner":
            for one in platform.sweeps.get(sweep_id).points:
                job = platform.jobs.get(one.job_id)
                record = read_record(Path(job.folder) / f"attempt-{job.attempt}", RUNNER_RECORD)
                if job.state == "running" and record is not None and psutil.pid_exists(int(str(record["pid"]))):
                    found.append(psutil.Process(int(str(record["pid"]))))
        elif platform.sweeps.get(sweep_id).counts.get("running"):
            found.extend(processes(platform, VICTIMS[victim]))
        return bool(found)

    until(look, 120, f"a {victim} that works")
    one = dice.choice(found)
    one.kill()
    return int(one.pid)


def study_with_deaths(
    platform: Platform, folder: Path, trials: int, deaths: Sequence[tuple[int, str]], *, seconds: float, seed: int
) -> Sweep:
    """Run a study 2 trials at a time; `deaths` says after how many ended trials which process dies."""
    dice = random.Random(seed)
    spec = SweepSpec.model_validate(
        {"notebook": str(notebook_in(folder)), "strategy": "optuna", "trials": trials, "metric": "loss",
         "direction": "minimize", "parallel": 2, "seed": seed, "retries": 5, "retry_delay": 0.0,
         "space": {"lr": {"low": 0.0, "high": 1.0}, "depth": {"low": 1, "high": 3}}}
    )  # fmt: skip
    made = platform.sweeps.create(spec, owner="ada")
    for after, victim in deaths:
        until(lambda after=after: ended(platform.sweeps.get(made.id)) >= after, seconds, f"trial {after}")
        pid = kill(platform, made.id, victim, dice)
        sys.stderr.write(f"seed {seed}: killed {victim} {pid} after {after} trials\n")
    sweep = platform.sweeps.wait(made.id, timeout=seconds)
    assert sweep.ended_at is not None, sweep.counts
    return sweep


def check(platform: Platform, folder: Path, sweep: Sweep, trials: int, killed: int) -> None:
    """The journal, the sweep and MLflow agree, and the best value is no accident."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    assert (sweep.state, ended(sweep), len(sweep.points)) == ("succeeded", trials, trials)
    assert sweep.study is not None
    study = optuna.load_study(study_name="sweep", storage=JournalStorage(JournalFileBackend(sweep.study)))
    journal = study.get_trials()
    states = [one.state.name for one in journal]
    assert len(states) == trials
    assert set(states) <= {"COMPLETE", "PRUNED"}, states
    jobs = [platform.jobs.get(one.job_id) for one in sweep.points]
    assert sum(job.attempt - 1 for job in jobs) >= killed, "somebody died, and was replaced"
    for trial, point, job in zip(journal, sweep.points, jobs, strict=True):
        assert job.run_id is not None
        run = platform.runs.get(job.run_id)
        assert (job.state, run.status) == ("succeeded", "FINISHED")
        if trial.state.name == "PRUNED":
            assert (point.state, point.pruned_at) == ("pruned", trial.last_step)
            assert (job.reason, job.pruned_at, job.message) == (
                "pruned", trial.last_step, f"pruned at step {trial.last_step}",
            )  # fmt: skip
            assert run.tags["mlplat.pruned"] == str(trial.last_step)
            assert [cell.state for cell in job.cells] == ["ok", "cancelled", "not_run"]
            assert sorted(trial.intermediate_values) == list(range(trial.last_step + 1))
        else:
            assert (point.state, point.pruned_at, job.reason) == ("succeeded", None, None)
            assert "mlplat.pruned" not in run.tags
            assert trial.values == [point.value]
            # What was reported last while no engine lived is in MLflow only.
            assert set(trial.intermediate_values) <= set(range(6))
    assert "PRUNED" in states
    assert sweep.counts == {"succeeded": states.count("COMPLETE"), "pruned": states.count("PRUNED")}
    assert len((folder / "finished").read_text().splitlines()) >= states.count("COMPLETE")

    assert sweep.best is not None
    assert sweep.best.value == study.best_value == min(one.value for one in journal if one.state.name == "COMPLETE")
    again = platform.jobs.submit(
        JobSpec(notebook=str(folder / "train.ipynb"), parameters=dict(sweep.best.point)), owner="ada"
    )
    done = platform.jobs.wait(again.id, timeout=120)
    assert done.state == "succeeded"
    assert done.run_id is not None
    # Outside of a sweep nothing says what the metric is called.
    assert platform.runs.get(done.run_id).metrics["value"] == sweep.best.value

    view = platform.sweeps.study(sweep.id)
    assert [one.state.upper() for one in view.trials] == states
    assert [one.job_id for one in view.trials] == [one.job_id for one in sweep.points]
    assert view.front == [study.best_trial.number]
    assert view.importance is not None
    assert set(view.importance) == {"lr", "depth"}
    assert all(
        len(one.intermediate) == len(trial.intermediate_values) for one, trial in zip(view.trials, journal, strict=True)
    )


def test_a_study_survives_the_death_of_two_of_its_workers(tuned: Platform, tmp_path: Path) -> None:
    sweep = study_with_deaths(tuned, tmp_path, 9, [(2, "runner"), (6, "runner")], seconds=120, seed=11)
    check(tuned, tmp_path, sweep, 9, killed=2)


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_a_long_study_survives_the_death_of_attempts_workers_and_the_engine(platform: Platform, tmp_path: Path) -> None:
    deaths = [(5, "runner"), (15, "worker"), (25, "engine"), (35, "runner"), (45, "worker")]
    left = threading.Event()

    def watch() -> None:
        while not left.wait(0.5):
            platform.wake_engine()  # what a server or a waiting command does

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        sweep = study_with_deaths(platform, tmp_path, 60, deaths, seconds=900, seed=3)
    finally:
        left.set()
        watching.join()
    check(platform, tmp_path, sweep, 60, killed=2)
