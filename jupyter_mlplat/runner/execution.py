"""One attempt as it runs: the kernel, who is told about it, and everything that ends it early."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, cast
from uuid import uuid4

from ..attempts import INJECTED_TAG, OUTPUT, PRUNED, RESULTS, RESULTS_VARIABLE, read_record
from ..languages import PYTHON, canonical, language_of
from ..models import CellState, Reason
from ..protocols import Attempt
from ..usage import Usage, wanted
from .cgroup import Cgroup
from .checkpoints import Checkpoints, read_results
from .client import plain
from .environment import keep_environment
from .memory import MemoryWatch, of_attempt
from .output import in_words
from .record import Outcome, Recorder
from .secrets import Redactor, Unresolvable, resolve
from .tree import adopt, end_descendants, kill_descendants

HEARTBEAT_S = 3.0
INTERRUPT_S = 4.0
TERMINATE_S = 3.0
"""With what it takes a cancel to come here, no process is left 10 s after it."""

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})

UNUSED = ("rfc3987_syntax", "isoduration", "pyarrow")
"""What jsonschema and papermill import where it is there, at 0.1 to 1.3 s of every start; notebooks need none of it."""


def leave_out_unused() -> None:
    """Before anything imports papermill."""
    for name in UNUSED:
        sys.modules.setdefault(name, cast(ModuleType, None))


class Execution:
    """One attempt as it runs: the observer of the engine, and the target of everything that ends it early."""

    def __init__(self, attempt: Attempt, stream: BinaryIO) -> None:
        self.attempt = attempt
        self.folder = Path(attempt.folder)
        self.outcome = Outcome()
        self.recorder = Recorder(attempt.key, self.folder, stream, log_limit=attempt.max_output)
        self.memory = MemoryWatch(None, self._over_memory)
        self.acknowledged = time.monotonic()
        self._kernel: subprocess.Popen[bytes] | None = None
        self.group: Cgroup | None = None
        self._checkpoints: Checkpoints | None = None
        self._oom_kills = 0
        self._over: str | None = None
        self._stopping = threading.Event()
        self._executed = threading.Event()

    # --- the engine's observer ----------------------------------------------------------------

    def kernel_ready(self) -> None:
        self.recorder.started()

    def cell_started(self, index: int) -> None:
        self.memory.cell_started()
        self.recorder.cell_started(index)

    def cell_ended(self, index: int, state: CellState, error: str | None = None) -> None:
        self.recorder.cell_ended(index, state, error, self.memory.cell_ended())

    def print(self, text: str) -> None:
        self.recorder.print(text)

    def explain(self, text: str) -> None:
        self.recorder.explain(text)

    def stopping(self) -> bool:
        return self._stopping.is_set()

    def pruned(self) -> int | None:
        record = read_record(self.folder, PRUNED)
        return int(str(record["step"])) if record else None

    def death(self, returncode: int | None) -> tuple[Reason, str]:
        how = self.outcome.died(returncode)
        if self._over is not None:
            return Reason.OUT_OF_MEMORY, self._over
        kills = self.group.oom_kills() if self.group is not None else None
        if returncode == -signal.SIGKILL and kills is not None and kills > self._oom_kills:
            limit = self.attempt.memory_limit
            whose = f"more than the limit of {in_words(limit)}" if limit else "the system had no more"
            return Reason.OUT_OF_MEMORY, f"the system's out-of-memory killer ended the kernel: {whose}"
        return Reason.KERNEL_DIED, how

    # --- the run ------------------------------------------------------------------------------

    def run(self) -> None:
        """Execute the notebook, end the tree, write the record."""
        threading.Thread(target=self._watch, name="watch", daemon=True).start()
        try:
            self._execute()
        except BaseException as error:  # noqa: BLE001 - whatever it was, the record must say it
            self._explain(error)
        self._executed.set()
        # Clean-up code may run after a cancel or a time-out; what is left after a normal end is asked, too.
        end_descendants(grace=TERMINATE_S if self.stopping() else 2.0)
        self._finish()

    def _finish(self) -> None:
        if self.group is not None and self.group.folder.name == self._group_name:
            self.group.remove()
        self.recorder.results = read_results(self.folder / RESULTS)
        if self._checkpoints is not None:
            self.recorder.note = self._checkpoints.note
            if self.outcome.state == "succeeded":
                self._checkpoints.forget()
        self.recorder.ended(self.outcome, self.memory.whole)
        # The record has them, with secrets masked; this is what the notebook wrote.
        (self.folder / RESULTS).unlink(missing_ok=True)

    def _execute(self) -> None:
        values = resolve(self.attempt.secrets, self.attempt.cwd)
        redactor = Redactor(values) if values else None
        if redactor is not None:
            self.recorder.redact = redactor.text
        leave_out_unused()
        os.environ.update(self.attempt.environment)
        os.environ[RESULTS_VARIABLE] = str(self.folder / RESULTS)
        notebook = json.loads(Path(self.attempt.notebook).read_text(encoding="utf-8"))
        kernel = notebook.get("metadata", {}).get("kernelspec", {})
        name = kernel.get("name") or "python3"
        manager = self._start_kernel(name, notebook)  # it starts while we import
        self._checkpoints = self._make_checkpoints()
        try:
            self._refuse_another_language(notebook, str(manager.kernel_spec.language))
            import papermill

            papermill.execute_notebook(
                _literal(self.attempt.notebook),
                _literal(str(self.folder / OUTPUT)),
                kernel_name=name,
                language=str(manager.kernel_spec.language),
                parameters=self.attempt.parameters or None,
                engine_name="mlplat",
                cwd=self.attempt.cwd,
                progress_bar=False,
                start_timeout=120,
                kernel_manager=manager,
                observer=self,
                submitted_has_injected=any(map(_injected, notebook.get("cells", []))),
                execution_timeout=self.attempt.cell_timeout,
                max_cell_output=self.attempt.max_cell_output,
                max_output=self.attempt.max_output,
                secrets=values,
                redactor=redactor,
                checkpoints=self._checkpoints,
                results=self.folder / RESULTS,
            )
        finally:
            manager.cleanup_connection_file()

    def _refuse_another_language(self, notebook: dict[str, Any], spoken: str) -> None:
        """Values were checked for the language that the notebook names: in another one they may be code."""
        if self.attempt.parameters and canonical(spoken) != language_of(notebook):
            named = language_of(notebook)
            raise Unresolvable(f"the notebook says that it is in {named}, and its kernel speaks {spoken}")

    def _make_checkpoints(self) -> Checkpoints | None:
        if self.attempt.checkpoints is None:
            return None
        return Checkpoints(
            Path(self.attempt.checkpoints),
            [Path(one) for one in self.attempt.resume_from],
            attempt=self.attempt.key,
            output=self.folder / OUTPUT,
            parameters=self.attempt.parameters,
            secrets=self.attempt.secrets,
        )

    def _keep_environment(self, python: str) -> None:
        try:
            keep_environment(self.folder, python)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            sys.stderr.write(f"what the kernel runs with is not known: {error}\n")

    def _warm_start(self, manager: Any, notebook: dict[str, Any]) -> Any | None:
        """Let the manager take a kernel that waits; what starts them, where none does, is not for an attempt's tree."""
        given = self.attempt.warm
        if given is None or not _is_ipykernel(manager) or "kernel_provisioner" in manager.kernel_spec.metadata:
            return None
        from ..home import Home
        from ..kernel.imports import learn_imports
        from ..kernel.pool import Pool
        from ..kernel.starting import WarmStart

        options: dict[str, Any] = {**given}
        start = WarmStart(kernel_id=str(uuid4()), kernel_spec=manager.kernel_spec, parent=manager)
        start.pool, start.begins = Pool(Home(Path(options.pop("home"))), **options), False
        start.imports = learn_imports(notebook, Path(self.attempt.cwd))
        manager.provisioner = start
        return start

    def _start_kernel(self, name: str, notebook: dict[str, Any]) -> Any:
        """The manager of a kernel whose process is there, in its group; it does not answer yet."""
        from jupyter_client.manager import AsyncKernelManager
        from jupyter_core.utils import run_sync

        manager = AsyncKernelManager(kernel_name=name)
        language = str(manager.kernel_spec.language)
        if self.attempt.secrets and language.lower() != "python":
            raise Unresolvable(f"secrets reach only notebooks in Python, and the kernel {name!r} is for {language}")
        # Nothing of a job goes into the history of its user.
        history = ["--HistoryManager.hist_file=:memory:"] if _is_ipykernel(manager) else []
        warm = self._warm_start(manager, notebook)
        run_sync(manager.start_kernel)(extra_arguments=history, cwd=self.attempt.cwd)
        self._kernel = getattr(manager.provisioner, "process", None)
        if warm is not None and warm.warm is not None:
            adopt(warm.warm.keeper, warm.warm.keeper_started)
        elif warm is not None and warm.cold is not None:
            self.recorder.report("cold", command=warm.cold)
        if canonical(language) == PYTHON:
            python = manager.kernel_spec.argv[0]
            threading.Thread(target=self._keep_environment, args=(python,), name="environment", daemon=True).start()
        self._limit_memory()
        threading.Thread(target=self.memory.run, args=(self._executed,), name="memory", daemon=True).start()
        return manager

    def _limit_memory(self) -> None:
        """By a group of the system where there is one to have, else by what the samples say."""
        limit, kernel = self.attempt.memory_limit, self._kernel
        self.group = Cgroup.current()
        group = self.group.divided(self._group_name, limit) if self.group is not None and limit else None
        if group is not None and kernel is not None and group.add(kernel.pid):
            self.group = group
        else:
            if group is not None:
                group.remove()
            self.memory.limit = limit
        self._oom_kills = (self.group.oom_kills() or 0) if self.group is not None else 0

    @property
    def _group_name(self) -> str:
        return f"mlplat-{os.getpid()}"

    def _explain(self, error: BaseException) -> None:
        if self.stopping() or self.outcome.reason is not None:
            return  # the engine or whoever stopped us has said it
        if isinstance(error, Unresolvable):
            self.recorder.explain(f"{error}\n")
            self.outcome.fail(Reason.BAD_INPUT, str(error))
            return
        from jupyter_client.kernelspec import NoSuchKernel
        from nbclient.exceptions import DeadKernelError
        from papermill.exceptions import PapermillExecutionError

        if isinstance(error, PapermillExecutionError):
            return
        self.recorder.explain(plain(traceback.format_exc()))
        reason, what = Reason.KERNEL_DIED, plain(str(error)) or type(error).__name__
        if isinstance(error, NoSuchKernel):
            reason = Reason.BAD_INPUT
            what = f"no kernel is called {error.name!r} on the host that ran it: choose another kernel in the notebook"
        elif isinstance(error, DeadKernelError) or self._over is not None:
            reason, what = self.death(self._kernel.poll() if self._kernel is not None else None)
        elif isinstance(error, OSError) and error.errno in NO_SPACE:
            reason, what = Reason.BACKEND_UNAVAILABLE, f"the host that ran it could not write: {error}"
        elif self.recorder.started_at is not None:
            what = f"the run broke off: {type(error).__name__}: {what}"
        if reason is Reason.KERNEL_DIED and self.recorder.started_at is None:
            what = f"the kernel did not start: {what}"
        self.outcome.fail(reason, what)

    def _over_memory(self, message: str) -> None:
        self._over = message
        kill_descendants()

    # --- ending it early ----------------------------------------------------------------------

    def stop(self, reason: Reason, message: str, *, state: str = "failed") -> None:
        """Interrupt, TERM, KILL. Returns when no process of the tree is left; only the first call does it."""
        if self._stopping.is_set() or self._executed.is_set():
            return
        self.outcome.fail(reason, message, state=state)
        self._stopping.set()
        if self.recorder.started_at is not None and self._kernel is not None:
            # Twice: a kernel that has not yet begun with the cell ignores the first one.
            for seconds in (0.5, INTERRUPT_S):
                try:
                    os.kill(self._kernel.pid, signal.SIGINT)
                    os.kill(self._kernel.pid, signal.SIGCONT)  # one that is stopped hears nothing
                except OSError:
                    break
                if self._executed.wait(seconds):
                    return
        end_descendants(grace=TERMINATE_S)
        if not self._executed.wait(15.0):
            # The thread that executes does not come back: the record must be written all the same.
            end_descendants(grace=0.0)
            self._finish()
            os._exit(0)

    def _watch(self) -> None:
        """Send heartbeats and what is used, and keep the limits."""
        began, last_beat = time.monotonic(), 0.0
        usage, samples, measured = None, 0, wanted()
        while not self._executed.wait(0.25):
            moment = time.monotonic()
            if moment - last_beat >= HEARTBEAT_S:
                self.recorder.report("heartbeat")
                last_beat = moment
            if usage is None and measured and self.recorder.started_at is not None:
                usage = Usage(of_attempt)
            found = usage.sample() if usage is not None else None
            if found is not None:
                self.recorder.report("usage", at=time.time_ns() // 1_000_000, step=samples, metrics=found)
                samples += 1
            if self.attempt.timeout is not None and moment - began > self.attempt.timeout:
                self.stop(Reason.TIMEOUT, f"the attempt took longer than {self.attempt.timeout:g} s")
            if moment - self.acknowledged > self.attempt.acknowledge:
                self.stop(
                    Reason.WORKER_LOST,
                    f"nobody acknowledged the attempt for {self.attempt.acknowledge:g} s",
                    state="lost",
                )

    def obey(self, commands: BinaryIO) -> None:
        """Read commands until the other side is gone; then the acknowledgement runs out by itself."""
        for line in commands:
            self.acknowledged = time.monotonic()
            if json.loads(line).get("cancel"):
                threading.Thread(
                    target=self.stop,
                    args=(Reason.CANCELLED, "cancelled by a user"),
                    kwargs={"state": "cancelled"},
                    name="cancel",
                    daemon=True,
                ).start()


def _is_ipykernel(manager: Any) -> bool:
    """Whatever its kernelspec is called; jupyter_client's own property knows the name `python3` only."""
    return "ipykernel_launcher" in manager.kernel_spec.argv or bool(manager.ipykernel)


def _injected(cell: dict[str, Any]) -> bool:
    return INJECTED_TAG in cell.get("metadata", {}).get("tags", [])


def _literal(path: str) -> str:
    """A path that stays as it is where papermill fills parameters into it (`str.format`)."""
    return path.replace("{", "{{").replace("}", "}}")
