"""The platform that a call of the Python door is for."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..platform import Platform

_lock = threading.Lock()
_platforms: dict[tuple[int | str | None, ...], Platform] = {}


def platform() -> Platform:
    """The platform of this process: one per data directory, store and tracking URI that the environment names."""
    from ..platform import Platform

    key = (os.getpid(), *(os.environ.get(name) for name in ("MLPLAT_HOME", "MLPLAT_DB_URL", "MLFLOW_TRACKING_URI")))
    with _lock:
        if key not in _platforms:
            _platforms[key] = Platform.load()
        return _platforms[key]
