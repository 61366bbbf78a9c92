"""A registered model with something in it: a run with data, parameters and metrics, a signature, requirements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jupyter_mlplat.platform import Platform


def register(
    platform: Platform,
    name: str = "churn",
    *,
    columns: Sequence[str] = ("age", "calls"),
    requirements: Sequence[str] = ("scikit-learn==1.5", "numpy"),
    parameters: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
    data: Path | None = None,
) -> str:
    """Log a classifier as the next version of a registered model, by MLflow's own functions; returns its run."""
    import mlflow
    import numpy as np
    import pandas as pd
    from mlflow.data.pandas_dataset import from_pandas
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    platform.runs.client()
    mlflow.set_tracking_uri(platform.mlflow_uri)
    table = pd.DataFrame({column: np.linspace(0.0, 1.0, 6) + number for number, column in enumerate(columns)})
    labels = np.array([0, 1] * 3)
    given = parameters if parameters is not None else {"C": 1.0}
    with mlflow.start_run(run_name=f"train {name}", tags=tags) as run:
        model = LogisticRegression().fit(table, labels)
        mlflow.log_params(given)
        mlflow.log_metrics({"auc": 0.93, "loss": 0.25})
        source = {"source": str(data)} if data is not None else {}
        mlflow.log_input(from_pandas(table, name="customers", **source), context="training")
        mlflow.sklearn.log_model(
            model, name="model", signature=infer_signature(table, model.predict(table)), registered_model_name=name,
            pip_requirements=[*requirements],
        )  # fmt: skip
        return str(run.info.run_id)


def deploy(platform: Platform, name: str, version: str, *, model: str = "churn", traffic: int = 100) -> None:
    """A row of a deployment that serves a version; nothing runs."""
    from sqlalchemy import insert

    from jupyter_mlplat.store import tables

    now = platform.clock.now()
    served = {"model": model, "version": version, "uri": f"models:/{model}/{version}", "traffic": traffic}
    with platform.store.write() as transaction:
        transaction.connection.execute(
            insert(tables.deployments).values(
                name=name, owner="ada", target="local", state="ready", versions=[served], token_file="/none",
                folder="/none", handle={}, created_at=now, updated_at=now,
            )
        )  # fmt: skip
