"""features: tables that say what was known about an entity, and from when."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Invalid
from .blocks import Block, Facts, Seconds, Table, Text, Value
from .grammar import Call, Command, argument
from .jobs import LISTING
from .values import existing_file, plain, read_json, split_pair, words

if TYPE_CHECKING:
    import pandas

    from ..models import FeatureView, Page

SHOWN_ROWS = 20


def apply(call: Call) -> dict[str, Any]:
    path = existing_file(call.args.file, "the definition", field="file")
    specs = call.platform.features.load_definitions(path)
    if not specs:
        raise Invalid(
            f"{call.args.file} defines no feature view", hint="make a FeatureView in it", fields={"file": "empty"}
        )
    return {"items": call.platform.features.apply(specs, owner=call.platform.user), "next": None}


def views(call: Call) -> Page[FeatureView] | FeatureView:
    if call.args.name:
        return call.platform.features.get(call.args.name)
    return call.platform.features.list(limit=call.args.limit, after=call.args.after)


def materialize(call: Call) -> FeatureView:
    return call.platform.features.materialize(call.args.name)


def online(call: Call) -> dict[str, Any]:
    entities = [_entity(text) for text in call.args.entity]
    return {"items": call.platform.features.online(call.args.name, entities), "next": None}


def _entity(text: str) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        read = read_json(text, "the entity", field="entity")
        return dict(read)
    return dict(split_pair(pair, option="--entity", field="entity") for pair in text.split(","))


def historical(call: Call) -> dict[str, Any]:
    import pandas

    args = call.args
    path = existing_file(args.entities, "the entity table", field="entities")
    try:
        table = pandas.read_csv(path) if path.suffix.lower() == ".csv" else pandas.read_parquet(path)
    except Exception as error:  # noqa: BLE001 - a reader raises whatever its format's library raises
        raise Invalid(
            f"the entity table {args.entities} cannot be read: {str(error).strip().splitlines()[0]}",
            hint="give a parquet or csv file",
            fields={"entities": "cannot be read"},
        ) from None
    joined = call.platform.features.historical(table, words(args.features) or [], timestamp=args.timestamp)
    if args.to:
        _write(joined, Path(args.to).expanduser().absolute())
        return {"path": str(Path(args.to).expanduser().absolute()), "rows": len(joined)}
    return {"items": _records(joined), "next": None}


def _records(table: pandas.DataFrame) -> list[dict[str, Any]]:
    import pandas

    return [
        {str(name): None if pandas.isna(value) else plain(value) for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def _write(table: pandas.DataFrame, path: Path) -> None:
    try:
        if path.suffix.lower() == ".csv":
            table.to_csv(path, index=False)
        else:
            table.to_parquet(path, index=False)
    except OSError as error:
        raise Invalid(
            f"{path} cannot be written: {error.strerror or error}",
            hint="give the path of a file in a folder that is there",
            fields={"to": "cannot be written"},
        ) from None


# --- how it looks -------------------------------------------------------------------------------


def show_views(answer: Any) -> list[Block]:
    if not isinstance(answer, Mapping) and not hasattr(answer, "items"):
        return show_view(answer)
    items, more = (answer["items"], None) if isinstance(answer, Mapping) else (answer.items, answer.next)
    rows: list[list[Value]] = [
        [
            one.name, ", ".join(one.entities), one.timestamp, len(one.features), one.rows, one.materialized_at,
            one.source,
        ]
        for one in items
    ]  # fmt: skip
    return [
        Table(
            ["name", "entities", "event time", "features", "rows", "materialized", "source"],
            rows,
            empty="No feature views yet. Define some: jupyter mlplat features apply FILE.py",
            more=f"more: jupyter mlplat features views --after {more}" if more else None,
        )
    ]


def show_view(view: FeatureView) -> list[Block]:
    facts: list[tuple[str, Value]] = [
        ("view", view.name),
        ("description", view.description or None),
        ("source", view.source),
        ("entities", ", ".join(view.entities)),
        ("event time", view.timestamp),
        ("valid for", None if view.ttl is None else Seconds(view.ttl)),
        ("rows", view.rows),
        ("materialized", view.materialized_at or "never"),
        ("owner", view.owner),
    ]
    return [Facts(facts), Table(["feature", "type"], [[one.name, one.type] for one in view.features])]


def show_rows(answer: dict[str, Any]) -> list[Block]:
    if "path" in answer:
        return [Text(f"{answer['rows']} rows in {answer['path']}")]
    items = answer["items"]
    names = list(dict.fromkeys(name for row in items for name in row))
    more = f"{len(items) - SHOWN_ROWS} more rows: --to FILE or --json" if len(items) > SHOWN_ROWS else None
    return [
        Table(names, [[row.get(name) for name in names] for row in items[:SHOWN_ROWS]], empty="No rows.", more=more)
    ]


VIEW = argument("name", metavar="VIEW", help="the feature view's name")

COMMANDS = [
    Command(
        "features", "apply", "define feature views", apply, show_views,
        (argument("file", metavar="FILE", help="FILE.py that makes FeatureView objects, or YAML or JSON"),),
    ),
    Command(
        "features", "views", "the feature views, or one", views, show_views,
        (argument("name", metavar="VIEW", nargs="?", help="only this one"), *LISTING),
    ),
    Command("features", "materialize", "bring the online store up to date", materialize, show_view, (VIEW,)),
    Command(
        "features", "online", "the newest values of entities", online, show_rows,
        (
            VIEW,
            argument(
                "--entity", action="append", required=True, metavar="COLUMN=VALUE",
                help="an entity, its columns with commas, or a JSON object where values are neither text nor whole "
                "numbers; may be repeated",
            ),
        ),
        example="jupyter mlplat features online customers --entity customer_id=17",
    ),
    Command(
        "features", "historical", "values as they were known at given times", historical, show_rows,
        (
            argument("entities", metavar="ENTITIES", help="parquet or csv file with entity columns and event times"),
            argument("--features", action="append", required=True, metavar="VIEW:COLUMN", help="what to join"),
            argument("--timestamp", default="event_time", metavar="COLUMN", help="the time column (event_time)"),
            argument("--to", metavar="FILE", help="write the table to this parquet or csv file"),
        ),
        example="jupyter mlplat features historical orders.parquet --features customers:age,customers:city",
    ),
]  # fmt: skip
