"""What an hour of a device costs, and what users may spend: one file, read again when it changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import Invalid
from ...models import wrong_fields
from ...yaml12 import load
from .quotas import EVERYBODY

Amount = Annotated[float, Field(ge=0, strict=True)]
Key = Annotated[str, Field(min_length=1, max_length=200)]


class PriceList(BaseModel):
    """The content of the file.

    `prices` are for a whole device and an hour, by a part of the model's name; `budgets` for a calendar month in UTC,
    by user, by `@group` for all of its users together, and by `*` for each user without one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    currency: str = Field(pattern=r"^([^\W\d_]{1,10}|[$€£¥])$")
    prices: Mapping[Key, Amount]
    budgets: Mapping[Key, Amount] = Field(default_factory=dict)
    warn_at: float = Field(0.8, gt=0, le=1, strict=True)

    def of(self, name: str) -> float | None:
        """The price of a model: that of the longest part of its name; None where there is none."""
        parts = [part for part in self.prices if part.casefold() in name.casefold()]
        return self.prices[max(parts, key=len)] if parts else self.prices.get(EVERYBODY)


class PriceFile:
    """The file of the configuration; without one nothing costs anything."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._version: tuple[int, ...] | None = None
        self._read: tuple[PriceList | None, str | None] = (None, None)

    @property
    def now(self) -> PriceList | None:
        """What it says; None where there is none, or where it is wrong."""
        return self._look()[0]

    @property
    def error(self) -> str | None:
        """What is wrong with it, with its name and the field."""
        return self._look()[1]

    def _look(self) -> tuple[PriceList | None, str | None]:
        if self._path is None:
            return self._read
        try:
            stat = self._path.stat()
            version: tuple[int, ...] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if version != self._version:
                self._read = _parsed(self._path), None
        except Invalid as error:
            self._read = None, error.message
        except (OSError, ValueError) as error:
            return None, f"the price file {self._path} cannot be read: {getattr(error, 'strerror', None) or error}"
        self._version = version
        return self._read


def _parsed(path: Path) -> PriceList:
    """Raises `Invalid` for what is no list of prices, `OSError` for what cannot be read."""
    what = f"the price file {path}"
    if not path.is_file():
        raise Invalid(f"{what} is no file", hint="see c.Platform.gpu_prices")
    try:
        text = path.read_text("utf-8")
        content = json.loads(text) if path.suffix == ".json" else load(text, what)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{what} cannot be read: {error}", hint="mend it there") from None
    if not isinstance(content, dict):
        raise Invalid(f"{what} is no mapping", hint="it needs currency and prices")
    try:
        return PriceList.model_validate(content)
    except ValidationError as error:
        field, why = next(iter(wrong_fields(error, content).items()))
        raise Invalid(f"{what} is wrong: {field}: {why}", hint="mend it there") from None
