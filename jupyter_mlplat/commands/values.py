"""Reading what users write: durations, counts, parameters, JSON; and writing strict JSON."""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import Invalid
from ..sizes import parse_size

if TYPE_CHECKING:
    from pydantic import BaseModel

    M = TypeVar("M", bound=BaseModel)

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[dhms])+")


def seconds(text: str) -> float:
    """A duration as the contract writes it: `2h`, `10m`, `30s`, `1h30m`, or plain seconds."""
    word = text.strip().lower()
    if _DURATION.fullmatch(word):
        total = sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)([dhms])", word))
    else:
        try:
            total = float(word)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 2h, 10m, 30s or seconds") from None
    if not math.isfinite(total) or total <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not more than 0 seconds")
    return total


def delay(text: str) -> float:
    """A duration, or 0 for none."""
    return 0.0 if text.strip() in ("0", "0s") else seconds(text)


def size(text: str) -> int:
    """Bytes; see `parse_size`."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def count(text: str) -> int:
    """A whole number from 1 to 1000."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError(f"{number} is not from 1 to 1000")
    return number


def words(texts: Sequence[str] | None) -> list[str] | None:
    """Names given one by one or with commas; None where none was given."""
    if not texts:
        return None
    return [word.strip() for text in texts for word in text.split(",") if word.strip()]


def build(model: type[M], /, **fields: Any) -> M:
    """A model from what the user gave. Raises `Invalid` with the fields that are wrong."""
    from pydantic import ValidationError

    try:
        return model(**fields)
    except ValidationError as error:
        from ..models import wrong_fields

        wrong = wrong_fields(error, fields)
        first = next(iter(wrong))
        raise Invalid(f"{first}: {wrong[first]}", hint="see --help", fields=wrong) from None


def existing_file(text: str, what: str, *, field: str = "path") -> Path:
    """The absolute path of a file that is there. Raises `Invalid` where it is missing or is a directory."""
    if not text.strip():
        raise Invalid(f"{what} has no name", hint="give the path of a file that is there", fields={field: "is empty"})
    try:
        path = Path(text).expanduser().absolute()
        if path.is_file():
            return path
        reason = "is a directory" if path.is_dir() else "is not a file" if path.exists() else "does not exist"
    except (OSError, ValueError, RuntimeError):
        reason = "is no path"
    raise Invalid(f"{what} {text} {reason}", hint="give the path of a file that is there", fields={field: reason})


def read_text(path: Path, what: str, *, field: str = "path") -> str:
    """The text of a file. Raises `Invalid` where it cannot be read."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        problem = error.strerror or "cannot be read"
    except UnicodeDecodeError:
        problem = "is not UTF-8 text"
    raise Invalid(f"{what} {path} cannot be read: {problem}", hint="check the file", fields={field: problem})


def read_mapping(text: str) -> dict[str, Any]:
    """The parameters in a file: JSON where it parses as JSON, else YAML."""
    path = existing_file(text, "the parameter file", field="file")
    content = read_text(path, "the parameter file", field="file")
    try:
        value = json.loads(content, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        from ..yaml12 import load

        value = load(content, f"the parameter file {text}")
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise Invalid(
            f"the parameter file {text} is no mapping of names to values",
            hint="write one name: value per line",
            fields={"file": "no mapping"},
        )
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys stand once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name in found if sum(name == key for key, _ in pairs) > 1)
        raise Invalid(f"the parameter file has {twice} twice", hint="keep one", fields={"file": f"{twice} twice"})
    return found


def split_pair(text: str, *, option: str, field: str) -> tuple[str, str]:
    """`NAME=VALUE` as its two halves. Raises `Invalid`."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise Invalid(
            f"{option} {text}: not NAME=VALUE", hint=f"like {option} alpha=0.1", fields={field: "not NAME=VALUE"}
        )
    return name.strip(), value


def read_json(text: str, what: str, *, field: str) -> Any:
    """A JSON document, strict: no NaN, no Infinity. Raises `Invalid`."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except ValueError as error:
        raise Invalid(f"{what} is not JSON: {error}", hint="check it", fields={field: "not JSON"}) from None


def plain(value: Any) -> Any:
    """A result as JSON data: models become objects, times ISO 8601 in UTC, numbers that are not finite null."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json"))
    if hasattr(value, "item") and callable(value.item):
        return plain(value.item())
    return str(value)


def to_json(value: Any, *, ascii_only: bool = False) -> str:
    """One strict JSON document."""
    return json.dumps(plain(value), indent=2, allow_nan=False, ensure_ascii=ascii_only)
