"""The demo's rows: two parts of a data set of scikit-learn, and the same rows as a feature view."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .steps import StepFailed

if TYPE_CHECKING:
    import pandas

    from ..services.features import FeaturesService

DATASET = "breast_cancer"
TARGET = "target"
SEED = 42
TEST_SIZE = 0.25
SHIFTED = ("mean_radius", "worst_texture", "worst_area")
SHIFT_STD = 1.5


def split(folder: Path) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """The data set in two, as the notebook does it; and the held-out rows with some columns shifted."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    table = datasets.load_breast_cancer(as_frame=True).frame
    table.columns = [column.replace(" ", "_") for column in table.columns]
    train, heldout = train_test_split(table, test_size=TEST_SIZE, random_state=SEED, stratify=table[TARGET])
    train, heldout = train.reset_index(drop=True), heldout.reset_index(drop=True)
    moved = heldout.copy()
    for column in SHIFTED:
        moved[column] += SHIFT_STD * train[column].std()
    for name, rows in (("train", train), ("heldout", heldout), ("shifted", moved)):
        rows.drop(columns=TARGET).to_parquet(folder / f"{name}.parquet", index=False)
    return train, heldout


def define_and_read(
    features: FeaturesService, owner: str, name: str, folder: Path, rows: pandas.DataFrame
) -> tuple[int, int]:
    """Make a feature view of the rows, with the ids and times that the demo gives them, and read it both ways.

    Returns how many rows and features it has. Raises `StepFailed` where what comes back is not what went in.
    """
    import pandas as pd

    from ..models import FeatureViewSpec

    table = rows.reset_index(drop=True)
    columns = [column for column in table.columns if column != TARGET]
    measured = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(range(len(table)), unit="h")
    table = table.assign(sample_id=table.index.to_numpy(), measured_at=measured)
    source = folder / "measurements.parquet"
    table.drop(columns=TARGET).to_parquet(source, index=False)
    spec = FeatureViewSpec(
        name=name,
        source=str(source),
        entities=["sample_id"],
        timestamp="measured_at",
        description=f"scikit-learn's {DATASET}, with the ids and times of the demo",
    )
    features.apply([spec], owner=owner)
    features.materialize(name)
    known = pd.DataFrame({"sample_id": table["sample_id"], "event_time": table["measured_at"]})
    joined = features.historical(known, [name])
    if not joined[columns].equals(table[columns]):
        raise StepFailed("the point-in-time join is not the training table")
    before = features.historical(known.assign(event_time=known["event_time"] - pd.Timedelta(minutes=1)), [name])
    if not before[columns].isna().all().all():
        raise StepFailed("the point-in-time join knew values before they were measured")
    read = features.online(name, [{"sample_id": int(one)} for one in table["sample_id"]])
    if not pd.DataFrame(read)[columns].equals(table[columns]):
        raise StepFailed("the online store does not hold the training table")
    return len(table), len(columns)
