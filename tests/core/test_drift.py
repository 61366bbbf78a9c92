"""Drift checks on real data: quiet where nothing moved, loud and right where something did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jupyter_mlplat.errors import Invalid, Unavailable
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import DriftColumn, DriftReport
from jupyter_mlplat.platform import Platform, SystemClock
from jupyter_mlplat.services.drift import DriftService
from jupyter_mlplat.services.drift.scores import THRESHOLD, categories, kolmogorov_smirnov, significant

SEED = 20261121
Check = Callable[..., DriftReport]


@pytest.fixture
def service(platform: Platform) -> DriftService:
    return DriftService(platform.home, SystemClock(), platform.runs)


@pytest.fixture
def check(service: DriftService, tmp_path: Path) -> Check:
    """Write two tables and compare them."""

    def run(reference: pd.DataFrame, current: pd.DataFrame, **options: object) -> DriftReport:
        reference.to_parquet(tmp_path / "reference.parquet")
        current.to_parquet(tmp_path / "current.parquet")
        paths = str(tmp_path / "reference.parquet"), str(tmp_path / "current.parquet")
        return service.check(*paths, **options)  # type: ignore[arg-type]

    return run


def column(report: DriftReport, name: str) -> DriftColumn:
    return next(one for one in report.columns if one.column == name)


def real(name: str) -> pd.DataFrame:
    from sklearn import datasets

    frame: pd.DataFrame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    return frame


# --- false alarms and finds, on small real tables -------------------------------------------------------


@pytest.mark.parametrize("name", ["breast_cancer", "wine", "digits", "diabetes"])
def test_random_halves_of_real_data_are_not_drift_and_shifted_ones_are(check: Check, name: str) -> None:
    """Alarms at most once in a thousand checks; a shift by one standard deviation is found by name."""
    data = real(name)
    moved = [one for one in data if data[one].nunique() > 10][:3]
    for seed in range(SEED, SEED + 10):
        order = np.random.default_rng(seed).permutation(len(data))
        reference, current = data.iloc[order[: len(data) // 2]], data.iloc[order[len(data) // 2 :]]
        clean = check(reference, current)
        assert not clean.drift, f"{name}, seed {seed}: {clean.drifted_columns}"
        assert clean.drifted_columns == []
        shifted = check(reference, current.assign(**{one: current[one] + data[one].std() for one in moved}))
        assert shifted.drift
        assert shifted.drifted_columns == moved, f"{name}, seed {seed}"


def test_few_rows_never_alarm_by_chance(check: Check) -> None:
    data = real("wine")
    rng = np.random.default_rng(SEED)
    for rows in (1, 2, 5, 10, 20):
        order = rng.permutation(len(data))
        report = check(data.iloc[order[rows:]], data.iloc[order[:rows]])
        assert not report.drift, f"seed {SEED}, {rows} rows: {report.drifted_columns}"


def test_what_chance_can_do_is_noted(check: Check) -> None:
    report = check(pd.DataFrame({"x": [1.0, 2, 3, 4]}), pd.DataFrame({"x": [11.0, 12, 13, 14]}))
    assert not report.drift
    assert report.columns[0].score == 1.0
    assert "not significant" in report.columns[0].note


def test_many_rows_do_not_make_a_trifle_into_drift(check: Check) -> None:
    rng = np.random.default_rng(SEED)
    report = check(
        pd.DataFrame({"x": rng.normal(size=200_000), "c": rng.choice(["a", "b"], 200_000)}),
        pd.DataFrame({"x": rng.normal(0.05, size=200_000), "c": rng.choice(["a", "b"], 200_000, p=[0.52, 0.48])}),
    )
    assert not report.drift
    assert all(one.score is not None and 0 < one.score < THRESHOLD for one in report.columns)


# --- where others are wrong ------------------------------------------------------------------------------


def test_one_huge_value_hides_no_shift_and_fakes_none(check: Check) -> None:
    rng = np.random.default_rng(SEED)
    then, now = rng.normal(size=2000), rng.normal(size=2000)
    outlier = np.append(now[:-1], 1e6)
    clean = check(pd.DataFrame({"x": then}), pd.DataFrame({"x": outlier}))
    assert not clean.drift
    for extreme in (1e6, float("inf"), -float("inf")):
        shifted = check(pd.DataFrame({"x": then}), pd.DataFrame({"x": np.append(now[:-1] + 1, extreme)}))
        assert shifted.drifted_columns == ["x"]
        assert shifted.columns[0].score == pytest.approx(0.38, abs=0.05)


def test_a_change_of_the_missing_share_is_drift(check: Check) -> None:
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=2000)
    report = check(
        pd.DataFrame({"x": x, "same": np.where(x > 1, np.nan, x), "t": "a"}),
        pd.DataFrame({"x": np.where(rng.random(2000) < 0.1, np.nan, x), "same": np.where(x > 1, np.nan, x), "t": "a"})
        .assign(t=lambda table: table["t"].where(rng.random(2000) < 0.7, None)),
    )  # fmt: skip
    assert report.drifted_columns == ["x", "t"]
    found = column(report, "x")
    assert (found.method, found.reference_missing) == ("missing_share", 0.0)
    assert found.current_missing == pytest.approx(0.1, abs=0.03)
    assert found.note.startswith("missing: 0.0% before, ")


def test_a_shift_among_few_present_values_is_found(check: Check) -> None:
    rng = np.random.default_rng(SEED)
    gaps = rng.random(20_000) < 0.95
    report = check(
        pd.DataFrame({"x": np.where(gaps, np.nan, rng.normal(size=20_000))}),
        pd.DataFrame({"x": np.where(gaps, np.nan, rng.normal(1, size=20_000))}),
    )
    assert report.drifted_columns == ["x"]
    assert report.columns[0].method == "kolmogorov_smirnov"


def test_unseen_and_vanished_categories_are_drift(check: Check) -> None:
    rng = np.random.default_rng(SEED)
    report = check(
        pd.DataFrame({"new": rng.choice(["a", "b"], 500), "gone": rng.choice(["a", "b", "c"], 500), "same": "a"}),
        pd.DataFrame({"new": rng.choice(["a", "b", "c"], 500), "gone": rng.choice(["a", "b"], 500), "same": "a"}),
    )
    assert report.drifted_columns == ["new", "gone"]
    assert {one.method for one in report.columns} == {"jensen_shannon"}
    assert column(report, "same").score == 0.0


def test_identifiers_do_not_alarm_but_one_frequent_value_does(check: Check) -> None:
    names = [f"user-{number}" for number in range(4000)]
    clean = check(pd.DataFrame({"id": names[:2000]}), pd.DataFrame({"id": names[2000:]}))
    assert not clean.drift
    assert clean.columns[0].note == "4000 rare values were taken together"
    spam = check(pd.DataFrame({"id": names[:2000]}), pd.DataFrame({"id": names[2000:3000] + ["bot"] * 1000}))
    assert spam.drifted_columns == ["id"]


def test_every_kind_of_column_is_compared(check: Check) -> None:
    rng = np.random.default_rng(SEED)
    n = 1000
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 100, n), unit="D")
    then = pd.DataFrame(
        {
            "whole": rng.integers(0, 5, n),
            "flag": rng.random(n) < 0.5,
            "when": days,
            "zoned": days.tz_localize("UTC").as_unit("ns"),
            "constant": 1,
            "now_constant": rng.normal(size=n),
            "kind": pd.Categorical(rng.choice(["a", "b"], n)),
            "empty": pd.Series([None] * n, dtype="float64"),
            "emptied": rng.normal(size=n),
            "whole_to_float": rng.integers(0, 100, n),
            "flag_to_whole": rng.random(n) < 0.5,
            "whole_to_text": rng.integers(0, 100, n),
        }
    )
    moved = then.assign(
        whole=then["whole"] + 1,
        flag=rng.random(n) < 0.9,
        when=then["when"] + pd.Timedelta(days=30),
        zoned=then["zoned"].dt.as_unit("us"),
        constant=2,
        now_constant=0.0,
        kind=pd.Categorical(rng.choice(["a", "b"], n, p=[0.9, 0.1])),
        emptied=float("nan"),
        whole_to_float=then["whole_to_float"].astype("float64"),
        flag_to_whole=then["flag_to_whole"].astype("int8"),
        whole_to_text=then["whole_to_text"].astype(str),
    )
    assert not check(then, then.sample(frac=1, random_state=SEED)).drift
    report = check(then, moved)
    assert report.drifted_columns == [
        "whole", "flag", "when", "constant", "now_constant", "kind", "emptied", "whole_to_text",
    ]  # fmt: skip
    assert column(report, "empty").note == "no value in either table"
    assert column(report, "emptied").note.endswith("no value in current")
    assert column(report, "whole_to_text").note == "was BIGINT, is VARCHAR"
    assert column(report, "constant").score == 1.0
    assert (column(report, "zoned").score, column(report, "flag_to_whole").score) == (0.0, 0.0)


def test_columns_of_one_table_only_are_noted_or_refused_when_asked_for(check: Check) -> None:
    then, now = pd.DataFrame({"x": [1, 2], "label": [0, 1]}), pd.DataFrame({"x": [1, 2], "new": [0, None]})
    report = check(then, now)
    assert [(one.column, one.note, one.score is None) for one in report.columns] == [
        ("x", "", False),
        ("label", "only in reference", True),
        ("new", "only in current", True),
    ]
    assert [one.column for one in check(then, now, columns=["x", "x"]).columns] == ["x"]
    with pytest.raises(Invalid, match=r"current\.parquet has no column 'label'") as caught:
        check(then, now, columns=["x", "label"])
    assert list(caught.value.fields) == ["columns"]
    with pytest.raises(Invalid, match="no column to compare"):
        check(then, now, columns=[])
    with pytest.raises(Invalid, match="no column in common"):
        check(then[["label"]], now)


def test_nested_values_are_not_compared(service: DriftService, tmp_path: Path) -> None:
    path = tmp_path / "nested.parquet"
    pq.write_table(pa.table({"x": [1, 2], "v": [[1.0], [2.0]]}), path)
    report = service.check(str(path), str(path))
    assert column(report, "v").note == "values of type DOUBLE[] are not compared"


def test_names_are_never_code(check: Check) -> None:
    names = ['x"; DROP TABLE reference; --', "a'b", "v0", "value", "r", "select", "percent%", "ünï 名"]
    rng = np.random.default_rng(SEED)
    data = pd.DataFrame({name: rng.choice(["a", "b"], 300) for name in names} | {"n\"'": rng.normal(size=300)})
    assert not check(data, data).drift
    report = check(data, data.assign(**{names[0]: "c", "n\"'": 5.0}))
    assert report.drifted_columns == [names[0], "n\"'"]


# --- files -----------------------------------------------------------------------------------------------


def test_csv_and_parquet_compare(service: DriftService, tmp_path: Path) -> None:
    data = real("wine")
    data.to_parquet(tmp_path / "a.parquet")
    data.to_csv(tmp_path / "a [1]*.csv", index=False)
    report = service.check(str(tmp_path / "a.parquet"), str(tmp_path / "a [1]*.csv"))
    assert not report.drift
    assert {one.score for one in report.columns} == {0.0}
    assert (report.reference_rows, report.current_rows) == (178, 178)
    assert isinstance(report.checked_at, datetime)
    assert report.report_uri is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nope.parquet", None, "no file"),
        ("folder", "", "directory"),
        ("empty.csv", b"", "is empty"),
        ("header.csv", b"a,b\n", "has no rows"),
        ("text.txt", b"hello", "not a table"),
        ("broken.parquet", b"PAR1PAR1", "broken parquet"),
    ],
)
@pytest.mark.parametrize("field", ["reference", "current"])
def test_a_path_that_is_no_table_names_its_field(
    service: DriftService, tmp_path: Path, name: str, content: bytes | str | None, message: str, field: str
) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / name
    good.write_text("a,b\n1,2\n")
    if content == "":
        bad.mkdir()
    elif isinstance(content, bytes):
        bad.write_bytes(content)
    paths = {"reference": str(good), "current": str(good), field: str(bad)}
    with pytest.raises(Invalid, match=message) as caught:
        service.check(**paths)
    assert list(caught.value.fields) == [field]
    assert caught.value.hint


def test_a_delta_table_needs_deltalake(service: DriftService, tmp_path: Path) -> None:
    (tmp_path / "table" / "_delta_log").mkdir(parents=True)
    try:
        import deltalake  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        with pytest.raises(Unavailable, match="deltalake is not installed"):
            service.check(str(tmp_path / "table"), str(tmp_path / "table"))
    else:
        with pytest.raises(Invalid, match="cannot be read"):
            service.check(str(tmp_path / "table"), str(tmp_path / "table"))


# --- scores against independent implementations ------------------------------------------------------------


def test_scores_agree_with_scipy() -> None:
    from scipy import stats
    from scipy.spatial.distance import jensenshannon

    rng = np.random.default_rng(SEED)
    for _ in range(200):
        left, right = (rng.integers(0, rng.integers(1, 30), rng.integers(1, 80)) / 3 for _ in "ab")
        assert kolmogorov_smirnov(left, right).value == pytest.approx(stats.ks_2samp(left, right).statistic)
    for _ in range(50):
        left, right = rng.normal(size=150), rng.normal(0.4, size=120)
        smirnov = stats.ks_2samp(left, right, method="exact").pvalue
        ranks = stats.mannwhitneyu(left, right, method="asymptotic").pvalue
        assert kolmogorov_smirnov(left, right).p == pytest.approx(min(1, 2 * min(smirnov, ranks)), rel=0.4)
        counts = rng.integers(30, 90, size=(2, 6)).astype(float)
        score = categories(*counts)
        assert score.value == pytest.approx(jensenshannon(*counts, base=2))
        assert score.p == pytest.approx(stats.chi2_contingency(counts, correction=False).pvalue)
        pair = rng.integers(0, 30, size=(2, 2)) + 1
        assert categories(*pair).p == pytest.approx(stats.fisher_exact(pair).pvalue, rel=1e-6)


def test_one_row_of_a_new_category_is_no_evidence() -> None:
    score = categories(np.array([500.0, 500.0, 0.0]), np.array([25.0, 24.0, 1.0]))
    assert score.p > 0.3


def test_holm_keeps_the_error_of_all_tests_together() -> None:
    assert significant([0.01, 0.02, 0.9], alpha=0.05) == [True, True, False]
    assert significant([0.02, 0.02, 0.9], alpha=0.05) == [False, False, False]
    assert significant([0.9, 0.001], alpha=0.05) == [False, True]
    assert significant([]) == []


# --- Evidently's report ------------------------------------------------------------------------------------


@pytest.mark.timeout(600)
def test_the_report_is_an_artifact_of_a_run(
    service: DriftService, platform: Platform, home: Home, tmp_path: Path
) -> None:
    data = real("wine")
    hostile = "a/../b <script>alert(1)</script>"
    data = data[["alcohol", "hue"]].assign(
        kind=["</script><script>alert(2)</script>", None] * 89,
        when=pd.Timestamp("2026-01-01"),
        flag=True,
        empty=float("nan"),
        **{hostile: data["ash"]},
    )
    data.to_parquet(tmp_path / "reference.parquet")
    data.assign(alcohol=data["alcohol"] + 2).to_parquet(tmp_path / "current.parquet")
    checked = service.check(str(tmp_path / "reference.parquet"), str(tmp_path / "current.parquet"))
    with service.start_report(checked) as pending:
        report = pending.result()
    assert report.drifted_columns == ["alcohol"]
    assert report.report_uri == f"runs:/{report.run_id}/drift.html"
    assert report.model_copy(update={"run_id": None, "report_uri": None}) == checked
    client = platform.runs.client()
    run = client.get_run(report.run_id)
    assert run.info.status == "FINISHED"
    assert client.get_experiment(run.info.experiment_id).name == "drift"
    assert run.data.metrics["score.alcohol"] == column(report, "alcohol").score
    assert run.data.metrics["drifted_columns"] == 1.0
    assert run.data.tags["mlplat.drift.columns"] == "alcohol"
    html = Path(client.download_artifacts(report.run_id, "drift.html", str(tmp_path))).read_text()
    assert "Drift in alcohol" in html
    assert "<script>alert" not in html
    assert r"\u2039script\u203aalert(1)" in html
    assert "Not in Evidently&#x27;s part: empty." in html
    assert len(html) > 1_000_000
    assert not list(home.run.glob("drift-*"))


def test_a_report_given_up_ends_its_process(service: DriftService, home: Home, tmp_path: Path) -> None:
    real("wine").to_parquet(tmp_path / "a.parquet")
    checked = service.check(str(tmp_path / "a.parquet"), str(tmp_path / "a.parquet"))
    with service.start_report(checked) as pending:
        process = pending._process
        assert process.poll() is None
    assert process.poll() is not None
    assert not list(home.run.glob("drift-*"))
