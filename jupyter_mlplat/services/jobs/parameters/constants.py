"""Constant expressions, evaluated from the syntax tree: nothing is called, and no size can run away."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from .classes import Classes, NotRead

MAX_BITS = 4096
MAX_DEPTH = 60
MAX_NODES = 20_000
MAX_ELEMENTS = 100_000
MAX_CHARACTERS = 1_000_000


class NotConstant(Exception):
    """An expression whose value only running it can tell; the message says which part."""


class Constants:
    """The constant expressions of one cell, as JSON; what they hold together is bounded, and so is the work.

    `classes` are those that an expression may make a record of, or take a member from.
    """

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self._made = _Budget(5 * MAX_ELEMENTS, 5 * MAX_CHARACTERS)
        self._shown = _Budget(MAX_ELEMENTS, MAX_CHARACTERS)

    def json(self, node: ast.expr) -> Any:
        """The value of a constant expression: literals, arithmetic, `not`, joined strings, dict/list/tuple calls,
        records made of constants (as mappings) and members of enumerations (as their values).

        Raises `NotConstant` for anything else, for what JSON has not, and for what is too large.
        """
        return _as_json(_Evaluator(self._made, self.classes).value(node, 0), self._shown)


class _Budget:
    """How many items of lists and mappings, and characters of text, there may still be."""

    def __init__(self, elements: int, characters: int) -> None:
        self.elements = elements
        self.characters = characters

    def take(self, value: Any, times: int = 1) -> None:
        """Count a text, or a list or mapping without what is in its items. Raises `NotConstant`, counting nothing."""
        length = len(value) * max(times, 0)
        if length > (self.characters if isinstance(value, str) else self.elements):
            raise NotConstant("it is too large to be shown, or the values of the cell are together")
        if isinstance(value, str):
            self.characters -= length
        else:
            self.elements -= length


class _Evaluator:
    def __init__(self, budget: _Budget, classes: Classes) -> None:
        self.nodes = 0
        self.budget = budget
        self.classes = classes

    def value(self, node: ast.expr, depth: int) -> Any:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise NotConstant("it is nested too deeply or too long")
        deeper = depth + 1
        match node:
            case ast.Constant(value=value):
                return value
            case ast.UnaryOp(op=op, operand=operand):
                return self._unary(op, self.value(operand, deeper))
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(op, self.value(left, deeper), self.value(right, deeper))
            case ast.List(elts=elements):
                return [self.value(one, deeper) for one in elements]
            case ast.Tuple(elts=elements):
                return tuple(self.value(one, deeper) for one in elements)
            case ast.Dict(keys=keys, values=values):
                return self._dict(keys, values, deeper)
            case ast.JoinedStr(values=parts):
                return "".join(self._part(part, deeper) for part in parts)
            case ast.Attribute(value=ast.Attribute() as member, attr="value"):
                return self.value(member, deeper)
            case ast.Attribute(value=ast.Name(id=name), attr=member) if self.classes.is_enumeration(name):
                return self._member(name, member, deeper)
            case ast.Call(func=ast.Name(id=name)) if self.classes.is_enumeration(name) and len(node.args) == 1:
                return self.value(node.args[0], deeper)
            case ast.Call(func=ast.Name(id=name)) if self.classes.is_record(name):
                return self._record(name, node, deeper)
            case ast.Call():
                return self._call(node, deeper)
        raise NotConstant(f"{words(node)} is not a constant")

    def _unary(self, op: ast.unaryop, value: Any) -> Any:
        if isinstance(op, ast.Not):
            return not value
        if not isinstance(value, int | float) or (isinstance(op, ast.Invert) and isinstance(value, float)):
            raise NotConstant(f"a sign before a {type(value).__name__}")
        signs: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
        return signs.get(type(op), operator.invert)(value)

    def _binary(self, op: ast.operator, left: Any, right: Any) -> Any:
        if isinstance(left, int | float) and isinstance(right, int | float):
            return _arithmetic(op, left, right)
        if isinstance(op, ast.Add) and type(left) is type(right) and isinstance(left, str | list | tuple):
            self.budget.take(left)
            self.budget.take(right)
            return left + right
        if isinstance(op, ast.Mult):
            sequence, times = (right, left) if isinstance(left, int) else (left, right)
            if isinstance(sequence, str | list | tuple) and isinstance(times, int):
                self.budget.take(sequence, times)
                return sequence * times
        raise NotConstant(f"{type(op).__name__} of a {type(left).__name__} and a {type(right).__name__}")

    def _dict(self, keys: list[ast.expr | None], values: list[ast.expr], depth: int) -> dict[Any, Any]:
        made = {}
        for key, value in zip(keys, values, strict=True):
            if key is None:
                raise NotConstant("** is not a constant")
            made[_hashable(self.value(key, depth))] = self.value(value, depth)
        return made

    def _part(self, part: ast.expr, depth: int) -> str:
        if isinstance(part, ast.Constant):
            return str(part.value)
        if not isinstance(part, ast.FormattedValue) or part.format_spec is not None:
            raise NotConstant("a format specification is not a constant")
        value = self.value(part.value, depth)
        if isinstance(value, str | list | tuple | dict):
            _as_json(value, self.budget)
        convert: Callable[[Any], str] = {ord("r"): repr, ord("a"): ascii}.get(part.conversion, str)
        return convert(value)

    def _member(self, name: str, member: str, depth: int) -> Any:
        members = self.classes.members(name)
        if member not in members:
            raise NotConstant(f"{name} has no member {member}")
        return self.value(members[member], depth)

    def _record(self, name: str, node: ast.Call, depth: int) -> dict[str, Any]:
        """What a record holds: the values given, and the defaults of the other fields."""
        try:
            fields = {field.name: field for field in self.classes.fields(name)}
        except NotRead as error:
            raise NotConstant(str(error)) from error
        if len(node.args) > (len(fields) if self.classes.takes_positions(name) else 0):
            raise NotConstant(f"{name}(…) has more values than fields with a place")
        given = dict(zip(fields, node.args, strict=False))
        for one in node.keywords:
            if one.arg is None or one.arg not in fields:
                raise NotConstant(f"{name} has no field {one.arg or '**'}")
            given[one.arg] = one.value
        made = {}
        for key, field in fields.items():
            value = given.get(key, field.default)
            if value is not None:
                made[key] = self.value(value, depth)
            elif field.required:
                raise NotConstant(f"{name}(…) has no value for {key}")
        return made

    def _call(self, node: ast.Call, depth: int) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in ("dict", "list", "tuple"):
            raise NotConstant(f"{words(node.func)}(…) is a call")
        given = [self.value(one, depth) for one in node.args]
        if len(given) > 1 or (node.keywords and name != "dict"):
            raise NotConstant(f"{name}(…) takes one value")
        named: dict[str, Any] = {}
        for word in node.keywords:
            if word.arg is None:
                raise NotConstant("** is not a constant")
            named[word.arg] = self.value(word.value, depth)
        source = given[0] if given else ()
        if not isinstance(source, str | list | tuple | dict):
            raise NotConstant(f"{name}(…) of a {type(source).__name__}")
        self.budget.take(source)
        if name == "dict":
            return {**_pairs(source), **named}
        return list(source) if name == "list" else tuple(source)


def _pairs(source: Any) -> dict[Any, Any]:
    if isinstance(source, Mapping):
        return dict(source)
    try:
        return {_hashable(key): value for key, value in source}
    except (TypeError, ValueError) as error:
        raise NotConstant("dict(…) of something that is no list of pairs") from error


def _hashable(key: Any) -> Any:
    # Nor a tuple: hashing one takes as long as it is large, with all that is in it.
    if isinstance(key, list | tuple | dict):
        raise NotConstant("the keys of a JSON object are text")
    return key


def _arithmetic(op: ast.operator, left: float, right: float) -> Any:
    whole = isinstance(left, int) and isinstance(right, int)
    bits = max(int(value).bit_length() if isinstance(value, int) else 64 for value in (left, right))
    if bits > MAX_BITS:
        raise NotConstant("the number is too large to compute here")
    if isinstance(op, ast.Pow) and whole and abs(right) * max(int(left).bit_length(), 1) > MAX_BITS:
        raise NotConstant("the power is too large to compute here")
    if isinstance(op, ast.LShift) and right > MAX_BITS:
        raise NotConstant("the shift is too large to compute here")
    known: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.FloorDiv: operator.floordiv,
        ast.Mod: operator.mod,
        ast.Pow: operator.pow,
        ast.LShift: operator.lshift,
        ast.RShift: operator.rshift,
        ast.BitOr: operator.or_,
        ast.BitAnd: operator.and_,
        ast.BitXor: operator.xor,
    }
    if type(op) not in known:
        raise NotConstant(f"{type(op).__name__} is not arithmetic")
    try:
        return known[type(op)](left, right)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise NotConstant(str(error)) from error


def words(node: ast.AST) -> str:
    """The source of an expression, for a note; cut where it is long."""
    try:
        text = ast.unparse(node)
    except (ValueError, RecursionError):
        text = type(node).__name__
    return text if len(text) <= 60 else text[:57] + "…"


def _as_json(value: Any, budget: _Budget) -> Any:
    """`value` as JSON has it, tuples as lists, taken from `budget`. Raises `NotConstant` for what JSON has not."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise NotConstant("the number does not fit into 64 bits")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotConstant("JSON has no infinity and no NaN")
        return value
    if not isinstance(value, str | list | tuple | dict):
        raise NotConstant(f"JSON has no {type(value).__name__}")
    budget.take(value)
    if isinstance(value, str):
        if not encodable(value):
            raise NotConstant("it has half of a surrogate pair, which no file can hold")
        return value
    if not isinstance(value, dict):
        return [_as_json(one, budget) for one in value]
    if not all(isinstance(key, str) for key in value):
        raise NotConstant("the keys of a JSON object are text")
    return {_as_json(key, budget): _as_json(one, budget) for key, one in value.items()}


def encodable(text: str) -> bool:
    """False for text with half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
