"""How to reach the Kafka: a client's file of properties, as the platform's programs and a stack file say the same."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka_platform.kafka.protocols import SaslMechanism, SecurityProtocol

from infra.reading.settings import properties

ADMIN_SECRET = "kafka-admin"  # noqa: S105  # a Secret's name
CA_SECRET = "kafka-ca"  # noqa: S105
_LOGIN = re.compile(r"""\b(username|password)\s*=\s*"((?:[^"\\]|\\.)*)\"""")
_KNOWN_MECHANISMS = [each.value for each in SaslMechanism if each is not SaslMechanism.OAUTHBEARER]


class AdoptError(Exception):
    """Nothing was written; the message says why in one line."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """An administrator's way in. The password is not part of its text form."""

    servers: str
    protocol: SecurityProtocol
    mechanism: SaslMechanism | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    certificate: tuple[str, str] | None = None
    """The files of a client's certificate and its key."""

    def environment(self, password_file: Path) -> dict[str, str]:
        """The KAFKA_* variables of the platform's programs; the password is in the file."""
        found = {
            "KAFKA_BOOTSTRAP_SERVERS": self.servers,
            "KAFKA_SECURITY_PROTOCOL": self.protocol.value,
            "KAFKA_SASL_MECHANISM": "" if self.mechanism is None else self.mechanism.value,
            "KAFKA_SASL_USERNAME": self.username or "",
            "KAFKA_SASL_PASSWORD_FILE": str(password_file) if self.password is not None else "",
            "KAFKA_SSL_CA_FILE": self.ca_file or "",
        }
        if self.certificate is not None:
            found |= {"KAFKA_SSL_CERTIFICATE_FILE": self.certificate[0], "KAFKA_SSL_KEY_FILE": self.certificate[1]}
        return {key: value for key, value in found.items() if value}

    def section(self) -> dict[str, Any]:
        """The section `kafka` of a stack file."""
        made: dict[str, Any] = {
            "engine": "external",
            "bootstrapServers": self.servers,
            "securityProtocol": self.protocol.value,
        }
        if self.mechanism is not None:
            made["saslMechanism"] = self.mechanism.value
        if self.certificate is not None:
            made["clientCertificates"] = True
        if self.ca_file is not None:
            made["caSecret"] = CA_SECRET
        return made | {"adminSecret": ADMIN_SECRET}


def access_of(file: Path, servers: str | None) -> Access:
    """What a file of properties for Kafka's own tools, or for librdkafka, says; `servers` win over those in it.

    Raises:
        AdoptError: it cannot be read, or says something that is not known here.
    """
    try:
        given = properties(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise AdoptError(f"{file} cannot be read, {reason}: name a file of client properties") from None
    found = servers or given.get("bootstrap.servers")
    if not found:
        raise AdoptError(f"{file} has no bootstrap.servers: add them, or write --bootstrap")
    protocol = _protocol(given.get("security.protocol", "PLAINTEXT"), file)
    mechanism, login = _login(given, protocol, file)
    certificate = tuple(given[key] for key in ("ssl.certificate.location", "ssl.key.location") if given.get(key))
    if len(certificate) == 1 or (given.get("ssl.keystore.location") and not certificate):
        raise AdoptError(f"{file}: write a client's certificate as ssl.certificate.location and ssl.key.location (PEM)")
    return Access(
        servers=found,
        protocol=protocol,
        mechanism=mechanism,
        username=login.get("username"),
        password=login.get("password"),
        ca_file=_authority(given, file) if "SSL" in protocol.value else None,
        certificate=(certificate[0], certificate[1]) if certificate else None,
    )


def _protocol(text: str, file: Path) -> SecurityProtocol:
    try:
        return SecurityProtocol(text.upper())
    except ValueError:
        words = ", ".join(each.value for each in SecurityProtocol)
        raise AdoptError(f"{file}: security.protocol: {text!r} is not known: use one of {words}") from None


def _login(
    given: Mapping[str, str], protocol: SecurityProtocol, file: Path
) -> tuple[SaslMechanism | None, dict[str, str]]:
    """How the administrator logs in, and with what."""
    if not protocol.value.startswith("SASL"):
        return None, {}
    text = given.get("sasl.mechanism") or given.get("sasl.mechanisms") or "missing"
    if text not in _KNOWN_MECHANISMS:
        raise AdoptError(
            f"{file}: sasl.mechanism: {text!r} is not known here: log in by one of {', '.join(_KNOWN_MECHANISMS)}, "
            "or with a client's certificate"
        )
    jaas = {key: re.sub(r"\\(.)", r"\1", value) for key, value in _LOGIN.findall(given.get("sasl.jaas.config", ""))}
    login = jaas | {key: given[f"sasl.{key}"] for key in ("username", "password") if given.get(f"sasl.{key}")}
    for key in ("username", "password"):
        if not login.get(key):
            raise AdoptError(f"{file}: sasl.{key}: missing: write it, or a sasl.jaas.config that has it")
    return SaslMechanism(text), login


def _authority(given: Mapping[str, str], file: Path) -> str | None:
    if given.get("ssl.ca.location"):
        return given["ssl.ca.location"]
    store = given.get("ssl.truststore.location")
    if store and given.get("ssl.truststore.type", "JKS").upper() != "PEM":
        raise AdoptError(f"{file}: ssl.truststore.location: is no PEM: write the authority's PEM as ssl.ca.location")
    return store or None
