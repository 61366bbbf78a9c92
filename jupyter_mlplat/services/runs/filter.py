"""The language of run filters: MLflow's (https://mlflow.org/docs/latest/search-runs), with OR, NOT, IN and parentheses.

    metrics.auc > 0.9 AND (params.model = 'forest' OR tags.`my tag` LIKE 'a%') AND NOT status IN ('FAILED', 'KILLED')

A comparison holds where the run has such a metric, parameter or tag and it compares; `NOT` is its opposite, so it also
holds for runs that have none. `IS NULL` holds where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import Invalid

FILTER_HINT = "for example: metrics.auc > 0.9 AND params.model = 'forest' AND attributes.status = 'FINISHED'"
ORDER_HINT = "for example: metrics.auc DESC"

KINDS = {
    **dict.fromkeys(("metrics", "metric"), "metrics"),
    **dict.fromkeys(("params", "param", "parameters", "parameter"), "params"),
    **dict.fromkeys(("tags", "tag"), "tags"),
    **dict.fromkeys(("attributes", "attribute", "attr", "run"), "attributes"),
}
ATTRIBUTES = {
    "run_id": "run_id",
    "run_name": "run_name",
    "run name": "run_name",
    "name": "run_name",
    "status": "status",
    "artifact_uri": "artifact_uri",
    "user_id": "user_id",
    "start_time": "start_time",
    "created": "start_time",
    "end_time": "end_time",
}
NUMBERS = frozenset({"start_time", "end_time"})
MOST_TERMS = 100
MOST_DEPTH = 50

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<name>(?:[A-Za-z_][\w]*|`[^`]*`|"[^"]*")(?:\s*\.\s*(?:[\w./:\-]+|`[^`]*`|"[^"]*"))?)
      | (?P<text>'[^']*')
      | (?P<operator><=|>=|!=|<>|==|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
_WORDS = frozenset({"AND", "OR", "NOT", "IN", "LIKE", "ILIKE", "IS", "NULL"})


@dataclass(frozen=True)
class Field:
    """What is compared or ordered by: `kind` is metrics, params, tags or attributes."""

    kind: str
    key: str

    @property
    def is_number(self) -> bool:
        return self.kind == "metrics" or (self.kind == "attributes" and self.key in NUMBERS)


@dataclass(frozen=True)
class Comparison:
    """One term; `operator` is one of < <= = != >= > LIKE ILIKE IN NULL."""

    field: Field
    operator: str
    values: tuple[str | float, ...] = ()


@dataclass(frozen=True)
class Not:
    """The opposite of a term."""

    term: Term


@dataclass(frozen=True)
class All:
    """Every one of these."""

    terms: tuple[Term, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one of these."""

    terms: tuple[Term, ...]


Term = Comparison | Not | All | AnyOf


def parse_filter(text: str | None) -> Term | None:
    """What a filter says, None for an empty one. Raises `Invalid`, which names the place."""
    if text is None or not text.strip():
        return None
    try:
        parser = _Parser(text)
        found = parser.either(0)
        if parser.left:
            raise _Wrong(f"AND, OR or the end is expected, not {parser.seen}")
        return found
    except _Wrong as error:
        raise Invalid(f"the filter cannot be read: {error}", hint=FILTER_HINT, fields={"filter": str(error)}) from None


def parse_order(order_by: Sequence[str]) -> list[tuple[Field, bool]]:
    """Fields, each with True where the largest comes first. Raises `Invalid`."""
    found = []
    for text in order_by:
        try:
            words = text.strip()
            falling = False
            if match := re.search(r"\s+(asc|desc)$", words, re.IGNORECASE):
                falling, words = match[1].lower() == "desc", words[: match.start()]
            parser = _Parser(words)
            field = parser.field()
            if parser.left:
                raise _Wrong(f"ASC or DESC is expected, not {parser.seen}")
            found.append((field, falling))
        except _Wrong as error:
            raise Invalid(
                f"the order cannot be read: {error}", hint=ORDER_HINT, fields={"order_by": str(error)}
            ) from None
    return found


class _Wrong(Exception):
    """What is wrong, and where."""


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._at = self._terms = 0
        place = 0
        text = text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None or match.lastgroup is None:
                raise _Wrong(f"{text[place : place + 20].strip()!r} is nothing that a filter has")
            kind, token = match.lastgroup, match[match.lastgroup]
            place = match.end()
            if kind == "name" and token.upper() in _WORDS:
                kind, token = "word", token.upper()
            self._tokens.append((kind, token))

    @property
    def left(self) -> bool:
        return self._at < len(self._tokens)

    @property
    def seen(self) -> str:
        return repr(self._tokens[self._at][1]) if self.left else "the end"

    def _take(self, kind: str, *tokens: str) -> str | None:
        if self.left and self._tokens[self._at][0] == kind and (not tokens or self._tokens[self._at][1] in tokens):
            self._at += 1
            return self._tokens[self._at - 1][1]
        return None

    # --- the grammar ----------------------------------------------------------------------------

    def either(self, depth: int) -> Term:
        if depth > MOST_DEPTH:
            raise _Wrong(f"it is nested more than {MOST_DEPTH} deep")
        terms = [self._both(depth)]
        while self._take("word", "OR"):
            terms.append(self._both(depth))
        return terms[0] if len(terms) == 1 else AnyOf(tuple(terms))

    def _both(self, depth: int) -> Term:
        terms = [self._one(depth)]
        while self._take("word", "AND"):
            terms.append(self._one(depth))
        return terms[0] if len(terms) == 1 else All(tuple(terms))

    def _one(self, depth: int) -> Term:
        if self._take("word", "NOT"):
            if depth > MOST_DEPTH:
                raise _Wrong(f"it is nested more than {MOST_DEPTH} deep")
            return Not(self._one(depth + 1))
        if self._take("operator", "("):
            found = self.either(depth + 1)
            if not self._take("operator", ")"):
                raise _Wrong(f"')' is expected, not {self.seen}")
            return found
        return self._comparison()

    def _comparison(self) -> Term:
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise _Wrong(f"it has more than {MOST_TERMS} comparisons")
        field = self.field()
        negated = self._take("word", "NOT") is not None
        found: Term
        if word := self._take("word", "LIKE", "ILIKE"):
            if field.is_number:
                raise _Wrong(f"{_shown(field)} is a number, which is not LIKE anything")
            found = Comparison(field, word, (self._value(field),))
        elif self._take("word", "IN"):
            found = Comparison(field, "IN", self._values(field))
        elif negated:
            raise _Wrong(f"LIKE, ILIKE or IN is expected after NOT, not {self.seen}")
        elif self._take("word", "IS"):
            negated = self._take("word", "NOT") is not None
            if not self._take("word", "NULL"):
                raise _Wrong(f"NULL is expected, not {self.seen}")
            found = Comparison(field, "NULL")
        else:
            operator = self._take("operator", "<", "<=", "=", "==", "!=", "<>", ">=", ">")
            if operator is None:
                raise _Wrong(f"a comparison like = or > is expected after {_shown(field)}, not {self.seen}")
            operator = {"==": "=", "<>": "!="}.get(operator, operator)
            if not field.is_number and operator not in ("=", "!="):
                raise _Wrong(f"{_shown(field)} is text: = != LIKE ILIKE IN, not {operator}")
            found = Comparison(field, operator, (self._value(field),))
        return Not(found) if negated else found

    def field(self) -> Field:
        token = self._take("name")
        if token is None:
            raise _Wrong(f"a name like metrics.auc is expected, not {self.seen}")
        quoted = token.startswith(("`", '"'))
        prefix, dot, key = ("", "", token) if quoted else token.partition(".")
        if not dot:
            prefix, key = "attributes", token
        kind = KINDS.get(prefix.strip().lower())
        if kind is None:
            raise _Wrong(f"{prefix.strip()!r} is none of metrics, params, tags and attributes")
        key = key.strip()
        if key[:1] in ("`", '"'):
            key = key[1:-1]
        if not key:
            raise _Wrong(f"a key is missing after {prefix.strip()}.")
        if kind == "attributes":
            if key.lower() not in ATTRIBUTES:
                raise _Wrong(f"{key!r} is no attribute of a run: {', '.join(sorted(set(ATTRIBUTES.values())))}")
            key = ATTRIBUTES[key.lower()]
        return Field(kind, key)

    def _values(self, field: Field) -> tuple[str | float, ...]:
        if not self._take("operator", "("):
            raise _Wrong(f"'(' is expected after IN, not {self.seen}")
        values = [self._value(field)]
        while self._take("operator", ","):
            values.append(self._value(field))
        if not self._take("operator", ")"):
            raise _Wrong(f"',' or ')' is expected, not {self.seen}")
        return tuple(values)

    def _value(self, field: Field) -> str | float:
        if field.is_number:
            number = self._take("number")
            if number is None:
                raise _Wrong(f"{_shown(field)} is compared with a number, not {self.seen}")
            return float(number)
        text = self._take("text")
        if text is None and self.left and self._tokens[self._at][1].startswith('"'):
            text = self._take("name")
        if text is None or (text.startswith('"') and not text.endswith('"')):
            raise _Wrong(f"{_shown(field)} is compared with a text in quotes, not {self.seen}")
        return text[1:-1]


def _shown(field: Field) -> str:
    return f"{field.kind}.{field.key}"
