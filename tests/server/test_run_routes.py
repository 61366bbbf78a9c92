"""Runs over HTTP: curves, edits, deletions, files and comparisons, and what hostile requests come to."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any
from urllib.parse import quote

import pytest

from jupyter_mlplat.platform import Platform
from jupyter_mlplat.server import run_artifacts
from jupyter_mlplat.server.app import MLPlatExtension

from ..conftest import copy_mlflow
from .conftest import API, Answer, Ask

KEY = "train/löss 1:a"


@pytest.fixture
def client(home: Any, mlflow_database: Any) -> Any:
    """MLflow's own client, on the database that the server uses."""
    copy_mlflow(mlflow_database, home)
    platform = Platform()
    yield platform.runs.client()
    platform.close()


@pytest.fixture
def ids(client: Any) -> list[str]:
    """Three runs, the first with files and a curve whose name has a slash in it."""
    from mlflow.entities import Metric

    found = [str(client.create_run("0", run_name=f"run {number}").info.run_id) for number in range(3)]
    client.log_batch(found[0], metrics=[Metric(KEY, step / 7, 1000 + step, step) for step in range(500)])
    client.log_batch(found[0], metrics=[Metric("nan", float("nan"), 1, 0)])
    client.log_param(found[1], "lr", "0.1")
    for path in ("note.txt", "plots/rö c.html", "x.svg", "data.csv", "none", "n.ipynb"):
        client.log_text(found[0], f"this is {path}", path)
    return found


@pytest.fixture
def raw(http_server_client: Any, jp_base_url: str, jp_auth_header: dict[str, str], extension: MLPlatExtension) -> Any:
    """Ask for an address as it is written, below the prefix: `ask` would escape it."""

    async def send(path: str) -> Answer:
        url = f"{jp_base_url}{API}/{path}"
        found = await http_server_client.fetch(url, headers=dict(jp_auth_header), raise_error=False)
        return Answer(found.code, found.headers, found.body or b"")

    return send


# --- curves -----------------------------------------------------------------------------------------


async def test_a_curve_has_a_name_with_anything_in_it(raw: Any, ids: list[str]) -> None:
    for key in (quote(KEY, safe=""), quote(KEY)):
        said = (await raw(f"runs/{ids[0]}/metrics/{key}?points=50")).json
        assert (said["run_id"], said["key"], said["count"]) == (ids[0], KEY, 500)
        assert 20 <= len(said["step"]) == len(said["time"]) == len(said["value"]) <= 50
        assert (said["step"][-1], said["time"][-1], said["value"][-1]) == (499, 1499, 499 / 7)
    assert (await raw(f"runs/{ids[0]}/metrics/nan")).json["value"] == [None]
    assert (await raw(f"runs/{ids[0]}/metrics/no%20such")).json["count"] == 0
    assert (await raw(f"runs/{ids[0]}/metrics/a%00b")).error(422)["fields"] == {"key": "no name"}
    (await raw(f"runs/{ids[0]}/metrics/%ff")).error(400)
    (await raw(f"runs/{'0' * 32}/metrics/nan")).error(404)
    (await raw(f"runs/..%2F{ids[0]}/metrics/nan")).error(404)


async def test_curves_of_several_runs(ask: Ask, ids: list[str]) -> None:
    said = (await ask("GET", "runs", "curves", params=[("run", ids[2]), ("run", ids[0]), ("key", KEY)])).json
    assert said["key"] == KEY
    assert [(one["run_id"], len(one["step"])) for one in said["curves"]] == [(ids[2], 0), (ids[0], 500)]
    few = [("run", ids[0]), ("key", KEY), ("points", "9")]
    for params, field in (([("run", ids[0])], "key"), ([("key", KEY)], "run"), (few, "points")):
        assert set((await ask("GET", "runs", "curves", params=params)).error(422)["fields"]) == {field}
    (await ask("GET", "runs", "curves", params=[("run", ids[0]), ("run", "0" * 32), ("key", KEY)])).error(404)


async def test_the_server_keeps_a_copy_of_points_from_the_first_list_on(
    ask: Ask, ids: list[str], home: Any, extension: MLPlatExtension
) -> None:
    extension.start_publisher()
    assert extension.publisher is not None
    assert await asyncio.to_thread(extension.publisher.ready.wait, 60)
    assert not home.points.exists()
    await ask("GET", "runs")
    async with asyncio.timeout(60):
        while not home.points.exists():
            await asyncio.sleep(0.01)


# --- edits ------------------------------------------------------------------------------------------


async def test_a_run_is_changed_unless_somebody_else_was_faster(ask: Ask, ids: list[str], client: Any) -> None:
    shown = await ask("GET", "runs", ids[0])
    tag = shown.headers["ETag"]
    client.log_metric(ids[0], "other", 1.0)
    again = await ask("GET", "runs", ids[0], headers={"If-None-Match": tag})
    assert (again.status, again.headers["ETag"]) == (200, tag)
    change = {"name": "best", "note": "why", "tags": {"a": "1", "b": None}}
    changed = await ask("PATCH", "runs", ids[0], body=change, headers={"If-Match": tag})
    assert changed.json["name"] == "best"
    assert changed.json["tags"]["mlflow.note.content"] == "why"
    assert changed.headers["ETag"] != tag
    assert client.get_run(ids[0]).info.run_name == "best"
    said = (await ask("PATCH", "runs", ids[0], body=change, headers={"If-Match": tag})).error(412)
    assert ids[0] in said["message"]
    for header in ('"3"', "x", f"W/{tag}"):
        assert (
            "If-Match"
            in (await ask("PATCH", "runs", ids[0], body=change, headers={"If-Match": header})).error(422)["fields"]
        )
    assert (await ask("PATCH", "runs", ids[0], body=change, headers={"If-Match": "*"})).status == 200


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"tags": {"mlflow.user": "eve", "mlplat.job_id": None}}, {"tags.mlflow.user", "tags.mlplat.job_id"}),
        ({"name": 3, "note": ["x"], "archived": "yes", "tags": "x", "x": 1}, {"name", "note", "archived", "tags", "x"}),
        ({}, {"body"}),
    ],
)
async def test_what_cannot_be_changed_is_named(ask: Ask, ids: list[str], body: object, fields: set[str]) -> None:
    assert set((await ask("PATCH", "runs", ids[0], body=body)).error(422)["fields"]) == fields


async def test_runs_are_archived_listed_counted_and_restored(ask: Ask, ids: list[str]) -> None:
    assert (await ask("DELETE", "runs", ids[0])).json == {"freed_bytes": 0}
    page = (await ask("GET", "runs", params={"count": "true"})).json
    assert ({run["id"] for run in page["items"]}, page["total"]) == (set(ids[1:]), 2)
    page = (await ask("GET", "runs", params={"archived": "true", "count": "true"})).json
    assert [(run["id"], run["archived"]) for run in page["items"]] == [(ids[0], True)]
    assert (await ask("GET", "runs")).json["total"] is None
    assert set((await ask("GET", "runs", params={"archived": "maybe"})).error(422)["fields"]) == {"archived"}
    (await ask("PATCH", "runs", ids[0], body={"name": "x"})).error(409)
    assert (await ask("PATCH", "runs", ids[0], body={"archived": False})).json["archived"] is False


async def test_many_runs_are_named_and_ordered_at_once(ask: Ask, ids: list[str]) -> None:
    names = ", ".join(f"'{id}'" for id in [*ids, *(f"{number:032x}" for number in range(200))])
    params = [("filter", f"attributes.run_id IN ({names})"), ("order_by", "params.lr"), ("order_by", "run_name DESC")]
    said = (await ask("GET", "runs", params=params)).json
    assert [run["id"] for run in said["items"]] == [ids[1], ids[2], ids[0]]


async def test_many_are_changed_and_deleted_and_each_says_what_became_of_it(
    ask: Ask, ids: list[str], client: Any
) -> None:
    unknown = "0" * 32
    said = (await ask("POST", "runs", "edit", body={"runs": [*ids, unknown], "tags": {"k": "v"}})).json
    assert [(one["run_id"], one["ok"]) for one in said["items"]] == [*((id, True) for id in ids), (unknown, False)]
    assert unknown in said["items"][-1]["message"]
    assert client.get_run(ids[2]).data.tags["k"] == "v"
    said = (await ask("POST", "runs", "delete", body={"runs": [ids[0], unknown], "permanent": True})).json
    assert said["freed_bytes"] == said["items"][0]["freed_bytes"] > 50
    (await ask("GET", "runs", ids[0])).error(404)
    assert (await ask("DELETE", "runs", ids[1], params={"permanent": "true"})).json == {"freed_bytes": 0}
    for body in ({"runs": []}, {"runs": ["x"] * 1001}, {"runs": "x"}, {}):
        assert set((await ask("POST", "runs", "delete", body=body)).error(422)["fields"]) == {"runs"}


# --- files ------------------------------------------------------------------------------------------


async def test_files_are_listed_and_sent_with_no_right_to_run(ask: Ask, raw: Any, ids: list[str]) -> None:
    page = (await ask("GET", "runs", ids[0], "artifacts")).json
    assert page["items"][0] == {"path": "plots", "is_dir": True, "size": None}
    assert {"path": "note.txt", "is_dir": False, "size": 16} in page["items"]
    assert page["next"] is None
    page = (await ask("GET", "runs", ids[0], "artifacts", params={"path": "plots"})).json
    assert [one["path"] for one in page["items"]] == ["plots/rö c.html"]
    for path, kind in (
        ("note.txt", "text/plain; charset=utf-8"), ("plots/rö c.html", "text/html; charset=utf-8"),
        ("x.svg", "image/svg+xml"), ("data.csv", "text/csv; charset=utf-8"), ("none", "application/octet-stream"),
        ("n.ipynb", "application/json"),
    ):  # fmt: skip
        for asked in (quote(path), quote(path, safe="")):
            answer = await raw(f"runs/{ids[0]}/artifacts/{asked}")
            assert answer.body.decode() == f"this is {path}"
            assert answer.headers["Content-Type"] == kind
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Security-Policy"].startswith("sandbox;")
            assert "allow-scripts" not in answer.headers["Content-Security-Policy"]
            assert answer.headers["Content-Length"] == str(len(answer.body))
            name = quote(path.rpartition("/")[2])
            assert answer.headers["Content-Disposition"] == f"inline; filename*=UTF-8''{name}"
    saved = await ask("GET", "runs", ids[0], "artifacts", "note.txt", params={"download": "true"})
    assert saved.headers["Content-Disposition"].startswith("attachment; ")


async def test_a_path_that_leads_elsewhere_is_not_found(ask: Ask, raw: Any, ids: list[str]) -> None:
    for path in (
        "none.txt", "plots", "..%2F..%2Fmlflow.db", "%2e%2e/%2e%2e/mlflow.db", "/etc/passwd", "%2Fetc%2Fpasswd",
        "note.txt%00", "%00", "x" * 5000, "..%5Cnote.txt", "note.txt%0d%0aX-Evil:%201", "plots%2F..%2Fnote.txt",
        "file:%2F%2F%2Fetc%2Fpasswd", "../../../mlflow.db", "plots/../../../../mlflow.db", "./note.txt", "note.txt/",
    ):  # fmt: skip
        answer = await raw(f"runs/{ids[0]}/artifacts/{path}")
        assert "\n" not in answer.error(404)["message"], path
        assert "X-Evil" not in answer.headers
    (await raw(f"runs/{ids[0]}/artifacts/%ff")).error(400)
    (await raw(f"runs/{'0' * 32}/artifacts/note.txt")).error(404)
    (await ask("GET", "runs", ids[0], "artifacts", params={"path": "../.."})).error(404)
    (await ask("GET", "runs", ids[0], "artifacts", params={"path": "x" * 5000})).error(422)


async def test_the_rows_of_a_table(ask: Ask, raw: Any, ids: list[str], client: Any, tmp_path: Any) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"a": [1, None]}), tmp_path / "a b.parquet")
    client.log_artifact(ids[0], str(tmp_path / "a b.parquet"), "deep")
    said = (await ask("GET", "runs", ids[0], "tables", "deep", "a b.parquet")).json
    assert said == {"columns": [{"name": "a", "type": "int64"}], "rows": [["1"], [None]], "count": 2, "more_columns": 0}
    (await ask("GET", "runs", ids[0], "tables", "note.txt")).error(422)
    (await raw(f"runs/{ids[0]}/tables/..%2F..%2Fmlflow.db")).error(404)


async def test_a_large_file_is_sent_piece_by_piece(ask: Ask, ids: list[str], client: Any, tmp_path: Any) -> None:
    size = 64 * 1024 * 1024
    with open(tmp_path / "large.bin", "wb") as file:
        file.truncate(size)
    client.log_artifact(ids[0], str(tmp_path / "large.bin"))
    received = 0

    def take(chunk: bytes) -> None:
        nonlocal received
        received += len(chunk)

    await ask("GET", "runs", ids[0], "artifacts", "note.txt")
    tracemalloc.start()
    try:
        answer = await ask("GET", "runs", ids[0], "artifacts", "large.bin", streaming_callback=take)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (answer.status, received) == (200, size)
    assert peak < 32 * run_artifacts.CHUNK


# --- comparisons ------------------------------------------------------------------------------------


async def test_a_run_that_has_kept_no_notebook_is_not_run_again(ask: Ask, ids: list[str]) -> None:
    error = (await ask("POST", "runs", ids[0], "rerun")).error(404)
    assert "has kept no notebook" in error["message"]
    (await ask("POST", "runs", "0" * 32, "rerun")).error(404)


async def test_parameters_are_weighed(ask: Ask, ids: list[str], client: Any) -> None:
    for number, id in enumerate(ids * 2):
        run = id if number < 3 else client.create_run("0").info.run_id
        client.log_param(run, "x", number)
        client.log_metric(run, "auc", number / 10)
        ids.append(run)
    every = list(dict.fromkeys(ids))
    said = (await ask("POST", "runs", "importance", body={"runs": every, "metric": "auc"})).json
    assert (said["runs"], said["message"]) == (6, None)
    assert [one["name"] for one in said["parameters"]] == ["x", "lr"]
    few = (await ask("POST", "runs", "importance", body={"runs": every[:3], "metric": "auc"})).json
    assert (few["parameters"], few["message"]) == ([], "3 of 3 runs have auc; it takes 5")
    for body, field in (
        ({"runs": every}, "metric"),
        ({"runs": every, "metric": ""}, "metric"),
        ({"runs": [], "metric": "auc"}, "runs"),
        ({"runs": every[:1], "metric": "auc"}, "run"),
        ({"runs": [str(number) for number in range(1001)], "metric": "auc"}, "runs"),
    ):
        assert set((await ask("POST", "runs", "importance", body=body)).error(422)["fields"]) == {field}
    (await ask("POST", "runs", "importance", body={"runs": [every[0], "0" * 32], "metric": "auc"})).error(404)


async def test_runs_are_compared(ask: Ask, ids: list[str]) -> None:
    said = (await ask("GET", "runs", "compare", params=[("run", id) for id in ids])).json
    assert [run["name"] for run in said["runs"]] == ["run 0", "run 1", "run 2"]
    assert said["parameters"] == [{"key": "lr", "values": [None, "0.1", None], "differs": True}]
    assert {"key": "nan", "values": [None, None, None], "differs": True} in said["metrics"]
    assert "run" in (await ask("GET", "runs", "compare", params={"run": ids[0]})).error(422)["fields"]
    (await ask("GET", "runs", "compare", params=[("run", ids[0]), ("run", "0" * 32)])).error(404)
    said = (await ask("GET", "runs", "diff", params=[("run", ids[0]), ("run", ids[1])])).json
    assert said["parameters"] == [{"name": "lr", "before": None, "after": "0.1"}]
    assert (said["code"], len(said["notes"])) == ("", 2)
    for params in ([("run", ids[0])], [("run", id) for id in ids], [("run", ids[0]), ("run", ids[0])]):
        assert "run" in (await ask("GET", "runs", "diff", params=params)).error(422)["fields"]
