"""drift: has the data moved?"""

from .pending import PendingReport
from .service import DriftService

__all__ = ["DriftService", "PendingReport"]
