"""models: what is registered, its versions and aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .blocks import Block, Facts, State, Table, Value
from .grammar import Call, Command, argument
from .jobs import LISTING

if TYPE_CHECKING:
    from ..models import Page, RegisteredModel


def list_models(call: Call) -> Page[RegisteredModel]:
    return call.platform.runs.models(limit=call.args.limit, after=call.args.after)


def show(call: Call) -> RegisteredModel:
    return call.platform.runs.model(call.args.name)


def _aliases(aliases: dict[str, str]) -> str | None:
    return ", ".join(f"@{alias} -> {version}" for alias, version in aliases.items()) or None


def show_models(page: Page[RegisteredModel]) -> list[Block]:
    rows: list[list[Value]] = [
        [model.name, model.versions[0].version if model.versions else None, _aliases(model.aliases), model.updated_at]
        for model in page.items
    ]
    return [
        Table(
            ["name", "newest version", "aliases", "updated"],
            rows,
            empty="No registered models yet. See how one is made: jupyter mlplat demo",
            more=f"more: jupyter mlplat models list --after {page.next}" if page.next else None,
        )
    ]


def show_model(model: RegisteredModel) -> list[Block]:
    facts: list[tuple[str, Value]] = [
        ("model", model.name),
        ("description", model.description or None),
        ("aliases", _aliases(model.aliases)),
        ("updated", model.updated_at),
    ]
    rows: list[list[Value]] = [
        [
            one.version, State(one.status), ", ".join(f"@{alias}" for alias in one.aliases), one.run_id,
            one.created_at, one.uri,
        ]
        for one in model.versions
    ]  # fmt: skip
    return [
        Facts(facts),
        Table(["version", "status", "aliases", "run", "created", "address"], rows, empty="It has no versions."),
    ]


COMMANDS = [
    Command("models", "list", "the registered models", list_models, show_models, LISTING),
    Command(
        "models", "show", "one registered model with its versions", show, show_model,
        (argument("name", metavar="NAME", help="the model's name"),),
    ),
]  # fmt: skip
