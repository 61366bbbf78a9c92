"""`python -m jupyter_mlplat.runner`: run the attempt that comes as the first line of standard input.

Later lines acknowledge it (`{"ack": true}`) or cancel it (`{"cancel": true}`). Reports go to standard
output, one JSON document a line. What libraries print goes to standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from ..attempts import LOG, RUNNER_RECORD, TOKEN_VARIABLE, not_started, write_atomically
from ..crashpoint import crashpoint
from ..models import Reason
from ..processes import host_id, start_time
from ..protocols import Attempt
from .execution import Execution
from .tree import become_subreaper


def main() -> int:
    """Run one attempt; the exit status says only that the record was written."""
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    commands = os.fdopen(os.dup(0), "rb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    fields: dict[str, Any] = json.loads(commands.readline())
    attempt = Attempt(**fields)
    folder = Path(attempt.folder)
    become_subreaper()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LOG).touch()
        write_atomically(
            folder / RUNNER_RECORD,
            {
                "key": attempt.key,
                "pid": os.getpid(),
                "started": start_time(os.getpid()),
                "host": host_id(),
                "token": os.environ.get(TOKEN_VARIABLE, ""),
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


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # the record is written and nothing is left: no need to take the interpreter apart
