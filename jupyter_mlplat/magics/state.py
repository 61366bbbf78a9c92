"""`%mlplat checkpoint` and `%mlplat restore`: what a notebook's kernel leaves, and what the next one takes back."""

from __future__ import annotations

import importlib
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..attempts import RESULTS_VARIABLE
from ..commands.blocks import size
from ..commands.grammar import Command, argument
from ..errors import Conflict, Invalid
from ..kernel.kept import KeptKernels, shown
from ..kernel.state.pickles import python_version, set_state
from ..kernel.state.piecewise import load, same

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..models import SavedKernel
    from ..platform import Platform

CHECKPOINT = Command(
    "", "checkpoint", "a retry of the job goes on behind this cell", lambda call: None, lambda value: [],
    (argument("names", nargs="*", metavar="NAME", help="the variables to save; all of them by default"),),
)  # fmt: skip

RESTORE = Command(
    "", "restore", "set the variables of the notebook's last kernel, which was shut down at rest",
    lambda call: None, lambda value: [],
    (
        argument("--list", action="store_true", help="only show what there is"),
        argument("--overwrite", action="store_true", help="also those that have another value now"),
        argument("--from", dest="notebook", metavar="NOTEBOOK", help="the notebook's path then, if it was renamed"),
    ),
)  # fmt: skip


def checkpoint(shell: InteractiveShell, args: Namespace) -> str:
    """In a job the runner saves the variables once the cell has ended; says what it is for elsewhere."""
    names = [name for word in args.names for name in word.split(",") if name]
    for name in names:
        if name not in shell.user_ns:
            raise Invalid(f"there is no variable {name}", hint="name variables that the notebook has set")
    # `kernel.state` looks there.
    shell.mlplat_checkpoint = names
    if RESULTS_VARIABLE in os.environ:
        return ""
    said = "a checkpoint is kept when the notebook runs as a job"
    if names:
        said += f"; if this kernel is shut down because its GPUs rest, only {', '.join(names)} will be saved"
    return said


def restore(shell: InteractiveShell, platform: Platform, args: Namespace) -> str:
    """Set what was saved, or with `--list` say what there is. Raises `MLPlatError` where it cannot be read."""
    if RESULTS_VARIABLE in os.environ:
        return "nothing is restored: a job begins with its notebook alone"
    named = args.notebook or os.environ.get("JPY_SESSION_NAME", "")
    if not named:
        raise Invalid("this kernel does not know its notebook", hint="name it: %mlplat restore --from train.ipynb")
    notebook = os.path.abspath(os.path.expanduser(named))
    kept = KeptKernels(platform.home.kernels)
    saved = kept.find(notebook)
    if saved is None:
        return f"nothing is saved for {shown(notebook)}"
    when = f"{saved.saved_at.astimezone():%Y-%m-%d %H:%M:%S}"
    if args.list:
        lines = [
            f"{_count(saved.names)} ({size(saved.bytes)}) of {shown(notebook)}, saved at {when}",
            *_line("variables", saved.names),
            *_line("modules", saved.modules),
            *_reasons("not saved", saved.skipped),
        ]
        return "\n".join(lines)
    if saved.python != python_version():
        raise Conflict(
            f"it was saved by Python {saved.python}, and this is Python {python_version()}",
            hint="choose a kernel with that Python",
        )
    head = f"from the kernel of {shown(notebook)} that was saved at {when}:"
    return "\n".join([head, *_set(shell, kept, notebook, saved, args.overwrite)])


def _set(
    shell: InteractiveShell, kept: KeptKernels, notebook: str, saved: SavedKernel, overwrite: bool
) -> Iterator[str]:
    space: dict[str, Any] = shell.user_ns
    with kept.values(notebook, saved) as file:
        sys.path.extend(entry for entry in saved.path if entry not in sys.path)
        lost: dict[str, str] = {}
        modules: dict[str, Any] = {}
        for name, module in saved.modules.items():
            try:
                modules[name] = importlib.import_module(module)
            except Exception as error:  # noqa: BLE001 - an import may raise anything
                lost[name] = f"{type(error).__name__}: {error}"
        try:
            states, values, missing = load(file, space)
        except Exception as error:  # noqa: BLE001 - whatever a pickle may raise
            raise Conflict(
                f"the variables cannot be loaded: {type(error).__name__}: {error}",
                hint="install what the notebook had then, or run its cells again",
            ) from None
    there = {name for name, value in [*modules.items(), *values.items()] if name in space}
    found = {**modules, **values}
    alike = {name for name in there if same(space[name], found[name], space)}
    other = there - alike
    wanted = {name: value for name, value in found.items() if name not in alike and (overwrite or name not in other)}
    space.update(wanted)
    yield from _line("set", [name for name in wanted if name not in other])
    yield from _line("set, with another value than they had", [name for name in wanted if name in other])
    yield from _line("as they were", alike)
    yield from _line("not set, because they have another value now (--overwrite sets them)", other - set(wanted))
    yield from _reasons("not loaded", {**lost, **missing})
    yield from _reasons("not saved", saved.skipped)
    yield from _surroundings(saved, states)


def _surroundings(saved: SavedKernel, states: Mapping[str, Any]) -> Iterator[str]:
    """Let the random generators go on, and the folder be the same."""
    for name, state in states.items():
        try:
            set_state(name, state)
        except Exception as error:  # noqa: BLE001 - of a library, which may be another version now
            yield f"the random generator of {name} begins anew: {type(error).__name__}: {error}"
    try:
        os.chdir(saved.cwd)
    except OSError as error:
        yield f"the working directory is not {saved.cwd} again: {error.strerror}"


def _count(names: list[str]) -> str:
    return f"{len(names)} {'variable' if len(names) == 1 else 'variables'}"


def _line(what: str, names: Any) -> list[str]:
    return [f"{what}: {', '.join(sorted(names))}"] if names else []


def _reasons(what: str, reasons: Mapping[str, str]) -> list[str]:
    return [f"{what}: {name} ({why})" for name, why in sorted(reasons.items())]


OWN: Mapping[str, tuple[Command, Callable[[InteractiveShell, Platform, Namespace], str]]] = {
    "checkpoint": (CHECKPOINT, lambda shell, platform, args: checkpoint(shell, args)),
    "restore": (RESTORE, restore),
}
"""Commands of notebooks alone, by their word."""
