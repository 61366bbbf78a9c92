"""Which variables cells need that earlier ones have set; on the safe side where code cannot be read."""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterable, Iterator

_WORD = re.compile(r"[^\W\d]\w*")


def free_names(cells: Iterable[tuple[int, str]]) -> dict[str, int]:
    """The names that cells use before any of them sets it, with the index of the first cell that does."""
    needed: dict[str, int] = {}
    set_here: set[str] = set()
    for index, source in cells:
        statements = _statements(source)
        if statements is None:  # shell or another language: whatever it mentions
            for name in set(_WORD.findall(source)) - set_here:
                needed.setdefault(name, index)
            continue
        for statement in statements:
            used, assigned = _names(statement)
            for name in used - set_here:
                needed.setdefault(name, index)
            set_here |= assigned
    return needed


def _statements(source: str) -> list[ast.stmt] | None:
    if "%" in source or "!" in source or "?" in source:
        from IPython.core.inputtransformer2 import TransformerManager

        source = TransformerManager().transform_cell(source)
        if "run_cell_magic" in source:
            return None
    try:
        return ast.parse(source).body
    except SyntaxError:
        return None


def _names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """What a statement at the top of a cell uses, and what it sets."""
    try:
        table = symtable.symtable(ast.unparse(statement), "cell", "exec")
    except SyntaxError:  # `return` outside of a function and the like: it will fail by itself
        return set(), set()
    used = set(_globals_used(table))
    assigned = {one.get_name() for one in table.get_symbols() if one.is_assigned() or one.is_imported()}
    used |= {
        node.target.id
        for node in ast.walk(statement)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
    }
    return used - _bound_first(statement), assigned


def _globals_used(table: symtable.SymbolTable) -> Iterator[str]:
    top = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (top or symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _globals_used(child)


def _bound_first(statement: ast.stmt) -> set[str]:
    """Names that a loop or a `with` sets before its body uses them."""
    targets: list[ast.expr] = []
    before: list[ast.expr] = []
    if isinstance(statement, ast.For | ast.AsyncFor):
        targets, before = [statement.target], [statement.iter]
    elif isinstance(statement, ast.With | ast.AsyncWith):
        targets = [item.optional_vars for item in statement.items if item.optional_vars is not None]
        before = [item.context_expr for item in statement.items]
    return _words(targets) - _words(before)


def _words(expressions: Iterable[ast.expr]) -> set[str]:
    return {node.id for one in expressions for node in ast.walk(one) if isinstance(node, ast.Name)}
