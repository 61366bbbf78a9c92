"""Kernels that were shut down, and what is left of them."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from .base import Model


class SavedKernel(Model):
    """What a notebook's kernel held in memory when it was shut down, as its manifest in the data directory says."""

    notebook: str = Field(description="its real path")
    saved_at: AwareDatetime
    folder: str = Field(description="the name of the folder with the values")
    python: str = Field(description="version, as 3.12")
    names: list[str] = Field(description="variables that are saved")
    skipped: dict[str, str] = Field(description="variables that are not, and why")
    modules: dict[str, str] = Field(description="names that are modules, and which")
    bytes: int
    sha256: str = Field(description="of the values' file")
    cwd: str = Field(description="its working directory")
    path: list[str] = Field(description="its sys.path")


class EndedKernel(Model):
    """A kernel of this server that was shut down because its devices were taken back, and what was saved of it."""

    lease: str
    notebook: str | None = Field(None, description="its path; null where it belonged to none")
    names: list[str] = Field(default_factory=list, description="variables that %mlplat restore brings back")
    skipped: dict[str, str] = Field(default_factory=dict, description="variables that could not be saved, and why")
    bytes: int = 0
    message: str | None = Field(None, description="why nothing was saved")
