"""How to reach and log in to Kafka, from the KAFKA_* variables."""

import dataclasses
import logging
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import KafkaError

from kafka_platform_runtime.failures import Refused, sentence
from kafka_platform_runtime.names import unresolved
from kafka_platform_runtime.tokens import OAuth, Tokens

E = TypeVar("E", bound=StrEnum)

# Seconds: how long one request to a broker may take.
REQUEST_TIMEOUT = 30.0

_UNRESOLVED = re.compile(r"Failed to resolve '(?P<host>[^']*):\d+': (?P<reason>[^(]*)")

# The libraries report failures through exceptions and callbacks; their own log lines would repeat them without context.
_SILENT = logging.getLogger("kafka_platform_runtime.libraries")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class SecurityProtocol(StrEnum):
    """Kafka's names for plain and TLS connections with and without a login."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def has_login(self) -> bool:
        """Whether the client logs in."""
        return self in {SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL}

    @property
    def has_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self in {SecurityProtocol.SSL, SecurityProtocol.SASL_SSL}


class SaslMechanism(StrEnum):
    """The login mechanisms that the programs support."""

    SCRAM_SHA_512 = "SCRAM-SHA-512"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    PLAIN = "PLAIN"
    OAUTHBEARER = "OAUTHBEARER"

    @property
    def is_scram(self) -> bool:
        """Whether Kafka itself keeps the passwords."""
        return self in {SaslMechanism.SCRAM_SHA_256, SaslMechanism.SCRAM_SHA_512}


@dataclass(frozen=True, kw_only=True)
class ClientCertificate:
    """What a client shows to be let in by TLS: PEM files with the certificate chain and its private key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where Kafka listens and the login. The password is not part of its text form.

    With OAUTHBEARER `username` and `password` are the id and the secret of the OAuth client.
    """

    bootstrap_servers: str
    security_protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    mechanism: SaslMechanism | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    certificate: ClientCertificate | None = None
    oauth: OAuth | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Connection":
        """Read the KAFKA_* variables and the password file.

        Raises:
            Refused: a variable is missing or has an unknown value, or a file cannot be read.
        """
        faults: list[str] = []

        def required(name: str) -> str:
            value = environment.get(name, "").strip()
            if not value:
                faults.append(f"{name}: is not set")
            return value

        servers = required("KAFKA_BOOTSTRAP_SERVERS")
        protocol = _choice(SecurityProtocol, environment, "KAFKA_SECURITY_PROTOCOL", "PLAINTEXT", faults)
        mechanism: SaslMechanism | None = None
        username: str | None = None
        password: str | None = None
        oauth: OAuth | None = None
        if protocol is not None and protocol.has_login:
            mechanism = _choice(SaslMechanism, environment, "KAFKA_SASL_MECHANISM", "SCRAM-SHA-512", faults)
            username = required("KAFKA_SASL_USERNAME")
            path = required("KAFKA_SASL_PASSWORD_FILE")
            if path:
                password = read_password(Path(path), "KAFKA_SASL_PASSWORD_FILE", faults)
            if mechanism is SaslMechanism.OAUTHBEARER:
                oauth = _oauth(environment, required("KAFKA_OAUTH_TOKEN_URL"), faults)
        ca_file = ca_file_from(environment, faults)
        certificate = certificate_from(environment, faults)
        if faults or protocol is None:
            raise Refused(faults)
        return cls(
            bootstrap_servers=servers,
            security_protocol=protocol,
            mechanism=mechanism,
            username=username,
            password=password,
            ca_file=ca_file,
            certificate=certificate,
            oauth=oauth,
        )

    def at(self, bootstrap_servers: str) -> "Connection":
        """The same login at another address."""
        return dataclasses.replace(self, bootstrap_servers=bootstrap_servers)

    def as_user(self, username: str, password: str) -> "Connection":
        """The same address with another login."""
        return dataclasses.replace(self, username=username, password=password)

    def confluent(self, complaints: "Complaints | None" = None, **more: Any) -> dict[str, Any]:
        """The settings of a confluent-kafka client; names in `more` have underscores for dots."""
        settings: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol.value,
            "client.id": "kafka-platform",
            "socket.timeout.ms": int(REQUEST_TIMEOUT * 1000),
            "socket.connection.setup.timeout.ms": 5000,
            "reconnect.backoff.ms": 250,
            "reconnect.backoff.max.ms": 1000,
            "log_level": 0,
            "logger": _SILENT,
            "error_cb": complaints or Complaints(),
        }
        if self.security_protocol.has_login:
            settings["sasl.mechanism"] = (self.mechanism or SaslMechanism.SCRAM_SHA_512).value
            if self.oauth is not None:
                settings |= _oidc(self.oauth, self.username, self.password)
            else:
                settings["sasl.username"] = self.username
                settings["sasl.password"] = self.password
        if self.security_protocol.has_tls:
            settings |= tls_settings(self.ca_file, self.certificate)
        settings.update({name.replace("_", "."): value for name, value in more.items()})
        return settings

    def kafka_python(self) -> dict[str, Any]:
        """The settings of a kafka-python client."""
        settings: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers.split(","),
            "security_protocol": self.security_protocol.value,
            "client_id": "kafka-platform",
            "request_timeout_ms": int(REQUEST_TIMEOUT * 1000),
            "bootstrap_timeout_ms": int(REQUEST_TIMEOUT * 1000),
        }
        if self.security_protocol.has_login:
            settings["sasl_mechanism"] = (self.mechanism or SaslMechanism.SCRAM_SHA_512).value
            if self.oauth is None:  # a provider of tokens is for the client to make
                settings["sasl_plain_username"] = self.username
                settings["sasl_plain_password"] = self.password
        if self.security_protocol.has_tls and self.ca_file is not None:
            settings["ssl_cafile"] = str(self.ca_file)
        if self.security_protocol.has_tls and self.certificate is not None:
            settings["ssl_certfile"] = str(self.certificate.certificate)
            settings["ssl_keyfile"] = str(self.certificate.key)
        return settings

    def tokens(self) -> Tokens | None:
        """The login's OAuth tokens; None if it has a password or a certificate."""
        if self.oauth is None:
            return None
        return Tokens(self.oauth, self.username or "", self.password or "")


def tls_settings(ca_file: Path | str | None, certificate: ClientCertificate | None) -> dict[str, Any]:
    """What a confluent-kafka client trusts, and shows."""
    settings = {} if ca_file is None else {"ssl.ca.location": str(ca_file)}
    if certificate is not None:
        settings |= {
            "ssl.certificate.location": str(certificate.certificate),
            "ssl.key.location": str(certificate.key),
        }
    return settings


def _oidc(oauth: OAuth, client: str | None, secret: str | None) -> dict[str, Any]:
    """How librdkafka fetches tokens itself."""
    settings = {
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": client,
        "sasl.oauthbearer.client.secret": secret,
        "sasl.oauthbearer.token.endpoint.url": oauth.token_url,
    }
    if oauth.scope is not None:
        settings["sasl.oauthbearer.scope"] = oauth.scope
    if oauth.extensions:
        settings["sasl.oauthbearer.extensions"] = ",".join(f"{key}={value}" for key, value in oauth.extensions.items())
    return settings


def _oauth(environment: Mapping[str, str], token_url: str, faults: list[str]) -> OAuth:
    """Where tokens come from, by the KAFKA_OAUTH_* variables."""
    if token_url and not token_url.startswith(("https://", "http://")):
        faults.append(
            f"KAFKA_OAUTH_TOKEN_URL: {token_url!r} is not a URL: write one such as https://id.example.com/token"
        )
    scope = environment.get("KAFKA_OAUTH_SCOPE") or None
    return OAuth(token_url=token_url, scope=scope, extensions=extensions_from(environment))


def extensions_from(environment: Mapping[str, str]) -> dict[str, str]:
    """The SASL extensions sent beside a token, by KAFKA_OAUTH_EXTENSIONS: `name=value`, several with commas."""
    listed = environment.get("KAFKA_OAUTH_EXTENSIONS", "").split(",")
    return dict(each.split("=", 1) for each in listed if "=" in each)


def ca_file_from(environment: Mapping[str, str], faults: list[str]) -> Path | None:
    """The authority to trust; None, and a fault, if there is no such file."""
    if not environment.get("KAFKA_SSL_CA_FILE"):
        return None
    ca_file = Path(environment["KAFKA_SSL_CA_FILE"])
    if not ca_file.is_file():
        faults.append(f"KAFKA_SSL_CA_FILE: {ca_file} is not a file: mount the CA certificate there")
    return ca_file


def certificate_from(environment: Mapping[str, str], faults: list[str]) -> ClientCertificate | None:
    """The certificate to show; None if there is none."""
    found = {
        name: Path(environment[name])
        for name in ("KAFKA_SSL_CERTIFICATE_FILE", "KAFKA_SSL_KEY_FILE")
        if environment.get(name)
    }
    faults += [
        f"{name}: {path} is not a file: mount the user's Secret there"
        for name, path in found.items()
        if not path.is_file()
    ]
    if len(found) == 1:
        (given,) = found
        faults.append(f"{given}: is set alone: a certificate and its key belong together, set both or neither")
    if len(found) < 2:
        return None
    return ClientCertificate(certificate=found["KAFKA_SSL_CERTIFICATE_FILE"], key=found["KAFKA_SSL_KEY_FILE"])


def read_password(path: Path, name: str, faults: list[str]) -> str | None:
    """The file's content without the line end; None, and a fault that names `name`, if there is no such file."""
    try:
        password = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        faults.append(f"{name}: the password file {path} cannot be read: {reason}")
        return None
    if not password:
        faults.append(f"{name}: the password file {path} is empty")
        return None
    return password


class Complaints:
    """Collects why a client cannot connect; pass it as `error_cb`."""

    def __init__(self) -> None:
        self._errors: deque[KafkaError] = deque(maxlen=50)

    def __call__(self, error: KafkaError) -> None:
        """Remember one error."""
        self._errors.append(error)

    def rejection(self) -> str | None:
        """Why the login or TLS handshake failed, if it did."""
        for error in reversed(self._errors):
            if error.code() in {KafkaError._AUTHENTICATION, KafkaError._SSL}:
                return tidy(error)
        return None

    def reason(self) -> str | None:
        """The most recent reason, if there is one."""
        for error in reversed(self._errors):
            if error.code() != KafkaError._ALL_BROKERS_DOWN:
                return tidy(error)
        return None

    def unanswered(self, bootstrap_servers: str) -> str | None:
        """Why no broker answers, if known: a name that cannot be resolved, or the most recent reason."""
        return unresolved(bootstrap_servers) or self.reason()

    def why(self, error: KafkaError, bootstrap_servers: str) -> str:
        """Why a request to the brokers ended in this error, by the most telling reason known."""
        return self.rejection() or self.unanswered(bootstrap_servers) or sentence(error)


def tidy(error: KafkaError) -> str:
    """The text of a connection error without librdkafka's notes on states and times."""
    name = _UNRESOLVED.search(error.str())
    if name:
        return f"cannot resolve {name['host']}: {name['reason'].strip()}"
    text = re.sub(r"\s*\(after \d+ms in state [A-Z_]+[^)]*\)", "", error.str())
    text = re.sub(r"^(?:sasl_)?(?:plaintext|ssl)://([^/]+)/(?:bootstrap|\d+): ", r"\1: ", text)
    return text.replace("ipv4#", "").replace("ipv6#", "").strip()


def _choice(kinds: type[E], environment: Mapping[str, str], name: str, default: str, faults: list[str]) -> E | None:
    value = environment.get(name) or default
    try:
        return kinds(value)
    except ValueError:
        faults.append(f"{name}: {value!r} is not known: use one of {', '.join(kinds)}")
        return None
