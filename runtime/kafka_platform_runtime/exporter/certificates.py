"""When certificates end: those that servers present, and those that the exporter itself trusts and shows.

A handshake without trust tells, also of a certificate that has ended already: then the brokers can no longer be asked
anything, and this is what says why. No record and no login is sent.
"""

import re
import socket
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kafka_platform_runtime.connection import ClientCertificate, Connection
from kafka_platform_runtime.x509 import Decoded, authorities, end_of, end_of_file

MOST_HANDSHAKES = 20
"""Servers that one look connects to, by turns: of a large cluster each broker has its turn within a few looks."""
MOST_SERVERS = 1000
"""Servers that are remembered."""
LONGEST_HOST = 255
"""Characters of a host's name, as DNS has them."""
HANDSHAKE_SECONDS = 3.0
"""How long a connection, and then its handshake, may take."""
MOST_SILENT = 3
"""Servers that may be silent in one look before it asks no further: a network that drops packets must not hold it up."""

_SERVER = re.compile(r"(?:(?P<name>[A-Za-z0-9._-]+)|\[(?P<address>[0-9A-Fa-f:.]+)\]):(?P<port>\d{1,5})")

Address = tuple[str, int]


class What(StrEnum):
    """What a certificate is for."""

    BROKER = "broker"
    """A broker presents it to clients."""
    SERVER = "server"
    """Another server presents it."""
    AUTHORITY = "authority"
    """The exporter trusts brokers by it, as other clients do."""
    LOGIN = "login"
    """The exporter logs in with it."""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """When a certificate ends."""

    what: What
    server: str
    """Who presents it, as `host:port`; empty for a file."""
    ends: float
    """Seconds since 1970. Of what a server presents, the earliest of its chain."""


class Certificates:
    """Looks at certificates again and again, and remembers those of servers that do not answer just now.

    Args:
        servers: further servers that are looked at, besides the brokers.
    """

    def __init__(self, servers: Sequence[Address] = ()) -> None:
        self._servers = tuple(servers)
        self._brokers: Sequence[Address] = ()
        self._ends: dict[Address, float] = {}
        self._issuers: dict[Address, Any] = {}
        self._next = 0
        self.failures = 0
        """How often a server presented none."""

    def look(self, connection: Connection, brokers: Iterable[Address]) -> list[Certificate]:
        """Look once. Never raises.

        Args:
            connection: how clients reach the brokers.
            brokers: the brokers that are known; none: those of the last time, or where clients connect first.
        """
        tls = connection.security_protocol.has_tls
        self._brokers = sorted(brokers) or self._brokers or addresses(connection.bootstrap_servers)
        shown = [(What.BROKER, each) for each in self._brokers] if tls else []
        shown += [(What.SERVER, each) for each in self._servers]
        shown = [each for each in shown if len(each[1][0]) <= LONGEST_HOST][:MOST_SERVERS]
        self._shake([each for _, each in shown], connection.certificate)
        found = [
            Certificate(what=what, server=f"{each[0]}:{each[1]}", ends=self._ends[each])
            for what, each in shown
            if each in self._ends
        ]
        return [*found, *(self._own(connection) if tls else ())]

    def _shake(self, servers: Sequence[Address], own: ClientCertificate | None) -> None:
        """Handshakes with some of the servers, those whose turn it is."""
        known = set(servers)
        for kept in (self._ends, self._issuers):
            for gone in kept.keys() - known:
                del kept[gone]
        silent = 0
        for _ in range(min(MOST_HANDSHAKES, len(servers))):
            server = servers[self._next % len(servers)]
            self._next = (self._next + 1) % len(servers)
            try:
                chain = presented(server, own)
                self._ends[server] = min(map(end_of, chain))
                self._issuers[server] = chain[-1].get("issuer")
            except (OSError, ValueError, OverflowError):  # also what ssl raises, and a port that is none
                self.failures += 1
                silent += 1
                if silent == MOST_SILENT:
                    return

    def _own(self, connection: Connection) -> Iterable[Certificate]:
        """The files of the connection."""
        if connection.ca_file is not None:
            trusted = [each for each in authorities(connection.ca_file) if "notAfter" in each]
            # A file may have the former authority too, which ends without harm, or the next one already.
            issuers = [self._issuers[each] for each in self._brokers if each in self._issuers]
            used = [each for each in trusted if each.get("subject") in issuers] or trusted
            if used:
                yield Certificate(what=What.AUTHORITY, server="", ends=max(map(end_of, used)))
        if connection.certificate is not None:
            try:
                yield Certificate(what=What.LOGIN, server="", ends=end_of_file(connection.certificate.certificate))
            except (OSError, ValueError):
                self.failures += 1


def addresses(text: str) -> list[Address]:
    """The servers in `host:port,host:port`; what is none is left out."""
    found = (_SERVER.fullmatch(each.strip()) for each in text.split(","))
    return [
        (each["name"] or each["address"], int(each["port"])) for each in found if each and 0 < int(each["port"]) < 2**16
    ]


def presented(server: Address, own: ClientCertificate | None = None) -> list[Decoded]:
    """The chain that a server presents, its own certificate first; nothing in it is trusted.

    Raises:
        OSError: there is no server, or it speaks no TLS in time.
        ValueError: it presents none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    with (
        socket.create_connection(server, timeout=HANDSHAKE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=server[0], do_handshake_on_connect=False) as secured,
    ):
        # Bounds the handshake as a whole, however slowly its bytes come.
        secured.do_handshake()
        # Python 3.13 has a method for it; what that calls has been there since 3.10.
        chain = secured._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    if not chain:
        raise ValueError("no certificate was presented")
    return [each.get_info() for each in chain]
