"""What is kept of kernels: which variables, within which bounds, for whom, and how long."""

from __future__ import annotations

import io
import json
import os
import random
import re
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jupyter_mlplat.errors import Conflict, Denied
from jupyter_mlplat.kernel.kept import MANIFEST, KeptKernels
from jupyter_mlplat.kernel.state.pickles import VALUES
from jupyter_mlplat.kernel.state.piecewise import load, same
from jupyter_mlplat.kernel.state.saving import keep
from jupyter_mlplat.models import SavedKernel
from jupyter_mlplat.services.jobs.parameters.cell import NAMED_SECRET, WORD_ENDS

SECRET = [WORD_ENDS.pattern, NAMED_SECRET.pattern]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GIB = 2**30


class Sleeps:
    """Pickled, it takes so long."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __reduce__(self) -> tuple[Any, ...]:
        time.sleep(self.seconds)
        return Sleeps, (self.seconds,)


def kept(folder: Path, *, exclude: tuple[str, ...] = (), most: int = GIB, seconds: float = 30, **values: Any) -> Any:
    """What `keep` says of a kernel with these variables."""
    folder.mkdir(exist_ok=True)
    return json.loads(keep(values, str(folder), list(exclude), SECRET, most, seconds))


def loaded(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The values, and why others could not be loaded."""
    with open(folder / VALUES, "rb") as file:
        _, values, lost = load(file, {})
    return values, lost


# --- which variables --------------------------------------------------------------------------------


def test_what_cannot_be_pickled_is_named_and_the_rest_saved(tmp_path: Path) -> None:
    shared = [1.0]
    arrays = {"rows": np.arange(12.0).reshape(3, 4), "columns": np.asfortranarray(np.ones((30, 40)))}
    said = kept(tmp_path, lock=threading.Lock(), file=open(os.devnull), a=shared, b={"of": shared}, json=json, **arrays)  # noqa: SIM115
    assert said["names"] == ["a", "b", "columns", "rows"]
    assert {name: why.partition(":")[0] for name, why in said["left"].items()} == {
        "lock": "TypeError",
        "file": "TypeError",
    }
    assert said["modules"] == {"json": "json"}
    assert said["bytes"] == (tmp_path / VALUES).stat().st_size
    values, lost = loaded(tmp_path)
    assert lost == {}
    assert values["b"]["of"] is values["a"]
    assert all(np.array_equal(values[name], array) for name, array in arrays.items())


def test_a_value_whose_pickling_raises_any_error_is_named(tmp_path: Path) -> None:
    class Gone:
        def __reduce__(self) -> tuple[Any, ...]:
            raise ConnectionResetError("the database has gone")

    said = kept(tmp_path, gone=Gone(), x=1)
    assert said["names"] == ["x"]
    assert said["left"] == {"gone": "ConnectionResetError: the database has gone"}


@pytest.mark.parametrize("name", ["password", "db_password", "API_KEY", "apiKey", "token", "hf_token_2"])
def test_what_is_named_like_a_secret_is_not_saved(tmp_path: Path, name: str) -> None:
    said = kept(tmp_path, **{name: "swordfish-7", "x": 1})
    assert said["names"] == ["x"]
    assert said["left"] == {name: "it may be a secret"}
    assert b"swordfish" not in (tmp_path / VALUES).read_bytes()


def test_secrets_by_their_names_in_the_notebook_are_not_saved(tmp_path: Path) -> None:
    def token() -> str:
        return "made"

    said = kept(tmp_path, exclude=("pin",), pin="swordfish-7", tokens=[1, 2], token=token)
    assert (said["names"], list(said["left"])) == (["token", "tokens"], ["pin"])


def test_the_largest_are_left_out_where_all_together_are_too_much(tmp_path: Path) -> None:
    said = kept(tmp_path, most=5 * 2**20, a=b"a" * 2**20, b=b"b" * 4 * 2**20, c=b"c" * 2**20, d=b"d" * 9 * 2**20)
    assert said["names"] == ["a", "c"]
    assert said["left"] == {
        "b": "with its 4.0 MiB it is too much beside the others",
        "d": "it is more than the 5.0 MiB that are kept",
    }
    assert (tmp_path / VALUES).stat().st_size <= 5 * 2**20


def test_what_takes_too_long_is_left_out_in_time(tmp_path: Path) -> None:
    began = time.monotonic()
    said = kept(tmp_path, seconds=3, x=1, never=Sleeps(600), y=[2], soon=Sleeps(0.01))
    assert time.monotonic() - began < 4
    assert said["names"] == ["soon", "x", "y"]
    assert said["left"] == {"never": "it takes too long to save"}


def test_a_timer_of_the_notebook_is_left_alone(tmp_path: Path) -> None:
    import signal

    before = signal.getsignal(signal.SIGALRM)
    kept(tmp_path, x=1)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_disk_that_is_full_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / VALUES).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        kept(folder, x=b"x" * 2**20)


# --- loading ----------------------------------------------------------------------------------------


def test_what_cannot_be_loaded_any_more_is_named_and_the_rest_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone_soon.py").write_text(
        "class Model(dict):\n    pass\n"
        "def _make(x):\n    if x: raise OSError('no device')\n    return 7\n"
        "class Device:\n    def __init__(self, x=0): self.x = x\n    def __reduce__(self): return _make, (self.x,)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import gone_soon

    values = {"model": gone_soon.Model(a=1), "deep": [{"of": gone_soon.Model()}], "kind": gone_soon.Model, "x": [1]}
    said = kept(tmp_path / "a", **values, device=gone_soon.Device(1), here=gone_soon.Device(0))
    assert said["left"] == {}
    found, lost = loaded(tmp_path / "a")
    assert lost == {"device": "OSError: no device"}
    assert (found["here"], found["x"], found["model"]) == (7, [1], {"a": 1})
    monkeypatch.delitem(sys.modules, "gone_soon")
    (tmp_path / "gone_soon.py").unlink()
    monkeypatch.syspath_prepend(str(tmp_path / "a"))
    found, lost = loaded(tmp_path / "a")
    assert found == {"x": [1]}
    assert lost == dict.fromkeys(
        ["model", "deep", "kind", "device", "here"], "ModuleNotFoundError: No module named 'gone_soon'"
    )


def test_tensors_of_a_gpu_that_is_not_there_come_back_on_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if torch.cuda.is_available():
        pytest.skip("it is there")
    weights, layer = torch.arange(6.0).reshape(2, 3), torch.nn.Linear(3, 2)
    with monkeypatch.context() as patch:
        # What a tensor of the second GPU says of its place.
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:1")
        said = kept(tmp_path, weights=weights, layer=layer)
    assert said["left"] == {}
    assert b"cuda:1" in (tmp_path / VALUES).read_bytes()
    with pytest.raises(RuntimeError, match="CUDA"):
        torch.load(io.BytesIO(_storages(tmp_path)[0]), weights_only=False)
    values, lost = loaded(tmp_path)
    assert lost == {}
    assert torch.equal(values["weights"], weights)
    assert torch.equal(values["layer"](weights), layer(weights))
    assert values["weights"].device.type == "cpu"


def _storages(folder: Path) -> list[bytes]:
    """What torch has written inside of the pickle."""
    import pickletools

    data = (folder / VALUES).read_bytes()
    return [one for _, one, _ in pickletools.genops(data) if isinstance(one, bytes) and b"cuda:1" in one]


def test_values_that_are_pickled_alike_are_the_same() -> None:
    assert same(np.arange(3), np.arange(3), {})
    assert not same(np.arange(3), np.arange(4), {})
    assert not same(1, "1", {})
    assert not same(threading.Lock(), threading.Lock(), {})


# --- the folder of a notebook -----------------------------------------------------------------------


@pytest.fixture
def kernels(tmp_path: Path) -> KeptKernels:
    return KeptKernels(tmp_path / "kernels")


def save(kernels: KeptKernels, notebook: str, at: datetime = NOW, **values: Any) -> SavedKernel:
    place = kernels.place(notebook)
    return kernels.keep(place, notebook, kept(place, **values), at)


def values_of(kernels: KeptKernels, notebook: str) -> dict[str, Any]:
    saved = kernels.find(notebook)
    assert saved is not None
    with kernels.values(notebook, saved) as file:
        values: dict[str, Any] = load(file, {})[1]
    return values


@pytest.mark.parametrize(
    "name",
    [
        "a.ipynb",
        "../../etc/passwd",
        "a\nb.ipynb",
        "ä 'b' \"c\" $(d) %e.ipynb",
        "x" * 250,
        os.fsdecode(b"\xff\xfe.ipynb"),
        "..",
    ],
)
def test_a_notebook_may_be_called_anything_and_sees_its_own(kernels: KeptKernels, tmp_path: Path, name: str) -> None:
    notebook = os.path.join(tmp_path, "work", name)
    save(kernels, notebook, x=1)
    assert values_of(kernels, notebook) == {"x": 1}
    assert kernels.find(notebook + "2") is None
    inside = [path.relative_to(tmp_path / "kernels").parts[0] for path in (tmp_path / "kernels").rglob("*")]
    assert len(set(inside)) == 1
    assert re.fullmatch(r"[0-9a-f]{32}", inside[0])
    assert {path.name for path in tmp_path.iterdir()} <= {"kernels", "user"}


def test_only_the_newest_is_kept_and_only_its_user_can_read_it(kernels: KeptKernels, tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        for value in range(3):
            save(kernels, "/work/a.ipynb", x=value)
    finally:
        os.umask(umask)
    assert values_of(kernels, "/work/a.ipynb") == {"x": 2}
    found = sorted((tmp_path / "kernels").rglob("*"))
    assert len([path for path in found if path.name == VALUES]) == 1
    assert {path.stat().st_mode & 0o077 for path in [tmp_path / "kernels", *found]} == {0}


def test_two_names_of_one_notebook_are_one(kernels: KeptKernels, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "work")
    save(kernels, str(tmp_path / "work" / "a.ipynb"), x=1)
    assert values_of(kernels, str(tmp_path / "link" / "a.ipynb")) == {"x": 1}


def test_damaged_values_are_not_loaded(kernels: KeptKernels, tmp_path: Path) -> None:
    generator = random.Random(7)
    saved = save(kernels, "/work/a.ipynb", x=[1] * 1000)
    (values,) = (tmp_path / "kernels").rglob(VALUES)
    data = bytearray(values.read_bytes())
    data[generator.randrange(len(data))] ^= 0xFF
    values.write_bytes(data)
    with pytest.raises(Conflict, match=r"of a\.ipynb is damaged: the file with the values is not as it was written"):
        kernels.values("/work/a.ipynb", saved)
    values.unlink()
    with pytest.raises(Conflict, match="the file with the values is gone"):
        kernels.values("/work/a.ipynb", saved)
    (manifest,) = (tmp_path / "kernels").rglob(MANIFEST)
    for wrong in ("", "{}", "[", saved.model_dump_json().replace(saved.sha256, "")[:-1]):
        manifest.write_text(wrong)
        with pytest.raises(Conflict, match="its manifest cannot be read"):
            kernels.find("/work/a.ipynb")
    save(kernels, "/work/a.ipynb", x=2)
    assert values_of(kernels, "/work/a.ipynb") == {"x": 2}


@pytest.mark.parametrize("folder", ["../other", "..", ".", "", "/etc"])
def test_a_manifest_names_no_other_folder(kernels: KeptKernels, folder: str) -> None:
    saved = save(kernels, "/work/a.ipynb", x=1).model_copy(update={"folder": folder})
    with pytest.raises(Conflict, match="its manifest cannot be read"):
        kernels.values("/work/a.ipynb", saved)


def test_nothing_is_loaded_that_somebody_else_could_have_written(kernels: KeptKernels, tmp_path: Path) -> None:
    saved = save(kernels, "/work/a.ipynb", x=1)
    (values,) = (tmp_path / "kernels").rglob(VALUES)
    (manifest,) = (tmp_path / "kernels").rglob(MANIFEST)
    values.chmod(0o620)
    with pytest.raises(Denied, match="only you may write"):
        kernels.values("/work/a.ipynb", saved)
    values.chmod(0o600)
    elsewhere = tmp_path / "elsewhere"
    values.rename(elsewhere)
    values.symlink_to(elsewhere)
    with pytest.raises(Conflict, match="cannot be read"):
        kernels.values("/work/a.ipynb", saved)
    if os.geteuid() == 0:
        os.chown(manifest, 12345, -1)
        with pytest.raises(Denied, match="only you may write"):
            kernels.find("/work/a.ipynb")


def test_what_is_old_or_was_never_finished_goes(kernels: KeptKernels, tmp_path: Path) -> None:
    assert kernels.prune(NOW) == 0
    now = datetime.now(UTC)
    for name in ("old", "new"):
        save(kernels, f"/work/{name}.ipynb", x=name)
    unfinished = kernels.place("/work/new.ipynb")
    never = kernels.place("/work/never.ipynb")
    assert kernels.prune(now) == 0
    assert unfinished.exists()
    hour, week = (now - timedelta(**ago) for ago in ({"hours": 1, "seconds": 9}, {"days": 7, "seconds": 9}))
    manifests = {path: SavedKernel.model_validate_json(path.read_text()) for path in tmp_path.rglob(MANIFEST)}
    for path, saved in manifests.items():
        moment = week if saved.notebook.endswith("old.ipynb") else hour
        for one in (path, path.parent / saved.folder):
            os.utime(one, (moment.timestamp(), moment.timestamp()))
    for place in (unfinished, never, never.parent):
        os.utime(place, (hour.timestamp(), hour.timestamp()))
    assert kernels.prune(now) == 1
    assert not unfinished.exists()
    assert not never.exists()
    assert kernels.find("/work/old.ipynb") is None
    assert values_of(kernels, "/work/new.ipynb") == {"x": "new"}
    assert len(list(tmp_path.rglob(VALUES))) == 1
    assert kernels.prune(now + timedelta(hours=2)) == 0
    assert len(list((tmp_path / "kernels").iterdir())) == 1, "empty folders go, too"


def test_a_save_takes_half_of_what_is_free_at_most(kernels: KeptKernels, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels.place("/work/a.ipynb")
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 3 * GIB}))
    assert kernels.room() == 3 * GIB // 2
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 3000 * GIB}))
    assert kernels.room() == 8 * GIB
