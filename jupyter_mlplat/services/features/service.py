"""features: what was known about an entity, and from when; for training and for serving."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from ...errors import Conflict, Invalid, NotFound
from ...home import Home
from ...models import FeatureView, FeatureViewSpec, Page
from ...protocols import Clock
from ...store import Store, Transaction
from ...store.tables import feature_views
from ..tablefile import connect, reading
from .definitions import load_definitions
from .join import Wanted, join, result_names
from .materialize import count_rows, definition_of, newest_rows
from .online import OnlineStore
from .source import inspect, open_source

if TYPE_CHECKING:
    import pandas

Specs = list[FeatureViewSpec]
Views = list[FeatureView]
Rows = list[dict[str, Any]]
_DEFINITION = ("source", "entities", "timestamp", "features", "ttl", "description")


class FeaturesService:
    """Feature views: define them, join them to training rows, serve their newest values."""

    def __init__(self, store: Store, home: Home, clock: Clock) -> None:
        self._store = store
        self._home = home
        self._clock = clock
        self._online = OnlineStore(home.features / "online.db")
        self._known: dict[str, tuple[FeatureView, str]] = {}
        self._known_at: int | None = None
        self._known_lock = threading.Lock()

    # --- definitions ------------------------------------------------------------------------

    def load_definitions(self, path: Path) -> Specs:
        """The feature views that a .py, .yaml or .json file defines; a .py file runs in this process."""
        return load_definitions(path)

    def apply(self, specs: Sequence[FeatureViewSpec], *, owner: str) -> Views:
        """Define the views, or change them; all of them or, where one is wrong, none.

        A view that is defined like that already stays untouched. One whose rows would differ must be
        materialized again. A view keeps its first owner. Raises `Invalid` with the field of the request.
        """
        names = [spec.name for spec in specs]
        for name in names:
            if names.count(name) > 1:
                raise Invalid(
                    f"feature view {name} is defined twice", hint="rename one", fields={"name": f"{name} twice"}
                )
        wanted: dict[str, dict[str, Any]] = {}
        for number, spec in enumerate(specs):
            spec = FeatureViewSpec.model_validate({**spec.model_dump(), "source": str(Path(spec.source).absolute())})
            with connect(self._home.features) as connection:
                fields = inspect(connection, spec, field=f"views.{number}." if len(specs) > 1 else "")
            wanted[spec.name] = {**spec.model_dump(), "features": [field.model_dump() for field in fields]}
        try:
            with self._store.write() as tx:
                return [self._upsert(tx, values, owner) for values in wanted.values()]
        except IntegrityError:
            # Somebody else defined one of them at the same moment; now it is there to be updated.
            with self._store.write() as tx:
                return [self._upsert(tx, values, owner) for values in wanted.values()]

    def _upsert(self, tx: Transaction, values: dict[str, Any], owner: str) -> FeatureView:
        table = feature_views
        now = self._clock.now()
        row = tx.connection.execute(select(table).where(table.c.name == values["name"])).mappings().first()
        if row is None:
            tx.connection.execute(insert(table).values(**values, owner=owner, created_at=now, updated_at=now))
        else:
            before = FeatureView.model_validate(dict(row))
            changed = {name: values[name] for name in _DEFINITION if values[name] != row[name]}
            if not changed:
                return before
            after = FeatureView.model_validate({**row, **changed})
            if definition_of(before) != definition_of(after):
                changed |= {"rows": None, "materialized_at": None}
            tx.connection.execute(update(table).where(table.c.name == before.name).values(**changed, updated_at=now))
        tx.emit("features", values["name"])
        stored = tx.connection.execute(select(table).where(table.c.name == values["name"])).mappings().one()
        return FeatureView.model_validate(dict(stored))

    def list(self, *, limit: int = 50, after: str | None = None) -> Page[FeatureView]:
        """The views in the order of their names; `after` is the cursor of the page before."""
        table = feature_views
        query = select(table).order_by(table.c.name).limit(limit + 1)
        if after is not None:
            query = query.where(table.c.name > after)
        with self._store.read() as connection:
            views = [FeatureView.model_validate(dict(row)) for row in connection.execute(query).mappings()]
        return Page(items=views[:limit], next=views[limit - 1].name if len(views) > limit else None)

    def get(self, name: str) -> FeatureView:
        """The view `name`. Raises `NotFound`."""
        with self._store.read() as connection:
            row = connection.execute(select(feature_views).where(feature_views.c.name == name)).mappings().first()
        if row is None:
            raise NotFound(f"there is no feature view {name!r}", hint="jupyter mlplat features views lists them")
        return FeatureView.model_validate(dict(row))

    # --- training ---------------------------------------------------------------------------

    def historical(
        self, entities: pandas.DataFrame, features: Sequence[str], *, timestamp: str = "event_time"
    ) -> pandas.DataFrame:
        """`entities` with features as they were known at each row's `timestamp`; never a later value.

        `entities` has the views' entity columns and a time; rows, order and index stay exactly as they are.
        `features` are `view:column`, or `view` for all of its columns; two views with the same column give
        `view__column`. Where nothing was known, or only something older than the view's ttl, there are
        nulls. Rows of one entity at the same time: the last one in the file wins. Times without a zone are
        UTC. Raises `NotFound` for a view and `Invalid` for everything else that does not fit.
        """
        import pandas as pd

        if not isinstance(entities, pd.DataFrame) or entities.columns.nlevels > 1:
            raise Invalid(
                "the entities are no table with plain columns", hint="give a DataFrame", fields={"entities": "no table"}
            )
        views: dict[str, FeatureView] = {}
        asked: dict[tuple[str, str], None] = {}
        for feature in features:
            name, _, column = feature.partition(":")
            if name not in views:
                views[name] = self.get(name)
            view = views[name]
            own = [field.name for field in view.features]
            if column and column not in own:
                message = f"feature view {name} has no feature {column!r}"
                raise Invalid(message, hint=f"it has {', '.join(own[:20])}", fields={"features": message})
            asked |= dict.fromkeys((name, one) for one in ([column] if column else own))
        if not asked:
            raise Invalid(
                "no feature is asked for", hint="give view:column, or view for all of it", fields={"features": "empty"}
            )
        names = result_names(list(asked), list(entities.columns))
        wanted = [
            Wanted(view, {column: names[name, column] for of, column in asked if of == name})
            for name, view in views.items()
        ]
        return join(entities, wanted, order=list(names.values()), timestamp=timestamp, scratch=self._home.features)

    # --- serving ----------------------------------------------------------------------------

    def materialize(self, name: str) -> FeatureView:
        """Bring the newest row of each entity of view `name` into the online store, in place of what was there.

        Rows from the future are left out. Readers see the old rows until the new ones are complete. Raises
        `NotFound`, and `Conflict` where the source no longer fits or the definition changed meanwhile.
        """
        view = self.get(name)
        definition = definition_of(view)
        now = self._clock.now()
        with connect(self._home.features) as connection:
            table = open_source(connection, view)
            with reading(table, field="source"):
                table = table.loaded(connection)
                rows = count_rows(connection, table)
                batches = newest_rows(connection, table, view, now=now)
                self._online.replace(name, definition, [table.kind(one) for one in view.entities], batches)
        with self._store.write() as tx:
            found = tx.connection.execute(select(feature_views).where(feature_views.c.name == name)).mappings().first()
            if found is None or definition_of(FeatureView.model_validate(dict(found))) != definition:
                raise Conflict(f"feature view {name} was changed meanwhile", hint="materialize it again")
            done = {"rows": rows, "materialized_at": now}
            tx.connection.execute(update(feature_views).where(feature_views.c.name == name).values(**done))
            tx.emit("features", name)
        return FeatureView.model_validate({**found, **done})

    def online(self, view: str, entities: Sequence[Mapping[str, Any]]) -> Rows:
        """The newest values of each entity, in the order asked: its entity columns and the features, as JSON.

        An entity that is not known, or whose values are older than the view's ttl, has null features.
        Raises `NotFound`, `Invalid` where an entity does not fit the view, and `Conflict` where the view was
        never materialized.
        """
        defined, definition = self._current(view)
        keys = [_key(defined, entity, number) for number, entity in enumerate(entities)]
        found = self._online.read(view, definition, keys)
        names = [field.name for field in defined.features]
        nothing: dict[str, Any] = dict.fromkeys(names)
        oldest = float("-inf") if defined.ttl is None else (self._clock.now().timestamp() - defined.ttl) * 10**6
        return [
            {**entity, **(dict(zip(names, row[1], strict=True)) if row and row[0] >= oldest else nothing)}
            for entity, row in zip(entities, found, strict=True)
        ]

    def _current(self, name: str) -> tuple[FeatureView, str]:
        """A view and its definition, without a query while nobody has written anything (SQLite)."""
        version = self._store.data_version()
        with self._known_lock:
            if version is None or version != self._known_at:
                self._known, self._known_at = {}, version
            found = self._known.get(name)
        if found is None:
            view = self.get(name)
            found = view, definition_of(view)
            with self._known_lock:
                if version is not None and version == self._known_at:
                    self._known[name] = found
        return found


def _key(view: FeatureView, entity: Mapping[str, Any], number: int) -> Sequence[Any]:
    try:
        key = [entity[name] for name in view.entities]
    except (KeyError, TypeError):
        key = []
    if not key or len(entity) != len(key):
        message = f"entity {number} must have {', '.join(view.entities)} and nothing else"
        raise Invalid(message, hint=f"as feature view {view.name} has it", fields={f"entities.{number}": message})
    return key
