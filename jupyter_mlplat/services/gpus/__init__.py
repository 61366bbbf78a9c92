"""GPUs: the devices of this machine, and the ledger of claims on them."""

from .quotas import Quotas
from .service import GPUsService

__all__ = ["GPUsService", "Quotas"]
