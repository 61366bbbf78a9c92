"""models protect, requests, approve, reject, withdraw: aliases that change when a second person approves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .blocks import Block, Facts, State, Table, Text, Value
from .grammar import PROGRAM, Call, Command, argument

if TYPE_CHECKING:
    from ..models import AliasRequest, Page, RegisteredModel


def protect(call: Call) -> RegisteredModel:
    args, aliases = call.args, call.platform.runs.aliases
    if args.off:
        return aliases.unprotect(args.name, args.alias, by=call.platform.user, why=args.why)
    return aliases.protect(args.name, args.alias)


def requests(call: Call) -> Page[AliasRequest]:
    from ..models import AliasRequest, Page

    return Page[AliasRequest](items=call.platform.runs.aliases.requests(call.args.name))


def approve(call: Call) -> RegisteredModel:
    args = call.args
    return call.platform.runs.aliases.approve(args.name, args.id, by=call.platform.user, why=args.why)


def reject(call: Call) -> RegisteredModel:
    args = call.args
    return call.platform.runs.aliases.reject(args.name, args.id, by=call.platform.user, why=args.why)


def withdraw(call: Call) -> RegisteredModel:
    args = call.args
    return call.platform.runs.aliases.withdraw(args.name, args.id, by=call.platform.user, why=args.why)


# --- how they look ----------------------------------------------------------------------------------


def show_request(request: AliasRequest) -> list[Block]:
    own = f"{PROGRAM} models"
    facts: list[tuple[str, Value]] = [
        ("request", request.id),
        ("model", request.model),
        ("wants", wish(request)),
        ("by", request.by),
        ("at", request.at),
        ("why", request.why or None),
        ("state", State(request.state)),
        ("decided by", request.decided_by),
        ("decided at", request.decided_at),
        ("because", request.decision_why or None),
    ]
    if request.state != "open":
        return [Facts(facts)]
    return [
        Facts(facts),
        Text(
            f"@{request.alias} is protected: anybody but {request.by} who may change runs approves this, with\n"
            f"  {own} approve {_quoted(request.model)} {request.id}\n"
            f"or rejects it: {own} reject …; {request.by} withdraws it: {own} withdraw …"
        ),
    ]


def wish(request: AliasRequest) -> str:
    """What a request wants, in a few words."""
    if request.kind == "protection":
        return f"@{request.alias} protected no more"
    stood = f" (was {request.before})" if request.before else ""
    return f"@{request.alias} -> {request.version}{stood}" if request.version else f"@{request.alias} deleted{stood}"


def requests_table(found: Sequence[AliasRequest], *, models: bool = False) -> Table:
    """Requests as rows; `models` where they are of several models."""
    rows: list[list[Value]] = [
        [
            one.id, *([one.model] if models else []), wish(one), one.by, one.at, one.why, State(one.state),
            one.decided_by, one.decision_why,
        ]
        for one in found
    ]  # fmt: skip
    return Table(
        ["request", *(["model"] if models else []), "wants", "by", "when", "why", "state", "decided by", "because"],
        rows,
        empty="Nothing waits for approval.",
    )


def show_requests(page: Page[AliasRequest]) -> list[Block]:
    return [requests_table(page.items, models=True)]


def show_model(model: RegisteredModel) -> list[Block]:
    from . import models

    return models.show_model(model)


def _quoted(name: str) -> str:
    import shlex

    return shlex.quote(name)


NAME = argument("name", metavar="NAME", help="the model's name")
ID = argument("id", metavar="ID", help="the request's number")
WHY = argument("--why", default="", metavar="TEXT", help="kept with the request")

COMMANDS = [
    Command(
        "models", "protect", "have changes of an alias wait for a second person", protect, show_model,
        (
            NAME,
            argument("alias", metavar="ALIAS", help="like champion"),
            argument("--off", action="store_true", help="ask for the end of that, which a second person approves too"),
            WHY,
        ),
        example="jupyter mlplat models protect churn champion",
    ),
    Command(
        "models", "requests", "what waits for a second person, of all models or of one", requests, show_requests,
        (argument("name", nargs="?", metavar="NAME", help="only of this model, with what was decided last"),),
    ),
    Command("models", "approve", "approve somebody else's request", approve, show_model, (NAME, ID, WHY)),
    Command("models", "reject", "reject a request", reject, show_model, (NAME, ID, WHY)),
    Command("models", "withdraw", "take an own request back", withdraw, show_model, (NAME, ID, WHY)),
]  # fmt: skip
