"""A card as Markdown. Whatever was named by somebody is text in it, and never markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SECTIONS = {
    "intended_use": "Intended use",
    "limitations": "Limitations",
    "ethical_considerations": "Ethical considerations",
}
"""What only people know (Mitchell et al. 2019, "Model Cards for Model Reporting", sections 4.2, 4.8 and 4.9)."""
TO_FILL = {
    "intended_use": "What it is for, who uses it, and what it is not for.",
    "limitations": "Where it is known to fail, and what it was not tested on.",
    "ethical_considerations": "Whom it can harm, and what was done about that.",
}
MOST_ROWS = 200
MOST_TEXT = 300
_SPECIAL = re.compile(r"[\\`*_\[\]|~$#]")


def to_markdown(data: Mapping[str, Any]) -> str:
    """The card of `facts_of`."""
    parts = [f"# {text(data['model'])}, version {text(data['version'])}"]
    if data["about"]:
        parts.append(text(data["about"], most=2000))
    parts += ["## Details", _list(_details(data))]
    for key, title in SECTIONS.items():
        parts += [f"## {title}", f"*{TO_FILL[key]}*"]
    parts += ["## Metrics", _table(("metric", "value"), data["metrics"].items()) or "None were logged."]
    parts += ["## Data", _table(("data set", "used for", "rows", "columns", "digest"), map(_dataset, data["datasets"]))]
    parts[-1] = parts[-1] or "No data sets were logged: `mlflow.log_input` names them."
    parts += ["## Parameters", _table(("parameter", "value"), data["parameters"].items()) or "None were logged."]
    parts.append("## Signature")
    fields = [(way, field) for way in ("inputs", "outputs") for field in data["signature"][way] or []]
    parts.append(
        _table(
            ("", "name", "type", "shape", "required"),
            (
                (
                    way.removesuffix("s"),
                    one["name"],
                    one["type"],
                    _shape(one["shape"]),
                    "yes" if one["required"] else "no",
                )
                for way, one in fields
            ),
        )
        or "It has none."
    )
    parts.append("## Requirements")
    parts.append(
        _list([("Python", data["python"]), *(("", line) for line in data["requirements"])]) or "None are known."
    )
    return "\n\n".join(parts) + "\n"


def sections_in(markdown: str) -> dict[str, str]:
    """What somebody wrote under the headings of `SECTIONS`; empty where only the words to fill in are there."""
    found = dict.fromkeys(SECTIONS, "")
    parts = re.split(r"(?m)^#{1,6}[ \t]+(.*?)[ \t#]*$", markdown.replace("\r\n", "\n"))
    titles = {title.lower(): key for key, title in SECTIONS.items()}
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        key = titles.get(title.strip().lower())
        if key is not None and body.strip() != f"*{TO_FILL[key]}*":
            found[key] = body.strip()
    return found


def text(value: object, *, most: int = MOST_TEXT) -> str:
    """A value on one line, with nothing in it that Markdown or HTML would take for more than text."""
    if isinstance(value, float):
        return f"{value:.6g}"
    plain = " ".join("".join(char if char.isprintable() else " " for char in str(value)).split())
    if len(plain) > most:
        plain = f"{plain[:most]}…"
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", plain)


def _details(data: Mapping[str, Any]) -> list[tuple[str, object]]:
    run, source = data["run"], data["provenance"]
    return [
        ("Model", data["uri"]),
        ("Aliases", ", ".join(f"@{alias}" for alias in data["aliases"])),
        ("Registered", _moment(data["created_at"])),
        ("Logged by", data["logged_by"]),
        ("Run", f"{run['name']} ({run['id']}) of {run['experiment']}, {run['status']}" if run else None),
        ("Job", data["job_id"]),
        ("Source", source.get("source")),
        ("Commit", " ".join(source[key] for key in ("git commit", "git branch") if key in source)),
        ("Repository", source.get("repository")),
        ("Flavors", ", ".join(data["flavors"])),
        ("Size", f"{data['size']} bytes" if data["size"] is not None else None),
        ("Served by", ", ".join(f"{one['name']} ({one['state']}, {one['traffic']} %)" for one in data["deployments"])),
        *(("Not known", note) for note in data["notes"]),
    ]


def _dataset(one: Mapping[str, Any]) -> Sequence[object]:
    return one.get("name"), one.get("context"), one.get("rows"), one.get("columns"), one.get("digest")


def _shape(shape: Sequence[int] | None) -> str:
    return "" if shape is None else f"({', '.join(map(str, shape))})"


def _moment(at: str | None) -> str | None:
    return None if at is None else f"{at[:16].replace('T', ' ')} UTC"


def _list(entries: Iterable[tuple[str, object]]) -> str:
    lines = [
        f"- **{name}:** {text(value)}" if name else f"- {text(value)}"
        for name, value in entries
        if value not in (None, "")
    ]
    return "\n".join(_some(lines, ""))


def _table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join('' if cell is None else text(cell) for cell in row)} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(headings)} |", f"|{' --- |' * len(headings)}", *_some(lines, "\n")])


def _some(lines: list[str], before: str) -> list[str]:
    if len(lines) <= MOST_ROWS:
        return lines
    return [*lines[:MOST_ROWS], f"{before}and {len(lines) - MOST_ROWS} more"]
