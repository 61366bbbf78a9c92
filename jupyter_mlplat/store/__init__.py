"""The one database for what MLflow cannot hold: transactions that carry their own notification."""

from .store import Damaged, Store, Transaction, without_password

__all__ = ["Damaged", "Store", "Transaction", "without_password"]
