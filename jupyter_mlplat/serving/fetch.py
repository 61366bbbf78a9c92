"""`python -m jupyter_mlplat.serving.fetch`: download the model, forget the credentials, become the model server.

A model in a remote store needs credentials to be downloaded, and its code must not see them. This step downloads
(which runs none of the model's code) into the deployment's folder, once, and then replaces itself by
`jupyter_mlplat.serving` with the environment in MLPLAT_SERVING_ENVIRONMENT. The process id stays the same.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import msgspec

from .. import processes
from ..errors import MLPlatError
from .config import Config, read_config, write_atomically

FAILED_TO_FETCH = 5


def main(arguments: list[str] | None = None) -> int:  # noqa: RET503 - it ends as another program
    """Download, then exec. Returns an exit status where the download failed."""
    parser = argparse.ArgumentParser(prog="python -m jupyter_mlplat.serving.fetch", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--fd", type=int, required=True)
    options = parser.parse_args(arguments)
    folder = options.config.absolute().parent
    record = {"pid": os.getpid(), "started": processes.start_time(os.getpid()), "host": processes.host_id()}
    write_atomically(folder / "process.json", json.dumps(record).encode())
    try:
        environment = json.loads(os.environ["MLPLAT_SERVING_ENVIRONMENT"])
        config = read_config(options.config)
        local = fetch(config, folder)
    except MLPlatError as error:
        print(f"error: {error.message}", file=sys.stderr)  # noqa: T201 - a program of its own
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - a store may fail in its own way
        traceback.print_exc()
        message = f"it cannot be downloaded: {type(error).__name__}: {error}"[:1000]
        write_atomically(folder / "error.json", json.dumps({"message": message, "again": True}).encode())
        return FAILED_TO_FETCH
    write_atomically(options.config, msgspec.json.encode(msgspec.structs.replace(config, source=str(local))))
    become_server(options.config, options.fd, environment)


def become_server(config: Path, fd: int, environment: dict[str, str]) -> NoReturn:
    """Replace this process by the model server, which gets `environment` and nothing else."""
    os.set_inheritable(fd, True)
    command = [sys.executable, "-P", "-m", "jupyter_mlplat.serving", "--config", str(config), "--fd", str(fd)]
    os.execve(sys.executable, command, environment)


def fetch(config: Config, folder: Path) -> Path:
    """The model's files, downloaded to `folder` the first time."""
    target = folder / "model" / config.version
    if (target / "MLmodel").exists():
        return target
    print(f"downloading {config.source}", flush=True)  # noqa: T201 - a program of its own
    import mlflow.artifacts

    beside = folder / "model" / f".{config.version}"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    found = Path(mlflow.artifacts.download_artifacts(config.source, dst_path=str(beside)))
    if not found.is_relative_to(beside):
        return found  # it was on this machine already
    os.replace(found, target)
    shutil.rmtree(beside, ignore_errors=True)
    return target


if __name__ == "__main__":
    sys.exit(main())
