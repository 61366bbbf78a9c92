"""features: what was known about an entity, and from when."""

from .definitions import FeatureView
from .service import FeaturesService

__all__ = ["FeatureView", "FeaturesService"]
