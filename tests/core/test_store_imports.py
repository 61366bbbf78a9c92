"""What another thread imports changes nothing for the store."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, threading
from sqlalchemy import inspection
from jupyter_mlplat.store import tables
import jupyter_mlplat.store.store
from sqlalchemy import select

# Whatever MLflow imports from here on, in whichever thread: nothing of SQLAlchemy's registries is half made.
known = len(inspection._registrars)
import sqlalchemy.orm, sqlalchemy.orm.exc
assert len(inspection._registrars) == known, "the store has not imported sqlalchemy.orm as a whole"
str(select(tables.jobs).where(tables.jobs.c.id.in_([])))
"""


def test_the_store_has_all_of_sqlalchemy_that_mlflow_would_import_beside_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
