"""What a notebook's code says about its experiment, and the tags of the runs that a job starts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jupyter_mlplat.services.runs import UNKNOWN_EXPERIMENT, experiment_of


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ([], None),
        (["x = 1"], None),
        (["import mlflow\nmlflow.set_experiment('ctr')"], "ctr"),
        (["%pip install x\nmlflow.set_experiment(experiment_name='ctr')"], "ctr"),
        (["from mlflow import set_experiment\nset_experiment('ctr')"], "ctr"),
        (["if True:\n    !true\n    e = mlflow.set_experiment('ctr')"], "ctr"),
        (["mlflow.set_experiment('ctr')", "mlflow.set_experiment('ctr')"], "ctr"),
        (["mlflow.set_experiment('a')", "mlflow.set_experiment('b')"], UNKNOWN_EXPERIMENT),
        (["mlflow.set_experiment(name)"], UNKNOWN_EXPERIMENT),
        (["mlflow.set_experiment(f'{name}')"], UNKNOWN_EXPERIMENT),
        (["mlflow.set_experiment(experiment_id='3')"], UNKNOWN_EXPERIMENT),
        (["mlflow.set_experiment(**given)"], UNKNOWN_EXPERIMENT),
        (["mlflow.set_experiment()"], UNKNOWN_EXPERIMENT),
        (["%%bash\nmlflow.set_experiment('ctr')"], None),
        (["this is ( no python", "mlflow.set_experiment('ctr')"], "ctr"),
        (["# mlflow.set_experiment('ctr')"], None),
    ],
)
def test_the_experiment_is_read_from_the_code(sources: list[str], expected: str | None) -> None:
    cells = [{"cell_type": "code", "source": source, "metadata": {}} for source in sources]
    cells.append({"cell_type": "markdown", "source": "mlflow.set_experiment('prose')", "metadata": {}})
    assert experiment_of({"cells": cells}) == expected
    for cell in cells:
        cell["source"] = str(cell["source"]).splitlines(keepends=True)
    assert experiment_of({"cells": cells}) == expected


def test_a_run_is_tagged_where_the_platform_is_known_only() -> None:
    program = (
        "import mlflow.tracking.fluent; from jupyter_mlplat.mlflow_plugin.context import RunContext\n"
        "known = RunContext().in_context(); print(known and RunContext().tags())"
    )

    def printed(**variables: str) -> str:
        unset = ("MLPLAT_JOB_ID", "MLPLAT_HOME")
        environment = {key: value for key, value in os.environ.items() if key not in unset}
        done = subprocess.run(
            [sys.executable, "-c", program], env={**environment, **variables}, cwd="/", capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        return done.stdout.strip()

    assert printed() == "False"
    assert printed(MLPLAT_JOB_ID="7", MLPLAT_ATTEMPT="2") == "{'mlplat.job_id': '7', 'mlplat.attempt': '2'}"


def test_mlflow_finds_the_run_context_by_its_entry_point() -> None:
    program = "from mlflow.tracking.context.registry import resolve_tags as r; print(r()['mlplat.job_id'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "MLPLAT_JOB_ID": "7"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "7"
