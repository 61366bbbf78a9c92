"""What all models share."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/\\]+$")]
"""A display name: one line, no path separators."""

Slug = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$")]
"""A name that becomes part of an address or a file name: lower case letters, digits, `.`, `_`, `-`."""


class Model(BaseModel):
    """Base of everything below: immutable, and an unknown field is an error.

    Validators are built at a model's first use, which spares the first request 0.2 s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


T = TypeVar("T")


class Page(Model, Generic[T]):
    """One page of a list; `next` is the cursor of the following page, or null on the last."""

    items: list[T]
    next: str | None = None
