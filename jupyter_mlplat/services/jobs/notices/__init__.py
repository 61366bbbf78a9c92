"""Notices: who is told when jobs, sweeps and pipelines end or take too long.

An end and what is said about it are one transaction (`ends`, `ledger`); a thread of the engine finds what takes too
long (`too_long`) and sends what is pending (`sender`), by mail (`mail`) or to a webhook (`webhook`).
"""

from .channels import Channels
from .ends import job_ended, pipeline_ended, sweep_ended
from .ledger import About, NoticeLedger, forget, keep, notices_of
from .sender import NoticeSender
from .targets import shown_notify, shown_options
from .too_long import LongRunning

__all__ = [
    "About",
    "Channels",
    "LongRunning",
    "NoticeLedger",
    "NoticeSender",
    "forget",
    "job_ended",
    "keep",
    "notices_of",
    "pipeline_ended",
    "shown_notify",
    "shown_options",
    "sweep_ended",
]
