"""`python -m jupyter_mlplat.runner`: run the attempt that comes as the first line of standard input.

Later lines acknowledge it (`{"ack": true}`) or cancel it (`{"cancel": true}`). Reports go to standard
output, one JSON document a line. What libraries print goes to standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, cast

from ..attempts import LOG, OUTPUT, RUNNER_RECORD, TOKEN_VARIABLE, write_atomically
from ..models import CellState, Reason
from ..processes import host_id, start_time
from ..protocols import Attempt
from .papermill import plain
from .record import Outcome, Recorder
from .tree import become_subreaper, end_descendants

HEARTBEAT_S = 3.0
INTERRUPT_S = 5.0
TERMINATE_S = 5.0


class Execution:
    """One attempt as it runs: the observer of the engine, and the target of everything that ends it early."""

    def __init__(self, attempt: Attempt, stream: BinaryIO) -> None:
        self.attempt = attempt
        self.folder = Path(attempt.folder)
        self.outcome = Outcome()
        self.recorder = Recorder(attempt.key, self.folder, stream)
        self.acknowledged = time.monotonic()
        self.kernel_pid: int | None = None
        self._stopping = threading.Event()
        self._executed = threading.Event()

    # --- the engine's observer ----------------------------------------------------------------

    def kernel_ready(self, pid: int | None) -> None:
        self.kernel_pid = pid
        self.recorder.started()

    def cell_started(self, index: int) -> None:
        self.recorder.cell_started(index)

    def cell_ended(self, index: int, state: CellState, error: str | None = None) -> None:
        self.recorder.cell_ended(index, state, error)

    def print(self, text: str) -> None:
        self.recorder.print(text)

    def stopping(self) -> bool:
        return self._stopping.is_set()

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
        self.recorder.ended(self.outcome)

    def _execute(self) -> None:
        # jsonschema takes this optional grammar when it is there, at 1.3 s of every start; notebooks need none of it.
        sys.modules.setdefault("rfc3987_syntax", cast(ModuleType, None))
        import papermill

        os.environ.update(self.attempt.environment)
        notebook = json.loads((Path(self.attempt.notebook)).read_text(encoding="utf-8"))
        had_injected = any(
            "injected-parameters" in cell.get("metadata", {}).get("tags", []) for cell in notebook.get("cells", [])
        )
        kernel = notebook.get("metadata", {}).get("kernelspec", {})
        papermill.execute_notebook(
            self.attempt.notebook,
            str(self.folder / OUTPUT),
            kernel_name=kernel.get("name") or "python3",
            language=kernel.get("language") or "python",
            parameters=self.attempt.parameters or None,
            engine_name="mlplat",
            cwd=self.attempt.cwd,
            progress_bar=False,
            start_timeout=120,
            observer=self,
            submitted_has_injected=had_injected,
            execution_timeout=self.attempt.cell_timeout,
        )

    def _explain(self, error: BaseException) -> None:
        from jupyter_client.kernelspec import NoSuchKernel
        from papermill.exceptions import PapermillExecutionError

        if self.stopping() or isinstance(error, PapermillExecutionError) or self.outcome.reason is not None:
            return  # the engine or whoever stopped us has said it
        self.recorder.print(plain(traceback.format_exc()))
        if isinstance(error, NoSuchKernel):
            self.outcome.fail(
                Reason.BAD_INPUT,
                f"no kernel is called {error.name!r} on the host that ran it: choose another kernel in the notebook",
            )
        elif self.recorder.started_at is None:
            self.outcome.fail(
                Reason.KERNEL_DIED, f"the kernel did not start: {plain(str(error)) or type(error).__name__}"
            )
        else:
            self.outcome.fail(Reason.KERNEL_DIED, f"the run broke off: {type(error).__name__}: {plain(str(error))}")

    # --- ending it early ----------------------------------------------------------------------

    def stop(self, reason: Reason, message: str, *, state: str = "failed") -> None:
        """Interrupt, TERM, KILL. Returns when no process of the tree is left; only the first call does it."""
        if self._stopping.is_set() or self._executed.is_set():
            return
        self.outcome.fail(reason, message, state=state)
        self._stopping.set()
        if self.kernel_pid is not None:
            # Twice: a kernel that has not yet begun with the cell ignores the first one.
            for seconds in (0.5, INTERRUPT_S):
                try:
                    os.kill(self.kernel_pid, signal.SIGINT)
                except OSError:
                    break
                if self._executed.wait(seconds):
                    return
        end_descendants(grace=TERMINATE_S)
        if not self._executed.wait(15.0):
            # The thread that executes does not come back: the record must be written all the same.
            end_descendants(grace=0.0)
            self.recorder.ended(self.outcome)
            os._exit(0)

    def _watch(self) -> None:
        """Send heartbeats and keep the limits."""
        began, last_beat = time.monotonic(), 0.0
        while not self._executed.wait(0.25):
            moment = time.monotonic()
            if moment - last_beat >= HEARTBEAT_S:
                self.recorder.report("heartbeat")
                last_beat = moment
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


def main() -> int:
    """Run one attempt; the exit status says only that the record was written."""
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    commands = os.fdopen(os.dup(0), "rb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    fields: dict[str, Any] = json.loads(commands.readline())
    attempt = Attempt(**fields)
    folder = Path(attempt.folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LOG).touch()
    become_subreaper()
    write_atomically(
        folder / RUNNER_RECORD,
        {
            "key": attempt.key,
            "pid": os.getpid(),
            "started": start_time(os.getpid()),
            "host": host_id(),
            "token": os.environ.get(TOKEN_VARIABLE, ""),
        },
    )
    execution = Execution(attempt, stream)
    signal.signal(signal.SIGINT, lambda *_: None)  # a handler, unlike SIG_IGN, is not inherited by the kernel
    signal.signal(
        signal.SIGTERM,
        lambda *_: threading.Thread(
            target=execution.stop,
            args=(Reason.WORKER_LOST, "the worker was asked to end"),
            kwargs={"state": "lost"},
            daemon=True,
        ).start(),
    )
    threading.Thread(target=execution.obey, args=(commands,), name="commands", daemon=True).start()
    execution.run()
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
