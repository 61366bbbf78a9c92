"""Which addresses a webhook may lead to: those of the public Internet, checked before anything connects to them.

Whoever submits a job chooses a webhook's host, and the engine connects to it from inside of the network: without this
a job could reach what only the engine's machine can (server-side request forgery, OWASP SSRF Prevention Cheat Sheet).
The special ranges are those of IANA's registries for special-purpose addresses (RFC 6890).
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from .errors import Undeliverable, Undelivered

# Named here too, and not left to `is_global`: what that says differs among versions of Python.
REFUSED = tuple(
    ip_network(one)
    for one in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "168.63.129.16/32",  # what a virtual machine on Azure asks about itself
        "169.254.0.0/16",  # link-local, and where clouds keep the credentials of a machine
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # Teredo, ORCHID and other protocols
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
    )
)
GLOBAL_UNICAST = ip_network("2000::/3")
TRANSLATED = ip_network("64:ff9b::/96")
"""Where NAT64 (RFC 6052) puts IPv4: on a network of IPv6 alone a public host has such an address."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """True for global unicast; an IPv4 address inside of an IPv6 one counts as itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in TRANSLATED:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.scope_id is not None or address not in GLOBAL_UNICAST:
            return False
    refused = any(address.version == network.version and address in network for network in REFUSED)
    return address.is_global and not address.is_multicast and not address.is_reserved and not refused


def resolve(host: str, port: int, *, timeout: float) -> list[tuple[int, Any]]:
    """Family and socket address of everything that `host` stands for. Raises `Undelivered`."""
    found: list[tuple[int, Any]] = []
    problem: list[OSError | UnicodeError] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
            found.extend((int(family), address) for family, _, _, _, address in answers)
        except (OSError, UnicodeError) as error:
            problem.append(error)

    # A name server that does not answer holds up `getaddrinfo` for longer than anybody here may wait.
    asking = threading.Thread(target=ask, name="resolve", daemon=True)
    asking.start()
    asking.join(timeout)
    if asking.is_alive():
        raise Undelivered("the name of its host was not resolved in time")
    if problem or not found:
        raise Undelivered("the name of its host cannot be resolved")
    return found


def refuse_private(addresses: Iterable[tuple[int, Any]]) -> None:
    """Raise `Undeliverable` where one of them is not public: a name may stand for several."""
    for _, address in addresses:
        if not is_public(ip_address(str(address[0]))):
            raise Undeliverable(
                "its host is not on the public Internet", hint="allow it by name in c.Platform.notify_hosts"
            )
