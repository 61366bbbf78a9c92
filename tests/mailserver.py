"""A mail server on this machine that keeps what it is given, with as much of SMTP as a client of ours speaks."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast


@dataclass
class Received:
    """One message, and how it came."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    raw: bytes
    tls: bool
    user: str | None
    password: str | None


@dataclass
class MailServer:
    """Listens while it is used as a context; `tls` lets it offer STARTTLS, `answers` replaces replies by verb."""

    tls: ssl.SSLContext | None = None
    answers: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    silent: bool = False
    port: int = 0

    def __enter__(self) -> MailServer:
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                try:
                    Conversation(owner, self).run()
                except OSError:
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Conversation:
    """One client."""

    def __init__(self, server: MailServer, handler: socketserver.StreamRequestHandler) -> None:
        self.server, self.connection = server, handler.connection
        self.file = self.connection.makefile("rwb")
        self.secure = False
        self.login: tuple[str | None, str | None] = (None, None)
        self.sender, self.recipients = "", list[str]()

    def say(self, *lines: str) -> None:
        for line in lines:
            self.file.write(line.encode() + b"\r\n")
        self.file.flush()

    def run(self) -> None:
        if self.server.silent:
            threading.Event().wait(20)
            return
        self.say("220 here")
        while line := self.file.readline():
            words = line.decode().strip()
            verb = words.split(" ")[0].upper()
            if verb in self.server.answers:
                self.say(self.server.answers[verb])
            elif verb == "EHLO":
                extra = ["250-STARTTLS"] if self.server.tls and not self.secure else []
                self.say("250-here", *extra, "250-AUTH PLAIN", "250 8BITMIME")
            elif verb == "STARTTLS" and self.server.tls:
                self.say("220 go")
                self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
                self.file = self.connection.makefile("rwb")
                self.secure = True
            elif verb == "AUTH":
                _, user, password = base64.b64decode(words.split(" ")[2]).decode().split("\0")
                self.login = (user, password)
                self.say("235 welcome")
            elif verb == "MAIL":
                self.sender = words[words.index("<") + 1 : words.index(">")]
                self.say("250 ok")
            elif verb == "RCPT":
                self.recipients.append(words[words.index("<") + 1 : words.index(">")])
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                self.keep()
                self.say("250 kept")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def keep(self) -> None:
        lines = []
        while (line := self.file.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        raw = b"".join(lines)
        message = cast("EmailMessage", message_from_bytes(raw, policy=policy.default))
        self.server.received.append(Received(self.sender, self.recipients, message, raw, self.secure, *self.login))
