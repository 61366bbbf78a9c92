"""Secrets: parameters whose values reach the kernel, and nothing that is kept.

A secret is named by a reference, `env:VARIABLE` or `file:PATH`, which is resolved here, on the host that
runs the attempt. Its value goes to the kernel through a private file that lives for a moment; wherever it
comes back, `[secret NAME]` stands in its place.
"""

from __future__ import annotations

import html
import json
import keyword
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

SHORTEST = 4
"""Shorter values stand for themselves everywhere: to replace them would tear up other words."""

SHORTEST_LINE = 8


class Unresolvable(Exception):
    """A secret that cannot be had on this host; the message names the parameter and its reference."""


def resolve(references: dict[str, str], folder: str) -> dict[str, str]:
    """The values of secrets, by parameter; relative paths start at `folder`.

    A variable that a reference names, or that has the same value, leaves this process' environment: no child
    inherits it.
    Raises `Unresolvable`.
    """
    values: dict[str, str] = {}
    for name, reference in references.items():
        if not name.isidentifier() or keyword.iskeyword(name):
            raise Unresolvable(f"the secret {name!r} is not a name that a parameter can have")
        values[name] = _resolve(name, reference, folder)
    named = {reference.removeprefix("env:") for reference in references.values() if reference.startswith("env:")}
    long = {value for value in values.values() if len(value) >= SHORTEST_LINE}
    for variable in [name for name, value in os.environ.items() if name in named or value in long]:
        del os.environ[variable]
    return values


def _resolve(name: str, reference: str, folder: str) -> str:
    kind, _, where = reference.partition(":")
    if kind == "env" and where:
        value = os.environ.get(where)
        if value is None:
            raise Unresolvable(
                f"the secret {name!r} is {reference!r}, and no such variable is set on the host that runs the job"
            )
    elif kind == "file" and where:
        try:
            value = Path(folder, os.path.expanduser(where)).read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise Unresolvable(
                f"the secret {name!r} is {reference!r}, which the host that runs the job cannot read ({why})"
            ) from None
    else:
        # What stands here may be the value itself.
        raise Unresolvable(f"the secret {name!r} is no reference: write env:VARIABLE or file:PATH")
    if not value:
        raise Unresolvable(f"the secret {name!r} is {reference!r}, which is empty on the host that runs the job")
    return value


@contextmanager
def handed_over(values: dict[str, str]) -> Iterator[str]:
    """Python code that sets the variables in the kernel; good inside of the block, while the private file is there."""
    memory = "/dev/shm"
    number, path = tempfile.mkstemp(
        prefix="mlplat-", dir=memory if os.path.isdir(memory) and os.access(memory, os.W_OK) else None
    )
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump(values, file)
        yield (
            "globals().update((lambda path: (lambda file: [__import__('json').load(file), file.close(), "
            f"__import__('os').unlink(path)][0])(open(path, encoding='utf-8')))({path!r}))"
        )
    finally:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass


class Redactor:
    """Replaces the values of secrets, also as `repr`, JSON, HTML and URLs write them, and long lines of longer ones."""

    def __init__(self, values: dict[str, str]) -> None:
        self._names: dict[str, str] = {}
        for name, value in values.items():
            lines = [line for line in value.splitlines() if len(line) >= SHORTEST_LINE] if "\n" in value else []
            for form in [value, value.strip(), *lines]:
                for written in (
                    form,
                    repr(form)[1:-1],
                    json.dumps(form)[1:-1],
                    json.dumps(form, ensure_ascii=False)[1:-1],
                    html.escape(form),
                    quote(form, safe=""),
                ):
                    if len(written) >= SHORTEST:
                        self._names.setdefault(written, name)
        forms = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, forms))) if forms else None
        self._held: dict[str, str] = {}

    def text(self, text: str) -> str:
        """`text` with every value replaced."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: f"[secret {self._names[found[0]]}]", text)

    def value(self, value: Any) -> Any:
        """The same for every text in a JSON value, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.value(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.value(part) for part in value]
        return value

    def stream(self, name: str, text: str) -> str:
        """The next piece of a stream; an end that may be the beginning of a value waits for the piece after it."""
        text = self._held.pop(name, "") + text
        end = self._safe_end(text)
        if end < len(text):
            self._held[name] = text[end:]
        return self.text(text[:end])

    def held(self) -> Iterator[tuple[str, str]]:
        """What still waits, by stream, when nothing follows any more."""
        for name in list(self._held):
            yield name, self.text(self._held.pop(name))

    def _safe_end(self, text: str) -> int:
        end = len(text)
        for form in self._names:
            start = text.find(form[0], max(0, len(text) - len(form) + 1))
            while start != -1:
                if form.startswith(text[start:]):
                    end = min(end, start)
                    break
                start = text.find(form[0], start + 1)
        return self._outside(text, end)

    def _outside(self, text: str, end: int) -> int:
        """`end`, moved behind a whole value that it would cut."""
        if self._pattern is None or end == len(text):
            return end
        for found in self._pattern.finditer(text):
            if found.start() < end < found.end():
                return found.end()
        return end
