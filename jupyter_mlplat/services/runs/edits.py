"""Names, notes and tags of runs are changed; runs are archived, restored and deleted for good."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import Conflict, Invalid, MLPlatError, Stale
from ...mlflow_base.artifacts import folder_of
from ...models import Run, RunChange, RunDeleted, RunDetail, RunDone, RunsChange, RunsDeletion, RunsDone
from .artifacts import deletable_folder, delete_folder
from .deletable import refuse_living, refuse_with_models
from .edit_ways import ByClient, ByTables, Now, Outcome, Steps, Way, outcomes
from .index import RunIndex
from .tracking import Tracking

if TYPE_CHECKING:
    from ...store import Store

NOTE_TAG = "mlflow.note.content"


class RunEdits:
    """Changes and deletes runs. `get` reads one."""

    def __init__(self, tracking: Tracking, store: Store, index: RunIndex, get: Callable[[str], RunDetail]) -> None:
        self._tracking = tracking
        self._store = store
        self._index = index
        self._get = get

    def change(self, id: str, change: RunChange, *, revision: str | None = None) -> RunDetail:
        """Change a run's name, note or tags, archive or restore it; returns the run as it stands then.

        With `revision` (see `revision`) only if nobody has changed it since. Raises `NotFound`, `Invalid` where nothing
        is to be changed, `Stale`, and `Conflict` for an archived run that is not restored, and where the run of a job
        that has not ended would be archived.
        """
        _only(self._change([id], change, revision))
        return self._get(id)

    def change_many(self, request: RunsChange) -> RunsDone:
        """The same change of up to 1000 runs; one that is refused does not hold up the others. Raises `Invalid`."""
        return _done(self._change(_once(request.runs), request, None))

    def delete(self, id: str, *, permanent: bool = False) -> RunDeleted:
        """Archive a run, which can be restored; with `permanent` delete it and its artifacts for good.

        Models that it has logged stay. Raises `NotFound`, and `Conflict` for the run of a job that has not ended, and
        where MLflow, the place of the artifacts or a registered model that has its files there allow no deletion.
        """
        return RunDeleted(freed_bytes=_only(self._delete([id], permanent)))

    def delete_many(self, request: RunsDeletion) -> RunsDone:
        """The same for up to 1000 runs; one that is refused does not hold up the others."""
        return _done(self._delete(_once(request.runs), request.permanent))

    # --- changes ----------------------------------------------------------------------------

    def _change(self, ids: Sequence[str], change: RunChange, revision: str | None) -> dict[str, Outcome]:
        if change.name is None and change.note is None and change.tags is None and change.archived is None:
            raise Invalid(
                "nothing is to be changed", hint="give name, note, tags or archived", fields={"body": "changes nothing"}
            )
        way = self._way(archiving=bool(change.archived))
        found = way.change(ids, partial(self._steps, change, revision))
        self._tell(found)
        return found

    def _steps(self, change: RunChange, revision: str | None, id: str, now: Now) -> Steps:
        """What a change comes to. Raises `Stale`, `Conflict`."""
        if revision is not None and revision != _revision(now.name, now.tags, now.archived):
            raise Stale(f"run {id} was changed in between", hint="read it again, then change it")
        edited = change.name is not None or change.note is not None or bool(change.tags)
        if now.archived and edited and change.archived is not False:
            raise Conflict(f"run {id} is archived", hint=f"restore it: jupyter mlplat runs restore {id}")
        if change.archived and not now.archived:
            refuse_living(self._store, id, now.tags)
        given: dict[str, str | None] = dict(change.tags or {})
        if change.note is not None:
            given[NOTE_TAG] = change.note or None
        return Steps(
            restore=now.archived and change.archived is False,
            name=change.name if change.name != now.name else None,
            set={key: value for key, value in given.items() if value is not None and now.tags.get(key) != value},
            take_away=[key for key, value in given.items() if value is None and key in now.tags],
            archive=bool(change.archived) and not now.archived,
        )

    # --- deletions --------------------------------------------------------------------------

    def _delete(self, ids: Sequence[str], permanent: bool) -> dict[str, Outcome]:
        if not permanent:
            return self._change(ids, RunChange(archived=True), None)
        way = self._way()
        folders: dict[str, Path] = {}

        def check(id: str) -> int:
            now = way.look(id)
            way.check(id)
            refuse_living(self._store, id, now.tags)
            refuse_with_models(self._tracking, id)
            folders[id] = deletable_folder(now.artifacts, id, self._roots(now.place))
            return 0

        found = outcomes(ids, check)
        # Until it is gone it is archived: a deletion that stops half-way can be repeated.
        found |= self._change([*folders], RunChange(archived=True), None)
        found |= outcomes(_good(found), lambda id: delete_folder(folders[id], id))
        gone, ends = way.forget(_good(found))
        found |= {id: error for id, error in gone.items() if isinstance(error, MLPlatError)}
        self._tell(found, ends)
        return found

    def _roots(self, place: str) -> list[Path]:
        """Where artifacts may be deleted: in the data directory, and where the experiment has them."""
        folder = folder_of(place)
        return [self._tracking.home.artifacts, *([folder] if folder is not None and folder.is_absolute() else [])]

    # --- parts ------------------------------------------------------------------------------

    def _way(self, *, archiving: bool = False) -> Way:
        self._tracking.deliver_left()
        tables = self._tracking.tables()
        if tables is None:
            return ByClient(self._tracking.client())
        way = ByTables(tables)
        return ByClient(self._tracking.client()) if archiving and way.has_assessments() else way

    def _tell(self, found: Mapping[str, Outcome], ends: Mapping[str, int] | None = None) -> None:
        """The index finds them as they are now, and panels that show one of them read it anew."""
        ids = _good(found)
        if not ids:
            return
        if self._tracking.tables() is not None:
            with suppress(sqlite3.Error):  # what the index does not learn now it finds later
                self._index.take_over(ids, ends)
        with self._store.write() as transaction:
            transaction.emit("runs", ids[0] if len(ids) == 1 else "*")


def revision(run: Run) -> str:
    """What `If-Match` names: another one as soon as the name, a tag or the place in the archive is another."""
    return _revision(run.name, run.tags, run.archived)


def _revision(name: str, tags: Mapping[str, str], archived: bool) -> str:
    # MLflow's own tags change while a run is under way, and are not to be changed here.
    kept = sorted((key, value) for key, value in tags.items() if not key.startswith("mlflow.") or key == NOTE_TAG)
    return hashlib.sha256(json.dumps([name, kept, archived]).encode()).hexdigest()[:16]


def _once(ids: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(ids))


def _good(found: Mapping[str, Outcome]) -> list[str]:
    return [id for id, outcome in found.items() if not isinstance(outcome, MLPlatError)]


def _only(found: Mapping[str, Outcome]) -> int:
    """The bytes that were freed. Raises what was in the way."""
    (outcome,) = found.values()
    if isinstance(outcome, MLPlatError):
        raise outcome
    return outcome


def _done(found: Mapping[str, Outcome]) -> RunsDone:
    items = [
        RunDone(run_id=id, ok=False, message=outcome.message)
        if isinstance(outcome, MLPlatError)
        else RunDone(run_id=id, ok=True, freed_bytes=outcome)
        for id, outcome in found.items()
    ]
    return RunsDone(items=items, freed_bytes=sum(one.freed_bytes for one in items))
