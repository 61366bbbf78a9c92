"""The `papermill.engine` named `mlplat`: papermill's files, with a record that does not lie.

papermill itself writes `completed` on every cell after a kernel death or a time-out; this engine marks
the cells that never ran as `pending` and the one that ended the run as `failed`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ..models import CellState, Reason
from ..protocols import Attempt
from .checkpoints import Checkpoints
from .client import Observer, client_class
from .output import OutputLimit
from .record import Outcome
from .secrets import Redactor

SAVE_S = 1.0
SAVE_SHARE = 10
"""A save takes at most a tenth of the time: each writes the whole notebook, however many cells it has."""


class Quiet:
    """Nobody is told: for `papermill --engine mlplat` by hand."""

    def __init__(self) -> None:
        self.outcome = Outcome()

    def kernel_ready(self) -> None:
        return

    def cell_started(self, index: int) -> None:
        return

    def cell_ended(self, index: int, state: CellState, error: str | None = None) -> None:
        return

    def print(self, text: str) -> None:
        return

    def explain(self, text: str) -> None:
        return

    def stopping(self) -> bool:
        return False

    def pruned(self) -> int | None:
        return None

    def death(self, returncode: int | None) -> tuple[Reason, str]:
        return Reason.KERNEL_DIED, self.outcome.died(returncode)


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
        kernel_manager: Any = None,
        max_cell_output: int = Attempt.max_cell_output,
        max_output: int = Attempt.max_output,
        secrets: dict[str, str] | None = None,
        redactor: Redactor | None = None,
        checkpoints: Checkpoints | None = None,
        results: Path | None = None,
        **_: object,
    ) -> Any:
        """Execute `nb` and return it with outputs. What went wrong is in its metadata and in the observer's outcome.

        A `kernel_manager` that comes with a kernel is used and shut down. papermill writes the notebook afterwards.
        """
        manager = manager_class()(
            nb,
            output_path=output_path,
            progress_bar=progress_bar,
            log_output=log_output,
            autosave_cell_every=autosave_cell_every,
        )
        watching: Observer = observer or Quiet()
        manager.notebook_start()
        try:
            client = client_class()(
                manager,
                km=kernel_manager,
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
            client.limit = OutputLimit(max_cell_output, max_output)
            client.secrets, client.redactor = secrets or {}, redactor
            client.checkpoints, client.results = checkpoints, results
            client.execute()
        except BaseException:
            manager.notebook_complete()
            manager.save_now()
            raise
        finally:
            manager.cleanup_pbar()
        manager.notebook_complete()
        if observer is None and watching.outcome.reason in (Reason.KERNEL_DIED, Reason.TIMEOUT):
            manager.save_now()
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


@cache
def manager_class() -> Any:
    """The class; made at the first call, because what it extends takes long to import."""
    from papermill.engines import NotebookExecutionManager

    class HonestManager(NotebookExecutionManager):  # type: ignore[misc]
        """Leaves a cell that never ran `pending`; saves when that is due, not at every change."""

        before_save: Callable[[], None] = staticmethod(lambda: None)
        _next_save = 0.0
        _changed = False

        def save(self, **kwargs: object) -> None:
            self._changed = True
            self.save_if_due()

        def autosave_cell(self) -> None:
            self.save()

        def save_if_due(self) -> None:
            """Write the notebook, where it changed and the last time is long enough ago."""
            if self._changed and time.monotonic() >= self._next_save:
                self.save_now()

        def save_now(self) -> None:
            """Write the notebook, as it is so far: where that fails it is tried again, and papermill's own at the end
            is the one that counts."""
            began = time.monotonic()
            self._changed = False
            self.before_save()
            try:
                super().save()
            except OSError:
                self._changed = True
            took = time.monotonic() - began
            self._next_save = began + took + max(SAVE_S, SAVE_SHARE * took)

        def notebook_complete(self, **kwargs: object) -> None:
            self.end_time = self.now()
            self.nb.metadata.papermill["end_time"] = self.end_time.isoformat()
            if self.start_time:
                self.nb.metadata.papermill["duration"] = (self.end_time - self.start_time).total_seconds()
            failed = any(cell.metadata.papermill.get("status") == self.FAILED for cell in self.nb.cells)
            self.nb.metadata.papermill["exception"] = failed or None
            self.complete_pbar()
            self.cleanup_pbar()

    return HonestManager
