"""The engine's side of jobs: claim, report, end, retry. Every write is a compare-and-set on the attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, delete, func, insert, literal, or_, select, update

from ...models import CellState, JobState, Reason
from ...protocols import Clock, Report
from ...store import Store, Transaction, tables
from ..gpus.of_jobs import end_with_attempt
from ..rows import first
from .claim import Claim, parse_key
from .notices import job_ended
from .rows import LIVING, ask_to_end, not_ending, sources_of
from .verdict import judge

DONE = (CellState.OK.value, CellState.SKIPPED.value)
ACTIVE = (JobState.STARTING.value, JobState.RUNNING.value)
ENDED = tuple(state.value for state in JobState if state.ended)


class JobQueue:
    """Moves jobs through their states; only the process that holds the engine's lease uses it.

    With `leases` a job that needs devices starts when it has got them.
    """

    def __init__(self, store: Store, clock: Clock, *, leases: bool = True) -> None:
        self._store = store
        self._clock = clock
        self._leases = leases

    def counts(self) -> dict[str, int]:
        """How many jobs there are in each state that has not ended."""
        table = tables.jobs
        with self._store.read() as connection:
            rows = connection.execute(
                select(table.c.state, func.count()).where(table.c.state.in_(LIVING)).group_by(table.c.state)
            )
            return {state: int(count) for state, count in rows}

    def claim(self, limit: int, *, per_user: int = 0) -> list[Claim]:
        """Take up to `limit` queued jobs: queued -> starting, with the next attempt's number.

        The highest priority first, then the oldest. A job waits while its retry is not due, while its owner
        has `per_user` jobs at work (0: no bound), while its lane is full, and while it has not got its devices.
        """
        claims: list[Claim] = []
        for _ in range(limit):
            claim = self._claim_next(per_user)
            if claim is None:
                break
            claims.append(claim)
        return claims

    def _claim_next(self, per_user: int) -> Claim | None:
        now = self._clock.now()
        with self._store.read() as connection:
            # The loop asks four times a second, and what waits can often not start yet.
            if first(connection, self._next(connection, per_user, now)) is None:
                return None
        with self._store.write() as transaction:
            query = self._next(transaction.connection, per_user, now).with_for_update(skip_locked=True)
            row = first(transaction.connection, query)
            if row is None:
                return None
            number = row["attempt"] + 1
            self._move(
                transaction,
                row["id"],
                row["attempt"],
                JobState.STARTING,
                attempt=number,
                started_at=None,
                run_id=None,
                message=None,
                not_before=None,
                seen_at=now,
            )
            transaction.connection.execute(
                insert(tables.attempts).values(
                    job_id=row["id"], number=number, state=JobState.STARTING.value, claimed_at=now, run_closed=False
                )
            )
            return Claim(row, number)

    def expire(self) -> None:
        """Ask for the end of every job whose deadline has passed."""
        table = tables.jobs
        now = self._clock.now()
        late = (table.c.deadline_at <= now, table.c.state.in_(LIVING), not_ending())
        with self._store.read() as connection:
            numbers = list(connection.execute(select(table.c.id).where(*late)).scalars())
        for number in numbers:
            with self._store.write() as transaction:
                ask_to_end(transaction, [number], Reason.DEADLINE)

    def preempt(self) -> None:
        """Ask the attempts whose devices are wanted for others to end; their jobs go on later."""
        job, lease = tables.jobs, tables.leases
        wanted = select(lease.c.job_id).where(lease.c.state == "granted", lease.c.wanted_by.is_not(None))
        query = select(job.c.id).where(job.c.id.in_(wanted), job.c.state.in_(ACTIVE), ~job.c.cancel_requested)
        with self._store.read() as connection:
            numbers = list(connection.execute(query).scalars())
        for number in numbers:
            with self._store.write() as transaction:
                ask_to_end(transaction, [number], Reason.PREEMPTED)

    def active(self) -> list[Claim]:
        """The attempts that are starting or running, whoever started them."""
        table = tables.jobs
        with self._store.read() as connection:
            rows = connection.execute(select(table).where(table.c.state.in_(ACTIVE))).mappings().all()
        return [Claim(row, row["attempt"]) for row in rows]

    def cancellations(self) -> list[Claim]:
        """Jobs that somebody wants to end and that have not ended."""
        table = tables.jobs
        with self._store.read() as connection:
            rows = (
                connection.execute(select(table).where(table.c.cancel_requested, table.c.state.in_(LIVING)))
                .mappings()
                .all()
            )
        return [Claim(row, row["attempt"]) for row in rows]

    # --- the MLflow runs of attempts ------------------------------------------------------------

    def unclosed(self) -> list[str]:
        """Keys of attempts that have ended and whose MLflow run has not been closed."""
        table = tables.attempts
        with self._store.read() as connection:
            rows = connection.execute(
                select(table.c.job_id, table.c.number)
                .where(~table.c.run_closed, table.c.state.in_(ENDED), table.c.run_id.is_not(None))
                .limit(100)
            )
            return [f"{job}-{number}" for job, number in rows]

    def run_of(self, key: str) -> RowMapping | None:
        """`run_id`, `state` of an attempt, `folder` and `parameters` of its job; None where it has no MLflow run."""
        number, attempt = parse_key(key)
        own, job = tables.attempts, tables.jobs
        with self._store.read() as connection:
            return (
                connection.execute(
                    select(own.c.run_id, own.c.state, job.c.folder, job.c.parameters)
                    .join(job, job.c.id == own.c.job_id)
                    .where(own.c.job_id == number, own.c.number == attempt, own.c.run_id.is_not(None))
                )
                .mappings()
                .first()
            )

    def set_run(self, claim: Claim, run_id: str) -> bool:
        """Remember the MLflow run of an attempt."""
        with self._store.write() as transaction:
            self._write_attempt(transaction, claim.row["id"], claim.number, run_id=run_id)
            return self._update(transaction, claim.row["id"], claim.number, run_id=run_id)

    def close_run(self, key: str, metrics: dict[str, float]) -> None:
        """The MLflow run of an attempt is closed; keep the metric that the notebook marks as its own.

        Of a point of a sweep all that the sweep goes by are kept.
        """
        number, attempt = parse_key(key)
        table = tables.jobs
        with self._store.write() as transaction:
            self._write_attempt(transaction, number, attempt, run_closed=True)
            sweep = tables.sweeps
            query = select(table.c.metric_name, sweep.c.study).outerjoin(sweep, sweep.c.id == table.c.sweep_id)
            row = transaction.connection.execute(query.where(table.c.id == number)).first()
            names = [row.metric_name, *((row.study or {}).get("metrics", ()))] if row is not None else []
            metric = {name: metrics[name] for name in names if name in metrics}
            if self._update(transaction, number, attempt, metric=metric):
                transaction.emit("jobs", str(number))

    # --- what runners say -----------------------------------------------------------------------

    def record(self, reports: Iterable[Report]) -> None:
        """Write down what runners said while they run: signs of life, starts, cells."""
        with self._store.write() as transaction:
            for report in reports:
                number, attempt = parse_key(report.key)
                if not self._update(
                    transaction, number, attempt, tables.jobs.c.state.in_(ACTIVE), seen_at=self._clock.now()
                ):
                    continue  # a late writer
                if report.kind == "started":
                    started = _time(report.data["started_at"])
                    if self._move(transaction, number, attempt, JobState.RUNNING, started_at=started):
                        self._write_attempt(
                            transaction, number, attempt, state=JobState.RUNNING.value, started_at=started
                        )
                elif report.kind == "cell":
                    self._write_cells(transaction, number, attempt, [report.data])
                    transaction.emit("jobs", str(number))

    def end(self, key: str, record: dict[str, Any]) -> JobState | None:
        """Write down how an attempt ended, and what that means for its job: the job's state from now on.

        None where another writer was first, or the attempt is an old one.
        """
        number, attempt = parse_key(key)
        table = tables.jobs
        now = self._clock.now()
        with self._store.write() as transaction:
            row = (
                transaction.connection.execute(
                    select(table).where(table.c.id == number, table.c.attempt == attempt, table.c.state.in_(ACTIVE))
                )
                .mappings()
                .first()
            )
            if row is None:
                return None
            verdict = judge(row, record, now)
            ended_at = _time(record["ended_at"]) if record.get("ended_at") else now
            started_at = _time(record["started_at"]) if record.get("started_at") else row["started_at"]
            state = JobState(record["state"])
            if record.get("cells"):
                self._write_cells(transaction, number, attempt, record["cells"])
            self._settle_cells(transaction, number, attempt, state)
            self._write_attempt(
                transaction,
                number,
                attempt,
                state=state.value,
                reason=(state is JobState.CANCELLED and row["cancel_reason"]) or record.get("reason"),
                message=(record.get("message") or "")[:4000] or None,
                started_at=started_at,
                ended_at=ended_at,
                peak_rss=record.get("peak_rss"),
                note=record.get("note"),
            )
            if verdict.retry_at is not None:
                failed = state is not JobState.CANCELLED  # else its devices were wanted
                values: dict[str, Any] = {"not_before": verdict.retry_at, "failures": row["failures"] + failed}
                values |= {"started_at": None, "cancel_requested": False, "cancel_reason": None}
            else:
                values = {"started_at": started_at, "ended_at": ended_at, "results": record.get("results") or {}}
                values["pruned_at"] = record.get("pruned_at")
            self._move(
                transaction,
                number,
                attempt,
                verdict.state,
                reason=verdict.reason.value if verdict.reason else None,
                message=verdict.message,
                **values,
            )
            return verdict.state

    def cancel_queued(self, claim: Claim) -> bool:
        """End a job that waits: it never started, or its retry has not."""
        reason = Reason(claim.row["cancel_reason"] or Reason.CANCELLED)
        state = JobState.FAILED if reason is Reason.DEADLINE else JobState.CANCELLED
        message = {
            Reason.DEADLINE: "its deadline passed before it started",
            Reason.CANCELLED: "cancelled by a user before it started",
        }.get(reason, f"ended before it started: {reason}")
        with self._store.write() as transaction:
            return self._move(
                transaction,
                claim.row["id"],
                claim.number,
                state,
                tables.jobs.c.state == JobState.QUEUED.value,
                reason=reason.value,
                message=message,
                not_before=None,
                ended_at=self._clock.now(),
            )

    def requeue(self, claim: Claim, message: str) -> bool:
        """Give back a claim that was not submitted, saying why: the same attempt number is not used again."""
        own = tables.attempts
        with self._store.write() as transaction:
            if not self._move(transaction, claim.row["id"], claim.number, JobState.QUEUED, message=message[:4000]):
                return False
            transaction.connection.execute(
                delete(own).where(own.c.job_id == claim.row["id"], own.c.number == claim.number)
            )
            return True

    def _next(self, connection: Connection, per_user: int, now: datetime) -> Select[Any]:
        """The query for the job whose turn it is."""
        table = tables.jobs
        running = connection.execute(
            select(table.c.owner, table.c.lane, table.c.lane_limit).where(table.c.state.in_(ACTIVE))
        ).all()
        owners = Counter(row.owner for row in running)
        lanes = Counter((row.lane, row.lane_limit) for row in running if row.lane is not None)
        full_owners = [owner for owner, count in owners.items() if per_user and count >= per_user]
        full_lanes = [lane for (lane, bound), count in lanes.items() if bound is not None and count >= bound]
        lease = tables.leases
        has_devices = select(lease.c.id).where(lease.c.job_id == table.c.id, lease.c.state == "granted").exists()
        return (
            select(table)
            .where(
                table.c.state == JobState.QUEUED.value,
                or_(table.c.gpus == 0, has_devices, literal(not self._leases)),
                ~table.c.cancel_requested,
                or_(table.c.not_before.is_(None), table.c.not_before <= now),
                table.c.owner.not_in(full_owners),
                or_(table.c.lane.is_(None), table.c.lane.not_in(full_lanes)),
            )
            # Of equal ones first the one that keeps devices from others while it waits.
            .order_by(table.c.priority.desc(), table.c.gpus == 0, table.c.id)
            .limit(1)
        )

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
        if state.ended:
            job_ended(transaction, number, self._clock.now())
        if state.ended or state is JobState.QUEUED:
            end_with_attempt(transaction, number, "released", self._clock)
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

    def _write_attempt(self, transaction: Transaction, number: int, attempt: int, **values: Any) -> None:
        table = tables.attempts
        transaction.connection.execute(
            update(table).where(table.c.job_id == number, table.c.number == attempt).values(**values)
        )

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
                    peak_rss=cell.get("peak_rss"),
                    peak_gpu_memory=cell.get("peak_gpu_memory"),
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
