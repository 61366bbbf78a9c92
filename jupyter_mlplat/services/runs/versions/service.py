"""Versions: looked at, compared, traced and described."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ....errors import MLPlatError
from ....models import Lineage, ModelVersionDetail, RegisteredModel, RunDetail, VersionComparison
from ..compare import Comparing, compared
from ..tracking import Tracking
from .cards import MARK, WHOLE, Cards
from .files import UNKNOWN, ModelFiles, named, packages, read_files
from .lineage import Tracing
from .rows import Row, VersionRows
from .serving import deployments_of

if TYPE_CHECKING:
    from ....store import Store


class Versions:
    """Versions of registered models. `details` reads runs, `model` a registered model."""

    def __init__(
        self,
        tracking: Tracking,
        store: Store,
        details: Callable[[Sequence[str]], Sequence[RunDetail]],
        comparing: Comparing,
        model: Callable[[str], RegisteredModel],
    ) -> None:
        self._tracking = tracking
        self._store = store
        self._details = details
        self._comparing = comparing
        self._rows = VersionRows(tracking)
        self._tracing = Tracing(store)
        self.cards = Cards(self._rows, store, self._described, model)

    def get(self, name: str, version: str) -> ModelVersionDetail:
        """A version with its run, its signature and where it is served. What cannot be read is told in `notes`.

        Raises `NotFound`.
        """
        return self._described(self._rows.get(name, version))[0]

    def compare(self, name: str, before: str, after: str) -> VersionComparison:
        """What a version differs in from another of the same model. What cannot be compared is told in `notes`.

        Raises `NotFound`.
        """
        from ...jobs.changes import differences

        then, now = (self._rows.get(name, version) for version in (before, after))
        notes: list[str] = []
        old, new = (self._files(row, notes) for row in (then, now))
        signatures = [
            {
                **{f"input {name}": kind for name, kind in named(files.inputs).items()},
                **{f"output {name}": kind for name, kind in named(files.outputs).items()},
            }
            for files in (old, new)
        ]
        run = None
        ids = [row.shown.run_id for row in (then, now)]
        if ids[0] and ids[0] == ids[1]:
            notes.append(f"run: both are of run {ids[0]}")
        elif ids[0] and ids[1]:
            try:
                run = self._comparing.difference(ids[0], ids[1])
            except MLPlatError as error:
                notes.append(f"run: {error.message}")
        else:
            notes.append(
                "run: no run is known of "
                + " and ".join(v for v, id in zip((before, after), ids, strict=True) if not id)
            )
        return VersionComparison(
            before=then.shown,
            after=now.shown,
            signature=differences(*signatures),
            requirements=differences(packages(old), packages(new)),
            size=[old.size, new.size],
            run=run,
            notes=notes,
        )

    def lineage(self, name: str, version: str) -> Lineage:
        """Where a version comes from and where it is served. Raises `NotFound`."""
        row = self._rows.get(name, version)
        return self._tracing.trace(row.shown, self._run(row, []))

    # --- parts ------------------------------------------------------------------------------

    def _described(self, row: Row) -> tuple[ModelVersionDetail, RunDetail | None]:
        notes: list[str] = []
        files, run = self._files(row, notes), self._run(row, notes)
        detail = ModelVersionDetail(
            **row.shown.model_dump(),
            description=row.description,
            tags={key: value for key, value in row.tags.items() if key not in (MARK, WHOLE)},
            run=compared(run) if run is not None else None,
            parameters=run.parameters if run is not None else {},
            metrics=run.metrics if run is not None else {},
            datasets=run.datasets if run is not None else [],
            inputs=files.inputs,
            outputs=files.outputs,
            flavors=files.flavors,
            size=files.size,
            requirements=files.requirements,
            python=files.python,
            deployments=deployments_of(self._store, row.shown),
            notes=notes,
        )
        return detail, run

    def _files(self, row: Row, notes: list[str]) -> ModelFiles:
        try:
            return read_files(self._tracking, row.location)
        except MLPlatError as error:
            notes.append(f"files of version {row.shown.version}: {error.message}")
            return UNKNOWN

    def _run(self, row: Row, notes: list[str]) -> RunDetail | None:
        if row.shown.run_id is None:
            return None
        try:
            return self._details([row.shown.run_id])[0]
        except MLPlatError as error:
            notes.append(f"run: {error.message}")
            return None
