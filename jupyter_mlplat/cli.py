"""The shell door: `jupyter mlplat <noun> <verb> …`.

Parses, calls one service, writes the result: one JSON document with `--json`, else text. Nothing heavy is
imported until a command needs it.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from typing import TYPE_CHECKING, TextIO

from .commands import GRAMMAR
from .commands.blocks import to_text
from .commands.grammar import Call
from .commands.jobs_shown import progress_line
from .commands.values import to_json
from .errors import Invalid, MLPlatError

if TYPE_CHECKING:
    from .models import Job
    from .platform import Platform

INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 128 + signal.SIGPIPE
UNEXPECTED = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command and return its exit status (CONTRACT: 0 done, 1 failed, 2 usage, 3, 4, 5)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Nobody reads on; what Python flushes at exit must not complain again.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        return BROKEN_PIPE


def _run(words: list[str]) -> int:
    json_wanted = "--json" in (words[: words.index("--")] if "--" in words else words)
    out = sys.stdout
    platform: Platform | None = None
    try:
        parsed = GRAMMAR.parse(words)
        if isinstance(parsed, str):
            out.write(parsed)
            return 0
        command, args = parsed
        _quiet()
        # Whatever a library prints must not get between the reader and the one document on stdout.
        with redirect_stdout(sys.stderr):
            platform = _load_platform()
            with suppress(MLPlatError):
                # What a kernel logged that is gone; where that takes MLflow, the engine does it.
                platform.runs.deliver_left(light=True)
            value = command.run(Call(platform, args, ShellReporter(sys.stderr), os.getppid()))
        if json_wanted:
            _write_json(out, value)
        else:
            out.write(to_text(command.show(value), colour=_has_colours(out)))
        return command.outcome(value, args)
    except MLPlatError as error:
        return _fail(out, error, json_wanted)
    except KeyboardInterrupt:
        return _fail(out, _Interrupted("interrupted", hint="what was submitted before goes on"), json_wanted)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last place where it can become a line instead of a traceback
        return _fail(out, _unexpected(error, platform), json_wanted)
    finally:
        if platform is not None:
            platform.close()


class _Interrupted(MLPlatError):
    exit_code = INTERRUPTED
    reason = "interrupted"


def _load_platform() -> Platform:
    from traitlets import TraitError

    from .platform import Platform

    try:
        return Platform.load()
    except TraitError as error:
        raise Invalid(f"the configuration is wrong: {error}", hint="mend jupyter_mlplat_config.py") from None


def _quiet() -> None:
    import logging
    import warnings

    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    for name in ("mlflow", "alembic", "distributed", "papermill"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _write_json(out: TextIO, value: object) -> None:
    out.write(to_json(value, ascii_only=not _is_utf8(out)) + "\n")


def _is_utf8(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "") == "utf8"


def _fail(out: TextIO, error: MLPlatError, json_wanted: bool) -> int:
    if json_wanted:
        _write_json(out, error.to_dict())
    out.flush()
    sys.stderr.write(f"error: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"hint: {error.hint}\n")
    return error.exit_code


def _unexpected(error: Exception, platform: Platform | None) -> MLPlatError:
    import traceback

    hint = "this is a bug; please report it"
    try:
        if platform is not None:
            path = platform.home.log / "cli.log"
            with open(path, "a", encoding="utf-8", errors="backslashreplace") as log:
                traceback.print_exception(error, file=log)
            hint = f"this is a bug; please report it with {path}"
    except (OSError, MLPlatError):
        hint = f"{hint}; its log could not be written"
    return MLPlatError(f"{type(error).__name__}: {error}", hint=hint)


def _has_colours(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


class ShellReporter:
    """Progress on stderr: one line that changes on a terminal, one line per change elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._live = stream.isatty()
        self._unicode = _is_utf8(stream)
        self._last = ""
        self._open = False

    def note(self, text: str) -> None:
        self._close_line()
        self._write(f"{text}\n")

    def log(self, text: str) -> None:
        self._close_line()
        self._write(text)

    def job(self, job: Job) -> None:
        line = progress_line(job, " · " if self._unicode else " - ")
        if line == self._last:
            return
        self._last = line
        if self._live:
            self._write(f"\r\x1b[K{line}")
            self._open = True
            if job.state.ended:
                self._close_line()
        else:
            self._write(f"{line}\n")

    def confirm(self, question: str) -> bool:
        if not (sys.stdin and sys.stdin.isatty()):
            return True
        self._close_line()
        self._write(f"{question} [y/N] ")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def _close_line(self) -> None:
        if self._open:
            self._open = False
            self._write("\n")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


if __name__ == "__main__":
    sys.exit(main())
