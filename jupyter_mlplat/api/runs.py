"""`mlplat.runs`: what MLflow has."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import to_model
from .current import platform

if TYPE_CHECKING:
    from ..models import (
        AliasRequest,
        ArtifactPage,
        Lineage,
        ModelCard,
        ModelVersionDetail,
        Page,
        RegisteredModel,
        RunComparison,
        RunCurves,
        RunDetail,
        RunDifference,
        RunPage,
        RunsDone,
        VersionComparison,
    )


class Runs:
    """MLflow's runs, experiments and registered models."""

    def list(
        self,
        *,
        experiment: str | None = None,
        filter: str | None = None,
        order_by: str | Sequence[str] | None = None,
        limit: int = 50,
        after: str | None = None,
        archived: bool = False,
        count: bool = False,
    ) -> RunPage:
        """One page of runs, the newest first unless `order_by` says otherwise; with `archived` of those only.

        With `count` its `total` says how many all pages have.
        """
        return platform().runs.list(
            experiment=experiment, filter=filter, order_by=order_by, limit=limit, after=after, archived=archived,
            count=count,
        )  # fmt: skip

    def get(self, run_id: str) -> RunDetail:
        """A run. Raises `NotFound`."""
        return platform().runs.get(run_id)

    # --- what they have left ----------------------------------------------------------------

    def curves(self, runs: Sequence[str], key: str, *, points: int = 1000) -> RunCurves:
        """One metric of up to 200 runs over its steps, at most `points` of each run; no peak is lost."""
        return platform().runs.curves.some(runs, key, points=points)

    def artifacts(self, run_id: str, folder: str = "") -> ArtifactPage:
        """What is in a folder of a run's artifacts."""
        return platform().runs.artifacts.entries(run_id, folder)

    def download(self, run_id: str, path: str, to: str | os.PathLike[str] = ".") -> Path:
        """Copy a file of a run to a file or folder; returns where it is. Raises `NotFound`."""
        with platform().runs.artifacts.reading(run_id, path) as found:
            target = Path(to).expanduser()
            target = target / found.name if target.is_dir() else target
            with open(target, "wb") as file:
                shutil.copyfileobj(found.file, file)
        return target

    def compare(self, runs: Sequence[str], *, every: bool = False) -> RunComparison:
        """From 2 to 100 runs side by side; only what differs unless `every` row is wanted."""
        return platform().runs.comparing.rows(runs, every=every)

    def diff(self, before: str, after: str) -> RunDifference:
        """What a run differs in from another: parameters, metrics, packages, code."""
        return platform().runs.comparing.difference(before, after)

    # --- changes ----------------------------------------------------------------------------

    def tag(self, run_id: str, tags: Mapping[str, str | None]) -> RunDetail:
        """Set tags; None takes one away. Raises `Invalid` for a tag of MLflow's or of the platform."""
        return self._change(run_id, tags=dict(tags))

    def note(self, run_id: str, text: str) -> RunDetail:
        """Write its note, in Markdown; an empty one takes it away."""
        return self._change(run_id, note=text)

    def rename(self, run_id: str, name: str) -> RunDetail:
        """Give it another name."""
        return self._change(run_id, name=name)

    def archive(self, *run_ids: str) -> RunsDone:
        """Take runs out of the lists; they can be restored. One that is refused does not hold up the others."""
        return self._change_many(run_ids, archived=True)

    def restore(self, *run_ids: str) -> RunsDone:
        """Put archived runs back into the lists."""
        return self._change_many(run_ids, archived=False)

    def delete(self, *run_ids: str, permanent: bool = False) -> RunsDone:
        """Archive runs; with `permanent` delete them and their artifacts for good, without a question."""
        from ..models import RunsDeletion

        request = to_model(RunsDeletion, runs=[*run_ids], permanent=permanent)
        return platform().runs.edits.delete_many(request)

    def _change(self, run_id: str, **fields: object) -> RunDetail:
        from ..models import RunChange

        return platform().runs.edits.change(run_id, to_model(RunChange, **fields))

    def _change_many(self, run_ids: Sequence[str], **fields: object) -> RunsDone:
        from ..models import RunsChange

        return platform().runs.edits.change_many(to_model(RunsChange, runs=[*run_ids], **fields))

    # --- models -----------------------------------------------------------------------------

    def models(self, *, limit: int = 50, after: str | None = None) -> Page[RegisteredModel]:
        """One page of registered models."""
        return platform().runs.models(limit=limit, after=after)

    def model(self, name: str) -> RegisteredModel:
        """A registered model with its versions. Raises `NotFound`."""
        return platform().runs.model(name)

    def alias(self, name: str, alias: str, version: str | int, *, why: str = "") -> RegisteredModel | AliasRequest:
        """Have an alias of a registered model stand for a version. Raises `NotFound`, `Invalid`.

        For one that is protected it returns the request that this becomes.
        """
        here = platform()
        return here.runs.aliases.set(name, alias, str(version), by=here.user, why=why)

    def delete_alias(self, name: str, alias: str, *, why: str = "") -> RegisteredModel | AliasRequest:
        """Delete an alias of a registered model, or ask for it. Raises `NotFound`."""
        here = platform()
        return here.runs.aliases.delete(name, alias, by=here.user, why=why)

    def protect(self, name: str, alias: str) -> RegisteredModel:
        """Have changes of an alias wait for a second person's approval. Raises `NotFound`, `Invalid`."""
        return platform().runs.aliases.protect(name, alias)

    def unprotect(self, name: str, alias: str, *, why: str = "") -> RegisteredModel:
        """Ask for the end of that, which a second person has to approve, too. Raises `NotFound`."""
        here = platform()
        return here.runs.aliases.unprotect(name, alias, by=here.user, why=why)

    def requests(self, name: str | None = None) -> Sequence[AliasRequest]:
        """The requests of a model, or those of all models that are open."""
        return platform().runs.aliases.requests(name)

    def approve(self, name: str, request: str | int, *, why: str = "") -> RegisteredModel:
        """Approve somebody else's request. Raises `NotFound`, `Denied`, `Conflict`."""
        here = platform()
        return here.runs.aliases.approve(name, str(request), by=here.user, why=why)

    def reject(self, name: str, request: str | int, *, why: str = "") -> RegisteredModel:
        """Reject a request. Raises `NotFound`, `Conflict`."""
        here = platform()
        return here.runs.aliases.reject(name, str(request), by=here.user, why=why)

    def withdraw(self, name: str, request: str | int, *, why: str = "") -> RegisteredModel:
        """Take an own request back. Raises `NotFound`, `Denied`, `Conflict`."""
        here = platform()
        return here.runs.aliases.withdraw(name, str(request), by=here.user, why=why)

    # --- versions of models -----------------------------------------------------------------

    def version(self, name: str, version: str | int) -> ModelVersionDetail:
        """A version with its run, its signature and where it is served. Raises `NotFound`."""
        return platform().runs.versions.get(name, str(version))

    def compare_versions(self, name: str, before: str | int, after: str | int) -> VersionComparison:
        """What a version differs in from another of the same model. Raises `NotFound`."""
        return platform().runs.versions.compare(name, str(before), str(after))

    def lineage(self, name: str, version: str | int) -> Lineage:
        """Where a version comes from and where it is served. Raises `NotFound`."""
        return platform().runs.versions.lineage(name, str(version))

    def card(self, name: str, version: str | int) -> ModelCard:
        """The card of a version, as somebody wrote it or generated. Raises `NotFound`."""
        return platform().runs.versions.cards.get(name, str(version))

    def write_card(self, name: str, version: str | int, markdown: str) -> ModelCard:
        """Write the card of a version; an empty one brings the generated one back. Raises `NotFound`, `Invalid`."""
        here = platform()
        return here.runs.versions.cards.write(name, str(version), markdown, by=here.user)


runs = Runs()
