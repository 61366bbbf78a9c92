"""What the engine has taken from the queue, and what a worker gets of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import RowMapping

from ...protocols import Attempt
from .rows import SUBMITTED


@dataclass(frozen=True)
class Claim:
    """A job that the engine has taken: its row as it was, and the number of the attempt."""

    row: RowMapping
    number: int

    @property
    def key(self) -> str:
        return f"{self.row['id']}-{self.number}"

    @property
    def folder(self) -> Path:
        return Path(self.row["folder"]) / f"attempt-{self.number}"

    def attempt(self, environment: dict[str, str], warm: dict[str, object] | None = None) -> Attempt:
        """What a worker gets. `warm` is where the attempt finds kernels that wait, on the engine's host."""
        return Attempt(
            job_id=str(self.row["id"]),
            number=self.number,
            notebook=str(Path(self.row["folder"]) / SUBMITTED),
            parameters=dict(self.row["parameters"]),
            folder=str(self.folder),
            cwd=str(Path(self.row["notebook"]).parent),
            environment=environment,
            timeout=self.row["timeout"],
            cell_timeout=self.row["cell_timeout"],
            memory_limit=self.row["memory"],
            secrets=dict(self.row["secrets"] or {}),
            checkpoints=str(checkpoints_of(self.row["folder"])),
            resume_from=self._resume_from(),
            warm=warm,
            gpus=self.row["gpus"],
        )

    def _resume_from(self) -> list[str]:
        """Where earlier attempts have left checkpoints; those of the job that this one runs again count, too."""
        if not self.row["resume"]:
            return []
        own = Path(self.row["folder"])
        folders = [checkpoints_of(own)] if self.number > 1 else []
        if self.row["retry_of"] is not None:
            folders.append(checkpoints_of(own.parent / str(self.row["retry_of"])))
        return [str(one) for one in folders]


def checkpoints_of(folder: str | Path) -> Path:
    """Where the attempts of a job leave their checkpoints."""
    return Path(folder) / "checkpoints"


def parse_key(key: str) -> tuple[int, int]:
    """The job's number and the attempt's, from an attempt's key."""
    number, _, attempt = key.partition("-")
    return int(number), int(attempt)
