"""The parameters that a notebook takes: their schema, read from its cell, and values that fit it."""

from .cell import schema
from .values import coerce_text, validate, why_unknown

__all__ = ["coerce_text", "schema", "validate", "why_unknown"]
