"""The client that executes a notebook's cells: nbclient's, as papermill extends it, with our records and limits."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from functools import cache
from itertools import count
from typing import Any, Protocol

from ..attempts import AUTOLOG_VARIABLE, INJECTED_TAG
from ..languages import PYTHON, language_of
from ..models import CellState, Reason
from .capture import capturing
from .checkpoints import SKIP_TAG
from .record import Outcome
from .resuming import resuming
from .secrets import handed_over

PARAMETERS_TAG = "parameters"
ALIVE_S = 0.25
SUBSCRIBED_MS = 20
"""What a kernel publishes before our subscription has reached it is lost: so soon it is asked again."""
ENDS_WITHIN_S = 0.5
ENDING_LOOK_S = 0.005
TURN = 64
ARM = "__import__('jupyter_mlplat.autolog', fromlist=['arm']).arm()"
"""Where the kernel's environment has the platform; elsewhere nothing is logged."""
TRAINS = re.compile(r"import|%|ipython")
"""A notebook without any of these brings nothing that could train: it is spared the request."""
ZMQ_EVENTS = 15
"""zmq_getsockopt(3). With pyzmq's asynchronous sockets, asking for it also handles what it finds."""
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Observer(Protocol):
    """Who is told about a run as it goes; every method is called from the thread that executes."""

    outcome: Outcome

    def kernel_ready(self) -> None:
        """The kernel answers; the first cell comes next."""

    def cell_started(self, index: int) -> None: ...

    def cell_ended(self, index: int, state: CellState, error: str | None = None) -> None: ...

    def print(self, text: str) -> None:
        """Text that the notebook printed."""

    def explain(self, text: str) -> None:
        """Why a cell failed, in full."""

    def stopping(self) -> bool:
        """True when no further cell may start."""

    def pruned(self) -> int | None:
        """The step at which the notebook's trial was found hopeless; None while it is not."""

    def death(self, returncode: int | None) -> tuple[Reason, str]:
        """Why the kernel died, whose process ended like this."""


def plain(text: str) -> str:
    """Without the colours of a terminal."""
    return _ANSI.sub("", text)


@cache
def client_class() -> Any:
    """The class; made at the first call, because what it extends takes long to import."""
    from jupyter_core.utils import run_sync
    from nbclient.exceptions import CellExecutionComplete, CellExecutionError, CellTimeoutError, DeadKernelError
    from papermill.clientwrap import PapermillNotebookClient

    class Client(resuming(capturing(PapermillNotebookClient))):  # type: ignore[misc]
        """Runs the cells one by one and says how each ended."""

        observer: Observer
        secrets: dict[str, str] = {}
        shifted: bool = False

        # --- the run --------------------------------------------------------------------------

        def execute(self, **kwargs: object) -> Any:
            self.reset_execution_trackers()
            self.nb_man.before_save = self.fold
            self._waiting = dict(self.secrets)
            with self.setup_kernel(cleanup_kc=True, **kwargs):
                self.observer.kernel_ready()
                self._arm()
                alive = self.papermill_execute_cells()
                if alive:
                    self.set_widgets_metadata()
            return self.nb

        def _arm(self) -> None:
            """Have what the notebook trains logged; nobody waits for it, and no name stays in the notebook."""
            trains = any(TRAINS.search(cell.source) for cell in self.nb.cells if cell.cell_type == "code")
            if trains and os.environ.get(AUTOLOG_VARIABLE) and language_of(self.nb) == PYTHON:
                self.kc.execute("", silent=True, store_history=False, user_expressions={"autolog": ARM})

        async def async_start_new_kernel_client(self) -> Any:
            """As nbclient's, without waiting for messages that may still come: a cell takes only its own."""
            self.kc = self.km.client()
            self.kc.start_channels()
            try:
                info = await asyncio.wait_for(self._answer(), self.startup_timeout)
            except BaseException as error:
                await self._async_cleanup_kernel()
                if isinstance(error, TimeoutError):
                    raise TimeoutError(f"it did not answer for {self.startup_timeout} s") from None
                raise
            self.kc.allow_stdin = False
            self.nb.metadata["language_info"] = info["content"]["language_info"]
            return self.kc

        start_new_kernel_client = run_sync(async_start_new_kernel_client)

        async def _async_cleanup_kernel(self) -> None:
            """As nbclient's; a kernel that ends soon is not waited for in steps of 0.1 s."""
            if self.km is not None and await self.km.is_alive():
                await self.km.request_shutdown()
                until = time.monotonic() + ENDS_WITHIN_S
                while await self.km.is_alive() and time.monotonic() < until:
                    await asyncio.sleep(ENDING_LOOK_S)
            await super()._async_cleanup_kernel()

        _cleanup_kernel = run_sync(_async_cleanup_kernel)

        async def _answer(self) -> Any:
            """The kernel's info, once it answers and its outputs reach us."""
            while True:
                asked = self.kc.kernel_info()
                while not await self.kc.shell_channel.msg_ready():
                    if not await self.km.is_alive():
                        raise DeadKernelError("the kernel died before it answered")
                    await self.kc.shell_channel.socket.poll(int(ALIVE_S * 1000))
                info = await self.kc.shell_channel.get_msg()
                while await self.kc.iopub_channel.socket.poll(SUBSCRIBED_MS):
                    heard = await self.kc.iopub_channel.get_msg()
                    if heard["parent_header"].get("msg_id") == asked and info["msg_type"] == "kernel_info_reply":
                        return info

        def papermill_execute_cells(self) -> bool:
            """True while the kernel is alive and well at the end."""
            position_of_submitted = 0
            from_here = self._after_parameters()
            behind = self._go_on()
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
                if position <= behind and self._not_again(cell, index):
                    continue
                if (position >= from_here or behind >= 0) and not self._hand_over():
                    return False
                if not self._run(cell, position, index):
                    return self.observer.outcome.reason in (None, Reason.CELL_ERROR, Reason.PRUNED)
                self._keep(position)
            return True

        def _run(self, cell: Any, position: int, index: int | None) -> bool:
            if index is not None:
                self.observer.cell_started(index)
            process = self._process()
            manager, outcome = self.nb_man, self.observer.outcome
            manager.cell_start(cell, position)
            where = "the cell with the parameters" if index is None else f"cell {index}"
            state, error, go_on = CellState.OK, None, True
            try:
                self.execute_cell(cell, position)
            except CellExecutionError as exception:
                go_on = False
                if self.observer.pruned() is not None:
                    pass  # whatever the notebook made of it
                elif exception.ename == "SystemExit" and exception.evalue in ("", "0", "None", "False"):
                    self._skip_rest(position)
                else:
                    state, error = CellState.ERROR, plain(f"{exception.ename}: {exception.evalue}")
                    manager.cell_exception(self.nb.cells[position], cell_index=position, exception=exception)
                    outcome.fail(Reason.CELL_ERROR, f"{where}: {error}")
                    self.flush(cell, position)
                    self.observer.explain(plain(exception.traceback) + "\n")
            except CellTimeoutError:
                go_on, state = False, CellState.TIMEOUT
                error = f"no end after {self.timeout:g} s"
                outcome.fail(Reason.TIMEOUT, f"{where}: {error}")
                if process is not None:
                    process.send_signal(signal.SIGINT)
            except DeadKernelError:
                go_on, state = False, CellState.KERNEL_DIED
                reason, error = self.observer.death(process.poll() if process is not None else None)
                outcome.fail(reason, f"{where}: {error}")
            finally:
                self.flush(cell, position)
                manager.cell_complete(self.nb.cells[position], cell_index=position)
            if state in (CellState.TIMEOUT, CellState.KERNEL_DIED):
                cell.metadata.papermill["exception"] = True
                cell.metadata.papermill["status"] = manager.FAILED
            pruned = self.observer.pruned()
            if state is CellState.OK and pruned is not None and not self.observer.stopping():
                outcome.prune(pruned)
                if _stopped(self.nb.cells[position]) or not go_on:
                    state, error = CellState.CANCELLED, outcome.message
                go_on = False
            if self.observer.stopping() and state is not CellState.OK:
                state = CellState.TIMEOUT if outcome.reason is Reason.TIMEOUT else CellState.CANCELLED
            self._ended(index, state, error)
            return go_on

        def _process(self) -> Any:
            return getattr(self.km.provisioner, "process", None)

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

        async def _async_poll_kernel_alive(self) -> None:
            """As nbclient's, more often; writes the notebook when that is due, however quiet the cell is."""
            while True:
                await asyncio.sleep(ALIVE_S)
                self.nb_man.save_if_due()
                # nbclient's output widgets send on this socket, which can swallow the news that a reply is there.
                self.kc.shell_channel.socket.get(ZMQ_EVENTS)
                try:
                    await self._async_check_alive()
                except DeadKernelError:
                    await asyncio.sleep(ALIVE_S)  # what it said last is on its way
                    self.task_poll_for_reply.cancel()
                    return

        async def _async_poll_output_msg(self, parent_msg_id: str, cell: Any, cell_index: int) -> None:
            """As nbclient's, but it lets others run: where messages come without a pause, awaiting one never does."""
            for number in count():
                if number % TURN == 0:
                    await asyncio.sleep(0)
                msg = await self.kc.iopub_channel.get_msg(timeout=None)
                if msg["parent_header"].get("msg_id") == parent_msg_id:
                    try:
                        self.process_message(msg, cell, cell_index)
                    except CellExecutionComplete:
                        return

        # --- secrets --------------------------------------------------------------------------

        def _after_parameters(self) -> int:
            """The position from which on cells may use the secrets."""
            tags = [set(cell.metadata.get("tags", [])) for cell in self.nb.cells]
            return max((at + 1 for at, given in enumerate(tags) if given & {INJECTED_TAG, PARAMETERS_TAG}), default=0)

        def _hand_over(self) -> bool:
            """Set the secrets in the kernel, once; no trace of it in the notebook or in the history."""
            if not self._waiting:
                return True
            with handed_over(self._waiting) as code:
                reply = self.wait_for_reply(self.kc.execute(code, silent=True, store_history=False))
            self._waiting = {}
            if reply is not None and reply["content"]["status"] == "ok":
                return True
            why = reply["content"].get("ename", "it did not answer") if reply is not None else "it did not answer"
            self.observer.outcome.fail(Reason.BAD_INPUT, f"the kernel did not take the secrets ({why})")
            return False

    return Client


def _stopped(cell: Any) -> bool:
    """True where `mlplat.report` ended a cell; that is no error, so papermill is not to find one."""
    kept = [one for one in cell.outputs if one.output_type != "error" or one.ename != "Pruned"]
    stopped = len(kept) < len(cell.outputs)
    cell.outputs = kept
    return stopped
