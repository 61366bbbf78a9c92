"""What the configuration says reaches every other process unchanged."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from jupyter_mlplat.engine import living_engine
from jupyter_mlplat.errors import Invalid
from jupyter_mlplat.home import Home
from jupyter_mlplat.platform import Platform


def test_a_relative_tracking_uri_is_made_absolute(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///here.db")
    platform = Platform.load()
    assert platform.mlflow_uri == f"sqlite:///{tmp_path / 'here.db'}"
    assert platform.environment()["MLFLOW_TRACKING_URI"] == platform.mlflow_uri


def test_a_server_is_left_as_it_is(home: Home) -> None:
    platform = Platform(tracking_uri="https://mlflow.example/prefix")
    assert platform.environment()["MLFLOW_TRACKING_URI"] == "https://mlflow.example/prefix"
    assert "_MLFLOW_SERVER_ARTIFACT_ROOT" not in platform.environment()


def test_a_configuration_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "jupyter_mlplat_config.py").write_text("c.Platform.backend = ")
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(folder))
    with pytest.raises(Invalid, match=r"jupyter_mlplat_config\.py cannot be read") as refused:
        Platform.load()
    assert refused.value.hint


def test_a_backend_that_nobody_offers_is_refused_with_those_there_are(home: Home) -> None:
    with pytest.raises(Invalid, match="no backend is called slurm") as refused:
        Platform(backend="slurm").make_backend()
    assert "local" in refused.value.hint


def test_a_pipe_that_a_dying_engine_still_holds_does_not_keep_a_new_one_from_starting(platform: Platform) -> None:
    os.mkfifo(platform.home.wake)
    held = os.open(platform.home.wake, os.O_RDWR | os.O_NONBLOCK)  # as a killed process does until it is gone
    try:
        platform.wake_engine()
        deadline = time.monotonic() + 60
        while living_engine(platform) is None:
            assert time.monotonic() < deadline, "no engine started"
            time.sleep(0.05)
    finally:
        os.close(held)
