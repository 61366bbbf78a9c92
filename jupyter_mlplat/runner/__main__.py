"""`python -m jupyter_mlplat.runner`: run the attempt that comes with the first line of standard input.

That line is a JSON document: `attempt`, and the `token` that marks its processes in their environment. With `--ahead`
what is needed is imported before it comes; where none comes, nothing is done. Later lines acknowledge the attempt
(`{"ack": true}`) or cancel it (`{"cancel": true}`). Reports go to standard output, one JSON document a line. What
libraries print goes to the attempt's `runner.log`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..attempts import LOG, RUNNER_RECORD, TOKEN_VARIABLE, not_started, write_atomically
from ..crashpoint import crashpoint
from ..models import Reason
from ..processes import host_id, start_time
from ..protocols import Attempt
from .execution import Execution, leave_out_unused
from .tree import become_subreaper


def main() -> int:
    """Run one attempt; the exit status says only that the record was written."""
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    commands = os.fdopen(os.dup(0), "rb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    if "--ahead" in sys.argv:
        import_ahead()
    line = commands.readline()
    if not line:
        return 0
    order: dict[str, Any] = json.loads(line)
    attempt = Attempt(**order["attempt"])
    os.environ[TOKEN_VARIABLE] = order["token"]
    folder = Path(attempt.folder)
    become_subreaper()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "runner.log", "ab") as errors:
            os.dup2(errors.fileno(), 2)
            os.dup2(errors.fileno(), 1)
        os.chdir(attempt.cwd if os.path.isdir(attempt.cwd) else folder)
        (folder / LOG).touch()
        write_atomically(
            folder / RUNNER_RECORD,
            {
                "key": attempt.key,
                "pid": os.getpid(),
                "started": start_time(os.getpid()),
                "host": host_id(),
                "token": order["token"],
            },
        )
        execution = Execution(attempt, stream)
    except OSError as error:
        stream.write(json.dumps({"key": attempt.key, "kind": "ended", "data": not_started(error)}).encode() + b"\n")
        stream.flush()
        return 1
    crashpoint("runner-began")
    signal.signal(signal.SIGINT, lambda *_: None)  # a handler, unlike SIG_IGN, is not inherited by the kernel
    signal.signal(
        signal.SIGTERM,
        lambda *_: threading.Thread(
            target=execution.stop,
            args=(Reason.WORKER_LOST, "the worker was asked to end"),
            kwargs={"state": "lost"},
            daemon=True,
        ).start(),
    )
    threading.Thread(target=execution.obey, args=(commands,), name="commands", daemon=True).start()
    execution.run()
    sys.stdout.flush()
    return 0


def import_ahead() -> None:
    """Everything that an attempt needs; half a second that it does not have to wait for."""
    leave_out_unused()
    import nbformat
    import papermill  # noqa: F401 - imported to be there
    from jupyter_client.kernelspec import NoSuchKernel
    from jupyter_client.manager import AsyncKernelManager
    from nbformat.v4 import new_notebook

    from ..kernel import starting  # noqa: F401 - imported to be there
    from .client import client_class
    from .papermill import manager_class

    client_class(), manager_class()
    nbformat.validate(new_notebook())
    with suppress(NoSuchKernel, OSError):
        # What knows the kernels, and what starts them.
        AsyncKernelManager(kernel_name="python3").kernel_spec  # noqa: B018 - it is looked up


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # the record is written and nothing is left: no need to take the interpreter apart
