"""Who is told that somebody wants to change a protected alias: those whom the configuration names."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...models import AliasRequest

if TYPE_CHECKING:
    from ...store import Transaction


class RequestNotices:
    """Keeps a notice for each target in the transaction of the request; the engine, which `wake` wakes, sends it."""

    def __init__(self, targets: Sequence[str] = (), wake: Callable[[], None] = lambda: None) -> None:
        self._targets = list(dict.fromkeys(targets))
        self._wake = wake

    def keep(self, transaction: Transaction, request: AliasRequest) -> None:
        """To be sent once the transaction is committed."""
        if not self._targets:
            return
        from ..jobs.notices import About, keep

        about, text = About("models", int(request.id), request.by), _text(request)
        keep(transaction, about, [(target, "request", text) for target in self._targets], request.at)

    def send(self) -> None:
        """Have the engine look, where somebody is told."""
        if self._targets:
            self._wake()


def _text(request: AliasRequest) -> str:
    """A subject on one line, then plain text."""
    name = " ".join(request.model.split())
    if request.kind == "protection":
        wish = f"the protection of @{request.alias} of model {name} to end"
    elif request.version is None:
        wish = f"@{request.alias} of model {name} to be deleted"
    else:
        wish = f"@{request.alias} of model {name} to stand for version {request.version}"
    lines = [" ".join(f"{request.by} wants {wish}".split()), ""]
    lines += [f"Why: {' '.join(request.why.split())}"] if request.why else []
    lines += [f"It stands for: version {request.before}"] if request.before else []
    return "\n".join([*lines, f"Approve it: jupyter mlplat models approve {shlex.quote(name)} {request.id}", ""])
