"""Model cards: generated from what is known of a version, or written by somebody.

What is written is the description of the version in MLflow, which MLflow's own page shows as Markdown; so a
description that somebody wrote there is a card as well. One that is longer than MLflow's column is whole in a tag.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ....errors import Invalid, Stale
from ....models import ModelCard, ModelVersionDetail, RegisteredModel, RunDetail
from ....models.registry import MOST_CARD
from .card_text import sections_in, to_markdown
from .facts import facts_of
from .rows import Description, Row, VersionRows

if TYPE_CHECKING:
    from ....store import Store

MARK = "mlplat.card"
"""Tag: who wrote the description and when, and of which text that is true."""
WHOLE = "mlplat.card_text"
"""Tag: the card, where it is longer than a description."""
MOST_DESCRIPTION = 5000
"""Characters that MLflow's column has."""
CUT = "\n\n*Cut here: the whole card is in the tag mlplat.card_text.*"


class Cards:
    """Reads and writes cards. `described` looks at a version, `model` at a registered model."""

    def __init__(
        self,
        rows: VersionRows,
        store: Store,
        described: Callable[[Row], tuple[ModelVersionDetail, RunDetail | None]],
        model: Callable[[str], RegisteredModel],
    ) -> None:
        self._rows = rows
        self._store = store
        self._described = described
        self._model = model

    def get(self, name: str, version: str) -> ModelCard:
        """The card of a version: as somebody wrote it, else generated. Raises `NotFound`."""
        row = self._rows.get(name, version)
        detail, run = self._described(row)
        data = facts_of(self._model(name), detail, run, row.user)
        text, by, at = written(row.description, row.tags)
        if text:
            data["sections"] = dict[str, JsonValue](sections_in(text))
        return ModelCard(
            name=name,
            version=version,
            markdown=text or to_markdown(data),
            generated=not text,
            edited_by=by,
            edited_at=at,
            data=data,
        )

    def write(self, name: str, version: str, text: str, *, by: str, revision: str | None = None) -> ModelCard:
        """Write the card of a version in Markdown; an empty text brings the generated one back.

        With `revision` (see `card_revision`) only if nobody has written another one since. Raises `NotFound`, `Stale`,
        and `Invalid` for one that is too long.
        """
        if len(text) > MOST_CARD:
            raise Invalid(
                f"the card has {len(text)} characters", hint=f"at most {MOST_CARD}", fields={"markdown": "too long"}
            )

        def plan(now: str, tags: Mapping[str, str]) -> Description:
            if revision is not None and revision != _revision(*written(now, tags)):
                raise Stale(
                    f"the card of version {version} of model {name} was changed in between",
                    hint="read it again, then change it",
                )
            return _description(text, by)

        self._rows.describe(name, version, plan)
        with self._store.write() as transaction:
            transaction.emit("runs", "*")
        return self.get(name, version)


def card_revision(card: ModelCard) -> str:
    """What `If-Match` names: another one as soon as somebody has written another card."""
    return _revision("" if card.generated else card.markdown, card.edited_by, card.edited_at)


def written(description: str, tags: Mapping[str, str]) -> tuple[str, str | None, datetime | None]:
    """The card that somebody wrote, empty where nobody has; by whom and when, where it was not written with MLflow."""
    if not description.strip():
        return "", None, None
    try:
        mark = json.loads(tags.get(MARK, "{}"))
        if mark["of"] == _digest(description):
            return tags.get(WHOLE) or description, str(mark["by"]), datetime.fromisoformat(mark["at"]).astimezone(UTC)
    except (ValueError, TypeError, LookupError):
        pass
    return description, None, None


def _description(text: str, by: str) -> Description:
    if not text.strip():
        return Description("", {MARK: None, WHOLE: None})
    shown = text
    if len(text) > MOST_DESCRIPTION:
        begin = text[: MOST_DESCRIPTION - len(CUT)]
        shown = f"{begin.rpartition(chr(10))[0] or begin}{CUT}"
    mark = {"by": by, "at": datetime.now(UTC).isoformat(), "of": _digest(shown)}
    return Description(shown, {MARK: json.dumps(mark), WHOLE: text if shown != text else None})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _revision(text: str, by: str | None, at: datetime | None) -> str:
    return _digest(json.dumps([text, by, at.isoformat() if at is not None else None]))
