"""The one process that moves jobs: `python -m jupyter_mlplat.engine`.

One per store, detached, its lease in the store. Whatever submits, deploys or waits makes sure that one
is alive; it leaves when there has been nothing to do for a while.
"""

from .process import living_engine, request_stop, run_engine

__all__ = ["living_engine", "request_stop", "run_engine"]
