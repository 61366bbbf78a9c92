"""The notebook door: `%mlplat <noun> <verb> …` and `%%mlplat run`, with the words of the shell.

The result of `%mlplat` is its value, and knows how to show itself: `jobs = %mlplat jobs list` is a list.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from ..api import platform
from ..commands import GRAMMAR, SHOWN
from ..commands.blocks import Block, to_html, to_text
from ..commands.grammar import Call, Command, argument
from ..commands.values import plain
from ..errors import Invalid, MLPlatError
from .progress import NotebookReporter
from .state import OWN

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

ASSIGNED = re.compile(r".*=\s*%mlplat\b")
TERMINAL_ONLY = frozenset({"scheduler"})

CELL_RUN = Command(
    "", "run", "log a cell as an MLflow run", lambda call: None, lambda value: [],
    (
        argument("--name", metavar="N", help="the run's name"),
        argument("--experiment", metavar="E", help="the experiment; the active one by default"),
    ),
)  # fmt: skip


def load(ipython: InteractiveShell) -> None:
    """Register the magics, how results look and the completer; set MLflow's variables where they are not set."""
    variables = platform().environment()
    for name in ("MLFLOW_TRACKING_URI", "_MLFLOW_SERVER_ARTIFACT_ROOT", "MLPLAT_LOGGING"):
        if name in variables:
            os.environ.setdefault(name, variables[name])
    if "MLPLAT_HOME" not in os.environ:
        os.environ.setdefault("MLPLAT_SPOOL", str(platform().home.spool))
    ipython.register_magics(MLPlatMagics)
    ipython.set_hook("complete_command", complete, str_key="%mlplat")
    ipython.set_hook("complete_command", complete, re_key=ASSIGNED)
    for name, show in SHOWN.items():
        _register(ipython, name, show)


def unload(ipython: InteractiveShell) -> None:
    """Take the magics back; variables stay as they are."""
    ipython.magics_manager.magics["line"].pop("mlplat", None)
    ipython.magics_manager.magics["cell"].pop("mlplat", None)


def _register(ipython: InteractiveShell, name: str, show: Callable[[Any], list[Block]]) -> None:
    formatters = ipython.display_formatter.formatters
    module, _, kind = name.partition(".")
    module = f"jupyter_mlplat.models.{module}"
    formatters["text/html"].for_type_by_name(module, kind, lambda value: to_html(show(value)))
    formatters["text/plain"].for_type_by_name(
        module, kind, lambda value, printer, cycle: printer.text(to_text(show(value)).rstrip("\n"))
    )


class Listing(list[Any]):
    """A list that shows itself as the table of its command; `next` is the cursor of what follows."""

    def __init__(self, items: Sequence[Any], cursor: str | None, blocks: Sequence[Block]) -> None:
        super().__init__(items)
        self.next = cursor
        self._blocks = blocks

    def _repr_html_(self) -> str:
        return to_html(self._blocks)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(to_text(self._blocks).rstrip("\n"))


class Answer(dict[str, Any]):
    """A mapping that shows itself as its command does."""

    def __init__(self, values: Mapping[str, Any], blocks: Sequence[Block]) -> None:
        super().__init__(values)
        self._blocks = blocks

    def _repr_html_(self) -> str:
        return to_html(self._blocks)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(to_text(self._blocks).rstrip("\n"))


@magics_class
class MLPlatMagics(Magics):  # type: ignore[misc]
    """`%mlplat` and `%%mlplat`."""

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_cell_magic  # type: ignore[untyped-decorator]
    def mlplat(self, line: str, cell: str | None = None) -> Any:
        """The ML platform: `%mlplat --help` lists what there is; `%%mlplat run --name n` logs a cell as a run."""
        __tracebackhide__ = True
        try:
            words = expand(split(line), self.shell.user_ns)
            if cell is None:
                return self._line(words)
            args = read_cell_line(words)
        except MLPlatError as error:
            raise readable(error) from None
        if isinstance(args, str):
            print(args)  # noqa: T201 - a help text is what was asked for
            return None
        from .cell_run import run_cell

        try:
            return run_cell(self.shell, platform(), cell, name=args.name, experiment=args.experiment)
        except MLPlatError as error:
            raise readable(error) from None

    def _line(self, words: list[str]) -> Any:
        if words[:1] and words[0] in OWN:
            command, run = OWN[words[0]]
            wish = GRAMMAR.parse_command(command, list(words[1:]), program=f"%mlplat {words[0]}")
            said = wish if isinstance(wish, str) else run(self.shell, platform(), wish[1])
            if said:
                print(said.rstrip("\n"))  # noqa: T201 - it is for the notebook
            return None
        parsed = GRAMMAR.parse(words)
        if isinstance(parsed, str):
            print(parsed.rstrip("\n"))  # noqa: T201 - a help text is what was asked for
            return None
        command, args = parsed
        if command.verb in TERMINAL_ONLY:
            raise Invalid(f"{command.words} does not end, so a notebook cannot run it", hint="run it in a terminal")
        reporter = NotebookReporter(self.shell, platform())
        try:
            value = command.run(Call(platform(), args, reporter, os.getpid()))
        finally:
            reporter.close()
        if args.json:
            return plain(value)
        return presented(value, command.show)


def presented(value: Any, show: Callable[[Any], list[Block]]) -> Any:
    """A result as a notebook gets it: a list for a page, else the thing itself; each can show itself."""
    if isinstance(value, Mapping):
        if set(value) == {"items", "next"}:
            return Listing(value["items"], value["next"], show(value))
        return Answer(value, show(value))
    if hasattr(value, "items") and hasattr(value, "next"):
        return Listing(value.items, value.next, show(value))
    return value


def readable(error: MLPlatError) -> MLPlatError:
    """The same error; a notebook shows two lines of it and no traceback."""
    lines = [f"error: {error.message}", *([f"hint: {error.hint}"] if error.hint else [])]
    error._render_traceback_ = lambda *_: lines  # type: ignore[attr-defined]
    return error


# --- reading the line ---------------------------------------------------------------------------


def split(line: str) -> list[str]:
    """The words of a line, as a shell would split them. Raises `Invalid`."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise Invalid(f"the line cannot be read: {str(error).lower()}", hint="close the quotes") from None


def read_cell_line(words: Sequence[str]) -> str | argparse.Namespace:
    """What stands after `%%mlplat`: a help text, or the arguments of `run`. Raises `Invalid`."""
    if not words or words[0] != "run":
        raise Invalid(f"{' '.join(['%%mlplat', *words[:1]])}: only run takes a cell", hint="%%mlplat run --name my-run")
    parsed = GRAMMAR.parse_command(CELL_RUN, list(words[1:]), program="%%mlplat")
    return parsed if isinstance(parsed, str) else parsed[1]


_NAME = re.compile(r"\{([^{}]+)\}|\$([A-Za-z_]\w*)")


def expand(words: Sequence[str], namespace: Mapping[str, Any]) -> list[str]:
    """Replace `{name}`, `{name.attribute}`, `{name[0]}` and `$name` by values of the notebook.

    Only names that exist are replaced, so that JSON stays as it is; what is not text is written as JSON.
    """

    def replace(match: re.Match[str]) -> str:
        source = match[1] if match[1] is not None else match[2]
        try:
            tree = ast.parse(source.strip(), mode="eval").body
        except (SyntaxError, ValueError):
            return match[0]
        root = tree
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        if not isinstance(root, ast.Name) or root.id not in namespace:
            return match[0]
        value = eval(source.strip(), dict(namespace))  # the user's own expression, in the user's own kernel
        return value if isinstance(value, str) else _as_text(value)

    return [_NAME.sub(replace, word) for word in words]


def _as_text(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return str(value)


# --- completion ---------------------------------------------------------------------------------


def complete(shell: Any, event: Any) -> list[str]:
    """Nouns, verbs and options that may stand where the cursor is."""
    before = event.text_until_cursor.rpartition("mlplat")[2]
    words = before.split()
    unfinished = words.pop() if words and not before[-1:].isspace() else ""
    if not words:
        found = [*GRAMMAR.nouns, *GRAMMAR.verbs(""), *OWN]
    elif len(words) == 1 and words[0] in GRAMMAR.nouns:
        found = GRAMMAR.verbs(words[0])
    else:
        alone = words[0] in OWN or ("", words[0]) in GRAMMAR.commands
        noun, verb = ("", words[0]) if alone else (words[0], words[1])
        command = OWN[verb][0] if not noun and verb in OWN else GRAMMAR.commands.get((noun, verb))
        if command is None or not unfinished.startswith("-"):
            from IPython.core.error import TryNext

            raise TryNext
        arguments = (*command.arguments, *command.one_of)
        found = [flag for one in arguments for flag in one.flags if flag.startswith("--")] + ["--json", "--help"]
    return [word for word in found if word.startswith(unfinished)]
