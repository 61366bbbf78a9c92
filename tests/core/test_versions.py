"""Versions of registered models: what they were made of, what two differ in, and where they come from."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlplat.errors import NotFound
from jupyter_mlplat.mlflow_plugin import session
from jupyter_mlplat.models import DeploymentState, FeatureViewSpec, Lineage, LineageNode, VersionDeployment
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.services.runs.versions.files import MOST_BYTES, named, read_files

from ..mlflowserver import MLflowServer
from ..registered import deploy, register

HOSTILE = [
    "</h1><script>alert(1)</script>".replace("/", ""),
    "a|b `c` *d*",
    'it\'s "quoted"',
    "näme ☃",
    "100% & co",
    "a..b",
    "-rf",
    "#1?",
]


def nodes(lineage: Lineage) -> dict[str, LineageNode]:
    found = {one.kind: one for one in lineage.nodes}
    assert len({one.id for one in lineage.nodes}) == len(lineage.nodes)
    return found


def ways(lineage: Lineage) -> set[tuple[str, str]]:
    """The kinds that edges join, each from a node further left."""
    ids = [one.id for one in lineage.nodes]
    kind = {one.id: str(one.kind) for one in lineage.nodes}
    assert all(ids.index(edge.source) < ids.index(edge.target) for edge in lineage.edges)
    return {(kind[edge.source], kind[edge.target]) for edge in lineage.edges}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "customers.csv"
    path.write_text("id,known_at,age\n1,2026-01-01,41\n")
    return path


def test_a_version_says_what_it_was_made_of(platform: Platform, data: Path) -> None:
    run = register(platform, tags={"mlflow.source.git.commit": "0f" * 20}, data=data)
    deploy(platform, "live", "1", traffic=90)
    deploy(platform, "other", "2")
    platform.runs.aliases.set("churn", "champion", "1", by="ada")
    found = platform.runs.versions.get("churn", "1")
    assert (found.name, found.version, found.uri, found.run_id) == ("churn", "1", "models:/churn/1", run)
    assert (found.aliases, found.status, found.description, found.notes) == (["champion"], "READY", "", [])
    assert found.run is not None
    assert (found.run.id, found.run.name, found.run.status) == (run, "train churn", "FINISHED")
    assert found.parameters == {"C": "1.0"}
    assert found.metrics == {"auc": 0.93, "loss": 0.25}
    assert [(one["name"], one["context"], one["rows"]) for one in found.datasets] == [("customers", "training", 6)]
    assert [(one.name, one.type, one.required, one.shape) for one in found.inputs or []] == [
        ("age", "double", True, None), ("calls", "double", True, None),
    ]  # fmt: skip
    assert [(one.name, one.type, one.shape) for one in found.outputs or []] == [("", "int64", [-1])]
    assert found.flavors == ["python_function", "sklearn"]
    assert found.requirements[-2:] == ["scikit-learn==1.5", "numpy"]
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert found.size is not None
    assert 500 < found.size < 100_000
    assert found.deployments == [VersionDeployment(name="live", state=DeploymentState.READY, traffic=90)]


def test_mlflow_is_not_imported_for_it(platform: Platform, data: Path) -> None:
    import subprocess

    register(platform, data=data)
    program = (
        "import sys; from jupyter_mlplat.platform import Platform; p = Platform(); v = p.runs.versions\n"
        "v.get('churn', '1'); v.lineage('churn', '1'); v.cards.write('churn', '1', 'x', by='ada')\n"
        "p.runs.aliases.protect('churn', 'a'); p.runs.model('churn')\n"
        "print([one for one in ('mlflow', 'pandas', 'numpy') if one in sys.modules]); p.close()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("version", ["2", "0", "-1", "x", "", "1.0", "9" * 20, "latest", "1 OR 1=1"])
def test_an_unknown_version_is_not_found(platform: Platform, version: str) -> None:
    platform.runs.client().create_registered_model("churn")
    for act in (platform.runs.versions.get, platform.runs.versions.lineage, platform.runs.versions.cards.get):
        with pytest.raises(NotFound):
            act("churn", version)
        with pytest.raises(NotFound):
            act("no such", "1")


def test_a_deleted_version_is_not_found(platform: Platform) -> None:
    client = platform.runs.client()
    client.create_registered_model("churn")
    client.create_model_version("churn", "/nowhere")
    client.delete_model_version("churn", "1")
    with pytest.raises(NotFound):
        platform.runs.versions.get("churn", "1")


def test_what_is_not_there_is_told(platform: Platform) -> None:
    """Files that are gone, a run that is gone, and a version that never had either."""
    client = platform.runs.client()
    register(platform)
    shutil.rmtree(Path(client.get_model_version_download_uri("churn", "1").removeprefix("file://")))
    found = platform.runs.versions.get("churn", "1")
    assert (found.inputs, found.flavors, found.size, found.requirements) == (None, [], None, [])
    assert [note.partition(":")[0] for note in found.notes] == ["files of version 1"]
    client.create_registered_model("bare")
    client.create_model_version("bare", "/nowhere/at all", run_id="f" * 32)
    found = platform.runs.versions.get("bare", "1")
    assert [note.partition(":")[0] for note in found.notes] == ["files of version 1", "run"]
    lineage = platform.runs.versions.lineage("bare", "1")
    assert [(one.kind, one.target) for one in lineage.nodes] == [("run", None), ("version", "bare/1")]
    client.create_model_version("bare", "s3-of-nobody://x/y")
    assert len(platform.runs.versions.get("bare", "2").notes) == 1
    assert [one.kind for one in platform.runs.versions.lineage("bare", "2").nodes] == ["version"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_only_names(platform: Platform, name: str) -> None:
    client = platform.runs.client()
    client.create_registered_model(name)
    client.create_model_version(name, "/nowhere")
    client.create_registered_model("churn")
    client.create_model_version("churn", "/nowhere")
    platform.runs.aliases.protect(name, "champion")
    platform.runs.aliases.set(name, "champion", "1", by="ada")
    (request,) = platform.runs.aliases.requests(name)
    assert platform.runs.aliases.approve(name, request.id, by="bob").aliases == {"champion": "1"}
    assert platform.runs.versions.get(name, "1").name == name
    assert platform.runs.versions.lineage(name, "1").nodes[-1].target == f"{name}/1"
    assert platform.runs.versions.cards.write(name, "1", "words", by="ada").markdown == "words"
    assert platform.runs.versions.cards.get("churn", "1").generated
    assert platform.runs.model("churn").requests == []


# --- files ------------------------------------------------------------------------------------------


def test_no_link_is_followed_and_no_file_waited_for(platform: Platform, tmp_path: Path) -> None:
    client = platform.runs.client()
    client.create_registered_model("churn")
    for number, make in enumerate((
        lambda folder: os.symlink("/etc/passwd", folder / "MLmodel"),
        lambda folder: os.mkfifo(folder / "MLmodel"),
        lambda folder: (folder / "MLmodel").mkdir(),
        lambda folder: (folder / "MLmodel").write_bytes(b"a" * (MOST_BYTES + 1)),
        lambda folder: (folder / "MLmodel").write_text("[1"),
        lambda folder: (folder / "MLmodel").write_text("- a\n- b\n"),
        lambda folder: (folder / "MLmodel").write_text("[" * 100_000),
        lambda folder: (folder / "MLmodel").write_text("!!python/object/apply:os.system ['touch /tmp/never']"),
    ), 1):  # fmt: skip
        folder = tmp_path / f"model {number}"
        folder.mkdir()
        make(folder)
        client.create_model_version("churn", str(folder))
        found = platform.runs.versions.get("churn", str(number))
        assert (found.flavors, len(found.notes)) == ([], 1), number


def test_odd_manifests_are_read_as_far_as_they_go(platform: Platform, tmp_path: Path) -> None:
    import json

    columns = [
        {"type": "array", "items": {"type": "double"}, "name": "a"},
        {"type": "object", "properties": {"x": {"type": "long"}, "y": {"type": "string"}}, "name": "b"},
        {"type": "map", "values": {"type": "string"}, "name": "c", "required": False},
        {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3, "x"]}},
        {}, "x",
    ]  # fmt: skip
    manifest = {
        "flavors": {"python_function": {"python_version": 3.11}, "torch": None},
        "signature": {"inputs": json.dumps(columns), "outputs": "{not json"},
        "model_size_bytes": "many",
    }
    folder = tmp_path / "its folder"
    folder.mkdir()
    (folder / "MLmodel").write_text(json.dumps(manifest))
    (folder / "requirements.txt").write_bytes(b"# a comment\n\nTorch==2.0\n-e git+https://x\nnumpy>=1,<3\n\xff\n")
    found = read_files(platform.runs._tracking, folder.as_uri())
    assert named(found.inputs) == {
        "a": "array(double)", "b": "{x: long, y: string}", "c": "map(string) (optional)", "#3": "float32[-1, 3]",
        "#4": "?",
    }  # fmt: skip
    assert (found.outputs, found.flavors, found.python) == (None, ["python_function", "torch"], "3.11")
    assert found.requirements[:3] == ["Torch==2.0", "-e git+https://x", "numpy>=1,<3"]
    assert found.size == sum(file.stat().st_size for file in folder.iterdir())


# --- two versions -----------------------------------------------------------------------------------


def test_two_versions_are_compared(platform: Platform) -> None:
    register(platform)
    register(platform, columns=("age", "plan"), requirements=["scikit_learn==1.6"], parameters={"C": 2.0})
    found = platform.runs.versions.compare("churn", "1", "2")
    assert (found.before.version, found.after.version) == ("1", "2")
    assert [(one.name, one.before, one.after) for one in found.signature] == [
        ("input calls", "double", None), ("input plan", None, "double"),
    ]  # fmt: skip
    assert [(one.name, one.before, one.after) for one in found.requirements] == [
        ("numpy", "any", None), ("scikit-learn", "1.5", "1.6"),
    ]  # fmt: skip
    assert all(found.size)
    assert found.run is not None
    assert [(one.name, one.before, one.after) for one in found.run.parameters] == [("C", "1.0", "2.0")]
    same = platform.runs.versions.compare("churn", "1", "1")
    assert (same.signature, same.requirements, same.run) == ([], [], None)
    assert same.notes[0].startswith("run: both are of run")
    with pytest.raises(NotFound):
        platform.runs.versions.compare("churn", "1", "3")


def test_what_cannot_be_compared_is_told(platform: Platform) -> None:
    client = platform.runs.client()
    client.create_registered_model("churn")
    client.create_model_version("churn", "/nowhere")
    client.create_model_version("churn", "/nowhere", run_id="f" * 32)
    found = platform.runs.versions.compare("churn", "1", "2")
    assert (found.size, found.run) == ([None, None], None)
    assert found.notes[-1] == "run: none is known of 1"
    assert len(found.notes) == 3
    register(platform)
    found = platform.runs.versions.compare("churn", "1", "3")
    assert (found.signature, found.requirements, len(found.notes)) == ([], [], 2)  # not guessed


# --- lineage ----------------------------------------------------------------------------------------


def test_the_lineage_of_a_job_goes_from_data_to_endpoint(platform: Platform, data: Path, tmp_path: Path) -> None:
    import nbformat

    from jupyter_mlplat.models import JobSpec

    notebook = tmp_path / "train.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), notebook)
    job = platform.jobs.submit(JobSpec(notebook=str(notebook)), owner="ada")
    view = FeatureViewSpec(name="customers", source=str(data), entities=["id"], timestamp="known_at")
    platform.features.apply([view], owner="ada")
    run = register(
        platform, data=data,
        tags={"mlplat.job_id": job.id, "mlplat.sweep_id": "7", "mlflow.source.name": str(notebook),
              "mlflow.source.git.commit": "0f" * 20, "mlplat.features": "gone,customers"},
    )  # fmt: skip
    deploy(platform, "live", "1", traffic=75)
    deploy(platform, "shadow", "1")
    deploy(platform, "other", "1", model="other")
    platform.runs.aliases.set("churn", "champion", "1", by="ada")
    lineage = platform.runs.versions.lineage("churn", "1")
    found = nodes(lineage)
    assert [*found] == ["data", "features", "notebook", "job", "run", "version", "deployment"]
    assert ways(lineage) == {
        ("data", "features"), ("features", "notebook"), ("notebook", "job"), ("job", "run"), ("run", "version"),
        ("version", "deployment"),
    }  # fmt: skip
    assert (found["data"].label, found["data"].target) == ("customers", "customers")
    assert [(one.label, one.target) for one in lineage.nodes if one.kind == "features"] == [
        ("gone", None), ("customers", "customers"),
    ]  # fmt: skip
    assert (found["notebook"].label, found["notebook"].target) == ("train.ipynb", str(notebook))
    assert "0f0f0f" in found["notebook"].detail
    assert (found["job"].target, found["run"].target) == (job.id, run)
    assert "sweep 7" in found["job"].detail
    assert (found["version"].target, found["version"].detail) == ("churn/1", "@champion")
    served = [(one.label, one.detail) for one in lineage.nodes if one.kind == "deployment"]
    assert served == [("live", "ready, 75 % of the traffic"), ("shadow", "ready, 100 % of the traffic")]


def test_tags_that_somebody_made_up_lead_nowhere(platform: Platform) -> None:
    register(platform, tags={"mlplat.job_id": "1; DROP", "mlflow.source.name": "", "mlplat.features": ",,"})
    assert [one.kind for one in platform.runs.versions.lineage("churn", "1").nodes] == ["data", "run", "version"]
    register(platform, tags={"mlplat.job_id": "999"})
    found = nodes(platform.runs.versions.lineage("churn", "2"))
    assert (found["job"].target, "not there any more" in found["job"].detail) == (None, True)


def test_feature_views_are_known_of_the_runs_that_read_them(
    platform: Platform, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow
    import pandas as pd

    import jupyter_mlplat as mlplat

    monkeypatch.setattr(session, "_views", {})
    platform.features.apply(
        [FeatureViewSpec(name="customers", source=str(data), entities=["id"], timestamp="known_at")], owner="ada"
    )
    asked = pd.DataFrame({"id": [1], "event_time": [pd.Timestamp("2026-02-01", tz="UTC")]})
    mlflow.set_tracking_uri(platform.mlflow_uri)
    with mlflow.start_run() as run:
        mlplat.features.historical(asked, ["customers:age"])
    assert platform.runs.get(run.info.run_id).tags["mlplat.features"] == "customers"
    assert session.tags()["mlplat.features"] == "customers"


# --- a server ---------------------------------------------------------------------------------------


@pytest.fixture
def remote(platform: Platform, tmp_path: Path) -> Iterator[Platform]:
    """A platform whose MLflow is a server."""
    with MLflowServer(tmp_path / "server") as server:
        made = Platform(tracking_uri=server.url)
        yield made
        made.close()


def test_over_a_server_it_is_the_same(remote: Platform, data: Path) -> None:
    run = register(remote, data=data)
    register(remote, columns=("age",))
    remote.runs.aliases.set("churn", "champion", "1", by="ada")
    found = remote.runs.versions.get("churn", "1")
    assert (found.run_id, found.aliases, found.notes) == (run, ["champion"], [])
    assert [one.name for one in found.inputs or []] == ["age", "calls"]
    assert (found.flavors, found.requirements[-1]) == (["python_function", "sklearn"], "numpy")
    assert found.size
    compared = remote.runs.versions.compare("churn", "1", "2")
    assert [one.name for one in compared.signature] == ["input calls"]
    assert "version" in nodes(remote.runs.versions.lineage("churn", "1"))
    cards = remote.runs.versions.cards
    assert "| auc | 0.93 |" in cards.get("churn", "1").markdown
    card = cards.write("churn", "1", "# Mine\n" + "long " * 2000, by="ada")
    assert (card.edited_by, card.markdown.count("long"), card.generated) == ("ada", 2000, False)
    client: Any = remote.runs.client()
    assert len(client.get_model_version("churn", "1").description) <= 5000
    assert cards.write("churn", "1", "", by="ada").generated
    assert client.get_model_version("churn", "1").tags == {}
    with pytest.raises(NotFound):
        remote.runs.versions.get("churn", "9")
