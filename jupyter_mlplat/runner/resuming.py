"""The client's part of checkpoints: the variables are saved behind a cell, and set where a run goes on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from queue import Empty
from typing import Any

from ..kernel.asking import answer, request
from ..languages import PYTHON, language_of
from ..models import CellState
from .checkpoints import ALWAYS_TAG, Checkpoints, Code, code_cells, read_results, write_results
from .output import in_words

LOOK_S = 1.0


def resuming(client: Any) -> Any:
    """A subclass of nbclient's client that keeps checkpoints and goes on behind them."""
    from jupyter_core.utils import run_sync

    class Resuming(client):  # type: ignore[misc]
        """See `resuming`; `checkpoints` and `results` are set before it executes, None where nothing is kept."""

        checkpoints: Checkpoints | None = None
        results: Path | None = None
        shifted: bool

        def _go_on(self) -> int:
            """Set the variables of the last checkpoint that holds; the position of its cell, -1 where there is none."""
            if self.checkpoints is None:
                return -1
            codes = self._codes()
            for found in self.checkpoints.valid(codes, self._kernel()):
                try:
                    self._ask("restore", str(found.folder), found.manifest["saved"])
                except RuntimeError as error:
                    self.checkpoints.note = f"from the start: the checkpoint behind cell {found.index}: {error}"
                else:
                    break
            else:
                self._say(self.checkpoints.note)
                return -1
            if self.results is not None:
                write_results(self.results, found.manifest["results"])
            left = [one for one in codes if one.position <= found.position and ALWAYS_TAG not in one.tags]
            outputs = self.checkpoints.outputs(found, shifted=self.shifted)
            for code in left:
                if code.index is not None:
                    self.nb.cells[code.position].outputs = outputs.get(code.index, [])
            self.checkpoints.went_on(found, sum(1 for one in left if one.index is not None))
            self._say(self.checkpoints.note)
            return found.position

        def _not_again(self, cell: Any, index: int | None) -> bool:
            """True for a cell before the checkpoint, which is not run."""
            if ALWAYS_TAG in cell.metadata.get("tags", []):
                return False
            cell.metadata.papermill["status"] = self.nb_man.COMPLETED
            self._ended(index, CellState.SKIPPED)
            return True

        def _keep(self, position: int) -> None:
            """Save the variables behind a cell that wants it; what goes wrong is said, and is no failure of the job."""
            if self.checkpoints is None or self.observer.stopping():
                return
            codes = self._codes()
            code = next(one for one in codes if one.position == position)
            if code.index is None or code is codes[-1] or self.checkpoints.names(code) is None:
                return
            if language_of(self.nb) != PYTHON:
                self._say(f"no checkpoint behind cell {code.index}: only notebooks in Python have them")
                return
            began = time.monotonic()
            try:
                place = self.checkpoints.place(code)
                request = self.checkpoints.request(codes, code)
                saved = json.loads(self._ask("save", str(place), *request.values()))
                if "refused" not in saved:
                    results = read_results(self.results) if self.results is not None else {}
                    self.checkpoints.keep(codes, code, self._kernel(), saved, results)
            except (OSError, RuntimeError) as error:
                saved = {"refused": error.strerror or str(error) if isinstance(error, OSError) else str(error)}
            if "refused" in saved:
                self.checkpoints.drop(code)
                self._say(f"no checkpoint behind cell {code.index}: {saved['refused']}")
            else:
                much = f"{len(saved['names'])} variables, {in_words(saved['bytes'])}"
                self._say(f"checkpoint behind cell {code.index}: {much}, {time.monotonic() - began:.1f} s")

        def _codes(self) -> list[Code]:
            return code_cells(self.nb.cells, shifted=self.shifted)

        def _kernel(self) -> str:
            return str(self.kernel_name)

        def _say(self, text: str | None) -> None:
            if text is not None:
                self.observer.explain(f"[{text}]\n")

        async def _async_ask(self, function: str, *arguments: object) -> str:
            """Call a function of `kernel.state` in the kernel. Raises `RuntimeError` with what it raised."""
            asked = self.kc.execute("", **request(function, *arguments))
            while True:
                try:
                    reply = await self.kc.shell_channel.get_msg(timeout=LOOK_S)
                except Empty:
                    await self._async_check_alive()
                    if self.observer.stopping():
                        raise RuntimeError("the run was stopped") from None
                    continue
                if reply["parent_header"].get("msg_id") == asked:
                    break
            return answer(reply)

        _ask = run_sync(_async_ask)

    return Resuming
