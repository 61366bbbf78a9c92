"""Write the reference parts of docs/ from the code: commands, routes, events, settings.

`python scripts/generate_docs.py` writes them between their markers; with `--check` nothing is written
and the exit status is 1 where a page is stale.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PARTS: dict[str, tuple[str, Callable[[], Iterator[str]]]] = {}
"""Name of the part -> the page that has it, and what writes its lines."""


def part(name: str, page: str) -> Callable[[Callable[[], Iterator[str]]], Callable[[], Iterator[str]]]:
    """Register what writes a part of a page."""

    def register(write: Callable[[], Iterator[str]]) -> Callable[[], Iterator[str]]:
        PARTS[name] = (page, write)
        return write

    return register


def cell(text: object) -> str:
    """Text as it may stand in a Markdown table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def sentence(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


@part("commands", "cli.md")
def commands() -> Iterator[str]:
    from jupyter_mlplat.commands import GRAMMAR

    noun = None
    for command in GRAMMAR.commands.values():
        if command.noun != noun:
            noun = command.noun
            yield from (f"## {noun or 'The platform as a whole'}", "")
        yield from (f"### `jupyter mlplat {command.words}`", "", sentence(command.summary), "")
        arguments = [*command.arguments, *command.one_of]
        if arguments:
            yield from ("| argument | means |", "|---|---|")
        for one in arguments:
            options = one.options
            name = str(options.get("metavar") or (options.get("choices") and "|".join(map(str, options["choices"]))))
            takes = options.get("action") not in ("store_true", "store_false")
            if one.flags[0].startswith("-"):
                shown = ", ".join(one.flags) + (
                    f" {name if name != 'None' else one.flags[-1].lstrip('-').upper()}" * takes
                )
            else:
                shown = name if name != "None" else one.flags[0].upper()
            notes = [str(options.get("help", ""))]
            if options.get("required"):
                notes.append("(required)")
            if one in command.one_of:
                notes.append("(one of these is needed)")
            if options.get("action") == "append":
                notes.append("(may be repeated)" * ("repeated" not in notes[0]))
            default = options.get("default")
            if default not in (None, False) and "default" not in notes[0] and f"({default})" not in notes[0]:
                notes.append(f"(default {default:g})" if isinstance(default, int | float) else f"(default {default})")
            yield f"| `{cell(shown)}` | {cell(' '.join(filter(None, notes)))} |"
        if arguments:
            yield ""
        if command.example:
            yield from ("```", command.example, "```", "")


@part("absent", "cli.md")
def absent() -> Iterator[str]:
    from jupyter_mlplat.commands import ABSENT

    yield "- Nouns: " + ", ".join(f"`{noun}`" for noun in sorted(ABSENT.nouns))
    for noun, verbs in ABSENT.verbs.items():
        yield f"- Verbs of {noun}: " + ", ".join(f"`{verb}`" for verb in sorted(verbs))


@part("routes", "rest.md")
def routes() -> Iterator[str]:
    from jupyter_mlplat.server.base import PREFIX
    from jupyter_mlplat.server.routes import ROUTES

    yield from ("| request | does | takes | answers |", "|---|---|---|---|")
    for route in ROUTES:
        path = route.path if route.prefix == PREFIX else f"{{base_url}}{route.prefix}{route.path}".replace("}/", "}")
        for method, one in route.operations.items():
            takes = [f"`{cell(one.request)}`"] if one.request else []
            takes += [f"`?{name}=`" for name in one.query]
            takes += ["`Idempotency-Key`"] if one.idempotent else []
            answer = f"{one.status}" + (f" `{one.response}`" if one.response else "")
            answer += "" if one.media_type == "application/json" else f" {one.media_type}"
            yield f"| `{method.upper()} {path}` | {cell(one.summary)} | {', '.join(takes)} | {cell(answer)} |"


@part("events", "rest.md")
def events() -> Iterator[str]:
    import yaml

    for path in sorted((ROOT / "jupyter_mlplat" / "server" / "events").glob("*.yaml")):
        schema: dict[str, Any] = yaml.safe_load(path.read_text())
        yield from (f"### `{schema['$id']}`", "", f"{sentence(schema['title'])} {sentence(schema['description'])}", "")
        yield from ("| field | is | values |", "|---|---|---|")
        for name, field in schema["properties"].items():
            values = ", ".join(f"`{value}`" for value in field.get("enum", ())) or field.get("type", "")
            yield f"| `{name}` | {cell(field.get('description', ''))} | {values} |"


def configurables() -> list[type[Any]]:
    """Every class of ours that the configuration file can set, in the order of the page."""
    from importlib.metadata import entry_points

    from jupyter_mlplat.platform import Platform
    from jupyter_mlplat.server.app import MLPlatExtension

    found = [Platform, *(point.load() for point in entry_points(group="jupyter_mlplat.backends")), MLPlatExtension]
    return list(dict.fromkeys(found))


def own_settings(cls: type[Any]) -> dict[str, Any]:
    """The settings that a class adds to those of the libraries and classes that it stands on."""
    others = set(configurables()) - {cls}
    ours = [base for base in cls.__mro__ if base.__module__.startswith("jupyter_mlplat") and base not in others]
    own = {name for base in ours for name in vars(base)}
    return {name: trait for name, trait in sorted(cls.class_traits(config=True).items()) if name in own}


@part("settings", "configuration.md")
def settings() -> Iterator[str]:
    yield from ("| setting | default | means |", "|---|---|---|")
    for cls in configurables():
        for name, trait in own_settings(cls).items():
            default = trait.default()
            shown = "" if default in ("", None) else f"`{default!r}`"
            yield f"| `c.{cls.__name__}.{name}` | {cell(shown)} | {cell(trait.help)} |"


def marked(name: str) -> tuple[str, str]:
    return f"<!-- begin {name}: written by scripts/generate_docs.py -->", f"<!-- end {name} -->"


def written(text: str, name: str, lines: list[str]) -> str:
    """`text` with the part `name` replaced. Raises `ValueError` where its markers are missing."""
    begin, end = marked(name)
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"no markers for {name}")
    head, _, rest = text.partition(begin)
    body = "\n".join(lines).strip("\n")
    return f"{head}{begin}\n{re.sub(chr(10) * 3 + '+', chr(10) * 2, body)}\n{end}{rest.partition(end)[2]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page is stale")
    check = parser.parse_args().check
    stale = set()
    for name, (page, write) in PARTS.items():
        path = DOCS / page
        old = path.read_text(encoding="utf-8")
        new = written(old, name, list(write()))
        if new != old:
            stale.add(page)
            if not check:
                path.write_text(new, encoding="utf-8")
    if check and stale:
        print(f"docs/ is stale ({', '.join(sorted(stale))}): run `make docs`", file=sys.stderr)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
