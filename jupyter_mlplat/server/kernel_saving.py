"""Saves what a kernel of this server holds in memory, before it is shut down."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from ..kernel.asking import answer, request
from ..languages import PYTHON, canonical

if TYPE_CHECKING:
    from datetime import datetime

    from ..kernel.kept import KeptKernels
    from ..models import EndedKernel

    T = TypeVar("T")

ASKED_S = 60.0
"""So long a kernel may take; then it is shut down all the same."""
WORKS_S = 50.0
"""It leaves out what takes longer than this by itself."""
LOOK_S = 1.0
ENDS_S = 0.5
LARGEST_NOTEBOOK = 100 << 20


class NotSaved(Exception):
    """Says why; `busy` is true where the kernel is still at it."""

    busy = False


class Silent(NotSaved):
    """It has not answered in time."""


@dataclass
class Written:
    """Values that a kernel has written: they count once `keep` was called."""

    kept: KeptKernels
    place: Path
    notebook: str
    said: Mapping[str, Any]

    async def keep(self, lease_id: str, at: datetime) -> EndedKernel:
        """Let them be what the notebook takes back. Raises `NotSaved`."""
        from ..models import EndedKernel

        try:
            saved = await _in_thread(partial(self.kept.keep, self.place, self.notebook, self.said, at))
        except (OSError, ValueError) as error:
            await self.drop()
            raise NotSaved(f"the variables could not be kept: {_words(error)}") from error
        return EndedKernel(
            lease=lease_id, notebook=saved.notebook, names=saved.names, skipped=saved.skipped, bytes=saved.bytes
        )

    async def drop(self) -> None:
        """Remove them."""
        await _in_thread(partial(self.kept.drop, self.place))


async def written(kernel: Any, notebook: str | None, folder: Path, log: logging.Logger) -> Written:
    """Ask a kernel to write its variables below `folder`, and wait until it has. Raises `NotSaved`."""
    if notebook is None:
        raise NotSaved("it belonged to no notebook")
    language = canonical(str(kernel.kernel_spec.language or PYTHON))
    if language != PYTHON:
        raise NotSaved(f"only kernels in Python can be saved, and this one spoke {language}")
    if (state := await _settled(kernel)) not in ("idle", "starting"):
        raise NotSaved("it ran a cell" if state == "busy" else f"it was {state}")
    from ..kernel.kept import KeptKernels
    from ..kernel.state.pickles import VALUES
    from ..services.jobs.parameters.cell import NAMED_SECRET, WORD_ENDS

    kept = KeptKernels(folder)
    try:
        place = await _in_thread(partial(kept.place, notebook))
    except OSError as error:
        raise NotSaved(f"there is no place for its variables: {_words(error)}") from error
    try:
        secret = [WORD_ENDS.pattern, NAMED_SECRET.pattern]
        exclude, most = await _in_thread(lambda: (secrets_of(Path(notebook)), kept.room()))
        said = json.loads(await _asked(kernel, "keep", str(place), exclude, secret, most, WORKS_S))
        if not said["names"]:
            why = f": {', '.join(sorted(said['left']))} cannot be" if said["left"] else ""
            raise NotSaved(f"there was nothing to save{why}")
        for name, reason in said["left"].items():
            log.info("mlplat: of the kernel of %s %s was not saved: %s", notebook, name, reason)
        return Written(kept, place, notebook, said)
    except BaseException as error:
        if isinstance(error, Silent):
            # Else it is a cell that came in between.
            error.busy = (place / VALUES).exists()
        await _in_thread(partial(kept.drop, place))
        if isinstance(error, OSError | RuntimeError | ValueError):
            raise NotSaved(f"its variables could not be saved: {_words(error)}") from error
        raise


async def _settled(kernel: Any) -> str:
    """What a kernel does; that a cell has ended is known some moments later."""
    until = time.monotonic() + ENDS_S
    while (state := str(getattr(kernel, "execution_state", "idle"))) == "busy" and time.monotonic() < until:
        await asyncio.sleep(ENDS_S / 20)
    return state


def secrets_of(notebook: Path) -> list[str]:
    """The names that the notebook itself gives to secrets, in `metadata.mlplat.secrets`."""
    try:
        if notebook.stat().st_size > LARGEST_NOTEBOOK:
            return []
        found = json.loads(notebook.read_bytes())["metadata"]["mlplat"]["secrets"]
        return [name for name in found if isinstance(name, str)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


async def _asked(kernel: Any, function: str, *arguments: object) -> str:
    """What a function of `kernel.state` returns in the kernel. Raises `RuntimeError` where it does not in time."""
    session = kernel.session.clone()
    # The kernel tells clients apart by it, and forgets the one that came before with the same.
    session.session = str(uuid4())
    client = kernel.client(session=session)
    client.start_channels(iopub=False, stdin=False, hb=False, control=False)
    try:
        number = client.execute("", allow_stdin=False, **request(function, *arguments))
        until = time.monotonic() + ASKED_S
        while (left := until - time.monotonic()) > 0:
            try:
                reply = await client.get_shell_msg(timeout=min(left, LOOK_S))
            except Empty:
                if not await kernel.is_alive():
                    raise RuntimeError("it has ended") from None
                continue
            if reply["parent_header"].get("msg_id") == number:
                return answer(reply)
        raise Silent(f"it did not answer within {ASKED_S:g} s")
    finally:
        client.stop_channels()


def _words(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


async def _in_thread(call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, call)


def notebook_of(kernel: Any, sessions: list[dict[str, Any]], root: str) -> str | None:
    """The path of the notebook of a kernel, as it is called now; None where it has none.

    `sessions` are the kernel's as the server lists them, `root` is the server's folder.
    """
    for one in sessions:
        path = os.path.join(root, str(one["path"]).lstrip("/"))
        if one.get("type") == "notebook" and os.path.isfile(path):
            return path
    started_for = getattr(kernel.provisioner, "notebook", "")
    return started_for if started_for.endswith(".ipynb") and os.path.isabs(started_for) else None
