"""Mail: one message of plain text by SMTP (RFC 5321), over TLS unless the server is on this machine."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from .deadline import cut_after
from .errors import Undeliverable, Undelivered

STEP_S = 10.0
TIMEOUT_S = 30.0
"""All of it: servers make a stranger wait before they greet."""

_ADDRESS = re.compile(
    r"(?=.{3,254}\Z)[A-Za-z0-9.!#$%&'*+/=^_`{|}~-]{1,64}@"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


@dataclass(frozen=True)
class MailServer:
    """Where mail goes out. `tls` from the first byte on, else by STARTTLS."""

    host: str
    port: int
    tls: bool
    user: str

    @property
    def here(self) -> bool:
        """True where what is said to it does not leave this machine."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower().removesuffix(".") == "localhost"


def read_server(url: str) -> MailServer:
    """The server in `c.Platform.smtp_url`. Raises `Undeliverable`."""
    hint = 'write c.Platform.smtp_url = "smtp://user@mail.example:587" or "smtps://…"'
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise Undeliverable("c.Platform.smtp_url cannot be read", hint=hint) from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or not url.isprintable():
        raise Undeliverable("c.Platform.smtp_url cannot be read", hint=hint)
    if parts.password is not None:
        raise Undeliverable(
            "c.Platform.smtp_url has a password in it",
            hint='say where it is: c.Platform.smtp_password = "env:NAME" or "file:PATH"',
        )
    tls = parts.scheme == "smtps"
    return MailServer(parts.hostname, port or (465 if tls else 587), tls, unquote(parts.username or ""))


def read_address(text: str) -> str:
    """A plain address, which can be neither two nor a header. Raises `Undeliverable`."""
    if _ADDRESS.fullmatch(text) is None:
        raise Undeliverable("that is no mail address", hint="one address, like mailto:ada@example.org")
    return text


def message(sender: str, to: str, text: str) -> EmailMessage:
    """The first line of `text` is the subject, the rest the body."""
    subject, _, body = text.partition("\n")
    made = EmailMessage()
    made["From"] = read_address(sender)
    made["To"] = read_address(to)
    made["Subject"] = "".join(char if char.isprintable() else " " for char in subject)[:200]
    made["Date"] = format_datetime(datetime.now(UTC))
    made["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's vacation answers it
    made.set_content(f"{body.strip()}\n", cte="quoted-printable")
    return made


def send(
    server: MailServer, password: str | None, sender: str, to: str, text: str, *, timeout: float = TIMEOUT_S
) -> None:
    """Hand one message to the server. Raises `Undelivered` where a later try may help, else `Undeliverable`."""
    made = message(sender, to, text)
    client: smtplib.SMTP | None = None

    def current() -> socket.socket | None:
        return client.sock if client is not None else None

    step = min(STEP_S, timeout)
    with cut_after(timeout, current) as cut:
        try:
            name = socket.gethostname()
            if server.tls:
                client = smtplib.SMTP_SSL(server.host, server.port, name, timeout=step, context=_context(server))
            else:
                client = smtplib.SMTP(server.host, server.port, name, step)
            _converse(client, server, password, made)
        except ssl.SSLCertVerificationError as error:
            raise Undeliverable(f"the mail server's certificate is not valid: {error.verify_message}") from None
        except smtplib.SMTPNotSupportedError:
            raise Undeliverable(
                "the mail server takes no login", hint="write c.Platform.smtp_url without a user"
            ) from None
        except smtplib.SMTPRecipientsRefused as error:
            raise _refused(next(iter(error.recipients.values()))[0]) from None
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code) from None
        except (OSError, smtplib.SMTPException) as error:
            if cut.is_set() or isinstance(error, TimeoutError):
                raise Undelivered("the mail server did not answer in time") from None
            why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise Undelivered(f"the mail server cannot be reached: {why.lower()}") from None
        finally:
            if client is not None:
                client.close()


def _converse(client: smtplib.SMTP, server: MailServer, password: str | None, made: EmailMessage) -> None:
    client.ehlo_or_helo_if_needed()
    if not server.tls:
        if client.has_extn("starttls"):
            client.starttls(context=_context(server))
            client.ehlo()
        elif not server.here:
            raise Undeliverable("the mail server offers no STARTTLS", hint="use one that does, or smtps://")
    if server.user and password is not None:
        client.login(server.user, password)
    client.send_message(made)
    try:
        client.quit()
    except (OSError, smtplib.SMTPException):
        pass  # it has the message


def _context(server: MailServer) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if server.here:
        # Nobody is between, and such a server has a certificate for another name.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _refused(code: int) -> Undelivered:
    if 400 <= code < 500:
        return Undelivered(f"the mail server answered {code}")
    if code in (530, 535):
        return Undeliverable(f"the mail server refused the login ({code})", hint="see c.Platform.smtp_password")
    return Undeliverable(f"the mail server answered {code}")
