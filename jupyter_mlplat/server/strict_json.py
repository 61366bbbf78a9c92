"""JSON as RFC 8259 has it, both ways: no NaN, no Infinity, no name twice in one object (RFC 7493)."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from ..errors import Malformed

HINT = "the body is one JSON document in UTF-8"


def parse(body: bytes) -> Any:
    """The document in `body`. Raises `Malformed` where it is no JSON, or JSON that other programs read differently."""
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_without_duplicates
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("the body is not UTF-8", hint=HINT) from error
    except UnicodeEncodeError as error:
        raise Malformed("the body contains half of a surrogate pair", hint=HINT) from error
    except json.JSONDecodeError as error:
        raise Malformed(
            f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})", hint=HINT
        ) from error
    except RecursionError as error:
        raise Malformed("the body is nested too deeply", hint=HINT) from error
    except ValueError as error:
        raise Malformed(f"the body cannot be read: {error}", hint=HINT) from error
    return value


def dump(value: object) -> bytes:
    """`value` (models, times and numpy's scalars included) as JSON; a number that is not finite becomes null."""
    from pydantic_core import to_json

    return to_json(value, inf_nan_mode="null", fallback=_plain)


def _plain(value: Any) -> object:
    # numpy's scalars; anything else in an answer is a mistake of ours, and shows.
    return value.item()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is larger than a JSON number may be")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} occurs twice in one object")
    return found
