"""drift: has the data moved?"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .blocks import Block, Facts, State, Table, Value
from .grammar import Call, Command, argument
from .values import words

if TYPE_CHECKING:
    from ..models import DriftReport


def check(call: Call) -> DriftReport:
    args = call.args
    return call.platform.drift.check(args.reference, args.current, columns=words(args.columns), report=args.report)


def show_report(report: DriftReport) -> list[Block]:
    rows: list[list[Value]] = [
        [
            one.column, State("drifted" if one.drifted else "ok"), one.method, one.score, one.threshold,
            one.reference_missing, one.current_missing, one.note,
        ]
        for one in report.columns
    ]  # fmt: skip
    verdict = f"in {', '.join(report.drifted_columns)}" if report.drifted_columns else "none"
    return [
        Facts(
            [
                ("drift", verdict),
                ("reference", f"{report.reference} ({report.reference_rows} rows)"),
                ("current", f"{report.current} ({report.current_rows} rows)"),
                ("report", report.report_uri),
                ("run", report.run_id),
            ]
        ),
        Table(["column", "verdict", "method", "score", "threshold", "missing then", "missing now", "note"], rows),
    ]


def drift_outcome(report: DriftReport, args: argparse.Namespace) -> int:
    """1 with `--fail-on-drift` where there is drift."""
    return 1 if args.fail_on_drift and report.drift else 0


COMMANDS = [
    Command(
        "drift", "check", "compare a table with a reference", check, show_report,
        (
            argument("--reference", required=True, metavar="A", help="parquet or csv file: how it was"),
            argument("--current", required=True, metavar="B", help="parquet or csv file: how it is"),
            argument("--columns", action="append", metavar="C", help="only these columns (with commas)"),
            argument("--report", action="store_true", help="keep Evidently's HTML report as an MLflow artifact"),
            argument("--fail-on-drift", action="store_true", help="exit status 1 where there is drift"),
        ),
        drift_outcome,
        "jupyter mlplat drift check --reference then.parquet --current now.parquet --fail-on-drift",
    ),
]  # fmt: skip
