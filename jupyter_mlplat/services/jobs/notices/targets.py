"""Targets of notices: what a door shows of one, and how one that is shown finds back to the one that is kept.

A webhook's address is as good as a password: whoever has it may post there. Doors show its scheme and host only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ....models import JobOptions, Notify


def shown(target: str) -> str:
    """A webhook's scheme and host, like `https://hooks.slack.com/…`; any other target as it is."""
    if not is_address(target):
        return target
    scheme, _, rest = target.partition("://")
    return f"{scheme}://{re.split(r'[/?#]', rest)[0].rpartition('@')[2]}/…"


def is_address(target: str) -> bool:
    """True for a webhook's own address, false for a mail address and for what only says where one is."""
    return target.lower().startswith(("http://", "https://"))


def shown_notify(notify: Iterable[Notify | Mapping[str, Any]] | None) -> list[Notify]:
    """Whom to tell of what, as doors show it."""
    found = [one if isinstance(one, Notify) else Notify.model_validate(one) for one in notify or ()]
    return [one.model_copy(update={"to": shown(one.to)}) for one in found]


def shown_options(options: JobOptions) -> JobOptions:
    """Options of jobs as doors show them."""
    return options.model_copy(update={"notify": shown_notify(options.notify)})


def kept(notify: Sequence[Notify], before: Iterable[Mapping[str, Any]]) -> list[Notify]:
    """`notify` as a user sent it back: a target that is only shown is the one of `before` that it shows."""
    known = {shown(str(one["to"])): str(one["to"]) for one in before}
    return [one.model_copy(update={"to": known.get(one.to, one.to)}) for one in notify]
