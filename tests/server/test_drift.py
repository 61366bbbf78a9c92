"""Drift checks over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Ask


@pytest.fixture
def tables(jp_root_dir: Path) -> None:
    import numpy as np
    import pandas as pd

    seed = 7
    print(f"seed {seed}")  # noqa: T201 - to do it again
    random = np.random.default_rng(seed)
    (jp_root_dir / "data").mkdir()
    for name, shift in (("reference", 0.0), ("same", 0.0), ("shifted", 3.0)):
        frame = pd.DataFrame({"a": random.normal(size=500), "b": random.normal(shift, size=500)})
        frame.to_parquet(jp_root_dir / "data" / f"{name}.parquet")


async def test_a_shifted_column_is_found_and_a_clean_table_is_clean(ask: Ask, tables: None) -> None:
    body = {"reference": "data/reference.parquet", "current": "data/same.parquet"}
    clean = await ask("POST", "drift", "check", body=body, request_timeout=120)
    assert clean.status == 200, clean.body
    assert clean.json["drift"] is False
    moved = await ask("POST", "drift", "check", body=body | {"current": "data/shifted.parquet"}, request_timeout=120)
    assert moved.json["drifted_columns"] == ["b"]
    only = body | {"current": "data/shifted.parquet", "columns": ["a"]}
    assert (await ask("POST", "drift", "check", body=only, request_timeout=120)).json["drift"] is False


async def test_bad_input_is_named(ask: Ask, tables: None) -> None:
    good = {"reference": "data/reference.parquet", "current": "data/same.parquet"}
    for field in ("reference", "current"):
        for path in ("../x.parquet", "/etc/passwd", "data/none.parquet"):
            assert field in (await ask("POST", "drift", "check", body=good | {field: path})).error(422)["fields"]
    assert "columns" in (await ask("POST", "drift", "check", body=good | {"columns": []})).error(422)["fields"]
    assert (await ask("POST", "drift", "check", body=good | {"columns": ["none"]})).error(422)["fields"]
