"""Deployments: registered models behind an address, kept alive by the engine."""

from .service import DeploymentsService

__all__ = ["DeploymentsService"]
