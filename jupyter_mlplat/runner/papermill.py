"""The `papermill.engine` named `mlplat`: papermill's files, with a record that does not lie.

papermill itself writes `completed` on every cell after a kernel death or a time-out; this engine marks
the cells that never ran as `pending` and the one that ended the run as `failed`.
"""

from __future__ import annotations

import re
import signal
from functools import cache
from typing import Any, Protocol

from ..models import CellState, Reason
from .record import Outcome

SKIP_TAG = "mlplat:skip-in-job"
INJECTED_TAG = "injected-parameters"
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Observer(Protocol):
    """Who is told about a run as it goes; every method is called from the thread that executes."""

    outcome: Outcome

    def kernel_ready(self, pid: int | None) -> None:
        """The kernel answers; the first cell comes next."""

    def cell_started(self, index: int) -> None: ...

    def cell_ended(self, index: int, state: CellState, error: str | None = None) -> None: ...

    def print(self, text: str) -> None:
        """Text that the notebook printed."""

    def stopping(self) -> bool:
        """True when no further cell may start."""


class Quiet:
    """Nobody is told: for `papermill --engine mlplat` by hand."""

    def __init__(self) -> None:
        self.outcome = Outcome()

    def kernel_ready(self, pid: int | None) -> None:
        return

    def cell_started(self, index: int) -> None:
        return

    def cell_ended(self, index: int, state: CellState, error: str | None = None) -> None:
        return

    def print(self, text: str) -> None:
        return

    def stopping(self) -> bool:
        return False


class MLPlatEngine:
    """What papermill calls; see `papermill.engines.Engine`, whose interface this has."""

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool = True,
        log_output: bool = False,
        autosave_cell_every: int = 5,
        observer: Observer | None = None,
        submitted_has_injected: bool | None = None,
        execution_timeout: float | None = None,
        start_timeout: float = 60,
        stdout_file: Any = None,
        stderr_file: Any = None,
        **_: object,
    ) -> Any:
        """Execute `nb` and return it with outputs. What went wrong is in its metadata and in the observer's outcome."""
        manager_class, client_class = _classes()
        manager = manager_class(
            nb,
            output_path=output_path,
            progress_bar=progress_bar,
            log_output=log_output,
            autosave_cell_every=autosave_cell_every,
        )
        watching: Observer = observer or Quiet()
        manager.notebook_start()
        try:
            client = client_class(
                manager,
                kernel_name=kernel_name,
                timeout=execution_timeout,
                startup_timeout=int(start_timeout),
                iopub_timeout=60,
                log_output=log_output,
                stdout_file=stdout_file,
                stderr_file=stderr_file,
            )
            client.observer = watching
            client.shifted = submitted_has_injected is False
            client.execute()
        finally:
            manager.cleanup_pbar()
            manager.notebook_complete()
        if observer is None and watching.outcome.reason in (Reason.KERNEL_DIED, Reason.TIMEOUT):
            raise RuntimeError(watching.outcome.message)
        return manager.nb

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        """The kernel of the notebook; `python3` where it names none."""
        return name or str(nb.metadata.get("kernelspec", {}).get("name") or "python3")

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        """The language of the notebook; Python where it names none."""
        spec = nb.metadata.get("kernelspec", {})
        return language or str(nb.metadata.get("language_info", {}).get("name") or spec.get("language") or "python")


def plain(text: str) -> str:
    """Without the colours of a terminal."""
    return _ANSI.sub("", text)


def describe_death(returncode: int | None) -> str:
    """How the kernel's process ended, in words."""
    if returncode is None:
        return "the kernel died"
    if returncode < 0:
        try:
            name = signal.Signals(-returncode).name
        except ValueError:
            name = str(-returncode)
        return f"the kernel was killed by signal {name}"
    return f"the kernel exited with status {returncode}"


@cache
def _classes() -> tuple[Any, Any]:
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NotebookExecutionManager

    class HonestManager(NotebookExecutionManager):  # type: ignore[misc]
        """Leaves a cell that never ran `pending`."""

        def notebook_complete(self, **kwargs: object) -> None:
            self.end_time = self.now()
            self.nb.metadata.papermill["end_time"] = self.end_time.isoformat()
            if self.start_time:
                self.nb.metadata.papermill["duration"] = (self.end_time - self.start_time).total_seconds()
            failed = any(cell.metadata.papermill.get("status") == self.FAILED for cell in self.nb.cells)
            self.nb.metadata.papermill["exception"] = failed or None
            self.complete_pbar()
            self.cleanup_pbar()
            self.save()

    class Client(PapermillNotebookClient):  # type: ignore[misc]
        """Runs the cells one by one and says how each ended."""

        observer: Observer
        shifted: bool = False

        def execute(self, **kwargs: object) -> Any:
            self.reset_execution_trackers()
            with self.setup_kernel(**kwargs):
                process = getattr(self.km.provisioner, "process", None)
                self.observer.kernel_ready(getattr(process, "pid", None))
                alive = self.papermill_execute_cells()
                if alive:
                    info = self.wait_for_reply(self.kc.kernel_info())
                    if info:
                        self.nb.metadata["language_info"] = info["content"]["language_info"]
                    self.set_widgets_metadata()
            return self.nb

        def papermill_execute_cells(self) -> bool:
            """True while the kernel is alive and well at the end."""
            position_of_submitted = 0
            for position, cell in enumerate(self.nb.cells):
                injected = self.shifted and INJECTED_TAG in cell.metadata.get("tags", [])
                index = None if injected else position_of_submitted
                position_of_submitted += 0 if injected else 1
                if self.observer.stopping():
                    return False
                if cell.cell_type != "code":
                    cell.metadata.papermill["status"] = self.nb_man.COMPLETED
                    continue
                if SKIP_TAG in cell.metadata.get("tags", []):
                    cell.metadata.papermill["status"] = self.nb_man.COMPLETED
                    self._ended(index, CellState.SKIPPED)
                    continue
                if not self._run(cell, position, index):
                    return self.observer.outcome.reason in (None, Reason.CELL_ERROR)
            return True

        def _run(self, cell: Any, position: int, index: int | None) -> bool:
            if index is not None:
                self.observer.cell_started(index)
            process = getattr(self.km.provisioner, "process", None)
            manager, outcome = self.nb_man, self.observer.outcome
            manager.cell_start(cell, position)
            where = "the cell with the parameters" if index is None else f"cell {index}"
            state, error, go_on = CellState.OK, None, True
            try:
                self.execute_cell(cell, position)
            except CellExecutionError as exception:
                go_on = False
                if exception.ename == "SystemExit" and exception.evalue in ("", "0", "None"):
                    self._skip_rest(position)
                else:
                    state, error = CellState.ERROR, plain(f"{exception.ename}: {exception.evalue}")
                    manager.cell_exception(self.nb.cells[position], cell_index=position, exception=exception)
                    outcome.fail(Reason.CELL_ERROR, f"{where}: {error}")
                    self.observer.print(plain(exception.traceback) + "\n")
            except CellTimeoutError:
                go_on, state = False, CellState.TIMEOUT
                error = f"no end after {self.timeout:g} s"
                outcome.fail(Reason.TIMEOUT, f"{where}: {error}")
                if process is not None:
                    process.send_signal(signal.SIGINT)
            except DeadKernelError:
                go_on, state = False, CellState.KERNEL_DIED
                error = describe_death(process.poll() if process is not None else None)
                outcome.fail(Reason.KERNEL_DIED, f"{where}: {error}")
            finally:
                manager.cell_complete(self.nb.cells[position], cell_index=position)
            if state in (CellState.TIMEOUT, CellState.KERNEL_DIED):
                cell.metadata.papermill["exception"] = True
                cell.metadata.papermill["status"] = manager.FAILED
            if self.observer.stopping() and state is not CellState.OK:
                state = CellState.TIMEOUT if outcome.reason is Reason.TIMEOUT else CellState.CANCELLED
            self._ended(index, state, error)
            return go_on

        def _skip_rest(self, position: int) -> None:
            for later in range(position + 1, len(self.nb.cells)):
                if self.nb.cells[later].cell_type == "code":
                    self._ended(later - (1 if self._injected_before(later) else 0), CellState.SKIPPED)

        def _injected_before(self, position: int) -> bool:
            return self.shifted and any(
                INJECTED_TAG in cell.metadata.get("tags", []) for cell in self.nb.cells[:position]
            )

        def _ended(self, index: int | None, state: CellState, error: str | None = None) -> None:
            if index is not None:
                self.observer.cell_ended(index, state, error)

        def process_message(self, *args: Any, **kwargs: Any) -> Any:
            output = super().process_message(*args, **kwargs)
            if output and output.output_type == "stream":
                self.observer.print(output.text if isinstance(output.text, str) else "".join(output.text))
            return output

    return HonestManager, Client
