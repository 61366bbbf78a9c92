"""Registered models to deploy, without the seconds that it takes to train and log them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_mlplat.backends.fake_gpus import FakeSource
from jupyter_mlplat.home import Home
from jupyter_mlplat.protocols import Clock
from jupyter_mlplat.services.gpus import GPUsService, Quotas
from jupyter_mlplat.services.runs import RunsService
from jupyter_mlplat.store import Store


def registered(folder: Path) -> str:
    """The tracking URI of an MLflow that knows model m (alias best at version 2) and model gone, without files."""
    store = Store(f"sqlite:///{folder}/mlplat.db")
    uri = f"sqlite:///{folder}/mlflow.db"
    client = RunsService(uri, Home(folder / "home").ensure(), store).client()
    (folder / "m").mkdir()
    (folder / "m" / "MLmodel").write_text("flavors: {}")
    for name in ("m", "gone"):
        client.create_registered_model(name)
        for _ in range(2):
            client.create_model_version(name, f"{folder}/{name}")
    client.set_registered_model_alias("m", "best", "2")
    store.close()
    return uri


def save_code(folder: Path, code: Path, signature: Any = None) -> None:
    """Save a model whose code must not run here: MLflow would load it to look at it."""
    from mlflow.models import Model

    folder.mkdir(exist_ok=True)
    (folder / "model.py").write_text(code.read_text())
    (folder / "requirements.txt").write_text("mlflow\n")
    model = Model(signature=signature)
    model.add_flavor(
        "python_function",
        loader_module="mlflow.pyfunc.model",
        python_model=None,
        model_code_path="model.py",
        artifacts={},
        python_version="3",
    )
    model.save(str(folder / "MLmodel"))


def gpus_of(store: Store, home: Home, clock: Clock, spec: str = "2xA100-80G", **limits: int) -> GPUsService:
    """A ledger of devices that are not there."""
    return GPUsService(store, FakeSource(spec, home.root / "used.json"), clock, Quotas(limits))
