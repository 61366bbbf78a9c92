"""A backend that is away when a job starts, or says what no database takes: the engine goes on with all the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from pathlib import Path

from jupyter_mlplat.engine.loop import Engine
from jupyter_mlplat.engine_lease import EngineLease
from jupyter_mlplat.errors import Unavailable
from jupyter_mlplat.platform import Platform
from jupyter_mlplat.protocols import Attempt, Backend, Report

from .scene import submit, until


class Remote:
    """Ends what it is given at once, by the record that is next; gone where that is none."""

    name = "remote"

    def __init__(self, *records: dict[str, object] | None) -> None:
        self.records = list(records)
        self.adopted: list[str] = []
        self.connected = 0
        self._deliver: Callable[[Report], None] = lambda report: None

    def start(self, deliver: Callable[[Report], None]) -> str:
        self._deliver = deliver
        self.connected += 1
        return "nowhere"

    def submit(self, attempt: Attempt) -> None:
        record = self.records.pop(0)
        if record is None:
            raise Unavailable("the cluster is away", hint="wait")
        self._deliver(Report(attempt.key, "cell", {"index": 0, "state": "error", "error": record["message"]}))
        self._deliver(Report(attempt.key, "ended", record))

    def adopt(self, attempt: Attempt) -> None:
        self.adopted.append(attempt.key)

    def acknowledge(self, keys: Collection[str]) -> None:
        return

    def cancel(self, key: str) -> None:
        return

    def close(self, *, stop: bool) -> None:
        return


class OnRemote(Platform):
    """A platform with that backend."""

    remote: Remote

    def make_backend(self) -> Backend:
        return self.remote


def test_no_attempt_is_stuck_and_none_is_counted_that_never_began(platform: Platform, tmp_path: Path) -> None:
    there = OnRemote(home_dir=str(platform.home.root))
    # Half of a surrogate pair: no database takes it.
    said = {"state": "failed", "reason": "cell_error", "message": "a\ud800b"}
    there.remote = Remote(None, said, {"state": "succeeded", "reason": None, "message": None})
    lease = EngineLease(there.store)
    assert lease.acquire()
    engine = Engine(there, lease)
    thread = threading.Thread(target=engine.run, name="engine")
    thread.start()
    try:
        first = submit(there, tmp_path, "1")
        until(lambda: there.jobs.get(first.id).state.ended, 60)
        after = there.jobs.get(first.id)
        assert (after.state, after.reason) == ("failed", "cell_error"), after
        assert after.message == "its record could not be written down: UnicodeEncodeError"
        assert len(after.attempts) == 1, "what the cluster did not take is no attempt"
        assert there.remote.connected == 2
        second = submit(there, tmp_path, "1")
        until(lambda: there.jobs.get(second.id).state.ended, 60)
        assert there.jobs.get(second.id).state == "succeeded"
        assert there.remote.adopted == []
    finally:
        engine.leave("cancel")
        thread.join(timeout=60)
    assert not thread.is_alive()
    there.close()
