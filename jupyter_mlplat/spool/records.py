"""What a spool file holds: two lines that describe it, then a JSON array on each line.

    mlplat-spool-1 00000000000000000000      how far it is delivered, in bytes
    {"uri": "sqlite:////home/…/mlflow.db"}   where to
    ["m", run, key, value, milliseconds since the epoch, step]
    ["p", run, key, value]
    ["t", run, key, value]
    ["r", id, {…}]   a run that is over, whole: see `fits`

A file grows at its end only. Bytes behind the last line end are what a process was writing when it died: nobody was
told that they are safe.
"""

from __future__ import annotations

import json
from typing import Any

METRIC = "m"
PARAM = "p"
TAG = "t"
RUN = "r"
Record = list[Any]

MAGIC = b"mlplat-spool-1 "
DIGITS = 20
BEGIN = len(MAGIC) + DIGITS + 1
"""Where the second line begins."""


def head(uri: str) -> bytes:
    """The two lines that a file begins with."""
    second = json.dumps({"uri": uri}).encode() + b"\n"
    return mark(BEGIN + len(second)) + second


def mark(delivered: int) -> bytes:
    """The first line."""
    return MAGIC + b"%0*d\n" % (DIGITS, delivered)


def read_head(data: bytes) -> tuple[int, str, int]:
    """How far it is delivered, where to, and where the records begin. Raises `ValueError` for anything else."""
    second, end, _ = data[BEGIN:].partition(b"\n")
    if not data.startswith(MAGIC) or not end:
        raise ValueError("no spool of ours")
    uri = json.loads(second)["uri"]
    if not isinstance(uri, str):
        raise ValueError("no spool of ours")
    begins = BEGIN + len(second) + 1
    return max(int(data[len(MAGIC) : BEGIN]), begins), uri, begins


def read(lines: bytes) -> list[Record]:
    """The records of whole lines. Raises `ValueError`."""
    found = json.loads(b"[" + lines.rstrip(b"\n").replace(b"\n", b",") + b"]")
    return [one for one in found if isinstance(one, list)]


def metric_prefix(run: str, key: str) -> str:
    """What stands before the value of a metric."""
    return f"[{json.dumps(METRIC)},{json.dumps(run)},{json.dumps(key)},"


def metric_line(prefix: str, value: float, timestamp: int, step: int) -> bytes:
    """The line of a metric."""
    number = repr(value) if value - value == 0.0 else json.dumps(value)
    return f"{prefix}{number},{timestamp},{step}]\n".encode()


def text_line(kind: str, run: str, key: str, value: str) -> bytes:
    """The line of a parameter or a tag."""
    return json.dumps([kind, run, key, value]).encode() + b"\n"


def run_line(id: str, made: dict[str, Any]) -> bytes:
    """The line of a run that is over."""
    return json.dumps([RUN, id, made]).encode() + b"\n"
