"""The ML platform that lives inside JupyterLab.

Importing it loads nothing heavy and sets nothing; what it offers is loaded when it is first used:

>>> import jupyter_mlplat as mlplat
>>> mlplat.jobs.run("train.ipynb", parameters={"alpha": 0.1}).wait()  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .api import status
    from .api.allocator import ResourceAllocator
    from .api.deployments import deployments
    from .api.drift import drift
    from .api.features import features
    from .api.gpus import gpus
    from .api.jobs import jobs
    from .api.logging import log_artifact, log_metric, log_metrics, log_model, log_param, log_params
    from .api.pipelines import pipelines
    from .api.reporting import report
    from .api.runs import runs
    from .api.schedules import schedules
    from .api.sweeps import sweeps
    from .platform import Platform
    from .results import set_result
    from .services.features import FeatureView

    __version__: str

__all__ = [
    "FeatureView",
    "Platform",
    "ResourceAllocator",
    "cluster",
    "deployments",
    "drift",
    "features",
    "gpus",
    "jobs",
    "log_artifact",
    "log_metric",
    "log_metrics",
    "log_model",
    "log_param",
    "log_params",
    "pipelines",
    "report",
    "runs",
    "schedules",
    "set_result",
    "status",
    "sweeps",
]

_API = frozenset(
    {
        "cluster",
        "deployments",
        "drift",
        "features",
        "gpus",
        "jobs",
        "pipelines",
        "runs",
        "schedules",
        "status",
        "sweeps",
    }
)
_LOGGING = frozenset({"log_artifact", "log_metric", "log_metrics", "log_model", "log_param", "log_params"})


def __getattr__(name: str) -> Any:
    if name in _LOGGING:
        from .api import logging

        # Loops call these: the next call finds them without coming here.
        globals()[name] = found = getattr(logging, name)
        return found
    if name == "report":
        from .api.reporting import report

        globals()[name] = report
        return report
    if name in _API:
        from . import api

        return getattr(api, name)
    if name == "ResourceAllocator":
        from .api.allocator import ResourceAllocator

        return ResourceAllocator
    if name == "set_result":
        from .results import set_result

        return set_result
    if name == "Platform":
        from .platform import Platform

        return Platform
    if name == "FeatureView":
        from .services.features import FeatureView

        return FeatureView
    if name == "__version__":
        return _version()
    raise AttributeError(f"module 'jupyter_mlplat' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])


def _version() -> str:
    from importlib.metadata import version

    return version("jupyter_mlplat")


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    from .server.app import MLPlatExtension

    return [{"module": "jupyter_mlplat", "app": MLPlatExtension}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "../labextension/build", "dest": "jupyter-mlplat"}]


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """`%load_ext jupyter_mlplat`: the magics, and the tracking URI where none is set."""
    from .magics import load

    load(ipython)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """`%unload_ext jupyter_mlplat`."""
    from .magics import unload

    unload(ipython)
