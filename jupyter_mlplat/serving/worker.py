"""Threads that predict, so that the loop which answers health checks never waits for a model."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from ..errors import Malformed, MLPlatError, Unavailable
from .data import Data
from .inference import Request, read_request, render_outputs
from .model import ServedModel, explain
from .render import predictions

log = logging.getLogger("jupyter_mlplat.serving")

BATCH_REQUESTS = 64


class ModelError(MLPlatError):
    """The model's own code failed (HTTP 500)."""

    status = 500
    reason = "model_error"


@dataclass
class Work:
    """One request that waits for its answer. `model_name` and `version` are how the client called them."""

    form: Literal["json", "csv", "infer"]
    body: bytes
    answer: asyncio.Future[bytes]
    model_name: str = ""
    version: str = ""
    data: Data | None = None
    request: Request | None = None


Outcome = bytes | MLPlatError


class Workers:
    """Some threads that take work from one queue.

    Where the model allows it (see `native`), requests that wait at the same time are predicted together.
    """

    def __init__(self, model: ServedModel, threads: int, waiting: int) -> None:
        self._model = model
        self._waiting = waiting
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._threads = [
            threading.Thread(target=self._serve, name=f"predict-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def predict(self, work: Work) -> asyncio.Future[bytes]:
        """The body of the answer, later. Raises `Unavailable` where too many are waiting."""
        if self._queue.qsize() >= self._waiting:
            raise Unavailable("too many requests are waiting for this model", hint="try again in a moment")
        self._queue.put(work)
        return work.answer

    def close(self) -> None:
        """Let every thread end after what it is doing."""
        for _ in self._threads:
            self._queue.put(None)

    def _serve(self) -> None:
        batchable = self._model.native is not None and self._model.native.batchable
        while (first := self._queue.get()) is not None:
            batch = [first]
            while batchable and len(batch) < BATCH_REQUESTS:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    self._queue.put(None)
                    break
                batch.append(more)
            outcomes = self._together(batch) if len(batch) > 1 else [self._outcome(first)]
            self._loop.call_soon_threadsafe(_deliver, batch, outcomes)

    def _together(self, batch: list[Work]) -> list[Outcome]:
        """Predict on the rows of all, if all are arrays; one by one otherwise, and where that fails."""
        import numpy as np

        native = self._model.native
        matrices = []
        for work in batch:
            try:
                data = self._read(work)
            except Exception:  # noqa: BLE001 - read again and explained below, alone
                data = Data()
            if data.matrix is not None and not data.parameters:
                matrices.append((work, data.matrix))
        raw: dict[int, Any] = {}
        if native is not None and len(matrices) > 1:
            try:
                whole = native.predict(np.concatenate([matrix for _, matrix in matrices]))
                start = 0
                for work, matrix in matrices:
                    raw[id(work)] = whole[start : start + len(matrix)]
                    start += len(matrix)
            except Exception:  # noqa: BLE001 - one bad row must not fail the others: each is tried alone
                raw = {}
        return [self._outcome(work, raw.get(id(work))) for work in batch]

    def _read(self, work: Work) -> Data:
        if work.data is None:
            if work.form == "infer":
                work.request = read_request(self._model.signature, work.body)
                work.data = work.request.data
            elif work.form == "csv":
                work.data = self._model.reader.csv(work.body)
            else:
                work.data = self._model.reader.json(work.body)
        return work.data

    def _outcome(self, work: Work, raw: Any = None) -> Outcome:
        """The answer to one request; an exception becomes an error that says whose fault it is."""
        try:
            data = self._read(work)
            if raw is None:
                raw = self._model.predict(data)
        except Exception as error:
            explained = explain(error)
            if explained is None or not isinstance(error, MLPlatError):
                log.warning("a prediction failed", exc_info=error)
            return explained or ModelError(f"the model failed: {type(error).__name__}: {error}"[:600])
        try:
            if work.request is None:
                return predictions(raw)
            answer: dict[str, Any] = {"model_name": work.model_name, "model_version": work.version}
            if work.request.id is not None:
                answer["id"] = work.request.id
            answer["outputs"] = render_outputs(self._model.signature, raw, work.request.outputs)
            return msgspec.json.encode(answer)
        except Malformed as error:
            return error
        except Exception as error:
            log.warning("a prediction has no form in JSON", exc_info=error)
            return ModelError(f"the model's prediction cannot be sent as JSON: {error}"[:600])


def _deliver(batch: list[Work], outcomes: list[Outcome]) -> None:
    for work, outcome in zip(batch, outcomes, strict=True):
        if work.answer.done():
            continue  # the client has gone
        if isinstance(outcome, bytes):
            work.answer.set_result(outcome)
        else:
            work.answer.set_exception(outcome)
