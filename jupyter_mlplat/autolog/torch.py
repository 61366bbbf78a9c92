"""torch: what is written for TensorBoard, and Lightning's trainer by MLflow's own autologging; see `loops`, too."""

from __future__ import annotations

import functools
import sys
from typing import Any

from . import fits
from .fits import harmless, inside

WRITER = "torch.utils.tensorboard.writer"


def change_tensorboard() -> None:
    """Called while its writer is imported."""
    writer: Any = sys.modules[WRITER].SummaryWriter
    own = writer.add_scalar

    @functools.wraps(own)
    def add_scalar(self: Any, tag: str, scalar_value: Any, global_step: Any = None, *args: Any, **kwargs: Any) -> Any:
        result = own(self, tag, scalar_value, global_step, *args, **kwargs)
        with harmless():
            if not fits.mlflow_does("pytorch"):
                fits.log_point(str(tag), float(scalar_value), int(global_step or 0))
        return result

    writer.add_scalar = add_scalar


def change_lightning() -> None:
    """Called while it is imported."""
    _change_trainer("lightning.pytorch.trainer.trainer")


def change_pytorch_lightning() -> None:
    """The same under its older name."""
    _change_trainer("pytorch_lightning.trainer.trainer")


def _change_trainer(module: str) -> None:
    trainer: Any = sys.modules[module].Trainer
    own = trainer.fit

    @functools.wraps(own)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        trainer.fit = own
        with harmless():
            if not fits.mlflow_does("pytorch"):
                import mlflow.pytorch

                mlflow.pytorch.autolog(log_models=False, silent=True)
        # MLflow's, where it has put one in its place.
        with inside():
            return self.fit(*args, **kwargs)

    trainer.fit = fit
