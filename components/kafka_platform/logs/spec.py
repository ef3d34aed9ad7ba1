"""The spec of a log collector, and what it needs in Kafka. No Pulumi."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.kafka.entities import MAX_PARTITIONS, Quotas, Topic, User
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.values.form import SIZE
from kafka_platform.values.forms import (
    Compute,
    Spec,
    duration,
    formed,
    mapping,
    memory_of,
    named,
    names,
    processors,
    rate,
)
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_label, check_subdomain, check_topic
from kafka_platform.values.ranges import MOST_VERSIONS, within
from kafka_platform.values.units import size_bytes

LOG_COLLECTOR = "log-collector"
"""Name of its Kafka user, and of its DaemonSet in a stack."""
PLACE = "{namespace}"
"""What stands in the name of a topic for the namespace whose lines it gets."""
MOST_NAMESPACES = 50
"""Each has a Kafka client and a queue of its own on every machine."""
MOST_MASKS = 50
LONGEST_EXPRESSION = 500
LEAST_LINE, MOST_LINE = 256, 128 * 2**10
"""Bytes of a line. In JSON a byte becomes six at most, and a record has to fit into Kafka's 1 MiB."""
LEAST_QUEUE, MOST_QUEUE = 2**20, 8 * 2**30

_NOT_LINEAR = re.compile(r"\(\?(=|!|<=|<!|>|\(|P=)|\\[1-9]|\\Z|[*+?}]\+")
"""What Python's expressions have and the collector's lack: theirs take time in proportion to the line, whatever it is."""


def check_expression(text: str) -> None:
    """Raises unless `text` is an expression of the collector (RE2)."""
    if not 0 < len(text) <= LONGEST_EXPRESSION:
        raise ValueError(f"{text[:60]!r} is no expression: use 1 to {LONGEST_EXPRESSION} characters")
    found = _NOT_LINEAR.search(text)
    if found:
        raise ValueError(
            f"{text[:60]!r} has {found.group()!r}, which the collector's expressions (RE2) lack: write it without looking around, "
            "references and possessive repetitions"
        )
    try:
        empty = re.compile(text).match("")
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{text[:60]!r} is no regular expression: {error}") from None
    if empty:
        raise ValueError(f"{text[:60]!r} matches nothing at all, and so everywhere: write at least one character")


def _check_namespaces(given: Sequence[str]) -> None:
    if not 1 <= len(given) <= MOST_NAMESPACES:
        raise ValueError(f"{len(given)} namespaces: name 1 to {MOST_NAMESPACES}, such as [payments]")
    for each in given:
        check_label(each, "namespace")
        if list(given).count(each) > 1:
            raise ValueError(f"{each!r} is listed twice: remove one")


def _check_topic(name: str) -> None:
    check_topic(name.replace(PLACE, "x"))


def _check_masks(given: Sequence[str]) -> None:
    if len(given) > MOST_MASKS:
        raise ValueError(f"{len(given)} expressions, and each costs time for every line: use at most {MOST_MASKS}")
    for each in given:
        check_expression(each)


def _check_multiline(given: Mapping[str, str]) -> None:
    for namespace, first in given.items():
        check_label(namespace, "namespace")
        check_expression(first)


def _bytes(least: int, most: int, shown: str) -> Callable[[str], None]:
    def check(text: str) -> None:
        if not least <= size_bytes(text) <= most:
            raise ValueError(f"{text!r} is out of range: use {shown}")

    return check


@dataclass(frozen=True, kw_only=True)
class LogCollectorResources(Compute):
    """CPU and memory of a collector's pod on each machine."""

    cpu: str = processors("100m")
    """CPU request. Default 100m."""
    cpu_limit: str | None = processors(None, "1")
    """CPU limit. Default: none; a collector that is throttled falls behind."""
    memory: str = memory_of("a log collector", "256Mi", least="128Mi")
    """Memory request and limit, at least 128Mi. Default 256Mi."""


@dataclass(frozen=True, kw_only=True)
class LogCollectorSpec(Spec):
    """Settings of a log collector, shared by programs and stack files."""

    namespaces: Sequence[str] = formed(
        MISSING,
        _check_namespaces,
        items={"type": "string"},
        minItems=1,
        maxItems=MOST_NAMESPACES,
        examples=[["payments"]],
    )
    """Namespaces whose containers' lines are collected, 1 to 50. Nothing else is: whoever reads the topics reads these lines."""
    topic: str = named(_check_topic, default=f"logs.{PLACE}", examples=[f"logs.{PLACE}", "logs"])
    """Topic of the lines. `{namespace}` in it makes a topic for each namespace; without it there is one for all. Default
    `logs.{namespace}`."""
    partitions: int = within(1, MAX_PARTITIONS, default=3)
    """Partitions of each topic; can grow, never shrink. Lines of a container are in one of them. Default 3."""
    retention: str = duration("3d", least="1m", most="3650d")
    """How long lines are kept, 1m to 3650d. Default 3d."""
    retention_size: str = formed("10Gi", size_bytes, pattern=SIZE, examples=["10Gi"])
    """How many bytes of lines each partition keeps, or `unlimited`. Default 10Gi."""
    mask: Sequence[str] = formed(
        (), _check_masks, items={"type": "string"}, maxItems=MOST_MASKS, examples=[[r"(?P<keep>card=)\d{12,19}"]]
    )
    """Expressions (RE2) of what must not be in Kafka, at most 50: `[masked]` is written in place of what they match, except for what
    the group `keep` matches. They are in addition to `mask_secrets`. Default: none."""
    mask_secrets: bool = True
    """Whether values of passwords, tokens and keys are masked: `password=`, `"token": "`, `Bearer`, JSON web tokens, keys of AWS, GitHub
    and Slack, private keys, passwords in URLs. Default true."""
    multiline: Mapping[str, str] = mapping(_check_multiline, examples=[{"payments": r"\d{4}-\d\d-\d\d"}])
    r"""By namespace, what the first line of a message begins with, as an expression (RE2) such as `\d{4}-`: the lines after it, as of a
    stack trace, are in its record. Default: each line is a record."""
    max_line: str = formed("64Ki", _bytes(LEAST_LINE, MOST_LINE, "256 to 128Ki"), pattern=SIZE, examples=["64Ki"])
    """Bytes of a line, or of the lines of a message, 256 to 128Ki; the rest is cut, and the record's line ends with ` [cut]`. Default 64Ki."""
    queue: str = formed("64Mi", _bytes(LEAST_QUEUE, MOST_QUEUE, "1Mi to 8Gi"), pattern=SIZE, examples=["64Mi"])
    """Bytes of lines of each namespace that wait on a machine's disk for Kafka, 1Mi to 8Gi; then files are not read on. Default 64Mi."""
    produce: str = rate("10MB/s")
    """Bytes a second that all collectors together may write to each broker. Default 10MB/s."""
    resources: LogCollectorResources = LogCollectorResources()
    """CPU and memory of the pod on each machine. Default: 100m and 256Mi."""
    pod_settings: PodSettings = UNDECIDED
    """Labels, priority and pull secrets of the pods; with `node_labels` only these machines' containers are read. Every taint is
    tolerated. Default: every machine."""
    password_version: int = within(1, MOST_VERSIONS, default=1)
    """Raise it by one to give its Kafka user a new password, with which its pods then start anew. Default 1."""
    user_secret: Input[str] | None = named(check_subdomain, "object name")
    """Secret with the login of its user in its namespace. Default: `log-collector-kafka`."""
    metrics_namespaces: Sequence[Input[str]] = names(check_label, "namespace")
    """Namespaces whose pods may read the metrics. Default: all."""

    def check(self) -> None:
        """Messages are put together where lines are collected."""
        for each in self.multiline:
            if each not in self.namespaces:
                raise ValueError(
                    f"multiline.{each}: its lines are not collected: add it to namespaces, or remove the key"
                )
        for each in self.namespaces:
            check_topic(self.topic_of(each))

    def topic_of(self, namespace: str) -> str:
        """The topic of a namespace's lines."""
        return self.topic.replace(PLACE, namespace)

    @property
    def topics(self) -> list[str]:
        """All topics, sorted."""
        return sorted({self.topic_of(each) for each in self.namespaces})


def log_topics(spec: LogCollectorSpec) -> dict[str, Topic]:
    """The topics of a collector, by name."""
    topic = Topic(partitions=spec.partitions, retention=spec.retention, retention_size=spec.retention_size)
    return dict.fromkeys(spec.topics, topic)


def log_collector_user(spec: LogCollectorSpec, namespace: str | None = None) -> User:
    """The user of a collector: it may write its topics within its quota, and read nothing.

    `namespace` is that of its Secret, where the collector is.
    """
    return User(
        writes=spec.topics,
        quotas=Quotas(produce=spec.produce),
        namespace=namespace,
        password_version=spec.password_version,
    )
