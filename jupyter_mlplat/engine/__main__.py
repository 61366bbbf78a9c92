"""The engine's program."""

import sys

from ..errors import MLPlatError
from ..platform import Platform
from .process import run_engine


def main() -> int:
    """Be the engine; the exit status is that of a command, and what went wrong is one line in the log."""
    try:
        return run_engine(Platform.load(), detached="--detached" in sys.argv[1:])
    except MLPlatError as error:
        sys.stderr.write(f"the engine cannot run: {error.message}: {error.hint}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
