"""`mlplat.drift`: has the data moved?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .current import platform

if TYPE_CHECKING:
    from ..models import DriftReport


class Drift:
    """Has the data moved?"""

    def check(
        self,
        reference: str | os.PathLike[str],
        current: str | os.PathLike[str],
        *,
        columns: Sequence[str] | None = None,
        report: bool = False,
    ) -> DriftReport:
        """Compare two parquet or csv files; with `report` keep Evidently's HTML as an MLflow artifact."""
        return platform().drift.check(
            os.fspath(reference), os.fspath(current), columns=None if columns is None else list(columns), report=report
        )


drift = Drift()
