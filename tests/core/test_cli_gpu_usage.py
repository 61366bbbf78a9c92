"""GPU hours, cost and budgets by the shell and in Python, and how rest is shown."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

import jupyter_mlplat as mlplat
from jupyter_mlplat.api.current import platform
from jupyter_mlplat.commands.blocks import to_text
from jupyter_mlplat.commands.gpus import show_leases
from jupyter_mlplat.errors import Invalid
from jupyter_mlplat.home import Home
from jupyter_mlplat.models import Lease, Page
from jupyter_mlplat.store import tables

from ..gpus import fake_gpus
from ..shell import here


@pytest.fixture
def prices(home: Home) -> Path:
    """Four A100 for 2 EUR an hour; the file is named by a path in the data directory."""
    fake_gpus("4xA100-80G", gpu_prices="prices.yaml")
    path = home.root / "prices.yaml"
    path.write_text("currency: EUR\nprices: {A100: 2}\n")
    return path


def hours_ago(lease: Lease, hours: float) -> None:
    """Let a lease have been granted so many hours ago."""
    table = tables.leases
    earlier = datetime.now(UTC) - timedelta(hours=hours)
    with platform().store.write() as transaction:
        transaction.connection.execute(
            update(table).where(table.c.id == int(lease.id)).values(granted_at=earlier, created_at=earlier)
        )


def test_usage_as_text_json_csv_and_in_python(prices: Path) -> None:
    me = platform().user
    hours_ago(mlplat.gpus.acquire(count=2, notebook="=cmd.ipynb"), 3)
    shown = here("gpus", "usage").stdout
    assert re.search(r"^USER +GPU HOURS +IDLE HOURS +COST EUR +LEASES$", shown, re.MULTILINE)
    assert re.search(rf"^{me} +6 +0 +12 +1$", shown, re.MULTILINE)
    said = json.loads(here("gpus", "usage", "--since", "1h", "--by", "type", "--json").stdout)
    assert set(said) == {"since", "until", "by", "currency", "rows", "total", "budgets", "warnings"}
    [row] = said["rows"]
    assert (row["key"], round(row["gpu_hours"], 2), round(row["cost"], 2)) == ("A100-80G", 2, 4)
    done = here("gpus", "usage", "--by", "notebook", "--csv")
    head, line = done.stdout.splitlines()
    assert head == "notebook,gpu_hours,idle_hours,cost,currency,leases"
    assert re.fullmatch(r"'=cmd\.ipynb,6\.00\d+,0\.000000,12\.0\d+,EUR,1", line)
    assert done.stderr == ""
    usage = mlplat.gpus.usage(by="kind", since=datetime.now(UTC) - timedelta(hours=2))
    assert [(one.key, round(one.gpu_hours, 2)) for one in usage.rows] == [("kernel", 4)]


def test_a_wrong_question_is_refused(prices: Path) -> None:
    for words, field in (
        (["--since", "soon"], "since"),
        (["--by", "colour"], "by"),
        (["--csv", "--json"], "csv"),
    ):
        said = here("gpus", "usage", *words)
        assert said.returncode == 2
        assert field in said.stderr
    assert json.loads(here("gpus", "usage", "--since", "99999999d", "--json").stdout)["since"].startswith("1970")
    with pytest.raises(Invalid) as refused:
        mlplat.gpus.usage(since=datetime(2026, 1, 1))
    assert list(refused.value.fields) == ["since"]
    with pytest.raises(Invalid):
        mlplat.gpus.usage(by="colour")


def test_a_spent_budget_is_said_where_one_looks_and_where_one_asks(prices: Path) -> None:
    me = platform().user
    hours_ago(mlplat.gpus.acquire(), min(1.0, since_month_began()))
    spent = 2 * min(1.0, since_month_began())
    prices.write_text(f"currency: EUR\nprices: {{A100: 2}}\nbudgets: {{{me}: {spent / 0.9}}}\n")
    done = here("gpus", "acquire", "--json")
    assert done.returncode == 0
    assert done.stderr.startswith(f"{me} has spent ")
    assert len(done.stderr.splitlines()) == 1
    prices.write_text(f"currency: EUR\nprices: {{A100: 2}}\nbudgets: {{{me}: 0.001}}\n")
    waiting = here("gpus", "acquire", "--no-wait")
    assert "new requests wait" in waiting.stderr
    assert re.search(rf"^why +{me} has spent ", waiting.stdout, re.MULTILINE)
    for verb in ("list", "usage"):
        assert ": new requests wait" in here("gpus", verb).stdout
    assert re.search(r"^BUDGET OF THIS MONTH +SPENT +OF +SHARE$", here("gpus", "usage").stdout, re.MULTILINE)


def since_month_began() -> float:
    now = datetime.now(UTC)
    return (now - now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)).total_seconds() / 3600


def test_a_wrong_price_file_is_said_and_stops_nobody(prices: Path) -> None:
    prices.write_text("currency: EUR\nprices: {A100: free}\n")
    wrong = f"the price file {prices} is wrong: prices.A100: "
    done = here("gpus", "acquire", "--json")
    assert (done.returncode, json.loads(done.stdout)["state"]) == (0, "granted")
    assert done.stderr.startswith(wrong)
    assert wrong in here("gpus", "list").stdout
    assert wrong in here("gpus", "usage").stdout
    assert here("gpus", "usage", "--csv").stderr.startswith(wrong)


def test_rest_is_shown(prices: Path) -> None:
    lease = mlplat.gpus.acquire(label="training")
    shared = mlplat.gpus.acquire(memory=2**30, shared=True)
    since = datetime.now(UTC) - timedelta(minutes=35)
    with platform().store.write() as transaction:
        transaction.connection.execute(update(tables.leases).values(idle_since=since, idle_seconds=2100.0))
    assert mlplat.gpus.get(lease.id).idle_since == since
    listed = here("gpus", "list").stdout
    assert "(training), idle 35 m" in listed
    assert "1.0 GiB, idle 35 m" in listed
    assert re.search(r"^load +idle 35 m", here("gpus", "show", shared.id).stdout, re.MULTILINE)
    assert here("gpus", "leases").stdout.count("idle 35 m") == 2
    assert "idle" not in to_text(show_leases(Page[Lease](items=[lease])))
