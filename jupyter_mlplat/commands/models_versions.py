"""models show --version, compare, lineage, card: one version of a model."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Invalid
from .blocks import Block, Bytes, Facts, State, Table, Text, Value, printable, written
from .grammar import Call, Command, argument
from .jobs_changes import differences_table
from .models_requests import NAME
from .runs_compared import show_difference

if TYPE_CHECKING:
    from ..models import Lineage, LineageNode, ModelCard, ModelField, ModelVersionDetail, VersionComparison

KINDS = {
    "data": "data", "features": "features", "notebook": "notebook", "job": "job", "run": "run", "version": "version",
    "deployment": "endpoint",
}  # fmt: skip


def compare(call: Call) -> VersionComparison:
    return call.platform.runs.versions.compare(call.args.name, call.args.before, call.args.after)


def lineage(call: Call) -> Lineage:
    return call.platform.runs.versions.lineage(call.args.name, call.args.version)


def card(call: Call) -> ModelCard | dict[str, object]:
    args, cards = call.args, call.platform.runs.versions.cards
    if args.edit is not None and args.reset:
        raise Invalid("--edit and --reset are two wishes", hint="give one of them")
    if args.edit is not None or args.reset:
        text = "" if args.reset else _text(args.edit)
        if not args.reset and not text.strip():
            raise Invalid("the card is empty", hint="--reset brings the generated one back", fields={"edit": "empty"})
        return cards.write(args.name, args.version, text, by=call.platform.user)
    return cards.get(args.name, args.version)


def _text(path: str) -> str:
    try:
        if path == "-":
            return sys.stdin.read()
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(
            f"{path} cannot be read as text in UTF-8", hint="give a file with Markdown, or - for the standard input",
            fields={"edit": "cannot be read"},
        ) from error  # fmt: skip


# --- how they look ----------------------------------------------------------------------------------


def show_version(version: ModelVersionDetail) -> list[Block]:
    run = version.run
    facts: list[tuple[str, Value]] = [
        ("version", version.uri),
        ("aliases", ", ".join(f"@{alias}" for alias in version.aliases) or None),
        ("status", State(version.status)),
        ("created", version.created_at),
        ("run", f"{run.id} ({run.name}, {run.experiment})" if run is not None else version.run_id),
        ("flavors", ", ".join(version.flavors) or None),
        ("size", None if version.size is None else Bytes(version.size)),
        ("python", version.python),
        ("served by", ", ".join(f"{one.name} ({one.state}, {one.traffic} %)" for one in version.deployments) or None),
        ("description", version.description or None),
    ]
    blocks: list[Block] = [Facts(facts)]
    fields: list[list[Value]] = [
        *_fields("input", version.inputs or []), *_fields("output", version.outputs or [])
    ]  # fmt: skip
    if fields:
        blocks.append(Table(["", "name", "type", "shape", "required"], fields))
    pairs: Sequence[tuple[str, Sequence[Sequence[Value]]]] = (
        ("metric", [*version.metrics.items()]),
        ("parameter", [*version.parameters.items()]),
        ("data set", [(str(one.get("name")), str(one.get("digest"))) for one in version.datasets]),
    )
    blocks += [Table([heading, ""], rows) for heading, rows in pairs if rows]
    if version.requirements:
        blocks.append(Text("requires: " + ", ".join(map(printable, version.requirements))))
    return [*blocks, *_notes(version.notes, "not known")]


def _fields(way: str, found: Sequence[ModelField]) -> Iterator[list[Value]]:
    for one in found:
        yield [way, one.name, one.type, str(tuple(one.shape)) if one.shape is not None else None, one.required]


def _notes(notes: Sequence[str], word: str) -> list[Block]:
    return [Text("\n".join(f"{word}: {printable(note)}" for note in notes))] if notes else []


def show_comparison(comparison: VersionComparison) -> list[Block]:
    before, after = comparison.before, comparison.after
    sizes = " -> ".join(written(None if one is None else Bytes(one)) for one in comparison.size)
    blocks: list[Block] = [Facts([("then", before.uri), ("now", after.uri), ("size", sizes)])]
    if comparison.signature:
        blocks.append(differences_table("signature", comparison.signature))
    if comparison.requirements:
        blocks.append(differences_table("requirement", comparison.requirements))
    if comparison.run is not None:
        blocks += show_difference(comparison.run)
    return [*blocks, *_notes(comparison.notes, "not compared")]


def show_lineage(found: Lineage) -> list[Block]:
    sources: dict[str, list[str]] = {}
    for edge in found.edges:
        sources.setdefault(edge.target, []).append(edge.source)
    depth: dict[str, int] = {}
    for node in found.nodes:  # sources come before what is made of them
        depth[node.id] = max((depth[one] + 1 for one in sources.get(node.id, ())), default=0)
    return [Text("\n".join(_line(node, depth[node.id]) for node in found.nodes))]


def _line(node: LineageNode, depth: int) -> str:
    arrow = f"{'   ' * (depth - 1)}-> " if depth else ""
    detail = f"  ({printable(node.detail)})" if node.detail else ""
    return f"{arrow}{KINDS[node.kind]} {printable(node.label)}{detail}"


def show_card(card: ModelCard) -> list[Block]:
    return [Text("".join(char if char.isprintable() or char == "\n" else " " for char in card.markdown))]


VERSION = argument("version", metavar="VERSION", help="its number")

COMMANDS = [
    Command(
        "models", "compare", "what a version differs in from another of the same model", compare, show_comparison,
        (
            NAME,
            argument("before", metavar="BEFORE", help="number of the version that it is compared with"),
            argument("after", metavar="AFTER", help="number of the version"),
        ),
        example="jupyter mlplat models compare churn 3 4",
    ),
    Command(
        "models", "lineage", "where a version comes from and where it is served", lineage, show_lineage,
        (NAME, VERSION),
        example="jupyter mlplat models lineage churn 4",
    ),
    Command(
        "models", "card", "what there is to know of a version, as Markdown", card, show_card,
        (
            NAME,
            VERSION,
            argument("--edit", metavar="FILE", help="write it: a file with Markdown, or - for the standard input"),
            argument("--reset", action="store_true", help="bring the generated one back"),
        ),
        example="jupyter mlplat models card churn 4 --edit churn.md",
    ),
]  # fmt: skip
