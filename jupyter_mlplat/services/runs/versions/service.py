"""Versions: looked at, compared, traced and described."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ....errors import MLPlatError, NotFound
from ....models import Lineage, ModelVersionDetail, RegisteredModel, RunDetail, RunDifference, VersionComparison
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
        known = UNKNOWN not in (old, new)
        return VersionComparison(
            before=then.shown,
            after=now.shown,
            signature=differences(_signature(old), _signature(new)) if known else [],
            requirements=differences(packages(old), packages(new)) if known else [],
            size=[old.size, new.size],
            run=self._difference(then, now, notes),
            notes=notes,
        )

    def lineage(self, name: str, version: str) -> Lineage:
        """Where a version comes from and where it is served. Raises `NotFound`."""
        found = self._rows.get(name, version).shown
        try:
            run = self._details([found.run_id])[0] if found.run_id is not None else None
        except NotFound:
            run = None
        return self._tracing.trace(found, run)

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

    def _difference(self, then: Row, now: Row, notes: list[str]) -> RunDifference | None:
        before, after = then.shown.run_id, now.shown.run_id
        if before is None or after is None:
            missing = [row.shown.version for row in (then, now) if row.shown.run_id is None]
            notes.append(f"run: none is known of {' and '.join(missing)}")
        elif before == after:
            notes.append(f"run: both are of run {before}")
        else:
            try:
                return self._comparing.difference(before, after)
            except MLPlatError as error:
                notes.append(f"run: {error.message}")
        return None

    def _run(self, row: Row, notes: list[str]) -> RunDetail | None:
        if row.shown.run_id is None:
            return None
        try:
            return self._details([row.shown.run_id])[0]
        except MLPlatError as error:
            notes.append(f"run: {error.message}")
            return None


def _signature(files: ModelFiles) -> dict[str, str]:
    """Input or output -> its type."""
    return {
        f"{way} {name}": kind
        for way, fields in (("input", files.inputs), ("output", files.outputs))
        for name, kind in named(fields).items()
    }
