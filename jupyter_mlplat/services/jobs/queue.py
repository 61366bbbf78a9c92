"""The engine's side of jobs: claim, report, end. Every write is a compare-and-set on the attempt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, func, insert, select, update

from ...models import CellState, JobState, Reason
from ...protocols import Attempt, Clock, Report
from ...store import Store, Transaction, tables
from .rows import SUBMITTED, sources_of

DONE = (CellState.OK.value, CellState.SKIPPED.value)
ACTIVE = (JobState.STARTING.value, JobState.RUNNING.value)


@dataclass(frozen=True)
class Claim:
    """A job that the engine has taken: its row as it was, and the number of the attempt."""

    row: RowMapping
    number: int

    @property
    def key(self) -> str:
        return f"{self.row['id']}-{self.number}"

    @property
    def folder(self) -> Path:
        return Path(self.row["folder"]) / f"attempt-{self.number}"

    def attempt(self, environment: dict[str, str]) -> Attempt:
        """What a worker gets."""
        return Attempt(
            job_id=str(self.row["id"]),
            number=self.number,
            notebook=str(Path(self.row["folder"]) / SUBMITTED),
            parameters=dict(self.row["parameters"]),
            folder=str(self.folder),
            cwd=str(Path(self.row["notebook"]).parent),
            environment=environment,
            timeout=self.row["timeout"],
            cell_timeout=self.row["cell_timeout"],
        )


class JobQueue:
    """Moves jobs through their states; only the process that holds the engine's lease uses it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def counts(self) -> dict[str, int]:
        """How many jobs there are in each state that has not ended."""
        table = tables.jobs
        living = [state.value for state in JobState if not state.ended]
        with self._store.read() as connection:
            rows = connection.execute(
                select(table.c.state, func.count()).where(table.c.state.in_(living)).group_by(table.c.state)
            )
            return {state: int(count) for state, count in rows}

    def claim(self, limit: int) -> list[Claim]:
        """Take up to `limit` queued jobs, the oldest first: queued -> starting, with the next attempt's number."""
        table = tables.jobs
        with self._store.read() as connection:
            rows = (
                connection.execute(
                    select(table)
                    .where(table.c.state == JobState.QUEUED.value, ~table.c.cancel_requested)
                    .order_by(table.c.id)
                    .limit(limit)
                )
                .mappings()
                .all()
            )
        claims = []
        for row in rows:
            with self._store.write() as transaction:
                if self._move(
                    transaction,
                    row["id"],
                    row["attempt"],
                    JobState.STARTING,
                    table.c.state == JobState.QUEUED.value,
                    ~table.c.cancel_requested,
                    attempt=row["attempt"] + 1,
                    started_at=None,
                    message=None,
                    seen_at=self._clock.now(),
                ):
                    claims.append(Claim(row, row["attempt"] + 1))
        return claims

    def active(self) -> list[Claim]:
        """The attempts that are starting or running, whoever started them."""
        table = tables.jobs
        with self._store.read() as connection:
            rows = connection.execute(select(table).where(table.c.state.in_(ACTIVE))).mappings().all()
        return [Claim(row, row["attempt"]) for row in rows]

    def cancellations(self) -> list[Claim]:
        """Jobs that somebody wants to end and that have not ended."""
        table = tables.jobs
        living = [state.value for state in JobState if not state.ended]
        with self._store.read() as connection:
            rows = (
                connection.execute(select(table).where(table.c.cancel_requested, table.c.state.in_(living)))
                .mappings()
                .all()
            )
        return [Claim(row, row["attempt"]) for row in rows]

    def unclosed(self) -> list[RowMapping]:
        """Jobs that have ended and whose MLflow run has not been closed."""
        table = tables.jobs
        ended = [state.value for state in JobState if state.ended]
        with self._store.read() as connection:
            return list(
                connection.execute(
                    select(table)
                    .where(table.c.run_id.is_not(None), ~table.c.run_closed, table.c.state.in_(ended))
                    .limit(100)
                ).mappings()
            )

    def set_run(self, claim: Claim, run_id: str) -> bool:
        """Remember the MLflow run of an attempt."""
        with self._store.write() as transaction:
            return self._update(transaction, claim.row["id"], claim.number, run_id=run_id, run_closed=False)

    def close_run(self, number: int, metrics: dict[str, float]) -> None:
        """The MLflow run of a job is closed; keep the metric that the notebook marks as its own."""
        table = tables.jobs
        with self._store.write() as transaction:
            name = transaction.connection.execute(select(table.c.metric_name).where(table.c.id == number)).scalar()
            metric = {name: metrics[name]} if name in metrics else {}
            transaction.connection.execute(
                update(table).where(table.c.id == number).values(run_closed=True, metric=metric)
            )
            transaction.emit("jobs", str(number))

    def record(self, reports: Iterable[Report]) -> None:
        """Write down what runners said while they run: signs of life, starts, cells."""
        with self._store.write() as transaction:
            for report in reports:
                number, attempt = (int(part) for part in report.key.split("-"))
                if not self._update(
                    transaction, number, attempt, tables.jobs.c.state.in_(ACTIVE), seen_at=self._clock.now()
                ):
                    continue  # a late writer
                if report.kind == "started":
                    self._move(
                        transaction, number, attempt, JobState.RUNNING, started_at=_time(report.data["started_at"])
                    )
                elif report.kind == "cell":
                    self._write_cells(transaction, number, attempt, [report.data])
                    transaction.emit("jobs", str(number))

    def end(self, key: str, record: dict[str, Any]) -> bool:
        """Write down how an attempt ended. False where another writer was first, or the attempt is an old one."""
        number, attempt = (int(part) for part in key.split("-"))
        with self._store.write() as transaction:
            if record.get("cells"):
                self._write_cells(transaction, number, attempt, record["cells"])
            state = JobState(record["state"])
            values: dict[str, Any] = {
                "reason": Reason(record["reason"]).value if record.get("reason") else None,
                "message": (record.get("message") or "")[:4000] or None,
                "ended_at": _time(record["ended_at"]) if record.get("ended_at") else self._clock.now(),
            }
            if record.get("started_at"):
                values["started_at"] = _time(record["started_at"])
            moved = self._move(transaction, number, attempt, state, **values)
            if moved:
                self._settle_cells(transaction, number, attempt, state)
            return moved

    def cancel_queued(self, claim: Claim) -> bool:
        """End a job that never started."""
        with self._store.write() as transaction:
            return self._move(
                transaction,
                claim.row["id"],
                claim.number,
                JobState.CANCELLED,
                tables.jobs.c.state == JobState.QUEUED.value,
                reason=Reason.CANCELLED.value,
                message="cancelled by a user before it started",
                ended_at=self._clock.now(),
            )

    def fail(self, claim: Claim, reason: Reason, message: str) -> bool:
        """End a job that could not be started."""
        with self._store.write() as transaction:
            return self._move(
                transaction,
                claim.row["id"],
                claim.number,
                JobState.FAILED,
                reason=reason.value,
                message=message[:4000],
                ended_at=self._clock.now(),
            )

    def requeue(self, claim: Claim, message: str) -> bool:
        """Give back a claim that was not submitted, saying why: the same attempt number is not used again."""
        with self._store.write() as transaction:
            return self._move(transaction, claim.row["id"], claim.number, JobState.QUEUED, message=message[:4000])

    # --- the writes ---------------------------------------------------------------------------

    def _move(
        self,
        transaction: Transaction,
        number: int,
        fence: int,
        state: JobState,
        *conditions: ColumnElement[bool],
        **values: Any,
    ) -> bool:
        legal = tables.jobs.c.state.in_(sources_of(state))
        if not self._update(transaction, number, fence, legal, *conditions, state=state.value, **values):
            return False
        if "attempt" in values and values["attempt"] > 1:
            self._copy_cells(transaction, number, values["attempt"])
        transaction.emit("jobs", str(number))
        return True

    def _update(
        self,
        transaction: Transaction,
        number: int,
        fence: int,
        *conditions: ColumnElement[bool],
        **values: Any,
    ) -> bool:
        table = tables.jobs
        result = transaction.connection.execute(
            update(table).where(table.c.id == number, table.c.attempt == fence, *conditions).values(**values)
        )
        return result.rowcount == 1

    def _copy_cells(self, transaction: Transaction, number: int, attempt: int) -> None:
        table = tables.cells
        found = transaction.connection.execute(
            select(table.c.index).where(table.c.job_id == number, table.c.attempt == 1)
        ).scalars()
        rows = [{"job_id": number, "attempt": attempt, "index": index, "state": "not_run"} for index in found]
        if rows:
            transaction.connection.execute(insert(table), rows)
        transaction.connection.execute(update(tables.jobs).where(tables.jobs.c.id == number).values(cells_done=0))

    def _write_cells(
        self, transaction: Transaction, number: int, attempt: int, cells: Iterable[dict[str, Any]]
    ) -> None:
        table = tables.cells
        for cell in cells:
            transaction.connection.execute(
                update(table)
                .where(table.c.job_id == number, table.c.attempt == attempt, table.c.index == cell["index"])
                .values(
                    state=CellState(cell["state"]).value,
                    started_at=_time(cell["started_at"]) if cell.get("started_at") else None,
                    ended_at=_time(cell["ended_at"]) if cell.get("ended_at") else None,
                    error=(cell.get("error") or "")[:4000] or None,
                )
            )
        done = select(func.count()).where(table.c.job_id == number, table.c.attempt == attempt, table.c.state.in_(DONE))
        transaction.connection.execute(
            update(tables.jobs)
            .where(tables.jobs.c.id == number, tables.jobs.c.attempt == attempt)
            .values(cells_done=done.scalar_subquery())
        )

    def _settle_cells(self, transaction: Transaction, number: int, attempt: int, state: JobState) -> None:
        """No cell is shown running in a job that is not."""
        left = CellState.CANCELLED if state is JobState.CANCELLED else CellState.KERNEL_DIED
        table = tables.cells
        transaction.connection.execute(
            update(table)
            .where(table.c.job_id == number, table.c.attempt == attempt, table.c.state == CellState.RUNNING.value)
            .values(state=left.value, ended_at=self._clock.now())
        )


def _time(value: object) -> datetime:
    return datetime.fromisoformat(str(value))
