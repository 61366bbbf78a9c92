"""One version of a registered model: what it was made of, where it is served, and its card."""

from .cards import card_revision
from .service import Versions

__all__ = ["Versions", "card_revision"]
