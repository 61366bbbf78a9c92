"""How a result looks to a person: tables, facts and text, for a terminal and for a notebook.

A block holds values (times, sizes, states), not strings, so that each door writes them its own way: relative
times in both, with the absolute one to hover over in a notebook.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

COLOURS = {
    "succeeded": "32", "ready": "32", "ok": "32", "FINISHED": "32", "yes": "32",
    "running": "34", "starting": "34", "RUNNING": "34",
    "failed": "31", "lost": "31", "error": "31", "timeout": "31", "kernel_died": "31", "FAILED": "31", "drifted": "31",
    "degraded": "33", "no": "33",
    "cancelled": "90", "skipped": "90", "stopped": "90", "not_run": "90", "KILLED": "90", "queued": "90",
    "waiting": "90",
}  # fmt: skip


class State(str):
    """A word of state: coloured where there are colours, readable where there are none."""


class Seconds(float):
    """A duration."""


class Bytes(int):
    """A size."""


Value = str | int | float | datetime | None


@dataclass(frozen=True)
class Table:
    """Rows under headings; `empty` is what to say, and to do, when there are none."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Value]]
    empty: str = "Nothing here yet."
    more: str | None = None


@dataclass(frozen=True)
class Facts:
    """Names and values of one thing; a None is left out."""

    facts: Sequence[tuple[str, Value]]


@dataclass(frozen=True)
class Text:
    """Text as it is."""

    text: str


Block = Table | Facts | Text


def span(seconds: float) -> str:
    """A duration in words: `0.4 s`, `12 s`, `3 m 4 s`, `2 h 5 m`, `3 d 1 h`."""
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(*divmod(whole, 60), "m", "s")
    if whole < 86400:
        return _two(*divmod(whole // 60, 60), "h", "m")
    return _two(*divmod(whole // 3600, 24), "d", "h")


def _two(large: int, small: int, unit: str, part: str) -> str:
    return f"{large} {unit} {small} {part}" if small else f"{large} {unit}"


def ago(moment: datetime, now: datetime | None = None) -> str:
    """A time relative to `now`: `just now`, `6 m ago`, `in 2 h`."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if abs(seconds) < 2:
        return "just now"
    length = abs(seconds)
    unit, word = next(one for one in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")) if length >= one[0])
    return f"{int(length // unit)} {word} ago" if seconds > 0 else f"in {int(length // unit)} {word}"


def size(count: int) -> str:
    """Bytes in binary units: `512 B`, `1.5 GiB`."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def written(value: Value) -> str:
    """A value as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Seconds):
        return span(value)
    if isinstance(value, Bytes):
        return size(value)
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e6 else f"{value:.6g}"
    if isinstance(value, datetime):
        return ago(value)
    return str(value)


def printable(text: str) -> str:
    """`text` on one line, without characters that steer a terminal."""
    return "".join(char if char.isprintable() else " " if char in "\n\t\r" else "�" for char in text)


# --- terminal -----------------------------------------------------------------------------------


def to_text(blocks: Sequence[Block], *, colour: bool = False) -> str:
    """Blocks for a terminal, one after another; ends with a line end unless there is nothing."""
    parts = [part for block in blocks if (part := _block_text(block, colour))]
    return "\n\n".join(parts) + "\n" if parts else ""


def _block_text(block: Block, colour: bool) -> str:
    if isinstance(block, Text):
        return block.text.rstrip("\n")
    if isinstance(block, Facts):
        facts = [(name, value) for name, value in block.facts if value is not None]
        wide = max((len(name) for name, _ in facts), default=0)
        return "\n".join(f"{name:<{wide}}  {_painted(value, colour)}" for name, value in facts)
    if not block.rows:
        return block.empty
    cells = [[printable(written(value)) for value in row] for row in block.rows]
    wide_of = [
        max(_width(heading), *(_width(row[index]) for row in cells)) for index, heading in enumerate(block.headings)
    ]
    right = [_numeric([row[index] for row in block.rows]) for index in range(len(block.headings))]
    lines = ["  ".join(_padded(head.upper(), wide_of[i], right[i]) for i, head in enumerate(block.headings)).rstrip()]
    for row, values in zip(cells, block.rows, strict=True):
        shown = []
        for index, text in enumerate(row):
            padded = _padded(text, wide_of[index], right[index])
            shown.append(padded.replace(text, _painted(values[index], colour), 1) if colour and text else padded)
        lines.append("  ".join(shown).rstrip())
    if block.more:
        lines.append(block.more)
    return "\n".join(lines)


def _painted(value: Value, colour: bool) -> str:
    text = printable(written(value))
    code = COLOURS.get(text) if colour and isinstance(value, State) else None
    return f"\x1b[{code}m{text}\x1b[0m" if code else text


def _numeric(values: Sequence[Value]) -> bool:
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _padded(text: str, wide: int, right: bool) -> str:
    blank = " " * (wide - _width(text))
    return blank + text if right else text + blank


# --- notebook -----------------------------------------------------------------------------------


def to_html(blocks: Sequence[Block]) -> str:
    """Blocks as HTML that takes its looks from the notebook."""
    return "\n".join(_block_html(block) for block in blocks)


def _block_html(block: Block) -> str:
    if isinstance(block, Text):
        return f"<pre>{html.escape(block.text)}</pre>"
    if isinstance(block, Facts):
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{html.escape(name)}</th>'
            f'<td style="text-align:left">{_cell(value)}</td></tr>'
            for name, value in block.facts
            if value is not None
        )
        return f"<table><tbody>{rows}</tbody></table>"
    if not block.rows:
        return f"<p>{html.escape(block.empty)}</p>"
    right = [_numeric([row[index] for row in block.rows]) for index in range(len(block.headings))]
    style = ['style="text-align:right"' if one else 'style="text-align:left"' for one in right]
    head = "".join(f'<th scope="col" {style[i]}>{html.escape(name)}</th>' for i, name in enumerate(block.headings))
    body = "".join(
        "<tr>" + "".join(f"<td {style[i]}>{_cell(value)}</td>" for i, value in enumerate(row)) + "</tr>"
        for row in block.rows
    )
    more = f"<p>{html.escape(block.more)}</p>" if block.more else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cell(value: Value) -> str:
    text = html.escape(printable(written(value)))
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return f'<time datetime="{moment}" title="{moment}">{text}</time>'
    return text
