"""One platform whose engine and cluster stay warm from one fault to the next, where the oracle allows it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_mlplat.engine import living_engine
from jupyter_mlplat.home import Home
from jupyter_mlplat.kernel.pool import Pool
from jupyter_mlplat.platform import Platform

from ..conftest import copy_mlflow, fail_on_leftovers, stop_engine
from .scene import until


@pytest.fixture(scope="package")
def warm(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Iterator[Platform]:
    """For faults inside of an attempt: what one test leaves, the next one's oracle would see.

    A kernel waits for each attempt but the first one; the others start theirs, as in most tests.
    """
    folder = tmp_path_factory.mktemp("faults")
    with warm_platform(folder, mlflow_database, '{"warm_kernels": 1, "warm_imports": ["json"]}') as made:
        yield made


@contextmanager
def warm_platform(folder: Path, mlflow_database: Path, settings: str) -> Iterator[Platform]:
    """A platform with its engine, of these settings."""
    home = Home(folder / "mlplat").ensure()
    copy_mlflow(mlflow_database, home)
    (folder / "jupyter_mlplat_config.json").write_text(f'{{"Platform": {settings}}}')
    before = os.environ["JUPYTER_CONFIG_PATH"]
    os.environ["JUPYTER_CONFIG_PATH"] = str(folder)
    made = Platform(home_dir=str(home.root))
    made.wake_engine()
    until(lambda: living_engine(made) is not None, what="an engine")
    # Only this one: the engines of other tests keep no kernels.
    os.environ["JUPYTER_CONFIG_PATH"] = before
    yield made
    stop_engine(made)
    Pool(home).stop()
    made.close()
    fail_on_leftovers(home.root)
