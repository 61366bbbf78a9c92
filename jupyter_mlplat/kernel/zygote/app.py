"""ipykernel's application, once as it is and once with what looks at the world postponed.

`Exact` starts after the hand-over and runs every step of ipykernel's own. `Ahead` runs, before anybody has asked
for it, the steps that depend on nothing but the code: sockets on ports of its own, threads, streams, the shell.
Configuration, history, startup files, extensions, the connection file and whatever reads the environment or the
folder come after the hand-over. Where a user has configured IPython, or a caller has chosen ports or options,
`Ahead` does not suit, and `Exact` takes its place.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell
from jupyter_core.paths import jupyter_runtime_dir
from traitlets.config import Config

from .wire import Channel

IN_MEMORY = "--HistoryManager.hist_file=:memory:"
"""The one option that suits a kernel that is initialised ahead: the history comes last anyway."""


def make(kind: type[Exact], channel: Channel) -> Exact:
    """The application of this process; it tells `channel` where it can be reached."""
    kind.__name__ = IPKernelApp.__name__  # in its log
    # Only a kernel that somebody watches has a parent.
    app: Exact = kind.instance(parent_handle=os.getppid())
    app.channel = channel
    return app


class Exact(IPKernelApp):
    """A kernel that is initialised when it is wanted."""

    name = IPKernelApp.name
    channel: Channel

    def parse_command_line(self, argv: Any = None) -> None:
        if len(argv) != 2 or argv[0] != "-f":
            super().parse_command_line(argv)
            return
        # The same, without building a parser for all that there could be.
        self.argv = list(argv)
        self.cli_config = Config({"IPKernelApp": {"connection_file": argv[1]}})
        self.update_config(self.cli_config)
        self.extra_args: Any = []

    def init_connection_file(self) -> None:
        if self.connection_file:
            super().init_connection_file()  # type: ignore[no-untyped-call]

    def write_connection_file(self, **options: Any) -> None:
        if self.connection_file:
            super().write_connection_file(**options)

    def log_connection_info(self) -> None:
        super().log_connection_info()  # type: ignore[no-untyped-call]
        self.tell()

    def tell(self) -> None:
        """Say where this kernel can be reached; its sockets are bound."""
        info = self.get_connection_info()
        info["key"] = info["key"].decode()
        self.channel.send({"connection": info})
        self.channel.close()


class Ahead(Exact):
    """A kernel that is initialised before it is wanted."""

    early = True

    def suits(self, argv: list[str]) -> str:
        """Why this kernel would not be as a plain one that is started now, or ""."""
        if argv and (argv[0] != "-f" or len(argv) < 2 or argv[2:] not in ([], [IN_MEMORY])):
            return "it has options"
        if argv and os.path.exists(argv[1]):
            return "its ports are chosen"
        names = ("ipython_config", os.path.splitext(self.config_file_name)[0])
        for folder in self.config_file_paths:
            for name in names:
                for ending in (".py", ".json"):
                    if os.path.exists(os.path.join(folder, name + ending)):
                        return f"{name}{ending} configures it"
        return ""

    def prepare(self) -> None:
        """Everything that depends on the code alone."""
        init_history = ZMQInteractiveShell.init_history
        ZMQInteractiveShell.init_history = _no_history
        try:
            self.initialize(["-f", ""])
        finally:
            ZMQInteractiveShell.init_history = init_history
        self.early = False
        # Both fill caches.
        shell: Any = self.shell
        shell.transform_cell("1")
        shell.display_formatter.format(1)

    def finish(self, argv: list[str]) -> None:
        """The rest, in the environment and the folder of the kernel."""
        self.argv, self.extra_args = list(argv), []
        self.cli_config = Config({"IPKernelApp": {"connection_file": argv[1]}} if argv else {})
        if IN_MEMORY in argv:
            self.cli_config.HistoryManager.hist_file = ":memory:"
        # In place: the kernel and the shell have the same object.
        self.config.merge(self.cli_config)
        self.connection_dir = jupyter_runtime_dir()
        self.connection_file = argv[1] if argv else ""
        self.init_connection_file()
        self.write_connection_file()
        self.tell()
        shell: Any = self.shell
        shell.starting_dir = os.getcwd()
        shell.init_environment()
        shell.init_virtualenv()
        shell.init_history()
        shell.init_user_ns()
        session = os.environ.get("JPY_SESSION_NAME")
        if session:
            shell.user_ns["__session__"] = session
        self.init_gui_pylab()
        self.init_extensions()
        self.init_code()
        sys.stdout.flush()
        sys.stderr.flush()

    def redirect(self, descriptor: int, number: int) -> None:
        """Make `descriptor` what the kernel found as its output (1) or error (2) when it started."""
        stream = sys.stdout if number == 1 else sys.stderr
        os.dup2(descriptor, getattr(stream, "_original_stdstream_copy", number))

    # --- postponed ----------------------------------------------------------------------------------

    def load_config_file(self, *arguments: Any, **options: Any) -> None:
        """Nothing: where there is a file, this kernel does not suit."""

    def tell(self) -> None:
        if not self.early:
            super().tell()

    def init_gui_pylab(self) -> None:
        if not self.early:
            super().init_gui_pylab()  # type: ignore[no-untyped-call]

    def init_extensions(self) -> None:
        if not self.early:
            super().init_extensions()

    def init_code(self) -> None:
        if not self.early:
            super().init_code()


def _no_history(shell: Any) -> None:
    shell.history_manager = None
