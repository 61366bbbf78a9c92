"""Messages over Unix sockets: one JSON object per line; descriptors travel with the first byte of a line."""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any

LIMIT = 8 << 20
"""Bytes of one message. The largest holds an environment."""


class Closed(Exception):
    """The other side is gone."""


class Channel:
    """One end of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.descriptors: list[int] = []
        self._buffer = bytearray()
        self._unread: list[dict[str, Any]] = []

    def fileno(self) -> int:
        return self.socket.fileno()

    def send(self, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
        """Send all of it. Raises `Closed` where nobody will read it."""
        data = json.dumps(message).encode() + b"\n"
        try:
            if descriptors:
                data = data[socket.send_fds(self.socket, [data], descriptors) :]
            if data:  # whoever has read all of it may have closed
                self.socket.sendall(data)
        except OSError as error:
            raise Closed(str(error)) from error

    def read(self) -> list[dict[str, Any]]:
        """What has arrived by now, perhaps nothing; waits only where the socket blocks. Raises `Closed` at the end."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self.socket, 1 << 16, 8)
        except BlockingIOError:
            return []
        except OSError as error:
            raise Closed(str(error)) from error
        self.descriptors += descriptors
        if not data:
            raise Closed("the other side has closed")
        self._buffer += data
        if len(self._buffer) > LIMIT:
            raise Closed("a message is too long")
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = bytearray(rest)
        try:
            messages = [json.loads(line) for line in lines if line]
        except ValueError as error:
            raise Closed(f"not a message: {error}") from error
        if not all(isinstance(message, dict) for message in messages):
            raise Closed("not a message")
        return messages

    def wait(self) -> dict[str, Any]:
        """The next message. Raises `Closed` where none comes."""
        while not self._unread:
            self._unread = self.read()
        return self._unread.pop(0)

    def take_descriptors(self) -> list[int]:
        """Those that have arrived; they are the caller's to close."""
        taken, self.descriptors = self.descriptors, []
        return taken

    def close(self) -> None:
        self.socket.close()
        for descriptor in self.take_descriptors():
            os.close(descriptor)


def peer_uid(connection: socket.socket) -> int:
    """Who is at the other end of a Unix socket (unix(7), SO_PEERCRED)."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid)


def pair() -> tuple[Channel, Channel]:
    first, second = socket.socketpair()
    return Channel(first), Channel(second)
