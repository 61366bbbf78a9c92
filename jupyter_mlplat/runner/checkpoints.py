"""Checkpoints: what a cell tagged `mlplat:checkpoint` leaves, and behind which of them a retry may go on.

A checkpoint holds for a notebook whose code up to its cell, parameters and kernel are the same: each has a link in a
chain of hashes, as in a version history, so that the first link that differs says what was changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..attempts import INJECTED_TAG, write_atomically
from .free_names import free_names

CHECKPOINT_TAG = "mlplat:checkpoint"
ALWAYS_TAG = "mlplat:always"
SKIP_TAG = "mlplat:skip-in-job"
MANIFEST = "checkpoint.json"
KEPT = 2
"""How many of the newest stay: the last one, and one more in case that it is damaged."""

_MAGIC = re.compile(r"^[ \t]*%mlplat[ \t]+checkpoint\b([^\n#]*)", re.MULTILINE)


@dataclass(frozen=True)
class Code:
    """One code cell of the notebook: its position there, its index as submitted (None: injected), and what it says."""

    position: int
    index: int | None
    source: str
    tags: frozenset[str]


@dataclass(frozen=True)
class Found:
    """A checkpoint that holds: what it saved, and the position of the cell behind which the run goes on."""

    folder: Path
    manifest: dict[str, Any]
    position: int
    index: int


class Checkpoints:
    """The checkpoints of one attempt: where it writes its own, and where earlier attempts have left some.

    `note` says what became of them, for the record; None where there was nothing to say.
    """

    def __init__(
        self,
        folder: Path,
        sources: Sequence[Path],
        *,
        attempt: str,
        output: Path,
        parameters: Mapping[str, Any],
        secrets: Iterable[str],
    ) -> None:
        self._folder = folder
        self._sources = sources
        self._attempt = attempt
        self._output = output
        self._parameters = parameters
        self._secrets = sorted(secrets)
        self.note: str | None = None

    def names(self, code: Code) -> list[str] | None:
        """What a cell wants to be saved: names, none for all of them; None where it is no checkpoint cell."""
        magic = _MAGIC.search(code.source)
        if magic is not None:
            return re.split(r"[\s,]+", magic.group(1).strip()) if magic.group(1).strip() else []
        return [] if CHECKPOINT_TAG in code.tags else None

    # --- writing ------------------------------------------------------------------------------

    def place(self, code: Code) -> Path:
        """The folder of a cell's checkpoint, made anew. Raises `OSError`."""
        self.drop(code)
        folder = self._place_of(code)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        return folder

    def request(self, codes: Sequence[Code], code: Code) -> dict[str, Any]:
        """Arguments of `kernel.state.save`."""
        later = [one for one in codes if one.position > code.position and SKIP_TAG not in one.tags]
        return {
            "names": self.names(code) or [],
            "needed": free_names((one.index, one.source) for one in later if one.index is not None),
            "exclude": self._secrets,
        }

    def keep(
        self, codes: Sequence[Code], code: Code, kernel: str, saved: Mapping[str, Any], results: Mapping[str, Any]
    ) -> None:
        """Make a saved checkpoint count, and let the oldest go. Raises `OSError`."""
        upto = [one for one in codes if one.position <= code.position]
        write_atomically(
            self._place_of(code) / MANIFEST,
            {
                "attempt": self._attempt,
                "output": str(self._output),
                "index": code.index,
                "chain": _chain(upto, kernel, self._parameters),
                "saved": dict(saved),
                "results": dict(results),
            },
        )
        for old in sorted(self._folder.glob(f"*/{MANIFEST}"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(old.parent, ignore_errors=True)

    def drop(self, code: Code) -> None:
        """Remove what is left of a checkpoint that could not be written."""
        shutil.rmtree(self._place_of(code), ignore_errors=True)

    def _place_of(self, code: Code) -> Path:
        return self._folder / f"{self._attempt}-{code.index}"

    def forget(self) -> None:
        """The job succeeded: nobody goes on behind a checkpoint of it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- going on -----------------------------------------------------------------------------

    def valid(self, codes: Sequence[Code], kernel: str) -> list[Found]:
        """The checkpoints that hold for this notebook, the one that saves most first; `note` says why one does not."""
        found = []
        left = sorted(_manifests(self._sources), key=lambda one: one[1]["index"], reverse=True)
        by_index = {one.index: one for one in codes if one.index is not None}
        for folder, manifest in left:
            code = by_index.get(manifest["index"])
            upto = [one for one in codes if code is not None and one.position <= code.position]
            why = _what_changed(manifest["chain"], _chain(upto, kernel, self._parameters))
            if code is not None and why is None:
                found.append(Found(folder, manifest, code.position, manifest["index"]))
                continue
            self.note = self.note or (
                f"from the start: {why or 'cells were taken out'} since the checkpoint behind cell {manifest['index']}"
            )
        if not left and self._sources and any(self.names(code) is not None for code in codes):
            self.note = "from the start: the earlier attempt had left no checkpoint"
        return found

    def went_on(self, found: Found, skipped: int) -> None:
        """For the record: it was used."""
        attempt = found.manifest["attempt"]
        job, _, number = attempt.partition("-")
        whose = f"attempt {number}" if job == self._attempt.partition("-")[0] else f"job {job}, attempt {number}"
        self.note = f"went on behind cell {found.index} from the checkpoint of {whose}: {skipped} cells not run again"

    def outputs(self, found: Found, *, shifted: bool) -> dict[int, list[dict[str, Any]]]:
        """What the cells that are not run again had printed, by index; empty where that is gone."""
        try:
            notebook = json.loads(Path(found.manifest["output"]).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {
            code.index: notebook["cells"][code.position].get("outputs", [])
            for code in code_cells(notebook["cells"], shifted=shifted)
            if code.index is not None and code.index <= found.index
        }


def code_cells(cells: Sequence[Mapping[str, Any]], *, shifted: bool) -> list[Code]:
    """The code cells of a notebook; with `shifted` the injected one is not counted in the indices."""
    codes, index = [], 0
    for position, cell in enumerate(cells):
        tags = frozenset(cell.get("metadata", {}).get("tags", []))
        injected = shifted and INJECTED_TAG in tags
        if cell.get("cell_type") == "code":
            source = cell.get("source", "")
            text = source if isinstance(source, str) else "".join(source)
            codes.append(Code(position, None if injected else index, text, tags))
        index += 0 if injected else 1
    return codes


def _manifests(folders: Iterable[Path]) -> list[tuple[Path, dict[str, Any]]]:
    found = []
    for folder in folders:
        for path in folder.glob(f"*/{MANIFEST}"):
            try:
                found.append((path.parent, json.loads(path.read_text(encoding="utf-8"))))
            except (OSError, ValueError):
                continue  # half of one is none
    return found


def _chain(codes: Sequence[Code], kernel: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One link for the kernel, one for each parameter, one for each cell; each hash covers all before it."""
    parts: list[tuple[str, str]] = [("the kernel", kernel)]
    parts += [
        (f"the parameter {name}", json.dumps(value, sort_keys=True)) for name, value in sorted(parameters.items())
    ]
    parts += [
        (f"cell {code.index}", json.dumps([code.source, sorted(code.tags)]))
        for code in codes
        if code.index is not None and SKIP_TAG not in code.tags
    ]
    links, digest = [], ""
    for what, content in parts:
        digest = hashlib.sha256(f"{digest}\0{what}\0{content}".encode()).hexdigest()
        links.append({"what": what, "hash": digest})
    return links


def _what_changed(before: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]]) -> str | None:
    for then, here in zip(before, now, strict=False):
        if then["hash"] != here["hash"]:
            if then["what"] == here["what"]:
                return f"{here['what']} was changed"
            added = here["what"] if here["what"] not in {one["what"] for one in before} else then["what"]
            return f"{added} was added or taken out"
    return None if len(before) == len(now) else "cells were added or taken out"


def read_results(path: Path) -> dict[str, Any]:
    """What the notebook has left with `mlplat.set_result` so far."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_results(path: Path, results: Mapping[str, Any]) -> None:
    """Put back what a skipped cell had left."""
    if results:
        write_atomically(path, dict(results))
        os.chmod(path, 0o600)
