"""A drift check, ours and Evidently's, on the same tables in the same run.

    python benchmarks/drift.py [--rounds 5] [--rows 20000] [--large-rows 1000000] [--columns 20]

Prints the median seconds of both on the smaller table, ours alone on the larger one (Evidently needs minutes
there), and what each says where it is known: halves of one table, a shift by one standard deviation, and the
same shift with a single value of 1e6. Reading the files is in our time; Evidently gets DataFrames in memory.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
import warnings
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


def tables(rows: int, columns: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two samples of the same normal columns."""
    rng = np.random.default_rng(SEED)
    names = [f"c{number}" for number in range(columns)]
    return tuple(pd.DataFrame(rng.normal(size=(rows, columns)), columns=names) for _ in range(2))  # type: ignore[return-value]


def median(rounds: int, call: Callable[[], Any]) -> Seconds:
    wall, cpu = [], []
    for _ in range(rounds):
        begin, used = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - used)
    return Seconds(statistics.median(wall), statistics.median(cpu))


def ours(folder: Path, reference: pd.DataFrame, current: pd.DataFrame) -> Callable[[], list[str]]:
    from jupyter_mlplat.platform import Platform

    paths = []
    for name, table in (("reference", reference), ("current", current)):
        paths.append(str(folder / f"{name}.parquet"))
        table.to_parquet(paths[-1])
    service = Platform(home_dir=str(folder / "home")).drift
    return lambda: service.check(*paths).drifted_columns


def evidently(reference: pd.DataFrame, current: pd.DataFrame) -> Callable[[], list[str]]:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    definition = DataDefinition(numerical_columns=list(reference.columns))
    pair = [Dataset.from_pandas(table, data_definition=definition) for table in (current, reference)]
    scores = [ValueDrift(column=name, method="psi", threshold=0.1) for name in reference.columns]

    def run() -> list[str]:
        results = Report(scores).run(*pair).dict()["metrics"]
        return [name for name, one in zip(reference.columns, results, strict=True) if float(one["value"]) >= 0.1]

    return run


def preset(reference: pd.DataFrame, current: pd.DataFrame) -> Callable[[], Any]:
    """What a user runs: the preset with its default methods, and the HTML."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(numerical_columns=list(reference.columns))
    pair = [Dataset.from_pandas(table, data_definition=definition) for table in (current, reference)]
    return lambda: Report([DataDriftPreset()]).run(*pair)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--large-rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    names = ("jupyter_mlplat", "evidently", "duckdb", "numpy", "pandas")
    print(f"drift: {', '.join(f'{name} {version(name)}' for name in names)}, Python {platform.python_version()}, "
          f"{os.cpu_count()} CPUs, seed {SEED}, medians of {args.rounds}")  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        reference, current = tables(args.rows, args.columns)
        size = f"{args.rows:,} x {args.columns}"
        mine, theirs = ours(folder, reference, current), preset(reference, current)
        mine(), theirs()
        here, there = median(args.rounds, mine), median(args.rounds, theirs)
        print(f"  {size}: ours {here}, Evidently's preset {there}, {there.cpu / here.cpu:.0f} times the CPU")

        shifted = current.assign(c0=current["c0"] + 1)
        hidden = shifted.assign(c0=shifted["c0"].where(shifted.index > 0, 1e6))
        for what, table in (("same", current), ("c0 + 1 sd", shifted), ("and one value 1e6", hidden)):
            print(f"  {what}: ours {ours(folder, reference, table)()}, Evidently's PSI {evidently(reference, table)()}")

        large = tables(args.large_rows, args.columns)
        mine = ours(folder, *large)
        mine()
        print(f"  {args.large_rows:,} x {args.columns}: ours {median(args.rounds, mine)}")
    print("  where we lose: no score but our own three; Evidently has some twenty, and charts")


if __name__ == "__main__":
    main()
