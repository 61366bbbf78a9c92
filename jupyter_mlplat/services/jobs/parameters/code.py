"""The code of one cell: its syntax tree, and the comments behind its lines."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A cell that could be parsed; lines with a magic or a shell command are left out."""

    tree: ast.Module
    comments: dict[int, str]

    def comment(self, statement: ast.stmt) -> str:
        """What is written behind a statement, at its last line or else at its first."""
        last = self.comments.get(statement.end_lineno or statement.lineno, "")
        return last or self.comments.get(statement.lineno, "")

    def help(self, statement: ast.stmt) -> str:
        """The comment behind a statement as a description, without what is meant for tools."""
        return re.sub(r"^(?:type:\s*\S+|noqa\b\S*)\s*", "", self.comment(statement)).strip()[:1000]


def parse(source: str) -> Code:
    """The code of a cell. Raises `SyntaxError`, `ValueError`, `RecursionError` or `MemoryError` as `ast.parse` does."""
    lines = source.replace("\r\n", "\n").split("\n")
    code = "\n".join("" if re.match(r"\s*[%!?]", line) else line for line in lines)
    return Code(ast.parse(code), _comments(code))


def _comments(code: str) -> dict[int, str]:
    """Line -> the comment behind the code of that line."""
    found: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip():
                found[token.start[0]] = token.string.lstrip("#").strip()
    except (tokenize.TokenError, SyntaxError):
        return found
    return found
