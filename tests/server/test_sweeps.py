"""Sweeps over HTTP. No engine is started here."""

from __future__ import annotations

import pytest

from jupyter_mlplat.platform import Platform
from jupyter_mlplat.services.jobs import JobQueue, Pruning, RunningSweeps

from .conftest import Ask


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue in which nothing moves."""
    monkeypatch.setattr(Platform, "wake_engine", lambda platform: None)


async def test_a_sweep_is_made_shown_and_cancelled(ask: Ask, notebook: str) -> None:
    made = await ask("POST", "sweeps", body={"notebook": notebook, "space": {"x": [1, 2, 3]}, "metric": "auc"})
    assert made.status == 201, made.body
    sweep = made.json
    assert made.headers["Location"].endswith(f"/mlplat/api/v1/sweeps/{sweep['id']}")
    assert (sweep["state"], sweep["counts"], sweep["best"]) == ("running", {"queued": 3}, None)
    assert (await ask("GET", "sweeps", sweep["id"])).json == sweep
    listed = (await ask("GET", "sweeps")).json["items"]
    assert [one["id"] for one in listed] == [sweep["id"]]
    job = (await ask("GET", "jobs", sweep["points"][2]["job_id"])).json
    assert (job["parameters"], job["sweep_id"]) == ({"x": 3}, sweep["id"])
    (await ask("POST", "sweeps", sweep["id"], "retry")).error(409)
    assert (await ask("POST", "sweeps", sweep["id"], "cancel")).status == 200
    assert (await ask("GET", "jobs", job["id"])).json["cancel_requested"] is True


async def test_a_study_is_shown_while_it_runs(ask: Ask, notebook: str) -> None:
    body = {"notebook": notebook, "space": {"x": {"low": 1, "high": 9}}, "strategy": "optuna", "trials": 4}
    made = (await ask("POST", "sweeps", body={**body, "metric": "auc"})).json
    assert (made["sampler"], made["pruner"], made["objectives"]) == (
        "tpe", "median", [{"metric": "auc", "direction": "maximize"}],
    )  # fmt: skip
    nothing = {"trials": [], "importance": None, "front": []}
    assert (await ask("GET", "sweeps", made["id"], "study")).json == nothing
    platform = Platform()
    RunningSweeps(platform.store, platform.home, platform.clock, platform.jobs).advance()
    (claim,) = JobQueue(platform.store, platform.clock).claim(1)
    assert not Pruning(platform.store).hopeless(claim.key, [(0, 0.5), (2, float("nan"))])
    platform.close()
    study = (await ask("GET", "sweeps", made["id"], "study")).json
    first = study["trials"][0]
    assert (first["number"], first["job_id"], first["state"], first["values"]) == (
        0,
        str(claim.row["id"]),
        "running",
        [],
    )
    assert (first["params"], first["intermediate"], first["duration_s"]) == (
        claim.row["point"], [[0, 0.5], [2, None]], None,
    )  # fmt: skip
    assert (study["importance"], study["front"]) == (None, [])
    grid = (await ask("POST", "sweeps", body={"notebook": notebook, "space": {"x": [1]}})).json
    (await ask("GET", "sweeps", grid["id"], "study")).error(404)
    (await ask("GET", "sweeps", "99", "study")).error(404)


async def test_what_cannot_be_swept_is_named(ask: Ask, notebook: str) -> None:
    for space, field in (
        ({}, "space"),
        ({"y": [1]}, "space.y"),
        ({"x": {"low": 2, "high": 1}}, "space.x"),
        ({"x": {"low": 1, "high": 2, "step": 1}}, "space.x"),
        ({"x": ["one"]}, "parameters.x"),
    ):
        said = (await ask("POST", "sweeps", body={"notebook": notebook, "space": space})).error(422)
        assert any(name.startswith(field) for name in said["fields"]), said
    assert (await ask("GET", "sweeps")).json["items"] == []
    (await ask("GET", "sweeps", "9")).error(404)
