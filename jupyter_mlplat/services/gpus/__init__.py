"""GPUs: the devices of this machine, and the ledger of claims on them."""

from .prices import PriceFile
from .quotas import Quotas
from .reclaim import IdleRule
from .service import GPUsService

__all__ = ["GPUsService", "IdleRule", "PriceFile", "Quotas"]
