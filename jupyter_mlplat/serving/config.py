"""What the model server is told when it starts."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from ..errors import Invalid

MEBIBYTE = 2**20


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One endpoint. Holds the hash of its bearer token, never the token.

    `source` is a folder or a URI that MLflow can load; `threads` is how many predictions may run at once,
    `waiting` how many requests may wait for one before the next is refused (503).
    """

    name: str
    model_name: str
    version: str
    source: str
    token_sha256: str
    threads: int = 2
    waiting: int = 1000
    max_body_bytes: int = 32 * MEBIBYTE


def read_config(path: Path) -> Config:
    """The configuration in the JSON file `path`. Raises `Invalid` where it cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Config)
    except (OSError, msgspec.MsgspecError) as error:
        raise Invalid(f"the configuration {path} cannot be read: {error}", hint="see the deployment's log") from error


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, readable by its owner only: a reader sees all of it or what was there before."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
    os.replace(beside, path)
