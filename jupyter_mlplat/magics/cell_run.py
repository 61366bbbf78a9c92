"""`%%mlplat run`: one cell as one MLflow run."""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING

from ..errors import Invalid

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..platform import Platform

CELL = "cell.py"


def run_cell(
    shell: InteractiveShell, platform: Platform, cell: str, *, name: str | None, experiment: str | None
) -> None:
    """Run `cell` in the notebook with an MLflow run active, and keep its text as the artifact `cell.py`.

    The run ends FINISHED, FAILED where the cell raises, KILLED where it is interrupted; what the cell raises
    goes on to the notebook.
    """
    __tracebackhide__ = True
    platform.runs.prepare()  # makes MLflow's database where there is none
    import mlflow

    # Where the notebook's own mlflow.log_… writes, should it have chosen another server.
    client = mlflow.MlflowClient()
    experiment_id = None
    if experiment is not None:
        found = client.get_experiment_by_name(experiment)
        experiment_id = found.experiment_id if found else client.create_experiment(experiment)
    active = mlflow.start_run(
        run_name=name,
        experiment_id=experiment_id,
        nested=mlflow.active_run() is not None,
        tags={"mlplat.owner": platform.user},
    )
    run_id = active.info.run_id
    status = "FAILED"
    try:
        mlflow.log_text(cell, CELL, run_id=run_id)
        execute(shell, cell)
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        # The cell may have ended the run itself, or left runs of its own open inside it.
        while (left := mlflow.active_run()) is not None:
            mlflow.end_run(status)
            if left.info.run_id == run_id:
                break
        else:
            client.set_terminated(run_id, status)
        print(f"run {active.info.run_name} ({run_id}) {status}")  # noqa: T201 - a cell's output


def execute(shell: InteractiveShell, cell: str) -> None:
    """Run a cell in the notebook's namespace: magics work, and the last expression is shown."""
    __tracebackhide__ = True
    source = shell.transform_cell(cell)
    name = shell.compile.cache(source, shell.execution_count, raw_code=cell)
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    parts = [compile(tree, name, "exec", flags)]
    if last is not None:
        parts.append(compile(ast.Interactive([last]), name, "single", flags))
    if any(part.co_flags & inspect.CO_COROUTINE for part in parts):
        raise Invalid("%%mlplat run cannot run a cell that awaits", hint="start a run with mlflow.start_run() instead")
    for part in parts:
        exec(part, shell.user_ns)
