"""R, Julia and Scala: what papermill writes for a value that we let through is read there as that value.

The readers below follow the languages' own descriptions of literals: R's `?Quotes`, Julia's manual ("Strings",
"Integers and Floating-Point Numbers"), Scala's specification (1.3 Literals). They read one literal and refuse
everything else, so that text which is read to its end holds no code.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mlplat.errors import Invalid
from jupyter_mlplat.languages import language_of
from jupyter_mlplat.services.jobs.parameters import schema, validate
from jupyter_mlplat.services.jobs.parameters.languages import why_not

SEED = 20261121
CASES = 2000
HOSTILE = [
    '"', "\\", '\\"', '"; system("id"); "', "$(run(`id`))", "${System.exit(1)}", "#{x}", "\n", "\r\n", "\t", "\0",
    "\x07",     "é", "ÿ", "\x85", "€", "\u2028", "\ufeff", "😀", "\ud800", "\\u0022", "\\x22", "\\\\", "//", "#",
    "%", "{x}", "'", "`",     '"""', '" + exec + "', "\\N{DIGIT ONE}", "\u0100",
]  # fmt: skip


def value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind == 0:
        return rng.choice([True, False, None])
    if kind == 1:
        return rng.choice([0, -1, 7, 2**31, -(2**31) - 1, 2**53, 2**53 + 1, 2**63, rng.randrange(-(10**18), 10**18)])
    if kind == 2:
        return rng.choice([0.0, -0.0, 1e308, 5e-324, 1e-7, 0.1, 1e16, rng.uniform(-1e9, 1e9)])
    if kind < 6:
        parts = [rng.choice([*HOSTILE, chr(rng.randrange(0x20, 0x7F)), "text"]) for _ in range(rng.randrange(5))]
        return "".join(parts)
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(["a", "b c", *HOSTILE]): value(rng, depth + 1) for _ in range(rng.randrange(3))}


# --- readers ------------------------------------------------------------------------------------


class Reader:
    """Reads one literal of a language from the beginning of a text."""

    none: str
    true, false = "true", "false"
    interpolates = False
    escapes = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"'}
    longest_u = 8

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def take(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def need(self, token: str) -> None:
        assert self.take(token), f"{token!r} expected at {self.at} of {self.text!r}"

    def read(self) -> Any:
        if self.text[self.at] == '"':
            return self.string()
        for word, meaning in ((self.none, None), (self.true, True), (self.false, False)):
            if self.take(word):
                return meaning
        found = re.match(r"-?\d+(\.\d+)?(e[+-]?\d+)?L?", self.text[self.at :])
        if found:
            self.at += found.end()
            text = found[0].rstrip("L")
            return float(text) if re.search(r"[.e]", text) else int(text)
        return self.group()

    def string(self) -> str:
        self.need('"')
        out: list[str] = []
        while not self.take('"'):
            char = self.text[self.at]
            self.at += 1
            assert char >= " ", "a line ends inside of a string"
            assert not (self.interpolates and char == "$"), "what follows would run"
            out.append(self.escape() if char == "\\" else char)
        return "".join(out)

    def escape(self) -> str:
        char = self.text[self.at]
        self.at += 1
        if char in self.escapes:
            return self.escapes[char]
        digits = {"u": 4, "U": 8}.get(char, 0)
        assert 0 < digits <= self.longest_u, f"\\{char} is no escape, or not of one character"
        code = self.text[self.at : self.at + digits]
        assert re.fullmatch(r"[0-9a-f]+", code)
        assert len(code) == digits
        self.at += digits
        return chr(int(code, 16))

    def items(self, end: str, item: Callable[[], Any]) -> list[Any]:
        out: list[Any] = []
        while not self.take(end):
            if out:
                self.need(", ")
            out.append(item())
        return out

    def pair(self, arrow: str) -> tuple[str, Any]:
        name = self.string()
        self.need(arrow)
        return name, self.read()

    def group(self) -> Any:
        raise NotImplementedError


class R(Reader):
    none, true, false = "NULL", "TRUE", "FALSE"

    def group(self) -> Any:
        self.need("list(")
        start = self.at
        if self.take(")"):
            return ()  # an empty list and an empty mapping are the same there
        if self.text[self.at] == '"':
            self.string()
            named = self.text.startswith(" = ", self.at)
            self.at = start
            if named:
                return dict(self.items(")", lambda: self.pair(" = ")))
        return self.items(")", self.read)


class Julia(Reader):
    none, interpolates = "nothing", True

    def group(self) -> Any:
        if self.take("["):
            return self.items("]", self.read)
        self.need("Dict(")
        return dict(self.items(")", lambda: self.pair(" => ")))


class Scala(Reader):
    none, longest_u = "None", 4

    def group(self) -> Any:
        if self.take("Seq("):
            return self.items(")", self.read)
        self.need("Map(")
        return dict(self.items(")", lambda: self.pair(" -> ")))


READERS: dict[str, tuple[type[Reader], str]] = {
    "r": (R, "x = "),
    "julia": (Julia, "x = "),
    "scala": (Scala, "val x = "),
}


def same(left: Any, right: Any) -> bool:
    """Equal, kinds of numbers included; R knows no difference between an empty list and an empty mapping."""
    if right == () or left == ():
        return not left and not right and left is not None
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    return type(left) is type(right) and json.dumps(left) == json.dumps(right)


@pytest.mark.parametrize("language", READERS)
def test_what_is_let_through_is_read_as_the_value_that_it_is(language: str) -> None:
    from papermill.translators import papermill_translators

    print(f"seed {SEED}")  # noqa: T201 - pytest shows it where the test failed
    rng = random.Random(SEED)
    kind, before = READERS[language]
    translator = papermill_translators.find_translator("none", {"r": "R"}.get(language, language))
    let_through = 0
    for case in range(CASES):
        given = value(rng)
        if why_not(language, given):
            continue
        let_through += 1
        comment, line, end = translator.codify({"x": given}, "Parameters").split("\n")
        assert comment.lstrip("#/ ") == "Parameters"
        assert line.startswith(before)
        reader = kind(line.removeprefix(before))
        found = reader.read()
        assert (reader.at, end) == (len(reader.text), ""), (case, given, line)
        assert same(given, found), (case, given, found)
    assert let_through > CASES / 4, "the test must not be empty"


def test_what_would_run_or_change_is_refused_by_name() -> None:
    for language, given, words in (
        ("julia", "$(run(`id`))", "would run"),
        ("julia", "a$b", "would run"),
        ("r", "é", "U+00E9"),
        ("scala", "😀", "beyond U+FFFF"),
        ("r", 2**53 + 1, "exactly"),
        ("r", {"": 1}, "empty name"),
        ("julia", [{"a": ["$x"]}], "would run"),
        ("r", "x\0y", "U+0000"),
        ("scala", "x" * 20_000, "longer than"),
    ):
        assert words in why_not(language, given), (language, given)
    for language in READERS:
        assert why_not(language, ["text", 1, 0.5, True, None, {"a": "€\n"}]) == ""


CELLS = {
    "r": (
        'alpha <- 0.5  # how fast\nname = "wine"\nfull <- TRUE\nn <- 10L\nv <- c(1, 2)\n.hidden <- 1\nif (x == 1) y',
        "ir",
        "R",
    ),
    "julia": (
        'alpha = 0.5  # how fast\nname = "wine"\nfull = true\nn = 10\nv = [1, 2]\nx == 1',
        "julia-1.10",
        "julia",
    ),
    "scala": (
        'val alpha = 0.5  // how fast\nvar name: String = "wine"\nval full = true\nval n = 10\nval v = Seq(1)',
        "almond",
        "scala",
    ),
}


@pytest.mark.parametrize("language", CELLS)
def test_the_cell_of_another_language_is_read_by_its_lines(language: str, tmp_path: Path) -> None:
    source, kernel, spoken = CELLS[language]
    notebook = new_notebook(cells=[new_code_cell(source, metadata={"tags": ["parameters"]})])
    notebook.metadata["kernelspec"] = {"name": kernel, "language": spoken, "display_name": kernel}
    nbformat.write(notebook, tmp_path / "n.ipynb")
    assert language_of(notebook) == language
    document = schema(notebook)
    assert document["properties"] == {
        "alpha": {"type": "number", "default": 0.5, "description": "how fast"},
        "name": {"type": "string", "default": "wine"},
        "full": {"type": "boolean", "default": True},
        "n": {"type": "integer", "default": 10},
        "v": {},
    }
    assert validate(document, {"alpha": 1, "v": [1]}) == {"alpha": 1.0, "v": [1]}
    with pytest.raises(Invalid) as raised:
        validate(document, {"name": "\x85"})
    assert raised.value.fields == {
        "parameters.name": "has the character U+0085, which does not reach " + language.title() + " unchanged"
    }
    with pytest.raises(Invalid):
        validate(document, {"beta": 1})


@pytest.mark.parametrize("language", CELLS)
def test_a_parameter_named_like_a_secret_is_given_to_no_other_language(language: str) -> None:
    source, kernel, spoken = CELLS[language]
    source = source.replace("name", "api_key").replace("n ", "max_tokens ")
    notebook = new_notebook(cells=[new_code_cell(source, metadata={"tags": ["parameters"]})])
    notebook.metadata["kernelspec"] = {"name": kernel, "language": spoken, "display_name": kernel}
    document = schema(notebook)
    assert document["properties"]["api_key"] == {"type": "string", "format": "password", "writeOnly": True}
    assert document["properties"]["max_tokens"] == {"type": "integer", "default": 10}
    assert "wine" not in json.dumps(document)
    assert any(note.startswith("api_key: a secret") for note in document["x-mlplat-notes"])
    with pytest.raises(Invalid):
        validate(document, {"api_key": "hush"})
    with pytest.raises(Invalid, match="reach only notebooks in Python") as refused:
        validate(document, {}, secrets={"api_key": "env:KEY"})
    assert list(refused.value.fields) == ["secrets.api_key"]
