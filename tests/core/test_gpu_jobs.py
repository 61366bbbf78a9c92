"""Jobs on GPUs with a real engine: they see their devices and no others, and give way where they said so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook

import jupyter_mlplat as mlplat
from jupyter_mlplat.api.current import platform as current
from jupyter_mlplat.platform import Platform

from ..gpus import another_process_holds, fake_gpus
from ..shell import here

SEEN = "import os\nprint('sees', os.environ['CUDA_VISIBLE_DEVICES'], 'by', os.environ['MLPLAT_LEASE'])"


@pytest.fixture
def two(platform: Platform) -> list[str]:
    """Two A100, by UUID, that engine, shell and this process share."""
    fake_gpus("2xA100-80G", warm_kernels=0)
    return [one.uuid for one in mlplat.gpus.list().devices]


def notebook(tmp_path: Path, *cells: str, tags: tuple[str, ...] = ()) -> Path:
    made = new_notebook(cells=[new_code_cell(cells[0], metadata={"tags": list(tags)}), *map(new_code_cell, cells[1:])])
    path = tmp_path / "train.ipynb"
    path.write_text(json.dumps(made))
    return path


def test_a_job_sees_its_devices_and_an_allocator_in_it_takes_them(two: list[str], tmp_path: Path) -> None:
    inside = (
        "from jupyter_mlplat import ResourceAllocator\n"
        "with ResourceAllocator(gpu_type='a100', memory='32G').context() as lease:\n"
        "    print('block', lease.id, *lease.devices)"
    )
    path = notebook(tmp_path, SEEN, inside)
    done = here("jobs", "run", path, "--gpus", "2", "--gpu-memory", "40G", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)
    lease = job["lease"]
    assert (job["state"], job["gpus"], job["gpu_memory"]) == ("succeeded", 2, 40 * 2**30)
    assert (lease["state"], lease["kind"], lease["job_id"], lease["devices"]) == ("released", "job", job["id"], two)
    log = current().jobs.log(job["id"]).text
    assert f"sees {','.join(two)} by {lease['id']}" in log
    assert f"block {lease['id']} {two[0]}" in log
    assert mlplat.gpus.leases().items == []
    shown = here("jobs", "show", job["id"]).stdout
    assert f"2 × GPU, 40.0 GiB or more: {', '.join(two)}" in shown


def test_a_job_waits_for_its_turn_and_says_so(two: list[str], tmp_path: Path) -> None:
    with another_process_holds(2) as holder:
        job = mlplat.jobs.run(notebook(tmp_path, SEEN), gpus=1)
        from ..faults.scene import until

        until(lambda: job.job.lease is not None, what="a place in the queue")
        assert job.job.lease is not None
        assert (job.state, job.job.lease.position) == ("queued", 1)
        assert "waiting for 1 × GPU: number 1 in the queue" in here("jobs", "show", job.id).stdout
        holder.kill()
        after = job.wait(timeout=90)
    assert after.state == "succeeded", after


def test_an_interruptible_job_gives_way_and_goes_on_from_its_checkpoint(two: list[str], tmp_path: Path) -> None:
    slow = (
        "import os, time\n"
        "open('begun', 'a').write('x')\n"
        "while len(open('begun').read()) < 2: time.sleep(0.05)\n"
        "print(base + 1)"
    )
    counted = "open('first', 'a').write('x')\nbase = 41"
    path = notebook(tmp_path, counted, slow, tags=("mlplat:checkpoint",))
    from ..faults.scene import until

    job = mlplat.jobs.run(path, gpus=2, interruptible=True)
    until((tmp_path / "begun").exists, 90, "the second cell")
    mine = mlplat.gpus.acquire(count=1)
    assert mine.position == 1
    assert mlplat.gpus.wait(mine.id, timeout=60).state == "granted"
    until(lambda: job.state == "queued")
    assert job.job.message == "its GPUs were taken back; it goes on when it has some again"
    mlplat.gpus.release(mine.id)
    after = job.wait(timeout=90)
    assert (after.state, after.attempt, after.failures) == ("succeeded", 2, 0), after
    assert [one.reason for one in after.attempts] == ["preempted", None]
    assert (tmp_path / "first").read_text() == "x", "the first cell ran once"
    assert "checkpoint" in (after.attempts[1].note or "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--gpus", "3"], "this host cannot give 3 × GPU"),
        (["--gpu-type", "H100"], "this host cannot give 1 × H100"),
        (["--gpus", "-1"], "gpus: Input should be greater than or equal to 0"),
        (["--gpu-shared"], "gpu_shared: a share of a GPU needs its size: give gpu_memory"),
        (["--gpu-memory", "much"], "--gpu-memory: 'much' is no size"),
    ],
)
def test_what_cannot_be_given_is_refused_at_once(
    two: list[str], tmp_path: Path, options: list[str], message: str
) -> None:
    done = here("jobs", "run", notebook(tmp_path, SEEN), *options)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[0], done.stderr
    assert mlplat.jobs.list().items == []


def test_without_a_gpu_a_job_that_needs_one_is_refused(platform: Platform, tmp_path: Path) -> None:
    done = here("jobs", "run", notebook(tmp_path, SEEN), "--gpus", "1")
    assert done.returncode != 0
    error, hint = done.stderr.splitlines()[:2]
    assert "GPU" in error
    assert hint.startswith("hint: ")
    assert mlplat.jobs.list().items == []
