"""Kernels and jobs on the same GPUs while everything around them is killed.

Each one that has devices locks a file for each of them, so that two on one device would notice it themselves.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from jupyter_mlplat.engine import living_engine
from jupyter_mlplat.errors import Conflict, NotFound
from jupyter_mlplat.models import JobSpec, JobState
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.store import tables

from ..contracts.test_leases import check as check_ledger
from . import oracle
from .scene import VICTIMS, processes, until, write

DEVICES, KERNELS, JOBS, QUOTA = 4, 6, 10, 3
USERS = ("ada", "grace")
CAUSE = re.compile(r"request (\d+) of \w+ came before it: .+")

LOCK = """
import fcntl, os, time
def lock():
    held = []
    for uuid in os.environ["CUDA_VISIBLE_DEVICES"].split(","):
        file = open(os.path.join("{folder}", uuid), "a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.truncate(0)
            file.write(str(os.getpid()) + " " + os.environ["MLPLAT_LEASE"])
            file.flush()
        except OSError:
            file.seek(0)
            with open(os.path.join("{folder}", "violation"), "a") as found:
                found.write(f"{{uuid}}: {{os.environ['MLPLAT_LEASE']}} beside {{file.read()}}\\n")
        held.append(file)
    return held
held = lock()
"""


class Scene:
    """Two servers with three kernels each, ten jobs, and the ledger as it was at the last look."""

    def __init__(self, platform: Platform, folder: Path, dice: random.Random) -> None:
        self.platform = platform
        self.folder = folder
        self.dice = dice
        self.locks = folder / "locks"
        self.pids = folder / "pids"
        self.locks.mkdir()
        self.pids.mkdir()
        self._write_kernelspecs()
        self.servers: list[subprocess.Popen[str] | None] = [None, None]
        self.kernels: dict[str, int] = {}
        self.jobs: list[str] = []
        self.cancelled: set[str] = set()
        self.seen: Mapping[int, Mapping[str, Any]] = {}
        self.order: Sequence[int] = []
        self.events: Counter[str] = Counter()
        self.number = 0
        for which in range(2):
            self.start_server(which)
            until(lambda log=self.folder / f"server-{which}.log": "ready" in log.read_text(), what="a server")

    def _write_kernelspecs(self) -> None:
        program = self.folder / "kernel.py"
        program.write_text(
            f"{LOCK.format(folder=self.locks)}\n"
            f"open(os.path.join({str(self.pids)!r}, str(os.getpid())), 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
        )
        for count in (1, 2):
            spec = self.folder / "kernels" / f"gpu{count}"
            spec.mkdir(parents=True)
            provisioner = {"provisioner_name": "mlplat", "config": {"gpus": count}}
            content = {"argv": [sys.executable, "-S", str(program), "{connection_file}"], "display_name": "GPU",
                       "language": "python", "metadata": {"kernel_provisioner": provisioner}}  # fmt: skip
            (spec / "kernel.json").write_text(json.dumps(content))

    def notebook(self) -> Path:
        path = self.folder / "nb.ipynb"
        if not path.exists():
            lock = LOCK.format(folder=self.locks) + "time.sleep(seconds)"
            write(self.folder, lock, parameters="seconds: float = 0.1")
        return path

    # --- what happens -----------------------------------------------------------------------------

    def start_server(self, which: int) -> None:
        environment = {**os.environ, "JUPYTERHUB_USER": USERS[which], "JUPYTER_PATH": str(self.folder)}
        with (self.folder / f"server-{which}.log").open("a") as log:
            self.servers[which] = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("kernels_by_lines.py"))],
                env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True,
            )  # fmt: skip

    def tell(self, which: int, line: str) -> None:
        server = self.servers[which]
        assert server is not None
        assert server.stdin is not None
        with suppress(BrokenPipeError):
            server.stdin.write(line + "\n")
            server.stdin.flush()

    def start_kernel(self) -> None:
        which = self.dice.randrange(2)
        if sum(one == which for one in self.kernels.values()) >= KERNELS // 2:
            return self.end_kernel()
        self.number += 1
        name = f"k{self.number}"
        self.kernels[name] = which
        self.tell(which, f"start {name} gpu{self.dice.choice((1, 1, 2))}")
        return None

    def end_kernel(self) -> None:
        if self.kernels:
            name = self.dice.choice(sorted(self.kernels))
            self.tell(self.kernels.pop(name), f"end {name}")

    def kill_kernel(self) -> None:
        living = self._kernel_processes()
        if living:
            self.dice.choice(living).kill()

    def kill_server(self) -> None:
        which = self.dice.randrange(2)
        server = self.servers[which]
        assert server is not None
        server.kill()
        server.communicate()
        for name in [name for name, whose in self.kernels.items() if whose == which]:
            del self.kernels[name]
        self.start_server(which)

    def cancel_request(self) -> None:
        waiting = [row for row in self.seen.values() if row["state"] == "queued" and row["kind"] == "kernel"]
        if waiting:
            with suppress(NotFound):
                self.platform.gpus.release(str(self.dice.choice(waiting)["id"]))

    def submit_job(self) -> None:
        if len(self._living_jobs()) >= JOBS:
            return
        options = {
            "notebook": str(self.notebook()), "parameters": {"seconds": round(self.dice.uniform(0.0, 1.0), 2)},
            "gpus": self.dice.choice((1, 1, 1, 2)), "priority": self.dice.choice((0, 0, 0, 1, -1)),
            "interruptible": self.dice.random() < 0.3, "retries": 50, "retry_delay": 0.0,
        }  # fmt: skip
        job = self.platform.jobs.submit(JobSpec.model_validate(options), owner=self.dice.choice(USERS))
        self.jobs.append(job.id)

    def cancel_job(self) -> None:
        living = self._living_jobs()
        if living:
            job = self.dice.choice(living)
            with suppress(Conflict):
                self.platform.jobs.cancel(job)
                self.cancelled.add(job)

    def kill_engine(self) -> None:
        self._kill("engine")
        self.platform.wake_engine()

    def kill_runner(self) -> None:
        self._kill("runner")

    def kill_job_kernel(self) -> None:
        self._kill("kernel")

    def _kill(self, what: str) -> None:
        found = processes(self.platform, VICTIMS[what])
        if found:
            with suppress(psutil.Error):
                self.dice.choice(found).kill()

    def _kernel_processes(self) -> list[psutil.Process]:
        found = []
        for file in self.pids.iterdir():
            with suppress(psutil.Error, ValueError):
                process = psutil.Process(int(file.read_text()))
                if process.cmdline()[2:3] == [str(self.folder / "kernel.py")]:
                    found.append(process)
        return sorted(found, key=lambda one: one.pid)

    def _living_jobs(self) -> list[str]:
        return [job.id for job in self.platform.jobs.list(limit=500).items if not job.state.ended]

    EVENTS = (
        (start_kernel, 30), (end_kernel, 10), (kill_kernel, 8), (kill_server, 4), (cancel_request, 4),
        (submit_job, 14), (cancel_job, 4), (kill_engine, 3), (kill_runner, 5), (kill_job_kernel, 4),
    )  # fmt: skip

    def event(self) -> None:
        """Anything."""
        chosen = self.dice.choices([one for one, _ in self.EVENTS], [weight for _, weight in self.EVENTS])[0]
        self.events[chosen.__name__] += 1
        chosen(self)
        time.sleep(self.dice.uniform(0.0, 0.5))

    # --- what must hold ----------------------------------------------------------------------------

    def check(self) -> None:
        """Whatever has happened: no device twice, no quota passed, nobody overtaken without a cause."""
        assert not (self.locks / "violation").exists(), (self.locks / "violation").read_text()
        check_ledger(self.platform.store)
        lease, job = tables.leases, tables.jobs
        with self.platform.store.read() as connection:
            live = connection.execute(
                select(lease).where(lease.c.state.in_(("queued", "granted"))).order_by(lease.c.place, lease.c.id)
            ).mappings().all()  # fmt: skip
            at_work = connection.execute(
                select(job.c.id).where(job.c.state.in_(("starting", "running")), job.c.gpus > 0)
            ).scalars().all()  # fmt: skip
        held = [row for row in live if row["state"] == "granted"]
        has: Counter[str] = Counter()
        for row in held:
            has[row["owner"]] += row["count"]
        assert all(count <= QUOTA for count in has.values()), has
        assert set(at_work) <= {row["job_id"] for row in held}, "an attempt without its devices"
        order = [row["id"] for row in live if row["state"] == "queued"]
        both = [number for number in order if number in self.order]
        assert both == [number for number in self.order if number in order], "two have changed places"
        rows = {row["id"]: row for row in live}
        for number in both:
            before = order[: order.index(number)]
            new = [one for one in before if one not in self.order]
            if new:
                found = CAUSE.fullmatch(rows[number]["cause"] or "")
                assert found is not None, f"{number} was overtaken by {new} for {rows[number]['cause']!r}"
                assert int(found[1]) >= max(new), rows[number]["cause"]
        self.seen, self.order = rows, order

    def said(self) -> dict[str, int]:
        """How often what happened: a run in which nothing was fought over would show nothing."""
        lease = tables.leases
        query = select(lease.c.kind, lease.c.state, lease.c.reason, lease.c.cause.is_not(None).label("overtaken"))
        with self.platform.store.read() as connection:
            rows = connection.execute(query).all()
        ended = Counter(f"{row.kind} {row.reason}" for row in rows)
        return {**self.events, **ended, "overtaken": sum(row.overtaken for row in rows)}

    def settle(self) -> None:
        """End what nobody ends by itself, and see that everything comes back and that every job is what it should."""
        for server in self.servers:
            assert server is not None
            server.kill()
            server.communicate()
        for process in self._kernel_processes():
            process.kill()
        self.check()
        oracle.check(self.platform, within=240.0)
        until(lambda: self.platform.gpus.leases().items == [], what="the end of the last lease")
        assert [one.lease for one in self.platform.gpus.list().devices] == [None] * DEVICES
        for job in map(self.platform.jobs.get, self.jobs):
            assert job.state == JobState.SUCCEEDED or job.id in self.cancelled, (job.id, job.state, job.message)
            assert job.lease is None or job.lease.state.ended
        self.check()


@pytest.fixture
def gpu_platform(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """Four devices and a quota, for every process of the test; kernels are plain."""
    settings = {"gpu_source": f"fake:{DEVICES}xA100-80G", "gpu_quota": {"*": QUOTA}, "warm_kernels": 0}
    folder = Path(os.environ["JUPYTER_CONFIG_DIR"])
    (folder / "jupyter_mlplat_config.json").write_text(json.dumps({"Platform": settings}))
    made = Platform.load()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("events", "seed"),
    [(50, 20261121), pytest.param(500, None, marks=[pytest.mark.long, pytest.mark.timeout(3600)])],
)
def test_kernels_and_jobs_share_devices_whatever_is_killed(
    gpu_platform: Platform, tmp_path: Path, events: int, seed: int | None
) -> None:
    seed = seed if seed is not None else int(os.environ.get("MLPLAT_SEED", time.time_ns()))
    print(f"MLPLAT_SEED={seed}")  # noqa: T201 - a failure is repeated with it
    scene = Scene(gpu_platform, tmp_path, random.Random(seed))
    try:
        gpu_platform.wake_engine()
        until(lambda: living_engine(gpu_platform) is not None, what="an engine")
        for _ in range(events):
            scene.event()
            scene.check()
        scene.settle()
    finally:
        print(scene.said())  # noqa: T201
        for server in scene.servers:
            if server is not None and server.poll() is None:
                server.kill()
                server.communicate()
        for process in scene._kernel_processes():
            process.kill()
