"""models: what is registered, its versions and aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import Invalid
from .blocks import Block, Facts, State, Table, Value
from .grammar import Call, Command, argument
from .jobs import LISTING
from .models_requests import NAME, requests_table, show_request
from .models_versions import show_version

if TYPE_CHECKING:
    from ..models import AliasRequest, ModelVersionDetail, Page, RegisteredModel


def list_models(call: Call) -> Page[RegisteredModel]:
    return call.platform.runs.models(limit=call.args.limit, after=call.args.after)


def show(call: Call) -> RegisteredModel | ModelVersionDetail:
    if call.args.version is not None:
        return call.platform.runs.versions.get(call.args.name, call.args.version)
    return call.platform.runs.model(call.args.name)


def alias(call: Call) -> RegisteredModel | AliasRequest:
    args = call.args
    if (args.version is None) == (not args.delete):
        raise Invalid("give the version that the alias stands for, or --delete", hint="see: jupyter mlplat models show")
    aliases, by = call.platform.runs.aliases, call.platform.user
    if args.delete:
        return aliases.delete(args.name, args.alias, by=by, why=args.why)
    return aliases.set(args.name, args.alias, args.version, by=by, why=args.why)


def promote(call: Call) -> RegisteredModel | AliasRequest:
    args = call.args
    return call.platform.runs.aliases.set(args.name, args.alias, args.version, by=call.platform.user, why=args.why)


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


def show_any(found: RegisteredModel | AliasRequest | ModelVersionDetail) -> list[Block]:
    from ..models import AliasRequest, RegisteredModel

    if isinstance(found, AliasRequest):
        return show_request(found)
    return show_model(found) if isinstance(found, RegisteredModel) else show_version(found)


def show_model(model: RegisteredModel) -> list[Block]:
    facts: list[tuple[str, Value]] = [
        ("model", model.name),
        ("description", model.description or None),
        ("aliases", _aliases(model.aliases)),
        ("protected", ", ".join(f"@{alias}" for alias in model.protected) or None),
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
        *([_history(model)] if model.history else []),
        *([requests_table(model.requests)] if model.requests else []),
    ]


def _history(model: RegisteredModel) -> Block:
    rows: list[list[Value]] = [
        [one.at, f"@{one.alias}", one.before, one.version or "deleted", one.by, one.approved_by, one.why]
        for one in model.history
    ]
    return Table(["when", "alias", "from", "to", "by", "approved by", "why"], rows)


WHY = argument("--why", default="", metavar="TEXT", help="kept in the history of its aliases")

COMMANDS = [
    Command("models", "list", "the registered models", list_models, show_models, LISTING),
    Command(
        "models", "show", "one registered model with its versions, or one of them", show, show_any,
        (NAME, argument("--version", metavar="VERSION", help="this version, with its run and signature")),
    ),
    Command(
        "models", "alias", "have an alias stand for a version, or delete it", alias, show_any,
        (
            NAME,
            argument("alias", metavar="ALIAS", help="like challenger"),
            argument("version", nargs="?", metavar="VERSION", help="its number"),
            argument("--delete", action="store_true", help="delete the alias instead"),
            WHY,
        ),
        example="jupyter mlplat models alias churn challenger 4 --why \"better on new customers\"",
    ),
    Command(
        "models", "promote", "have the alias of the version in use stand for another one", promote, show_any,
        (
            NAME,
            argument("version", metavar="VERSION", help="its number"),
            argument("--alias", default="champion", metavar="ALIAS", help="champion where it is not given"),
            WHY,
        ),
    ),
]  # fmt: skip
