"""A job's kernel without its engine: a program that logs what it trains, and the run that it has."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence

import pytest

from jupyter_mlplat.models import Run
from jupyter_mlplat.platform import Platform

from ..forks import Forks

ARM = """
import sys
from jupyter_mlplat.autolog import arm
arm()
"""
DATA = """
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
X, y = make_classification(300, 5, random_state=0)
"""

Train = Callable[..., list[Run]]


def below(runs: Sequence[Run], parent: str) -> list[Run]:
    """Those whose parent that is, the first one first."""
    return sorted(
        (run for run in runs if run.tags.get("mlflow.parentRunId") == parent), key=lambda run: run.started_at or 0
    )


@pytest.fixture
def job_run(platform: Platform) -> str:
    """The run of an attempt of a job, as the engine makes it."""
    return platform.runs.start_job_run(
        job_id="7", attempt=1, name="train", notebook="/n/train.ipynb", experiment=None, owner="ana",
        parameters={"C": 5, "data": "all"}, tags={},
    )  # fmt: skip


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    with Forks("sklearn.linear_model", "sklearn.datasets", "sklearn.ensemble", "torch._dynamo") as made:
        yield made


@pytest.fixture
def train(platform: Platform, job_run: str, forks: Forks) -> Train:
    """Runs a program as the job's kernel would; all runs that there are afterwards.

    As in a warm kernel the libraries are there before it begins; `cold` ones import them, and are a process of their
    own.
    """

    def call(code: str, *, first: str = DATA, cold: bool = False, status: int = 0, **variables: str) -> list[Run]:
        environment = {
            **os.environ, **platform.environment(), "MLPLAT_JOB_ID": "7", "MLPLAT_ATTEMPT": "1",
            "MLPLAT_RUN": job_run, "MLFLOW_RUN_ID": job_run, "MLPLAT_AUTOLOG": "1", **variables,
        }  # fmt: skip
        program, folder = ARM + first + textwrap.dedent(code), platform.home.root
        if cold:
            done = subprocess.run(
                [sys.executable, "-c", program],
                env=environment, capture_output=True, text=True, timeout=150, cwd=folder, check=False,
            )  # fmt: skip
            ended, said = done.returncode, done.stderr
        else:
            ended, said = forks.run(program, environment=environment, folder=folder, timeout=150)
        assert ended == status, said
        platform.runs.deliver_left()
        return list(platform.runs.list(limit=200).items)

    return call
