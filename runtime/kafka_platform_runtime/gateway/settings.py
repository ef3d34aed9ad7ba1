"""The gateway's configuration: the settings file, checked once."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kafka_platform_runtime.connection import (
    ClientCertificate,
    SaslMechanism,
    SecurityProtocol,
    ca_file_from,
    certificate_from,
    extensions_from,
    tls_settings,
)
from kafka_platform_runtime.failures import Refused

DEFAULT_FILE = Path("/etc/kafka-platform/gateway.json")

LEAST_QUEUE_BYTES = 256 * 1024
MOST_QUEUE_BYTES = 2 * 1024 * 1024
"""More does not make a stream faster."""
MOST_ANSWER_BYTES = 4 * 1024 * 1024
"""No more is returned at a time, however much memory there is."""

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
Port = Annotated[int, Meta(ge=1, le=65535)]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A part of the file: unknown keys and wrong types are faults."""


class Tls(Part, frozen=True):
    """Serve HTTPS. The files are read again when they change."""

    certificate: str
    """Path of the certificate chain in PEM."""
    key: str
    """Path of the private key in PEM."""
    client_authority: str | None = None
    """Path of the authority that must have signed the caller's certificate; None: callers need no certificate."""
    users: dict[str, str] = {}
    """By Kafka user the file with the password: a caller without other credentials is the one that the certificate names (its CN)."""


class Anonymous(Part, frozen=True):
    """The Kafka user that callers without credentials act as."""

    username: str
    password_file: str
    """Path of a file with the password."""


class Limits(Part, frozen=True):
    """Bounds of what callers may use. Beyond them a request is answered with 413, 429 or 503, never queued.

    Bounds without a field are shares of the memory: all bounds together fit into it
    (`memory_needed` in the component's `gateway_model` adds it up, and refuses what does not fit).
    """

    memory_bytes: Count = 1024 * 1024 * 1024
    """Memory that the program may use: the pod's limit."""

    body_bytes: Count = 1024 * 1024
    """Size of a request's body (413). Kafka itself refuses records beyond `message.max.bytes`, 1 MiB by default."""
    records: Count = 10_000
    """Records of one request (413)."""
    requests_per_caller: Count = 256
    """Requests in flight of one caller (429)."""
    requests: Count = 2048
    """Requests in flight of all callers (503)."""
    connections: Count = 6000
    """Connections of all callers, at most a quarter of them without a login (the oldest make room, or 503)."""
    bytes: Count = 128 * 1024 * 1024
    """Requests and responses held in memory at a time, for all callers (503); for one caller half of that (429)."""
    streams_per_caller: Count = 1000
    """Open streams of one caller (429)."""
    streams: Count = 5000
    """Open streams of all callers (503)."""
    consumers_per_caller: Count = 64
    """Kafka consumers of one caller: consumer instances, streams of a group, reads that catch up (429)."""
    consumers: Count = 256
    """Kafka consumers of all callers (503)."""
    callers: Count = 128
    """Callers with open connections to Kafka; idle ones make room (503 if none is idle)."""
    timeout_seconds: Seconds = 30.0
    """How long Kafka may take to acknowledge (504), and a caller to send its body (408)."""
    consumer_idle_seconds: Seconds = 300.0
    """After this time without a request a consumer instance is deleted."""
    heartbeat_seconds: Seconds = 15.0
    """Pause after which an idle stream sends a sign of life."""
    drain_seconds: Annotated[float, Meta(ge=0)] = 5.0
    """How long new requests are still accepted after SIGTERM, until load balancers have noticed."""

    @property
    def stranger_bytes(self) -> int:
        """What connections without a login hold together: heads, and the parts of bodies that came with them."""
        return self.memory_bytes // 64

    @property
    def ahead_bytes(self) -> int:
        """The same for those with a login, until a handler takes over and it counts in `bytes`."""
        return self.memory_bytes // 32

    @property
    def written_bytes(self) -> int:
        """Data written but not yet taken, and records in hand of streams with slow readers."""
        return self.memory_bytes // 16

    @property
    def feed_bytes(self) -> int:
        """Newest records of topics, kept for streams."""
        return self.memory_bytes // 16

    @property
    def unpacked_bytes(self) -> int:
        """What all Kafka batches in memory at a time unpack to."""
        return 3 * self.memory_bytes // 32

    @property
    def batch_bytes(self) -> int:
        """What one batch may unpack to (413)."""
        return self.memory_bytes // 64

    @property
    def fetch_bytes(self) -> int:
        """Requested from a broker at a time: may unpack to 192 times as much before `unpacked_bytes` are used up."""
        return self.memory_bytes // 2048

    @property
    def answer_bytes(self) -> int:
        """Keys and values in one response of a consumer instance, unencoded. The rest is in the next one."""
        return min(MOST_ANSWER_BYTES, self.memory_bytes // 256)

    @property
    def kept_bytes(self) -> int:
        """How much a consumer instance keeps of what did not fit into a response; the rest is fetched again."""
        return self.queue_bytes // 4

    @property
    def queue_bytes(self) -> int:
        """Records that one Kafka consumer fetches ahead."""
        return max(LEAST_QUEUE_BYTES, min(MOST_QUEUE_BYTES, self.memory_bytes // 8 // self.consumers))


class Registry(Part, frozen=True):
    """The schema registry, which the gateway only reads."""

    url: str
    """URL of its API, as Confluent's clients take it."""
    login: str | None = None
    """Folder with the files `username` and `password`; None: no login."""
    ca_file: str | None = None
    """Path of the authority to trust; None: public ones."""
    enforced: tuple[str, ...] = ()
    """Topics whose values have to fit the latest schema of the subject `<topic>-value`, whatever the format of the write."""


class Settings(Part, frozen=True):
    """The whole file."""

    port: Port = 8080
    metrics_port: Port = 9404
    tls: Tls | None = None
    bearer: bool = False
    """Whether `Authorization: Bearer` goes to Kafka as OAUTHBEARER."""
    anonymous: Anonymous | None = None
    recheck_seconds: Seconds = 60.0
    """How long a login is valid until it is checked again: a changed password takes effect within this time."""
    limits: Limits = Limits()
    cors: tuple[str, ...] = ()
    """Origins whose pages may call, such as `https://shop.example.com`; `*` for all."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of proxies whose `X-Forwarded-For` says where a request comes from."""
    registry: Registry | None = None
    """The schema registry; None: the formats with schemas are refused."""
    peers: str | None = None
    """Domain of the pods of this gateway (headless service), or, without Kubernetes, all of them as a list such as
    `gateway-0=10.0.0.1:8080,gateway-1=10.0.0.2:8080`; None: there are no others."""


class Kafka(msgspec.Struct, frozen=True, kw_only=True):
    """Where Kafka listens; callers log in themselves."""

    bootstrap_servers: str
    security_protocol: SecurityProtocol
    mechanism: SaslMechanism
    ca_file: Path | None = None
    certificate: ClientCertificate | None = None
    """What the gateway shows to Kafka, which then is who all callers are."""
    extensions: Mapping[str, str] = {}
    """SASL extensions sent beside callers' tokens."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Kafka":
        """Read the KAFKA_* variables.

        Raises:
            Refused: a variable is missing or has an unknown value.
        """
        faults = []
        servers = environment.get("KAFKA_BOOTSTRAP_SERVERS", "").strip()
        if not servers:
            faults.append("KAFKA_BOOTSTRAP_SERVERS: is not set")
        protocol = environment.get("KAFKA_SECURITY_PROTOCOL") or SecurityProtocol.PLAINTEXT
        if protocol not in set(SecurityProtocol):
            faults.append(f"KAFKA_SECURITY_PROTOCOL: {protocol!r} is not known: use {', '.join(SecurityProtocol)}")
        mechanism = environment.get("KAFKA_SASL_MECHANISM") or SaslMechanism.SCRAM_SHA_512
        if mechanism not in set(SaslMechanism):
            faults.append(f"KAFKA_SASL_MECHANISM: {mechanism!r} is not known: use {', '.join(SaslMechanism)}")
        ca_file, certificate = ca_file_from(environment, faults), certificate_from(environment, faults)
        if faults:
            raise Refused(faults)
        return cls(
            bootstrap_servers=servers,
            security_protocol=SecurityProtocol(protocol),
            mechanism=SaslMechanism(mechanism),
            ca_file=ca_file,
            certificate=certificate,
            extensions=extensions_from(environment),
        )

    @property
    def takes_passwords(self) -> bool:
        """Whether callers log in with passwords; otherwise by tokens, or not at all."""
        return self.security_protocol.has_login and self.mechanism is not SaslMechanism.OAUTHBEARER

    def client(self) -> dict[str, Any]:
        """The settings of a confluent-kafka client, without a login."""
        settings: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol.value,
            "client.id": "kafka-platform-gateway",
            # Callers receive the errors; librdkafka's own lines would repeat them with user names.
            "log_level": 0,
            "socket.connection.setup.timeout.ms": 5000,
            "reconnect.backoff.ms": 100,
            "reconnect.backoff.max.ms": 1000,
            # The broker closes connections that are idle for longer, at an inconvenient moment.
            "connections.max.idle.ms": 240_000,
        }
        if self.security_protocol.has_tls:
            settings |= tls_settings(self.ca_file, self.certificate)
        return settings


def check_logins(kafka: Kafka, settings: Settings) -> None:
    """Refuse settings with which no caller could log in.

    Raises:
        Refused: Kafka takes tokens only, and the settings speak of passwords.
    """
    if kafka.takes_passwords or not kafka.security_protocol.has_login:
        return
    faults = []
    if not settings.bearer:
        faults.append("bearer: Kafka takes tokens only (OAUTHBEARER): set it to true, callers send theirs")
    if settings.anonymous is not None:
        faults.append("anonymous: Kafka takes tokens only (OAUTHBEARER), and this user has a password: remove it")
    if faults:
        raise Refused(faults)


def read(environment: Mapping[str, str]) -> Settings:
    """Read the file that GATEWAY_SETTINGS names (default /etc/kafka-platform/gateway.json; absent: all defaults).

    Raises:
        Refused: the file cannot be read, or a key or value in it is wrong; the message names it.
    """
    named = environment.get("GATEWAY_SETTINGS")
    path = Path(named) if named else DEFAULT_FILE
    try:
        settings = msgspec.json.decode(path.read_bytes(), type=Settings)
    except FileNotFoundError:
        if named is None:
            return Settings()
        raise Refused([f"GATEWAY_SETTINGS: {path} does not exist: mount the file there"]) from None
    except (OSError, msgspec.DecodeError) as error:
        raise Refused([f"{path}: {error}"]) from None
    files = {}
    if settings.tls is not None:
        files = {"tls.certificate": settings.tls.certificate, "tls.key": settings.tls.key}
        if settings.tls.client_authority is not None:
            files["tls.clientAuthority"] = settings.tls.client_authority
    if settings.anonymous is not None:
        files["anonymous.passwordFile"] = settings.anonymous.password_file
    if settings.registry is not None and settings.registry.login is not None:
        files |= {f"registry.login/{each}": f"{settings.registry.login}/{each}" for each in ("username", "password")}
    if settings.registry is not None and settings.registry.ca_file is not None:
        files["registry.caFile"] = settings.registry.ca_file
    faults = [
        f"{path}: {key}: {file} is not a file: mount it there"
        for key, file in files.items()
        if not Path(file).is_file()
    ]
    if settings.peers is not None:
        try:
            listed_peers(settings.peers)
        except ValueError as fault:
            faults.append(f"{path}: peers: {fault}")
    if faults:
        raise Refused(faults)
    return settings


def listed_peers(peers: str) -> dict[str, tuple[str, int]]:
    """Host and port of each pod in a list; empty if it is a domain.

    Raises:
        ValueError: it is neither; the message names the entry.
    """
    if "=" not in peers:
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", peers):
            raise ValueError(f"{peers!r} is neither a domain nor a list of pod=host:port")
        return {}
    listed = {}
    for entry in peers.split(","):
        found = re.fullmatch(r"\s*([A-Za-z0-9][A-Za-z0-9.-]*)=([A-Za-z0-9.-]+|\[[0-9a-f:]+\]):([0-9]{1,5})\s*", entry)
        if found is None:
            raise ValueError(f"{entry.strip()!r} is not of the form pod=host:port")
        listed[found[1]] = (found[2], int(found[3]))
    return listed


def pod_name(environment: Mapping[str, str]) -> str:
    """This pod's name; the host's if there is no pod."""
    return environment.get("POD_NAME") or socket.gethostname()
