"""One platform whose engine and cluster stay warm from one fault to the next, where the oracle allows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mlplat.home import Home
from jupyter_mlplat.platform import Platform

from ..conftest import copy_mlflow, fail_on_leftovers, stop_engine


@pytest.fixture(scope="package")
def warm(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Iterator[Platform]:
    """For faults inside of an attempt: what one test leaves, the next one's oracle would see."""
    home = Home(tmp_path_factory.mktemp("faults") / "mlplat").ensure()
    copy_mlflow(mlflow_database, home)
    made = Platform(home_dir=str(home.root))
    yield made
    stop_engine(made)
    made.close()
    fail_on_leftovers(home.root)
