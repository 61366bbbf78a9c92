"""The engine's program."""

import sys

from ..platform import Platform
from .process import run_engine

if __name__ == "__main__":
    sys.exit(run_engine(Platform.load(), detached="--detached" in sys.argv[1:]))
