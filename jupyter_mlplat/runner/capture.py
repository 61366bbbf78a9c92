"""What the kernel sends while a cell runs: redacted, counted, kept or dropped."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

from .output import FRAME, OutputLimit, Stream, cut, shorten_error, size_of
from .secrets import Redactor

LAST_WORDS_S = 1.0


def capturing(client: Any) -> Any:
    """A subclass of nbclient's client that keeps the outputs within limits and free of secrets."""
    from nbclient.exceptions import CellExecutionComplete
    from nbformat.v4 import new_output

    class Capturing(client):  # type: ignore[misc]
        """See `capturing`; `observer`, `limit` and `redactor` are set before it executes."""

        limit: OutputLimit
        redactor: Redactor | None = None
        clear_before_next_output: bool = False
        _stream: Stream | None = None
        _last_error: Any = None
        _stopping_since: float | None = None

        def reset_execution_trackers(self) -> None:
            super().reset_execution_trackers()
            self._of_widget: dict[str, int] = defaultdict(int)

        def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
            if self._give_up_listening():
                raise CellExecutionComplete()
            kind = msg["msg_type"]
            if kind == "stream":
                content = self._redacted_stream(msg["content"])
                self._print(cell.outputs, msg, cell_index, content)
                self.nb_man.autosave_cell()
                if self.log_output or self.stdout_file or self.stderr_file:
                    self.log_output_message(new_output("stream", name=content["name"], text=content["text"]))
                return None
            if self.redactor is not None:
                msg = {**msg, "content": self.redactor.value(msg["content"])}
            if kind == "error":
                msg = {**msg, "content": shorten_error(msg["content"])}
            return super().process_message(msg, cell, cell_index)

        def _give_up_listening(self) -> bool:
            """True a moment after the run was stopped: what a flood of output left on the way must not hold us up."""
            if not self.observer.stopping():
                return False
            moment = time.monotonic()
            self._stopping_since = self._stopping_since or moment
            return moment - self._stopping_since > LAST_WORDS_S

        def _redacted_stream(self, content: dict[str, Any]) -> dict[str, Any]:
            text = content["text"]
            return (
                content if self.redactor is None else {**content, "text": self.redactor.stream(content["name"], text)}
            )

        def _print(self, outs: list[Any], msg: dict[str, Any], cell_index: int, content: dict[str, Any]) -> None:
            if not content["text"]:
                return
            self.observer.print(content["text"])
            if self.output_hook_stack[msg["parent_header"].get("msg_id")]:
                self.output(outs, {**msg, "content": content}, None, cell_index)
                return
            self._clear_if_due(outs, cell_index)
            self._add_text(outs, content["name"], content["text"], cell_index)

        def _add_text(self, outs: list[Any], name: str, text: str, cell_index: int) -> None:
            if self.limit.full(cell_index):
                return
            stream = self._stream
            if stream is None or not outs or outs[-1] is not stream.output or stream.output["name"] != name:
                self.fold()
                if not self.limit.take(cell_index, FRAME):
                    self._mark(outs, cell_index)
                    return
                outs.append(new_output("stream", name=name, text=""))
                stream = self._stream = Stream(outs[-1], cell_index)
            if size_of(text) > self.limit.room(cell_index):
                self.fold()
            fits = cut(text, self.limit.room(cell_index))
            self.limit.take(cell_index, size_of(fits))
            self.limit.take(cell_index, -stream.add(fits))
            if len(fits) < len(text):
                self.fold()
                self._mark(outs, cell_index)

        def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
            hooks = self.output_hook_stack[msg["parent_header"].get("msg_id")]
            if not hooks:
                self._clear_if_due(outs, cell_index)
            elif hooks[-1].clear_before_next_output:
                self._release(hooks[-1].comm_id, cell_index)
            content = msg["content"]
            size = FRAME + size_of(content.get("data") or content)
            if self.limit.take(cell_index, size):
                if hooks:
                    self._of_widget[hooks[-1].comm_id] += size
            elif msg["msg_type"] != "error":
                self._mark(outs, cell_index)
                return None
            else:
                # The error that ends a cell is kept in any case, and only the last of them.
                if outs and outs[-1] is self._last_error:
                    outs.pop()
                self._last_error = super().output(outs, msg, display_id, cell_index)
                return self._last_error
            return super().output(outs, msg, display_id, cell_index)

        def _update_display_id(self, display_id: str, msg: dict[str, Any]) -> None:
            size = size_of(msg["content"].get("data", {}))
            for position, places in self._display_id_map.get(display_id, {}).items():
                outs = self.nb.cells[position].outputs
                if not self.limit.take(position, sum(size - size_of(outs[place]["data"]) for place in places)):
                    self._mark(outs, position)
                    return
            super()._update_display_id(display_id, msg)

        def clear_output(self, outs: list[Any], msg: dict[str, Any], cell_index: int) -> None:
            super().clear_output(outs, msg, cell_index)
            hooks = self.output_hook_stack[msg["parent_header"].get("msg_id")]
            if hooks:
                if not msg["content"].get("wait"):
                    self._release(hooks[-1].comm_id, cell_index)
            elif not outs:
                self.limit.clear(cell_index)

        def _release(self, widget: str, cell_index: int) -> None:
            """An output widget was emptied."""
            self.limit.take(cell_index, -self._of_widget.pop(widget, 0))

        def _clear_if_due(self, outs: list[Any], cell_index: int) -> None:
            if self.clear_before_next_output:
                self.clear_before_next_output = False
                outs[:] = []
                self.clear_display_id_mapping(cell_index)
                self.limit.clear(cell_index)

        def _mark(self, outs: list[Any], cell_index: int) -> None:
            marker = self.limit.overflow(cell_index)
            if marker is not None:
                self._stream = None
                outs.append(new_output("stream", name="stderr", text=marker))

        def fold(self) -> None:
            """Join what the last stream got, so that the notebook has it."""
            if self._stream is not None:
                self.limit.take(self._stream.cell, -self._stream.fold())

        def flush(self, cell: Any, cell_index: int) -> None:
            """The end of a cell: nothing that it printed waits any more."""
            for name, text in self.redactor.held() if self.redactor is not None else ():
                self.observer.print(text)
                self._add_text(cell.outputs, name, text, cell_index)
            self.fold()
            self._stream = None

    return Capturing
