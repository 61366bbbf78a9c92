"""How a magic says how it is getting on: a progress bar with a cancel button where there are widgets, else text."""

from __future__ import annotations

import contextvars
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..commands.jobs_shown import progress_line
from ..errors import MLPlatError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..models import Job
    from ..platform import Platform

BAR_STYLE = {"succeeded": "success", "failed": "danger", "lost": "danger", "cancelled": "warning"}


class NotebookReporter:
    """Progress below the cell. `close` when the command has ended, however it ended."""

    def __init__(self, shell: InteractiveShell, platform: Platform) -> None:
        self._platform = platform
        self._kernel = getattr(shell, "kernel", None)
        self._widgets = has_widgets(shell)
        self._bar: JobBar | None = None
        self._last = ""

    def note(self, text: str) -> None:
        if not self._widgets:
            print(text)  # noqa: T201 - a cell's output

    def log(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def job(self, job: Job) -> None:
        if self._widgets:
            if self._bar is None:
                self._bar = JobBar(self._platform, self._kernel, job)
            self._bar.update(job)
        elif (line := progress_line(job)) != self._last:
            self._last = line
            print(line, flush=True)  # noqa: T201 - a cell's output

    def confirm(self, question: str) -> bool:
        return True

    def close(self) -> None:
        """Leave what a saved notebook should show."""
        if self._bar is not None:
            self._bar.close()


def has_widgets(shell: InteractiveShell) -> bool:
    """True in a kernel that somebody looks at, with ipywidgets installed."""
    if getattr(shell, "kernel", None) is None or "MLPLAT_JOB_ID" in os.environ:
        return False
    try:
        import ipywidgets  # noqa: F401
    except ImportError:
        return False
    return True


class JobBar:
    """A progress bar over the cells of a job, its state, and a button that cancels it.

    The button answers while the cell still runs where the front end talks to widgets by a subshell (ipykernel 7,
    JupyterLab 4.4 and later); elsewhere interrupting the kernel stops the waiting, and says how to cancel.
    """

    def __init__(self, platform: Platform, kernel: Any, job: Job) -> None:
        from IPython.display import display

        self._platform = platform
        self._kernel = kernel
        self._job = job
        self._apart(self._make)
        self._handle = display(self._bundle(), raw=True, display_id=f"mlplat-job-{job.id}-{id(self)}")

    def update(self, job: Job) -> None:
        """Show how the job stands."""
        self._job = job
        self._apart(self._show)

    def close(self) -> None:
        """Replace the widgets by one line of text that stays in the saved notebook."""
        from IPython.display import update_display

        update_display({"text/plain": progress_line(self._job)}, raw=True, display_id=self._handle.display_id)
        self._apart(self._end)

    def _apart(self, work: Callable[[], None]) -> None:
        """Do something to the widgets in the name of no cell.

        ipykernel 7.4 takes what a front end says to a widget to the shell that spoke last by it, which would be
        the one that waits here; what was said in the name of no cell leaves the choice to the front end.
        """
        context = contextvars.copy_context()
        parent = getattr(self._kernel, "_shell_parent", None)
        if isinstance(parent, contextvars.ContextVar):
            context.run(parent.set, {})
        context.run(work)

    def _make(self) -> None:
        import ipywidgets

        job = self._job
        self.bar = ipywidgets.IntProgress(value=0, min=0, max=max(job.cells_total, 1), description=job.name[:30])
        self.label = ipywidgets.Label(progress_line(job))
        self.button = ipywidgets.Button(
            description="Cancel", icon="stop", tooltip=f"Cancel job {job.id}", layout={"width": "auto"}
        )
        self.button.on_click(self._cancel)
        self._box = ipywidgets.HBox([self.bar, self.label, self.button])

    def _show(self) -> None:
        job = self._job
        self.bar.max = max(job.cells_total, 1)
        self.bar.value = job.cells_done
        self.bar.bar_style = BAR_STYLE.get(job.state, "")
        self.label.value = progress_line(job)
        self.button.disabled = job.state.ended or job.cancel_requested

    def _end(self) -> None:
        for widget in (self._box, self.bar, self.label, self.button):
            widget.close()

    def _bundle(self) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": progress_line(self._job)}

    def _cancel(self, button: object) -> None:
        try:
            self._platform.jobs.cancel(self._job.id)
        except MLPlatError as error:
            self.label.value = error.message
