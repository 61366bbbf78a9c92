"""What a job trains with torch is logged by itself: plain loops, what is written for TensorBoard, Lightning."""

from __future__ import annotations

import ast
import math
from typing import Any

import pytest

from jupyter_mlplat.platform import Platform

from .conftest import Train, below

LOOP = """
import torch
torch.manual_seed(0)
inputs, targets = torch.randn(64, 3), torch.randn(64, 1)
model = torch.nn.Linear(3, 1)
loss_of = torch.nn.MSELoss()
seen = []
"""


def curve(platform: Platform, run: str, key: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in platform.runs.client().get_metric_history(run, key)]


def seen(platform: Platform) -> Any:
    """What the program wrote down itself."""
    return ast.literal_eval((platform.home.root / "seen").read_text())


def same(points: list[tuple[int, float]], losses: list[float]) -> bool:
    return [step for step, _ in points] == list(range(len(losses))) and all(
        value == pytest.approx(loss, rel=1e-6, nan_ok=True) for (_, value), loss in zip(points, losses, strict=True)
    )


@pytest.mark.parametrize("cold", [True, False])
def test_a_plain_loop_has_the_curve_of_its_loss(platform: Platform, train: Train, job_run: str, cold: bool) -> None:
    train(
        """
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, betas=(0.8, 0.99))
        slower = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)
        for step in range(7):
            optimizer.zero_grad()
            loss = loss_of(model(inputs), targets)
            loss.backward()
            optimizer.step()
            slower.step()
            seen.append(loss.item())
        with torch.no_grad():
            loss_of(model(inputs), targets)  # a validation loss is nobody's to take a step from
        (inputs.clone().requires_grad_() ** 2).sum().backward()  # no step follows
        assert "mlflow" not in sys.modules
        open("seen", "w").write(repr(seen))
        """,
        first=LOOP,
        cold=cold,
    )
    run = platform.runs.get(job_run)
    assert same(curve(platform, job_run, "loss_step"), seen(platform))
    assert curve(platform, job_run, "lr-AdamW") == [(0, 0.1), (3, 0.05), (6, 0.025)]
    assert run.parameters == {
        "torch.optimizer": "AdamW", "torch.optimizer.lr": "0.1", "torch.optimizer.betas": "(0.8, 0.99)",
        "torch.optimizer.eps": "1e-08", "torch.optimizer.weight_decay": "0.01", "torch.parameters": "4",
        "torch.optimizer.decoupled_weight_decay": "True",
    }  # fmt: skip
    assert run.metrics.keys() == {"loss_step", "lr-AdamW"}


def test_what_is_called_backward_on_before_a_step_adds_up(platform: Platform, train: Train, job_run: str) -> None:
    train(
        """
        class Own(torch.Tensor):
            pass
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for step in range(4):
            optimizer.zero_grad()
            both = 0.0
            for part in (slice(0, 32), slice(32, 64)):  # a batch in two parts
                loss = loss_of(model(inputs[part]), targets[part]) / 2
                (loss.as_subclass(Own) if step == 2 else loss).backward()
                both += loss.item()
            try:
                torch.zeros(()).backward()  # nothing to be differentiated
            except RuntimeError:
                pass
            loss_of(model(inputs), targets).reshape(1, 1).backward(torch.ones(1, 1))  # no loss: it has a gradient
            torch.ones(2, requires_grad=True).clone().backward(torch.ones(2))
            optimizer.step()
            seen.append(both)
        open("seen", "w").write(repr(seen))
        """,
        first=LOOP,
    )
    assert same(curve(platform, job_run, "loss_step"), seen(platform))


def test_each_optimizer_has_its_own_curve(platform: Platform, train: Train, job_run: str) -> None:
    train(
        """
        critic = torch.nn.Linear(1, 1)
        one = torch.optim.SGD(model.parameters(), lr=0.01)
        other = torch.optim.Adam([{"params": [critic.weight]}, {"params": [critic.bias], "lr": 0.5}], lr=0.02)
        losses = [], []
        for step in range(5):
            for optimizer, own, loss in ((one, losses[0], lambda: -critic(model(inputs)).mean()),
                                         (other, losses[1], lambda: critic(model(inputs).detach()).mean() ** 2)):
                optimizer.zero_grad()
                value = loss()
                value.backward()
                optimizer.step()
                own.append(value.item())
        for _ in range(20):  # folds: a new optimizer each
            optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
            loss_of(model(inputs), targets).backward()
            optimizer.step()
            del optimizer
        open("seen", "w").write(repr(losses))
        """,
        first=LOOP,
    )
    first, second = seen(platform)
    assert same(curve(platform, job_run, "loss_step"), first)
    assert same(curve(platform, job_run, "loss_step_2"), second)
    run = platform.runs.get(job_run)
    assert {key for key in run.metrics if key.startswith("loss")} == {
        "loss_step",
        *(f"loss_step_{n}" for n in range(2, 11)),
    }
    assert (run.metrics["lr-SGD"], run.metrics["lr-Adam_2/pg1"], run.metrics["lr-Adam_2/pg2"]) == (0.01, 0.02, 0.5)
    assert (run.parameters["torch.optimizer"], run.parameters["torch.optimizer_2"]) == ("SGD", "Adam")
    assert run.parameters["torch.optimizer_2.lr"] == "0.02"


def test_scaled_losses_closures_and_graphs(platform: Platform, train: Train, job_run: str) -> None:
    train(
        """
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        losses = [], []
        for step in range(5):
            optimizer.zero_grad()
            loss = loss_of(model(inputs), targets)
            scaler.scale(loss).backward()
            if step == 2:  # it overflows: no step
                model.weight.grad.fill_(float("inf"))
            else:
                losses[0].append(loss.item())
            scaler.step(optimizer)
            scaler.update()
        lbfgs = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)
        def closure():
            lbfgs.zero_grad()
            loss = loss_of(model(inputs), targets)
            loss.backward()
            return loss
        for _ in range(3):
            losses[1].append(lbfgs.step(closure).item())
        adam = torch.optim.Adam(model.parameters())
        loss_of(model(inputs), targets).backward()
        torch.compile(adam.step, backend="eager")()
        loss_of(model(inputs), torch.full((64, 1), float("nan"))).backward()
        adam.step()
        open("seen", "w").write(repr(losses))
        """,
        first=LOOP,
    )
    scaled, closures = seen(platform)
    assert len(scaled) == 4
    assert same(curve(platform, job_run, "loss_step"), scaled)
    assert same(curve(platform, job_run, "loss_step_2"), closures)
    assert math.isnan(curve(platform, job_run, "loss_step_3")[-1][1])


def test_many_steps_are_fewer_points(platform: Platform, train: Train, job_run: str) -> None:
    train(
        """
        optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
        for step in range(7000):
            weight = model.weight.sum()
            (weight - weight.detach() + step).backward()
            optimizer.step()
        """,
        first=LOOP,
    )
    points = curve(platform, job_run, "loss_step")
    assert points[:1000] == [(step, float(step)) for step in range(1000)]
    assert points[1000:2000] == [(1001 + 2 * n, 1000.5 + 2 * n) for n in range(1000)]
    assert points[2000:] == [(3003 + 4 * n, 3001.5 + 4 * n) for n in range(1000)]


def test_a_run_that_is_active_gets_the_loop_and_mlflows_own_is_left_alone(
    platform: Platform, train: Train, job_run: str
) -> None:
    runs = train(
        """
        import mlflow
        from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS
        def loop(rate):
            optimizer = torch.optim.SGD(model.parameters(), lr=rate)
            for _ in range(3):
                optimizer.zero_grad()
                loss_of(model(inputs), targets).backward()
                optimizer.step()
        for rate in (0.1, 0.2):
            with mlflow.start_run(run_name=f"rate {rate}", nested=True) if rate == 0.2 else mlflow.start_run():
                loop(rate)
                mlflow.log_param("lr", rate)
                mlflow.log_metric("loss", 0.5, step=1)
        AUTOLOGGING_INTEGRATIONS["pytorch"] = {"disable": True}
        loop(0.3)
        """,
        first=LOOP,
    )
    own = platform.runs.get(job_run)
    assert own.parameters["lr"] == own.parameters["torch.optimizer.lr"] == "0.1"
    assert [step for step, _ in curve(platform, job_run, "loss_step")] == [0, 1, 2]
    assert own.metrics["loss"] == 0.5
    assert "loss_step_2" not in own.metrics
    (second,) = (run for run in runs if run.name == "rate 0.2")
    assert second.metrics.keys() == {"loss", "loss_step", "lr-SGD"}


def test_what_is_written_for_tensorboard_is_a_curve_of_the_jobs_run(
    platform: Platform, train: Train, job_run: str
) -> None:
    train(
        """
        from torch.utils.tensorboard import SummaryWriter
        with SummaryWriter("board") as writer:
            for step in range(5):
                writer.add_scalar("loss/train", torch.tensor(1.0 / (step + 1)), step)
            writer.add_scalar("odd: name?", 3.0)
        """,
        first=LOOP,
    )
    points = platform.runs.client().get_metric_history(job_run, "loss/train")
    assert [(point.step, round(point.value, 6)) for point in points] == [(n, round(1 / (n + 1), 6)) for n in range(5)]
    assert platform.runs.get(job_run).metrics["odd: name_"] == 3.0
    assert list((platform.home.root / "board").iterdir()), "TensorBoard has them, too"


def test_lightning_is_logged_by_mlflow_below_the_jobs_run(platform: Platform, train: Train, job_run: str) -> None:
    runs = train(
        """
        import lightning
        from torch.utils.data import DataLoader, TensorDataset

        class Net(lightning.LightningModule):
            def __init__(self):
                super().__init__()
                self.model = model
            def training_step(self, batch, index):
                loss = loss_of(self.model(batch[0]), batch[1])
                self.log("train_loss", loss, on_epoch=True)
                return loss
            def configure_optimizers(self):
                return torch.optim.SGD(self.parameters(), lr=0.05)

        trainer = lightning.Trainer(max_epochs=3, logger=False, enable_checkpointing=False, accelerator="cpu",
                                    enable_progress_bar=False, enable_model_summary=False)
        trainer.fit(Net(), DataLoader(TensorDataset(inputs, targets), batch_size=32))
        """,
        first=LOOP,
    )
    (fit,) = below(runs, job_run)
    assert (fit.status, fit.parameters["epochs"], fit.parameters["optimizer_name"]) == ("FINISHED", "3", "SGD")
    assert "train_loss_epoch" in fit.metrics
    assert not any(key.startswith("loss_step") for run in (fit, platform.runs.get(job_run)) for key in run.metrics)
