"""Parameters of notebooks in R, Julia and Scala: read line by line, and written by papermill's translators.

papermill writes text as Python's `unicode_escape` between double quotes. That is not how these languages read every
character: what they would read as something else, or would run, is refused. `tests/core/test_parameters_languages.py`
reads the written code by the rules of each language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PLAIN = re.compile(r"[\n\t\r\x20-\x7e\u0100-\ud7ff\ue000-\U0010ffff]*")
"""Control characters and those between U+0080 and U+00FF become `\\xNN`, which R and Julia read as a byte."""

BMP = re.compile(r"[^\U00010000-\U0010ffff]*")
LONGEST = 10_000
WHOLE = {"r": 2**53, "julia": 2**63 - 1, "scala": 2**63 - 1}

_LINE = {
    "r": re.compile(r"^\s*(?P<name>[A-Za-z][A-Za-z0-9_]*)\s*(?:<-|=)\s*(?P<value>[^#]*?)\s*(?:#\s*(?P<help>.*))?$"),
    "julia": re.compile(r"^\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=(?!=)\s*(?P<value>[^#]*?)\s*(?:#\s*(?P<help>.*))?$"),
    "scala": re.compile(
        r"^\s*va[lr]\s+(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*(?::[^=]+)?=\s*(?P<value>[^/]*?)\s*;?\s*(?://\s*(?P<help>.*))?$"
    ),
}
_TEXT = re.compile(r'"([^"\\$]*)"')
_BOOLEAN = {"TRUE": True, "true": True, "FALSE": False, "false": False}


def read(language: str, source: str) -> dict[str, dict[str, Any]]:
    """The properties of a parameters cell, one assignment a line; a default that is no plain literal has no type."""
    properties: dict[str, dict[str, Any]] = {}
    for line in source.splitlines():
        found = _LINE[language].match(line)
        if found is not None:
            described = {"description": found["help"].strip()} if found["help"] else {}
            properties[found["name"]] = {**_default(found["value"]), **described}
    return properties


def _default(text: str) -> dict[str, Any]:
    if text in _BOOLEAN:
        return {"type": "boolean", "default": _BOOLEAN[text]}
    if re.fullmatch(r"-?\d{1,15}L?", text):
        return {"type": "integer", "default": int(text.rstrip("L"))}
    if re.fullmatch(r"-?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][+-]?\d{1,3})?", text):
        return {"type": "number", "default": float(text)}
    written = _TEXT.fullmatch(text)
    return {"type": "string", "default": written[1]} if written else {}


def why_not(language: str, value: object) -> str:
    """Why a value cannot be given to a notebook in this language; empty where it can."""
    if isinstance(value, str):
        return _why_no_text(language, value)
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return ""
    if isinstance(value, int):
        return "" if abs(value) <= WHOLE[language] else f"is a number that {language.title()} does not hold exactly"
    if isinstance(value, list):
        return next((why for one in value if (why := why_not(language, one))), "")
    if isinstance(value, Mapping):
        if language == "r" and "" in value:
            return "has an empty name in it, which R does not take"
        parts = [part for pair in value.items() for part in pair]
        return next((why for one in parts if (why := why_not(language, one))), "")
    return "is no JSON"


def _why_no_text(language: str, text: str) -> str:
    name = language.title()
    if len(text) > LONGEST:
        return f"is longer than {LONGEST} characters; give the path of a file"
    if not PLAIN.fullmatch(text):
        odd = next(char for char in text if not PLAIN.fullmatch(char))
        return f"has the character U+{ord(odd):04X}, which does not reach {name} unchanged"
    if language == "julia" and "$" in text:
        return "has a $ in it, behind which Julia would run what follows"
    if language == "scala" and not BMP.fullmatch(text):
        return "has a character beyond U+FFFF, which does not reach Scala"
    return ""
