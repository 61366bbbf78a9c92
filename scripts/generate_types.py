"""Write src/types.ts from jupyter_mlplat/models/, so that both ends speak of the same things.

`python scripts/generate_types.py` writes the file; with `--check` nothing is written and the exit
status is 1 when the file is stale. Interfaces follow pydantic's JSON Schema: what the server sends is
complete (a missing value is null), what it takes (`…Spec`) leaves out what has a default.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "src" / "types.ts"
HEADER = """\
// Generated from jupyter_mlplat/models/ by scripts/generate_types.py. Do not edit.

import type { JSONValue } from '@lumino/coreutils';
"""
SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def quoted(value: object) -> str:
    """A constant as TypeScript writes it, strings in single quotes."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" if isinstance(value, str) else json.dumps(value)


def constant_case(name: str) -> str:
    """JobState -> JOB_STATE."""
    return "".join("_" + c if c.isupper() and i else c for i, c in enumerate(name)).upper()


def comment(text: str | None, indent: str = "") -> str:
    """A JSDoc comment, or nothing."""
    lines = inspect.cleandoc(text or "").strip().splitlines()
    if not lines:
        return ""
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    body = "\n".join(f"{indent} * {line}".rstrip() for line in lines)
    return f"{indent}/**\n{body}\n{indent} */\n"


def type_of(schema: Mapping[str, Any]) -> str:
    """The TypeScript type of a JSON Schema node."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        return "JSONValue" if name == "JsonValue" else name
    if "const" in schema:
        return quoted(schema["const"])
    if "enum" in schema:
        return " | ".join(quoted(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(type_of(option) for option in schema["anyOf"]))
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return type_of(schema["allOf"][0])
    kind = schema.get("type")
    if kind == "array":
        item = type_of(schema.get("items", {}))
        return f"ReadonlyArray<{item}>"
    if kind == "object" or "additionalProperties" in schema:
        value = schema.get("additionalProperties", {})
        return f"Readonly<Record<string, {type_of(value) if isinstance(value, dict) else 'JSONValue'}>>"
    if isinstance(kind, str):
        return SCALARS[kind]
    return "JSONValue"


def interface(name: str, schema: Mapping[str, Any], *, partial: bool, doc: str | None) -> str:
    """One model as an interface of readonly fields."""
    required = set(schema.get("required", ()))
    lines = [comment(doc) + f"export interface {name} {{"]
    for field, node in schema.get("properties", {}).items():
        optional = "?" if partial and field not in required else ""
        text = comment(node.get("description"), "  ")
        lines.append(f"{text}  readonly {field}{optional}: {type_of(node)};")
    lines.append("}")
    return "\n".join(lines) + "\n"


def moves(models: Any) -> Iterator[tuple[type[StrEnum], Mapping[StrEnum, frozenset[StrEnum]]]]:
    """The tables of legal moves: state enum and table."""
    for name, table in vars(models).items():
        if name.endswith("_MOVES"):
            yield type(next(iter(table))), table


def generate() -> str:
    """The whole of src/types.ts."""
    sys.path.insert(0, str(ROOT))
    from pydantic import BaseModel

    from jupyter_mlplat import models

    parts = [HEADER]
    tables = dict(moves(models))
    things = sorted(
        ((name, thing) for name, thing in vars(models).items() if inspect.isclass(thing)),
        key=lambda one: (one[1].__module__, inspect.getsourcelines(one[1])[1]),
    )
    for name, thing in things:
        if not thing.__module__.startswith(f"{models.__name__}."):
            continue
        if issubclass(thing, StrEnum):
            union = "".join(f"\n  | {quoted(member.value)}" for member in thing)
            parts.append(f"{comment(thing.__doc__)}export type {name} ={union};\n")
            if thing in tables:
                ended = [member.value for member, legal in tables[thing].items() if not legal]
                values = ", ".join(quoted(value) for value in ended)
                parts.append(
                    f"/** The states of {name} from which no move is legal. */\n"
                    f"export const ENDED_{constant_case(name)}S: ReadonlySet<{name}> = new Set<{name}>([{values}]);\n"
                )
        elif issubclass(thing, BaseModel) and name != "Model":
            parameters = [
                p.__name__ for p in thing.__pydantic_generic_metadata__["parameters"] if isinstance(p, TypeVar)
            ]
            if parameters:
                fields = "".join(generic_fields(thing))
                parts.append(
                    f"{comment(thing.__doc__)}export interface {name}<{', '.join(parameters)}> {{\n{fields}}}\n"
                )
                continue
            partial = name.endswith("Spec")
            schema = thing.model_json_schema(mode="validation" if partial else "serialization")
            if not partial:
                schema = {**schema, "required": list(schema.get("properties", {}))}
            parts.append(interface(name, schema, partial=partial, doc=thing.__doc__))
    return "\n".join(parts)


def generic_fields(model: Any) -> Iterator[str]:
    """The fields of a generic model, where JSON Schema would have lost the type variable."""
    for field, info in model.model_fields.items():
        annotation = info.annotation
        if get_origin(annotation) is list and isinstance(get_args(annotation)[0], TypeVar):
            yield f"  readonly {field}: ReadonlyArray<{get_args(annotation)[0].__name__}>;\n"
        else:
            schema = model.model_json_schema(mode="serialization")["properties"][field]
            yield f"  readonly {field}: {type_of(schema)};\n"


def main(arguments: list[str] | None = None) -> int:
    """Write or check the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when src/types.ts is stale")
    options = parser.parse_args(arguments)
    text = generate()
    current = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    if options.check:
        if text != current:
            print("src/types.ts is stale: run `python scripts/generate_types.py`", file=sys.stderr)
            return 1
        return 0
    if text != current:
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
