"""What was logged to MLflow and may not be there yet: on disk before a call returns, delivered in batches.

Standard library alone, and nothing happens at import: MLflow loads this inside of other people's processes.
"""

from .delivery import Outage, deliver_left, left, take_over

__all__ = ["Outage", "deliver_left", "left", "take_over"]
