"""Webhooks: one POST of `{"text": …}`, as Slack's incoming webhooks take it and Mattermost, Teams and others read it.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from .addresses import is_public, refuse_private, resolve
from .deadline import cut_after
from .errors import Undeliverable, Undelivered

TIMEOUT_S = 10.0
MOST_ANSWER = 4096
MOST_TEXT = 3000
"""Slack shows about 4000 characters of a message."""

BUSY = (408, 425, 429)
HINT = "an address like https://hooks.slack.com/services/…, or @NAME of c.Platform.notify_targets"

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?:#.*)?",
    re.IGNORECASE,
)
_LABELS = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PINGS = re.compile(r"@(?=(?:channel|here|all|everyone)\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Webhook:
    """An address that was read; `host` is in lower case, without brackets and without a dot at its end."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The host where it is an address, None where it is a name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def authority(self) -> str:
        """Host and port as an address and the Host header write them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"

    def allowed_by(self, hosts: Collection[str]) -> bool:
        """True where the configuration names the host, by itself or with this port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        named = {self.host, host, f"{host}:{self.port}"}
        return any(one.strip().lower().removesuffix(".") in named for one in hosts)


def read_webhook(text: str) -> Webhook:
    """The parts of a webhook's address. Raises `Undeliverable` for what is none, or is written to deceive.

    What is read here is what is connected to: there is no second reading by a library.
    """
    found = (
        _ADDRESS.fullmatch(text) if text.isascii() and text.isprintable() and not set(text) & set(' \\"<>') else None
    )
    if found is None:
        if text.endswith("/…"):
            raise Undeliverable("that is how an address is shown, not the address", hint="give the whole of it")
        raise Undeliverable("that is no address of a webhook", hint=HINT)
    scheme = found["scheme"].lower()
    port = int(found["port"]) if found["port"] else {"http": 80, "https": 443}[scheme]
    if not 1 <= port <= 65535:
        raise Undeliverable("that is no address of a webhook: the port is none", hint=HINT)
    path = (found["path"] or "/") + (found["query"] or "")
    return Webhook(scheme, _host(found["host"], found["six"]), port, path)


def _host(name: str | None, six: str | None) -> str:
    try:
        if six is not None:
            return str(IPv6Address(six))
        host = str(name).lower().removesuffix(".")
        # `127.1`, `0x7f.1` and `2130706433` are addresses to a resolver: only the plain form is one here.
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            return str(IPv4Address(host))
    except ValueError:
        raise Undeliverable(
            "that is no address of a webhook: its host is a number that is written oddly", hint=HINT
        ) from None
    if _LABELS.fullmatch(host) is None:
        raise Undeliverable("that is no address of a webhook: its host is no name", hint=HINT)
    return host


def check_webhook(text: str, hosts: Collection[str]) -> Webhook:
    """An address that may be posted to, as far as it says itself. Raises `Undeliverable`.

    Hosts that `hosts` name may be anywhere; a name is looked up, and its addresses checked, when it is posted to.
    """
    hook = read_webhook(text)
    if hook.allowed_by(hosts):
        return hook
    if hook.host == "localhost" or hook.host.endswith(".localhost"):
        refuse_private([(socket.AF_INET, ("127.0.0.1", hook.port))])
    if hook.address is not None and not is_public(hook.address):
        refuse_private([(socket.AF_INET, (hook.host, hook.port))])
    return hook


def post(text: str, said: str, hosts: Collection[str], *, timeout: float = TIMEOUT_S) -> None:
    """Post `said` to the webhook at `text`, in `timeout` seconds in all.

    The name is resolved once, and one of the addresses that were checked is connected to. No redirect is followed
    and no proxy is used. Raises `Undelivered` where a later try may help, `Undeliverable` where none will.
    """
    deadline = time.monotonic() + timeout
    hook = check_webhook(text, hosts)
    addresses = resolve(hook.host, hook.port, timeout=timeout)
    if not hook.allowed_by(hosts):
        refuse_private(addresses)
    with _connect(addresses, deadline) as raw:
        connection = http.client.HTTPConnection(hook.host, hook.port)
        connection.sock, connection.auto_open = raw, 0
        with cut_after(deadline - time.monotonic(), lambda: connection.sock) as cut:
            try:
                if hook.scheme == "https":
                    context = ssl.create_default_context()
                    # The handshake comes later: by then the deadline knows the socket that replaces the first one.
                    connection.sock = context.wrap_socket(raw, server_hostname=hook.host, do_handshake_on_connect=False)
                    connection.sock.do_handshake()
                answer = _ask(connection, hook, said)
                if cut.is_set():
                    raise TimeoutError  # what was cut off in its headers still looks like an answer
                with suppress(OSError, http.client.HTTPException):
                    answer.read(MOST_ANSWER)
            except ssl.SSLCertVerificationError as error:
                raise Undeliverable(f"its certificate is not valid: {error.verify_message}") from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                if cut.is_set() or isinstance(error, TimeoutError):
                    raise Undelivered(f"it did not answer within {timeout:g} s") from None
                raise Undelivered(f"the connection broke off ({type(error).__name__})") from None
            finally:
                connection.close()
    _judge(answer.status)


def _connect(addresses: list[tuple[int, Any]], deadline: float) -> socket.socket:
    problem = "it cannot be reached"
    for family, address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.settimeout(left)
        try:
            connection.connect(address)
        except OSError as error:
            connection.close()
            problem = "it cannot be reached: " + (error.strerror or "no answer").lower()
            continue
        return connection
    raise Undelivered(problem)


def _ask(connection: http.client.HTTPConnection, hook: Webhook, said: str) -> http.client.HTTPResponse:
    body = json.dumps({"text": _escaped(said)}).encode("ascii")
    headers = {
        "Host": hook.authority,
        "Content-Type": "application/json",
        "User-Agent": "jupyter_mlplat",
        "Connection": "close",
    }
    connection.request("POST", hook.path, body, headers)
    return connection.getresponse()


def _escaped(said: str) -> str:
    """Text that calls nobody and links nowhere: what a notebook's error says is not ours.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    cut = said if len(said) <= MOST_TEXT else said[:MOST_TEXT] + "…"
    plain = cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _PINGS.sub("@\N{ZERO WIDTH SPACE}", plain)


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise Undeliverable(f"it answered {status}: a redirect is not followed", hint="give the address it leads to")
    if status >= 500 or status in BUSY:
        raise Undelivered(f"it answered {status}")
    raise Undeliverable(f"it answered {status}", hint="see that the webhook's address is still the right one")
