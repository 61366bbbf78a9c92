"""What all models share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/\\]+$")]
"""A display name: one line, no path separators."""

Slug = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$")]
"""A name that becomes part of an address or a file name: lower case letters, digits, `.`, `_`, `-`."""


LONGEST = 10 * 366 * 86400.0
"""Seconds that anything may take or wait: ten years, which a date can still be moved by."""


class Model(BaseModel):
    """Base of everything below: immutable, and an unknown field is an error.

    Validators are built at a model's first use, which spares the first request 0.2 s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


def wrong_fields(error: ValidationError, given: object) -> dict[str, str]:
    """What is wrong with which field of `given`, by its dotted path; `body` where it is the whole.

    pydantic also names the branch of a union that it tried, which nobody has written.
    """
    found: dict[str, str] = {}
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        path: list[str] = []
        value = given
        for at, part in enumerate(one["loc"], 1):
            inside = value if isinstance(value, Mapping) else dict(enumerate(value)) if isinstance(value, list) else {}
            if part not in inside and not (one["type"] == "missing" and at == len(one["loc"])):
                continue  # the name of a branch
            path.append(str(part))
            value = inside.get(part)
        found.setdefault(".".join(path) or "body", str(one["msg"]).removeprefix("Value error, "))
    return found


T = TypeVar("T")


class Page(Model, Generic[T]):
    """One page of a list; `next` is the cursor of the following page, or null on the last."""

    items: list[T]
    next: str | None = None
