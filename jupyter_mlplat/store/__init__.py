"""The one database for what MLflow cannot hold: transactions that carry their own notification."""

from .store import Store, Transaction

__all__ = ["Store", "Transaction"]
