"""What is logged: kept before the call returns, in MLflow soon after, each point once whoever dies."""

from __future__ import annotations

import json
import math
import os
import random
import re
import subprocess
import sys
import textwrap
import time

import pytest

from jupyter_mlplat.home import Home
from jupyter_mlplat.mlflow_base.tables import LARGEST, MLflowTables, write_metrics
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.spool import Outage, deliver_left, left, records, take_over
from jupyter_mlplat.spool.delivery import deliver
from jupyter_mlplat.spool.spool import Spool


@pytest.fixture
def run(platform: Platform) -> str:
    """A run that is open."""
    return str(platform.runs.client().create_run("0").info.run_id)


def history(platform: Platform, run: str, key: str) -> list[tuple[int, float, int]]:
    """Step, value and time of every point, as MLflow's own client reads them."""
    found = platform.runs.client().get_metric_history(run, key)
    return sorted((one.step, one.value, one.timestamp) for one in found)


def python(home: Home, platform: Platform, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program as a kernel of the platform would."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, **platform.environment(), **variables},
        capture_output=True, text=True, timeout=120, cwd=home.root, check=False,
    )  # fmt: skip


# --- the file ---------------------------------------------------------------------------------------


def test_a_file_is_read_as_it_was_written() -> None:
    values = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1e16 + 2, math.pi, math.inf, -math.inf]
    lines = b"".join(records.metric_line(records.metric_prefix("r", "k"), value, 1, 2) for value in values)
    lines += records.metric_line(records.metric_prefix("r", 'k"\n\u202e'), math.nan, 3, -4)
    lines += records.text_line(records.PARAM, "r", "p", "a\nb\u2028")
    assert lines.count(b"\n") == len(values) + 2
    read = records.read(lines)
    assert [one[3] for one in read[: len(values)]] == values
    assert math.copysign(1.0, read[1][3]) == -1.0
    assert read[-2][2] == 'k"\n\u202e'
    assert math.isnan(read[-2][3])
    assert read[-1] == ["p", "r", "p", "a\nb\u2028"]


def test_what_a_process_was_writing_when_it_died_was_never_promised(home: Home, platform: Platform, run: str) -> None:
    home.spool.mkdir(exist_ok=True)
    file = home.spool / "1-dead.spool"
    whole = records.metric_line(records.metric_prefix(run, "loss"), 1.0, 5, 0)
    file.write_bytes(records.head(platform.mlflow_uri) + whole + whole[:-9])
    assert deliver_left(home.spool) == 1
    assert history(platform, run, "loss") == [(0, 1.0, 5)]
    assert not file.exists()


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"mlplat-spool-1 12\n{}\n", records.head("sqlite:////x") + b"nonsense\n"]
)
def test_a_file_that_is_none_of_ours_is_put_aside(home: Home, platform: Platform, content: bytes) -> None:
    home.spool.mkdir(exist_ok=True)
    file = home.spool / "1-odd.spool"
    file.write_bytes(content)
    deliver_left(home.spool)
    assert left(home.spool) == []
    assert file.with_suffix(".unreadable").read_bytes() == content


def test_files_are_for_their_owner_alone(home: Home, platform: Platform, run: str) -> None:
    spool = Spool(home.spool, platform.mlflow_uri)
    spool.append(records.metric_line(records.metric_prefix(run, "loss"), 1.0, 5, 0))
    (file,) = home.spool.glob("*.spool")
    assert file.stat().st_mode & 0o777 == 0o600
    assert home.spool.stat().st_mode & 0o777 == 0o700
    spool.close()
    assert list(home.spool.iterdir()) == []


def test_a_full_disk_is_told_and_nothing_half_written_stays(
    home: Home, platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(home.spool, platform.mlflow_uri)
    line = records.metric_line(records.metric_prefix(run, "loss"), 1.0, 5, 0)
    own = os.pwrite
    with monkeypatch.context() as patch:
        spool.append(line)
        patch.setattr(os, "pwrite", lambda file, data, offset: own(file, data[: len(data) // 2], offset))
        with pytest.raises(OSError, match="No space left"):
            spool.append(line)
    spool.append(records.metric_line(records.metric_prefix(run, "loss"), 2.0, 6, 1))
    spool.flush()
    assert history(platform, run, "loss") == [(0, 1.0, 5), (1, 2.0, 6)]
    spool.close()


# --- delivery ---------------------------------------------------------------------------------------


POINTS = [
    ("a", 1.0, 100, 0), ("a", 1.0, 100, 0), ("a", 3.0, 90, 2), ("a", 2.0, 100, 1), ("nan", math.nan, 1, 0),
    ("nan", math.nan, 1, 0), ("inf", math.inf, 1, 0), ("inf", -math.inf, 1, -1), ("tie", 1.0, 5, 5), ("tie", 2.0, 5, 5),
    ("tie", 2.0, 4, 5), ("zero", -0.0, 1, 0), ("zero", 0.0, 1, 0), ("tiny", 5e-324, 1, 0),
    ("after nan", math.nan, 2, 1), ("after nan", 4.0, 1, 1), ("before nan", -4.0, 2, 1), ("before nan", math.nan, 2, 1),
]  # fmt: skip


def test_plain_statements_leave_what_mlflow_would_leave(platform: Platform) -> None:
    """The same points through MLflow and through its tables, in one batch, in single ones, and twice."""
    from mlflow.entities import Metric

    client = platform.runs.client()
    tables = MLflowTables(platform.home.mlflow_database)
    assert tables.known()
    for size in (1, 3, len(POINTS)):
        theirs, ours = (str(client.create_run("0").info.run_id) for _ in range(2))
        for start in range(0, len(POINTS), size):
            part = POINTS[start : start + size]
            client.log_batch(theirs, metrics=[Metric(*one) for one in part])
            for _ in range(2):
                with tables.transaction() as connection:
                    write_metrics(connection, [(ours, *one) for one in part])
        with tables.connection() as connection:
            rows = [
                [
                    sorted(
                        map(repr, connection.execute(
                            f"SELECT key, value, timestamp, step, is_nan FROM {table} WHERE run_uuid = ?", (run,)
                        ))
                    )
                    for table in ("metrics", "latest_metrics")
                ]
                for run in (theirs, ours)
            ]  # fmt: skip
        assert rows[0] == rows[1], size
        kept = client.get_run(ours).data.metrics
        assert kept["inf"] == LARGEST
        assert math.isnan(kept["nan"])


def test_tables_of_another_revision_are_not_touched(platform: Platform, run: str) -> None:
    tables = MLflowTables(platform.home.mlflow_database)
    with tables.transaction() as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0123456789ab'")
    assert not tables.known()
    assert not MLflowTables(platform.home.root / "none.db").known()
    (platform.home.root / "text.db").write_text("no database")
    assert not MLflowTables(platform.home.root / "text.db").known()


def test_what_mlflow_will_never_take_is_kept_with_the_reason(home: Home, platform: Platform, run: str) -> None:
    client = platform.runs.client()
    gone = str(client.create_run("0").info.run_id)
    client.delete_run(gone)
    client.log_param(run, "p", "first")
    spool = Spool(home.spool, platform.mlflow_uri)
    metric = records.metric_prefix
    spool.append(
        records.metric_line(metric(gone, "m"), 1.0, 1, 0)
        + records.metric_line(metric("0" * 32, "m"), 1.0, 1, 0)
        + records.text_line(records.PARAM, run, "p", "second")
        + records.metric_line(metric(run, "m"), 7.0, 1, 0)
    )
    spool.close()
    assert history(platform, run, "m") == [(0, 7.0, 1)]
    refused = [json.loads(line) for line in (home.spool / "refused.jsonl").read_text().splitlines()]
    assert sorted((one["why"], one["record"][0]) for one in refused) == [
        ("it is 'first' already", "p"), ("the run is deleted", "m"), ("there is no such run", "m"),
    ]  # fmt: skip


def test_mlflow_itself_delivers_where_the_tables_are_not_known(
    home: Home, platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a server or PostgreSQL: what it refuses is found in its batch, the rest of the batch is taken."""
    monkeypatch.setattr("jupyter_mlplat.mlflow_base.tables.REVISIONS", frozenset())
    batch: list[records.Record] = [["m", run, "m", float(n), n, n] for n in range(2500)]
    batch += [
        ["p", run, "p", "1"],
        ["m", run, "bad\u0000name*", 1.0, 1, 0],
        ["t", run, "t", "v"],
        ["m", "f" * 32, "m", 1.0, 1, 0],
    ]
    refused = deliver(platform.mlflow_uri, batch)
    assert [one[0][1:3] for one in refused] == [[run, "bad\u0000name*"], ["f" * 32, "m"]]
    assert deliver(platform.mlflow_uri, batch[:2501]) == []
    data = platform.runs.client().get_run(run).data
    assert (data.metrics["m"], data.params["p"], data.tags["t"]) == (2499.0, "1", "v")
    assert len(history(platform, run, "m")) == 2500


def test_a_locked_database_is_an_outage_and_nothing_is_lost(
    home: Home, platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mlplat.mlflow_base.tables.BUSY_S", 0.2)
    spool = Spool(home.spool, platform.mlflow_uri)
    tables = MLflowTables(home.mlflow_database)
    with tables.transaction():
        spool.append(records.metric_line(records.metric_prefix(run, "m"), 1.0, 1, 0))
        with pytest.raises(Outage, match="locked"):
            spool.flush()
        assert spool.pending
    deadline = time.monotonic() + 30
    while spool.pending:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert history(platform, run, "m") == [(0, 1.0, 1)]
    spool.close()


def test_a_long_file_is_emptied(home: Home, platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_mlplat.spool.spool.SHRINK_FROM", 4096)
    spool = Spool(home.spool, platform.mlflow_uri)
    for number in range(300):
        spool.append(records.metric_line(records.metric_prefix(run, "m"), number / 7, number, number))
        if number % 100 == 99:
            spool.flush()
            (file,) = home.spool.glob("*.spool")
            assert file.stat().st_size < 4096
    assert [one[0] for one in history(platform, run, "m")] == list(range(300))
    spool.close()


def test_a_child_that_is_forked_logs_beside_its_parent(home: Home, platform: Platform, run: str) -> None:
    done = python(home, platform, """
        import os, mlflow
        run = os.environ["RUN"]
        with mlflow.start_run(run):
            mlflow.log_metric("m", 0.0, step=0)
            client = mlflow.MlflowClient()
            child = os.fork()
            for step in range(1, 200):
                # In a child MLflow has no active run.
                client.log_metric(run, "m" if child else "c", float(step), step=step)
            if not child:
                os.kill(os.getpid(), 9)
            os.waitpid(child, 0)
    """, RUN=run)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [one[0] for one in history(platform, run, "m")] == list(range(200))
    assert [one[0] for one in history(platform, run, "c")] == list(range(1, 200))
    assert left(home.spool) == []


# --- plain MLflow -----------------------------------------------------------------------------------


def test_plain_mlflow_reads_what_it_wrote_and_ends_with_all_of_it(home: Home, platform: Platform) -> None:
    done = python(home, platform, """
        import mlflow, numpy, math
        from mlflow import log_metric as early

        with mlflow.start_run() as active:
            run = active.info.run_id
            for step in range(100):
                mlflow.log_metric("loss", 1 / (step + 1), step=step)
            early("early", 1)
            mlflow.log_metric("numpy", numpy.float32(0.5))
            mlflow.log_metric("array", numpy.array([0.25]))
            mlflow.log_metric("given", 1, timestamp=1234, step=-3)
            mlflow.log_metrics({"x": 1, "y": 2.5, "nan": math.nan}, step=2)
            mlflow.log_param("p", 1)
            mlflow.log_params({"q": "two", "r": [3]})
            mlflow.set_tag("note", "hello")
            mlflow.set_tag("mlflow.runName", "named")
            client = mlflow.MlflowClient()
            client.log_metric(run, "by client", 5.0)
            data = client.get_run(run).data
            assert data.params == {"p": "1", "q": "two", "r": "[3]"}, data.params
            assert data.tags["note"] == "hello" and client.get_run(run).info.run_name == "named"
            assert data.metrics["numpy"] == 0.5 and data.metrics["array"] == 0.25 and data.metrics["by client"] == 5.0
            assert math.isnan(data.metrics["nan"])
            assert len(client.get_metric_history(run, "loss")) == 100
            (found,) = client.search_runs(["0"], "metrics.y > 2 and params.q = 'two'")
        print(run)
    """)  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = done.stdout.strip()
    found = platform.runs.client().get_run(run)
    assert found.info.status == "FINISHED"
    assert [one[0] for one in history(platform, run, "loss")] == list(range(100))
    assert history(platform, run, "given") == [(-3, 1.0, 1234)]
    assert list(home.spool.iterdir()) == []


ODD = r"""
    import mlflow, numpy
    from mlflow.entities import Metric, Param

    log, param, client = mlflow.log_metric, mlflow.log_param, mlflow.MlflowClient()
    with mlflow.start_run() as active:
        run = active.info.run_id
        param("p", 1)
        for number, odd in enumerate([
            lambda: param("p", 2), lambda: param("p", 1), lambda: param("k" * 300, 1), lambda: param("v", "x" * 7000),
            lambda: param("surrogate", "\ud800"), lambda: param("bytes", b"x"), lambda: param("nul", "a\0b"),
            lambda: param("", 1), lambda: param("a/../b", 1), lambda: param("none", None), lambda: param(5, 1),
            lambda: log("bad*", 1), lambda: log("", 1), lambda: log(5, 1), lambda: log("m" * 300, 1.0),
            lambda: log("a/../b", 1), lambda: log("/m", 1), lambda: log("m", "text"), lambda: log("m", "1.5"),
            lambda: log("m", None), lambda: log("m", True), lambda: log("m", numpy.zeros(3)), lambda: log("m", 10**400),
            lambda: log("half", numpy.float16(1)), lambda: log("long", numpy.int64(2**62)), lambda: log("m", 1j),
            lambda: log("m", 1.0, timestamp=-5), lambda: log("m", 1.0, timestamp=1.5), lambda: log("m", 1.0, step=1.5),
            lambda: log("m", 1.0, step="1"), lambda: log("m", 1.0, step=2**70), lambda: log("m", 1.0, step=-(2**63)),
            lambda: log("m", 1.0, step=numpy.int64(3)), lambda: log("m", 1.0, step=True),
            lambda: mlflow.log_metrics({"a": 1.0, "bad*": 2.0}), lambda: mlflow.log_metrics({"b": 1.0, "c": "x"}),
            lambda: mlflow.log_metrics({}), lambda: mlflow.log_metrics({"d": numpy.float32(0.1), "e": 3}),
            lambda: mlflow.set_tag("t", "x" * 9000), lambda: mlflow.set_tag("t", 5), lambda: mlflow.set_tag("bad*", 5),
            lambda: mlflow.set_tags({"u": 1, "w": None}), lambda: client.log_metric("0" * 32, "m", 1.0),
            lambda: client.log_metric("../x", "m", 1.0), lambda: client.log_param("0" * 32, "p", 1),
            lambda: client.log_batch(run, params=[Param("d", "1"), Param("d", "2")]),
            lambda: client.log_batch(run, params=[Param("d", "1"), Param("p", "2")]),
            lambda: client.log_batch(run, metrics=[Metric("f", 1.0, 1, 1)] * 1001),
            lambda: client.log_batch(run, metrics=[Metric("g", 1.0, 1, 1), Metric("bad*", 1.0, 1, 1)]),
            lambda: client.log_batch(run, metrics=[Metric("h", 1.0, 1, 2**70)]), lambda: client.log_batch(run),
            lambda: client.log_batch("0" * 32, metrics=[Metric("h", 1.0, 1, 1)]),
            lambda: mlflow.log_metrics({"s": 1.0}, synchronous=False).wait(),
        ]):
            try:
                odd()
                print(number, "taken")
            except Exception as error:
                print(number, type(error).__name__, ascii(str(error).replace(run, "RUN"))[:150])
    data = client.get_run(run).data
    print(ascii(sorted(data.metrics.items())), ascii(sorted(data.params.items())))
    print(ascii(sorted((key, value) for key, value in data.tags.items() if not key.startswith("mlflow."))))
"""


def test_what_mlflow_refuses_is_refused_and_what_it_takes_is_taken(home: Home, platform: Platform) -> None:
    """One program with MLflow as it comes, and with ours around it: word for word the same."""
    direct, buffered = (python(home, platform, ODD, MLPLAT_LOGGING=way) for way in ("direct", "buffered"))
    assert direct.returncode == 0, direct.stderr
    said = [re.sub(r"timestamp=\d+", "timestamp=…", one.stdout).splitlines() for one in (direct, buffered)]
    assert said[1] == said[0]
    assert not (home.spool / "refused.jsonl").exists()


def test_the_metric_of_a_model_is_of_the_model(home: Home, platform: Platform) -> None:
    done = python(home, platform, """
        import mlflow
        with mlflow.start_run() as active:
            model = mlflow.initialize_logged_model(name="m")
            mlflow.log_metric("acc", 0.9, model_id=model.model_id)
            mlflow.log_metric("acc", 0.8, step=1)
        found = mlflow.get_logged_model(model.model_id)
        print(sorted((one.key, one.value) for one in found.metrics))
    """)  # fmt: skip
    assert done.stdout.strip() == "[('acc', 0.9)]", done.stderr


def test_whoever_says_no_has_mlflow_as_it_comes(home: Home, platform: Platform) -> None:
    code = """
        import os, mlflow
        with mlflow.start_run():
            mlflow.log_metric("m", 1.0)
            print(os.listdir(os.environ["MLPLAT_HOME"] + "/spool"))
    """
    assert python(home, platform, code, MLPLAT_LOGGING="direct").stdout.strip() == "[]"
    platform.buffered_logging = False
    assert "MLPLAT_LOGGING" not in platform.environment()
    platform.buffered_logging = True
    assert python(home, platform, code).stdout.strip().endswith(".spool']")


def test_a_reader_elsewhere_is_a_second_behind_at_most(home: Home, platform: Platform, run: str) -> None:
    """While a loop of plain Python logs: it holds the interpreter's lock most of the time."""
    logging = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent("""
            import os, sys, time, mlflow
            with mlflow.start_run(os.environ["RUN"]):
                step = 0
                until = time.monotonic() + 3
                while time.monotonic() < until:
                    mlflow.log_metric("now", time.time(), step=step)
                    step += 1
                    sum(range(2000))
        """)],
        env={**os.environ, **platform.environment(), "RUN": run}, cwd=home.root,
    )  # fmt: skip
    behind = []
    try:
        client = platform.runs.client()
        while logging.poll() is None:
            newest = client.get_run(run).data.metrics.get("now")
            if newest is not None:
                behind.append(time.time() - newest)
            time.sleep(0.1)
    finally:
        logging.kill()
        logging.wait()
    # Where the machine is busy the median still is what it is.
    assert len(behind) > 3
    assert sorted(behind)[len(behind) // 2] < 1.0, behind


# --- mlplat.log_* -----------------------------------------------------------------------------------


def test_our_own_words_start_a_run_where_there_is_none(home: Home, platform: Platform) -> None:
    (home.root / "folder").mkdir()
    (home.root / "folder" / "note.txt").write_text("hello")
    done = python(home, platform, """
        import os, sys
        for name in ("MLFLOW_TRACKING_URI", "MLPLAT_LOGGING", "_MLFLOW_SERVER_ARTIFACT_ROOT"):
            os.environ.pop(name, None)
        import jupyter_mlplat as mlplat
        assert "mlflow" not in sys.modules
        mlplat.log_metric("loss", 0.5, step=3)
        mlplat.log_metric("loss", 0.25, 4, timestamp=77)
        mlplat.log_metrics({"a": 1, "b": 2.0}, step=1)
        mlplat.log_params({"p": 1, "q": "x"})
        mlplat.log_param("r", None)
        mlplat.log_artifact("folder/note.txt", "notes")
        mlplat.log_artifact("folder")
        import mlflow
        print(mlflow.active_run().info.run_id)
        # Read back in the same process, with MLflow itself.
        assert mlflow.get_run(mlflow.active_run().info.run_id).data.params == {"p": "1", "q": "x", "r": "None"}
        log = mlplat.log_metric
        for wrong in (lambda: mlplat.log_param("p", 2), lambda: log("bad*", 1), lambda: log("m", "x")):
            try:
                wrong()
            except mlflow.exceptions.MlflowException:
                continue
            raise AssertionError("taken")
    """)  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = done.stdout.strip()
    found = platform.runs.get(run)
    assert (found.status, found.metrics) == ("FINISHED", {"loss": 0.25, "a": 1.0, "b": 2.0})
    assert found.parameters == {"p": "1", "q": "x", "r": "None"}
    assert sorted(found.artifacts) == ["note.txt", "notes", "provenance"]
    assert history(platform, run, "loss")[1] == (4, 0.25, 77)


KILLER = """
    import json, os, random, select, sys, time
    import jupyter_mlplat as mlplat, mlflow

    dice = random.Random(int(sys.argv[1]))

    def log(said):
        mlflow.start_run(os.environ["RUN"])
        mlplat.log_metric("m", -1.0, step=-1)
        step = 0
        while True:
            (mlplat if step % 2 else mlflow).log_metric("m", step / 7, step=step)
            os.write(said, b"%d\\n" % step)
            step += 1

    for line in sys.stdin:
        os.environ["RUN"] = line.strip()
        heard, said = os.pipe()
        child = os.fork()
        if not child:
            log(said)
        os.close(said)
        text, until = os.read(heard, 1 << 16), time.monotonic() + dice.uniform(0.0, 0.15)
        while (left := until - time.monotonic()) > 0:
            # Read on while it logs, or it would wait for the pipe.
            if select.select([heard], [], [], left)[0]:
                text = text[-100:] + os.read(heard, 1 << 16)
        os.kill(child, 9)
        os.waitpid(child, 0)
        while more := os.read(heard, 1 << 16):
            text = text[-100:] + more
        os.close(heard)
        print(text.split(b"\\n")[-2].decode(), flush=True)
"""


def kill_while_logging(home: Home, platform: Platform, seed: int, rounds: int) -> None:
    """Processes that log as fast as they can are killed; each of their points is there once."""
    client = platform.runs.client()
    killer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLER), str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        cwd=home.root, env={**os.environ, **platform.environment()}, text=True,
    )  # fmt: skip
    assert killer.stdin is not None
    assert killer.stdout is not None
    with killer:
        for number in range(rounds):
            run = str(client.create_run("0").info.run_id)
            killer.stdin.write(f"{run}\n")
            killer.stdin.flush()
            last = int(killer.stdout.readline())
            assert len(left(home.spool)) == 1
            if number % 2:
                deliver_left(home.spool, light=True)
            else:
                # Whoever asks has it delivered first.
                assert platform.runs.get(run).metrics["m"] in (last / 7, (last + 1) / 7)
            points = history(platform, run, "m")
            # The call that was under way may have been kept, too.
            assert [one[0] for one in points] in (list(range(-1, last + 1)), list(range(-1, last + 2)))
            assert [one[1] for one in points[1:]] == [one[0] / 7 for one in points[1:]]
            assert left(home.spool) == []
        killer.stdin.close()


def test_kill_9_loses_nothing_that_was_acknowledged(home: Home, platform: Platform) -> None:
    kill_while_logging(home, platform, 20261122, 5)


@pytest.mark.long
def test_kill_9_at_fifty_moments(home: Home, platform: Platform) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - so that it can be run again
    kill_while_logging(home, platform, seed, 50)


def test_one_that_dies_between_delivery_and_its_mark_delivers_again(home: Home, platform: Platform, run: str) -> None:
    home.spool.mkdir(exist_ok=True)
    lines = b"".join(records.metric_line(records.metric_prefix(run, "m"), n / 3, n, n) for n in range(50))
    for number in range(3):
        (home.spool / f"{number}-dead.spool").write_bytes(records.head(platform.mlflow_uri) + lines)
    assert deliver_left(home.spool) == 150
    assert [one[0] for one in history(platform, run, "m")] == list(range(50))


# --- other hosts --------------------------------------------------------------------------------------


def test_what_waits_of_another_host_is_taken_over(home: Home, platform: Platform, run: str) -> None:
    """What an attempt on a Dask worker logged while MLflow did not answer comes with its result."""
    text = (
        records.head(platform.mlflow_uri) + records.metric_line(records.metric_prefix(run, "m"), 1.0, 1, 0)
    ).decode()
    take_over(home.spool, "7-1-0", text)
    (file,) = left(home.spool)
    assert file.stat().st_mode & 0o777 == 0o600
    assert platform.runs.get(run).metrics == {"m": 1.0}
