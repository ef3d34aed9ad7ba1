"""The spec of a mirror: which topics and consumer groups of another Kafka are copied to this one, and how. No Pulumi."""

import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.connect.common import Place
from kafka_platform.connect.spec import ConnectorState, ConnectResources
from kafka_platform.kafka.entities import Quotas
from kafka_platform.kafka.protocols import SaslMechanism, SecurityProtocol
from kafka_platform.kafka.servers import check_bootstrap_servers
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.values.checks import PORT_SCHEMA, check_ports
from kafka_platform.values.forms import Spec, duration, formed, named, namespaces, rate
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_label, check_pattern, check_subdomain
from kafka_platform.values.ranges import MOST_VERSIONS, within
from kafka_platform.values.words import Deciding

MIRROR = "mirror"
"""Name of a stack's mirror: of what copies the records, and of what runs it where Strimzi runs the Kafka."""
HERE = "here"
"""What the mirror calls the Kafka that it writes to; it is in metrics only."""
MOST_PODS = 20
_LONGEST_ALIAS = 20
_LOGINS = (SaslMechanism.SCRAM_SHA_512, SaslMechanism.SCRAM_SHA_256, SaslMechanism.PLAIN)
_NO_LOGIN = (SecurityProtocol.PLAINTEXT, SecurityProtocol.SSL)


class Naming(Deciding):
    """What topics are called where they are mirrored to."""

    SAME = "same"
    """As at their source, so that programs move over without a change."""
    PREFIXED = "prefixed"
    """`<name of the source>.<topic>`, beside topics of this Kafka with the same name."""


def _check_source(name: str) -> None:
    check_label(name)
    if len(name) > _LONGEST_ALIAS:
        raise ValueError(f"{name!r} is too long: use up to {_LONGEST_ALIAS} characters")
    if name == HERE:
        raise ValueError(f"{name!r} is what this Kafka is called: write another name")


def _check_patterns(patterns: Sequence[str]) -> None:
    for each in patterns:
        check_pattern(each)
        if "," in each:
            raise ValueError(f"{each!r}: MirrorMaker splits lists at commas: name a prefix that ends before it")


def _check_groups(groups: Sequence[str]) -> None:
    _check_patterns(groups)
    for each in groups:
        if each.startswith("connect-"):
            raise ValueError(f"{each!r}: MirrorMaker leaves out groups of Kafka Connect: remove it")


def _check_topics(topics: Sequence[str]) -> None:
    if not topics:
        raise ValueError("none are given: name at least one, such as orders or shop-*")
    _check_patterns(topics)


def _check_username(name: str) -> None:
    if not name.isprintable() or not name.strip() or set(name) & set('"\\${}'):
        raise ValueError(f"{name!r} is not a user's name: write one without quotes, backslashes, $ and braces")


def _check_mechanism(mechanism: SaslMechanism | None) -> None:
    if mechanism is not None and mechanism not in _LOGINS:
        known = ", ".join(each.value for each in _LOGINS)
        raise ValueError(f"{mechanism.value} is not a login of a mirror: use one of {known}")


@dataclass(frozen=True, kw_only=True)
class MirrorSource(Spec):
    """The Kafka whose topics are mirrored, as a client sees it. Whoever runs it makes the user."""

    name: str = named(_check_source, default=MISSING, examples=["old"])
    """What it is called: in metrics, in the names of the mirror's own topics and, with `names: prefixed`, at the beginning of
    topics. Up to 20 of a-z, 0-9 and -. It must not change, or everything is mirrored again."""
    bootstrap_servers: str = formed(MISSING, check_bootstrap_servers, examples=["kafka.example.com:9092"])
    """Its bootstrap servers, `host:port`, separated by commas."""
    broker_ports: Sequence[int] = formed((), check_ports, items=PORT_SCHEMA)
    """Ports of its brokers that are not in `bootstrap_servers`, for the network policy. Default: none."""
    security_protocol: SecurityProtocol = SecurityProtocol.SASL_SSL
    """How clients connect. Default SASL_SSL."""
    sasl_mechanism: SaslMechanism | None = formed(None, _check_mechanism)
    """How the mirror logs in: SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN. Default SCRAM-SHA-512; with PLAINTEXT and SSL there is none."""
    username: str | None = formed(None, _check_username, examples=["mirror"])
    """The user that the mirror logs in as. Required where clients log in."""
    secret: Input[str] | None = named(check_subdomain, "Secret name")
    """Secret in the mirror's namespace whose key `password` is that user's. Required where clients log in."""
    ca_secret: Input[str] | None = named(check_subdomain, "Secret name")
    """Secret in the mirror's namespace whose key `ca.crt` is the authority to trust. Default: public authorities."""

    @property
    def sasl(self) -> SaslMechanism | None:
        """How the mirror logs in, with the default that follows from the protocol."""
        return None if self.security_protocol in _NO_LOGIN else self.sasl_mechanism or SaslMechanism.SCRAM_SHA_512

    @property
    def encrypted(self) -> bool:
        """Whether records are encrypted on their way."""
        return self.security_protocol in (SecurityProtocol.SSL, SecurityProtocol.SASL_SSL)

    def places(self) -> list[Place]:
        """Where the mirror connects to."""
        servers = [Place.of(each) for each in self.bootstrap_servers.split(",")]
        return [*servers, *(Place(host=each.host, port=port) for each in servers for port in self.broker_ports)]

    def check(self) -> None:
        """There is a login where, and only where, the protocol has one; and no password in the clear."""
        for key in ("sasl_mechanism", "username", "secret"):
            if self.sasl is None and getattr(self, key) is not None:
                raise ValueError(f"{key}: {self.security_protocol.value} has no login: remove it, or use SASL_SSL")
        if self.sasl is not None and self.username is None:
            raise ValueError("username: missing: name the user of that Kafka that the mirror logs in as")
        if self.sasl is not None and self.secret is None:
            raise ValueError("secret: missing: name the Secret with the password of that user")
        if self.sasl is SaslMechanism.PLAIN and not self.encrypted:
            raise ValueError(
                "sasl_mechanism: PLAIN sends the password in the clear: use SASL_SSL, or a mechanism of SCRAM"
            )
        if self.ca_secret is not None and not self.encrypted:
            raise ValueError(f"ca_secret: {self.security_protocol.value} encrypts nothing: remove it, or use SASL_SSL")


@dataclass(frozen=True, kw_only=True)
class ReplicationSpec(Spec):
    """A mirror, shared by programs and stack files."""

    origin: MirrorSource
    """The Kafka whose topics are mirrored."""
    topics: Sequence[str] = formed(MISSING, _check_topics, minItems=1, examples=[["orders", "shop-*"]])
    """Topics to mirror: names, or prefixes that end in `*`. Those that are not here yet are made, with their partitions and settings."""
    exclude: Sequence[str] = formed((), _check_patterns)
    """Topics among these that are not mirrored: names, or prefixes that end in `*`. Default: none but those of Kafka (`__*`), of
    this platform, of Kafka Connect and of mirrors for themselves, which never are."""
    groups: Sequence[str] = formed((), _check_groups, examples=[["payments-*"]])
    """Consumer groups whose offsets are translated and set here: names, or prefixes that end in `*`; `*` alone is every one. A
    group with members here is left alone. Default: none."""
    names: Naming = Naming.SAME
    """What topics are called here: as at their source (same), or `<origin.name>.<topic>` (prefixed). Default: same."""
    known_as: str | None = named(_check_source, examples=["second"])
    """What mirrors in other Kafkas call this one, as their `origin.name`: topics there that are copies of this Kafka's (`second.orders`,
    `third.second.orders`) are not copied back. Required for `*`. Only with `names: prefixed`. Default: nothing copies this Kafka."""
    checkpoints: str = duration("10s", least="1s", most="1h", whole_seconds=True)
    """How often offsets of groups are translated and set: what a group reads twice after a failover. Default 10s: MirrorMaker's own
    is a minute."""
    refresh: str = duration("1m", least="5s", most="1d", whole_seconds=True)
    """How often new topics, partitions and groups are looked for. Default 1m: MirrorMaker's own is ten minutes, in which a new topic
    is nowhere else."""
    follow_settings: bool = False
    """Whether topics here always get the settings that they have at their source. Default false: they get them when they are made;
    after that, as of topics that are declared here, the declaration decides."""
    tasks: int = within(1, 1000, default=2)
    """Largest number of tasks, which share the partitions. Default 2: the work goes on where one worker ends."""
    produce: str | None = rate(None, "20MB/s")
    """Bytes a second that it writes to each broker here, such as `20MB/s`, so that catching up leaves room for others. Default: no limit."""
    state: ConnectorState = ConnectorState.RUNNING
    """Whether it works: running, paused or stopped. Stop it before programs write to its topics here. Default: running."""
    password_version: int = within(1, MOST_VERSIONS, default=1)
    """Raise it by one to give its Kafka users here new passwords, and to make it read its Secrets again. Default 1."""
    pods: int | None = within(1, MOST_PODS, default=None)
    """Number of pods of its own, where it has some: in programs, and where Strimzi runs the Kafka. Default 2."""
    resources: ConnectResources | None = None
    """CPU and memory of each of these pods. Default: 250m and 1Gi."""
    metrics_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose pods may read the metrics of pods of its own. Default: all."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of pods of its own. Default: Kubernetes' own defaults."""

    def check(self) -> None:
        """It writes no topics of the platform, copies no copies of its own, and what it leaves out is among what it names."""
        if self.names is Naming.SAME and "*" in self.topics:
            raise ValueError(
                "topics: '*' would give it the right to write every topic of this Kafka: name prefixes, or write names: prefixed"
            )
        if self.known_as is not None and self.names is Naming.SAME:
            raise ValueError(
                "known_as: with names: same nothing tells copies apart: remove it, or write names: prefixed"
            )
        if self.known_as is None and "*" in self.topics:
            raise ValueError(
                "known_as: missing: with '*' two mirrors would copy each other's copies for ever: write what a mirror of this Kafka calls it "
                "in its origin.name, or will call it"
            )
        if self.known_as == self.origin.name:
            raise ValueError(f"known_as: {self.known_as!r} is what the other Kafka is called: write another name")
        for each in self.exclude:
            if each in self.topics:
                raise ValueError(f"exclude: {each!r} is in topics too: remove one of them")

    @property
    def quotas(self) -> Quotas | None:
        """The limits of the user that copies records."""
        return None if self.produce is None else Quotas(produce=self.produce)

    def here(self, topic: str) -> str:
        """What a topic, or a prefix of topics, is called here."""
        return topic if self.names is Naming.SAME else f"{self.origin.name}.{topic}"

    @property
    def topics_here(self) -> list[str]:
        """What it writes: names and prefixes, as they are called here."""
        return [self.here(each) for each in self.topics]


def expression(pattern: str) -> str:
    """A name, or a prefix that ends in `*`, as a regular expression of Java."""
    return re.escape(pattern.removesuffix("*")) + (".*" if pattern.endswith("*") else "")
