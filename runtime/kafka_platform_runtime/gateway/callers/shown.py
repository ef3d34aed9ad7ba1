"""Callers who are known by the certificate that they show in TLS: it has the name of a Kafka user whose password the gateway has."""

import base64
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.settings import Tls

READ_SECONDS = 1.0
"""How long a password that was read is used: a new one counts soon, and requests do not wait for the disk."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Whom a certificate names, and until when."""

    username: str
    ends: float
    """In seconds since 1970. TLS looks only when a connection begins, which may stay open for days."""


class ShownCertificates:
    """The users that certificates may name.

    Args:
        tls: the gateway's own port. Its authority has proved each certificate by the time that it is looked at.
    """

    def __init__(self, tls: Tls | None) -> None:
        self._files: Mapping[str, str] = {} if tls is None or tls.client_authority is None else tls.users
        self._read: dict[str, tuple[float, bytes]] = {}
        """By user, until when and what: at most one for each file."""

    def shown(self, certificate: Mapping[str, Any] | None) -> Shown | None:
        """Whom a certificate names, as `SSLSocket.getpeercert` returns it; None if that is none of the users, or not just one."""
        if not self._files or not certificate:
            return None
        names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
        if len(names) != 1 or names[0] not in self._files:
            return None
        return Shown(username=names[0], ends=ssl.cert_time_to_seconds(certificate["notAfter"]))

    def authorization(self, shown: Shown) -> bytes | None:
        """The Authorization header that the caller would send with the user's password; None once the certificate has ended.

        Raises:
            OSError: the password cannot be read.
        """
        if shown.ends <= time.time():
            return None
        until, header = self._read.get(shown.username, (0.0, b""))
        if until <= now():
            password = Path(self._files[shown.username]).read_text(encoding="utf-8").rstrip("\r\n")
            header = b"Basic " + base64.b64encode(f"{shown.username}:{password}".encode())
            self._read[shown.username] = now() + READ_SECONDS, header
        return header
