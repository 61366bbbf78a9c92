"""Point-in-time joins against pandas.merge_asof, and online reads and writes, in the same run.

    python benchmarks/features.py [--rounds 5] [--source-rows 2000000] [--entity-rows 200000] [--columns 10]

Prints medians. pandas gets the source in memory, sorted beforehand; our time has the reading of the file in it.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

SEED = 20261121


class Seconds(NamedTuple):
    """Medians: of the clock, and of the processors' time, which a busy machine does not stretch."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f} s of CPU)"


ENTITIES = 100_000


def median(rounds: int, call: Callable[[], Any]) -> Seconds:
    wall, cpu = [], []
    for _ in range(rounds):
        begin, used = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - used)
    return Seconds(statistics.median(wall), statistics.median(cpu))


def times(rng: np.random.Generator, count: int) -> pd.DatetimeIndex:
    return pd.to_datetime(rng.integers(1_700_000_000 * 10**6, 1_760_000_000 * 10**6, count), unit="us", utc=True)


def main() -> None:
    from jupyter_mlplat.platform import Platform
    from jupyter_mlplat.services.features import FeatureView

    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--source-rows", type=int, default=2_000_000)
    parser.add_argument("--entity-rows", type=int, default=200_000)
    parser.add_argument("--columns", type=int, default=10)
    args = parser.parse_args()
    names = ("jupyter_mlplat", "duckdb", "pandas")
    print(f"features: {', '.join(f'{name} {version(name)}' for name in names)}, Python {platform.python_version()}, "
          f"{os.cpu_count()} CPUs, seed {SEED}, medians of {args.rounds}")  # fmt: skip
    rng = np.random.default_rng(SEED)
    columns = {f"f{number}": rng.normal(size=args.source_rows) for number in range(args.columns)}
    source = pd.DataFrame(
        {"id": rng.integers(0, ENTITIES, args.source_rows), "at": times(rng, args.source_rows), **columns}
    )
    entities = pd.DataFrame(
        {"id": rng.integers(0, ENTITIES, args.entity_rows), "event_time": times(rng, args.entity_rows)}
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "source.parquet"
        source.to_parquet(path)
        service = Platform(home_dir=f"{folder}/home").features
        service.apply([FeatureView(name="view", source=path, entities=["id"], timestamp="at")], owner="benchmark")
        ordered = source.sort_values("at", kind="stable").reset_index(drop=True)

        def merge(right: pd.DataFrame) -> pd.DataFrame:
            left = entities.reset_index().sort_values("event_time", kind="stable")
            joined = pd.merge_asof(left, right, left_on="event_time", right_on="at", by="id")
            return joined.sort_values("index").set_index("index")

        def theirs() -> pd.DataFrame:
            return merge(pd.read_parquet(path).sort_values("at", kind="stable"))

        same = np.array_equal(service.historical(entities, ["view:f0"])["f0"], theirs()["f0"], equal_nan=True)
        print(f"  join {args.entity_rows:,} rows with {args.source_rows:,} x {args.columns}; equal results: {same}")
        print(f"    ours, from the file: {median(args.rounds, lambda: service.historical(entities, ['view']))}")
        print(f"    merge_asof, from the file: {median(args.rounds, theirs)}")
        print(f"    merge_asof, in memory and sorted before: {median(args.rounds, lambda: merge(ordered))}")
        print(f"    peak memory of all three: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")

        wrote = median(args.rounds, lambda: service.materialize("view"))
        print(f"  materialize {args.source_rows:,} rows to {ENTITIES:,} entities: {wrote}")
        for count in (1, 100):
            asked = [{"id": int(number)} for number in rng.integers(0, ENTITIES, count)]
            repeats = 500

            def read(asked: list[dict[str, int]] = asked, repeats: int = repeats) -> None:
                for _ in range(repeats):
                    service.online("view", asked)

            took = median(args.rounds, read)
            each = took.wall / repeats * 1e6, took.cpu / repeats * 1e6
            print(f"  online {count} of {ENTITIES:,}: {each[0]:.0f} us ({each[1]:.0f} us of CPU)")
    print("  where we lose: pandas takes less time wherever the source fits into memory; ours is bounded there")


if __name__ == "__main__":
    main()
