"""The rules: pure functions from a resource (its type and properties) to what is wrong with it.

The same functions judge what a program registers (`pulumi preview --policy-pack policies`) and what a stack file alone
tells (`python -m infra check`). How strict they are follows from the environment that the stack file names.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from kafka_platform.marks import ADOPTED

from infra.review.changes import at, items, known, mapping, text
from infra.review.kafka import RETENTION, RETENTION_SIZE, Topic, User, broker_settings, declarations_in, topic_defaults
from infra.review.rights import powers, shared_transactions
from infra.settings.model import Environment


class Level(Enum):
    """What a violation does."""

    OFF = "off"
    """Nothing: the rule does not concern the environment."""
    ADVISORY = "advisory"
    """It is shown."""
    MANDATORY = "mandatory"
    """It stops `python -m infra check`, previews and deployments."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource as a program registers it."""

    type: str
    """Its type token, such as `kubernetes:apps/v1:StatefulSet`."""
    properties: Mapping[str, Any]
    name: str = ""
    """Its name in the program."""
    ignored: Sequence[str] = ()
    """Properties whose changes are ignored."""

    @property
    def kind(self) -> str:
        """The last part of its type."""
        return self.type.rpartition(":")[2]

    @property
    def shown(self) -> str:
        """How a message names it."""
        return f"{self.kind} {text(self.properties, 'metadata', 'name') or self.name}"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule."""

    name: str
    reason: str
    """Why there is such a rule, in one sentence."""
    dev: Level
    staging: Level
    prod: Level
    check: Callable[[Sequence[Resource]], Iterator[tuple[Resource, str]]] = field(repr=False)
    """What is wrong: the resource, and one line that says what and how to fix it."""
    together: bool = False
    """Whether it has to see all resources of a stack at once."""

    def level(self, environment: Environment) -> Level:
        """How strict it is in an environment."""
        return {Environment.DEV: self.dev, Environment.STAGING: self.staging, Environment.PROD: self.prod}[environment]


def _each(check: Callable[[Resource], Iterator[str]]) -> Callable[[Sequence[Resource]], Iterator[tuple[Resource, str]]]:
    def check_all(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
        for resource in resources:
            for message in check(resource):
                yield resource, message

    return check_all


# ---- what resources say


def _topics(resource: Resource) -> Mapping[str, Topic]:
    return declarations_in(resource.kind, resource.properties)[0]


def _users(resource: Resource) -> Mapping[str, User]:
    return declarations_in(resource.kind, resource.properties)[1]


def _containers(resource: Resource) -> list[Any]:
    """The containers of a workload, those that run first included."""
    spec: tuple[str, ...] = ("spec", "template", "spec")
    if resource.kind == "CronJob":
        spec = ("spec", "jobTemplate", *spec)
    if resource.kind == "Pod":
        spec = ("spec",)
    if resource.kind not in _WORKLOADS:
        return []
    return [*items(resource.properties, *spec, "initContainers"), *items(resource.properties, *spec, "containers")]


_WORKLOADS = frozenset({"CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "StatefulSet"})


def _number(value: str | None) -> int | None:
    return int(value) if value is not None and value.lstrip("-").isdigit() else None


# ---- the rules


def _encrypted_listeners(resource: Resource) -> Iterator[str]:
    settings = broker_settings(resource.properties) or {}
    for entry in settings.get("listener.security.protocol.map", "").split(","):
        listener, _, protocol = entry.partition(":")
        # Among themselves embedded brokers have no certificates; a network policy lets nobody else reach those two.
        if protocol.endswith("PLAINTEXT") and listener not in ("CONTROLLER", "REPLICATION"):
            yield f"listener {listener}: {protocol} sends records readable: name a certificate in kafka.listeners"
    if resource.kind == "Kafka":
        for listener in items(resource.properties, "spec", "kafka", "listeners"):
            if at(listener, "tls") is not True:
                yield f"listener {text(listener, 'name')}: tls is off, which sends records readable: set tls to true"
    if resource.kind == CONNECTION and text(resource.properties, "securityProtocol").endswith("PLAINTEXT"):
        protocol = text(resource.properties, "securityProtocol")
        yield f"the connection to Kafka: {protocol} sends records readable: use SASL_SSL or SSL"


CONNECTION = "KafkaConnection"
"""Kind of the resource that stands for a Kafka that somebody else runs."""
LEAST_REPLICAS = 3
LEAST_IN_SYNC = 2


def _replication(resource: Resource) -> Iterator[str]:
    for name, topic in _topics(resource).items():
        if topic.replicas is not None and topic.replicas < LEAST_REPLICAS:
            yield f"topic {name}: replicas: {topic.replicas} are too few to lose a broker: use {LEAST_REPLICAS}"
        least = _number(topic.config.get("min.insync.replicas"))
        if least is not None and least < LEAST_IN_SYNC:
            yield f"topic {name}: min in-sync replicas: {least} lets one copy count as written: use {LEAST_IN_SYNC}"
    settings = broker_settings(resource.properties)
    if settings is None:
        return
    wanted = {
        "default.replication.factor": LEAST_REPLICAS,
        "min.insync.replicas": LEAST_IN_SYNC,
        "offsets.topic.replication.factor": LEAST_REPLICAS,
        "transaction.state.log.min.isr": LEAST_IN_SYNC,
        "transaction.state.log.replication.factor": LEAST_REPLICAS,
    }
    for key, least in wanted.items():
        value = _number(settings.get(key))
        if value is not None and value < least:
            yield f"brokers: {key}: {value} is too little to lose a broker: use {least}"


def _wildcards(resource: Resource) -> Iterator[str]:
    for name, user in _users(resource).items():
        found = {(each.resource, each.name) for each in user.rights if each.any_name}
        for kind, pattern in sorted(found):
            which = f"every {kind}" if pattern == "*" else f"every {kind} that begins with {pattern[:-1]!r}"
            yield f"user {name}: may use {which}: name them, or write a prefix such as {name}-*"


def _administrators(resource: Resource) -> Iterator[str]:
    for name, user in _users(resource).items():
        for power in powers(user.rights):
            yield f"user {name}: {power}: leave it to the platform, which does so by what is declared"
    if resource.kind == "Kafka":
        for name in map(str, items(resource.properties, "spec", "kafka", "authorization", "superUsers")):
            yield f"user {name}: may do everything: leave kafka.superUsers out, and give it the rights that it needs"


def _own_transactions(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    owners = {name: (each, user) for each in resources for name, user in _users(each).items()}
    rights = {name: user.rights for name, (_, user) in owners.items()}
    for user, name, other, other_name in shared_transactions(rights):
        yield (
            owners[user][0],
            f"users {user} and {other}: both may use transactional ids of {other_name}"
            + (f" (by {name})" if name != other_name else "")
            + f", and would end each other's producers: write a prefix of its own for each, such as {other}-*",
        )


def _quotas(resource: Resource) -> Iterator[str]:
    words = {"producer_byte_rate": ("produce", "WRITE"), "consumer_byte_rate": ("consume", "READ")}
    for name, user in _users(resource).items():
        may = {each.operation for each in user.rights if each.resource == "topic" and not each.denied}
        missing = [word for key, (word, needs) in words.items() if may & {needs, "ALL"} and key not in user.quotas]
        if missing:
            yield f"user {name}: no limit to {' and '.join(missing)}: write quotas for its tenant"


def _pinned_images(resource: Resource) -> Iterator[str]:
    for container in _containers(resource):
        image = text(container, "image")
        tag = image.rpartition("/")[2].partition(":")[2]
        if image and "@sha256:" not in image and tag in ("", "latest"):
            yield f"{resource.shown}: image {image} may be another one tomorrow: write a version or a digest"


def _requests(resource: Resource) -> Iterator[str]:
    if resource.kind in ("Kafka", "KafkaConnect", "KafkaNodePool"):
        if resource.kind != "Kafka":
            yield from _missing_requests(resource, mapping(resource.properties, "spec"), "")
        return
    for container in _containers(resource):
        yield from _missing_requests(resource, container, f" container {text(container, 'name')}:")


def _missing_requests(resource: Resource, owner: Any, where: str) -> Iterator[str]:
    requests = mapping(owner, "resources", "requests")
    missing = [each for each in ("cpu", "memory") if each not in requests]
    if missing:
        yield f"{resource.shown}:{where} requests no {' and '.join(missing)}: write resources.requests"


_SCALED_BY = frozenset({"HorizontalPodAutoscaler", "ScaledObject"})


def _fixed_replicas(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    targets: dict[tuple[str, str, str], Resource] = {}
    for each in resources:
        if each.kind in _SCALED_BY:
            target = mapping(each.properties, "spec", "scaleTargetRef")
            # KEDA's default kind is a Deployment.
            kind = text(target, "kind") or "Deployment"
            targets[kind, text(each.properties, "metadata", "namespace"), text(target, "name")] = each
    for each in resources:
        place = (each.kind, text(each.properties, "metadata", "namespace"), text(each.properties, "metadata", "name"))
        scaler = targets.get(place)
        if scaler is None or at(each.properties, "spec", "replicas") is None:
            continue
        if not any(path in ("spec", "spec.replicas") for path in each.ignored):
            yield (
                each,
                f"{each.shown}: replicas is fixed, and {scaler.shown} scales it: every deployment would set it back: "
                "leave replicas out, or ignore its changes",
            )


def _protected_data(resource: Resource) -> Iterator[str]:
    for name, topic in _topics(resource).items():
        # A KafkaTopic of Strimzi is kept by options of its resource, which are no properties.
        if topic.deletable and resource.kind == "ConfigMap":
            yield f"topic {name}: deletion is allowed: its records go with its declaration: leave deletion out"
    policy = mapping(resource.properties, "spec", "persistentVolumeClaimRetentionPolicy")
    if resource.kind == "StatefulSet" and "Delete" in policy.values():
        yield f"{resource.shown}: its volumes are deleted with it: leave kafka.deletion out"
    if resource.kind == "KafkaNodePool":
        storage = mapping(resource.properties, "spec", "storage")
        volumes = items(storage, "volumes") or [storage]
        if any(at(each, "deleteClaim") is True for each in volumes):
            yield f"{resource.shown}: its volumes are deleted with it: set deleteClaim to false"
        if any(text(each, "type") == "ephemeral" for each in volumes):
            yield f"{resource.shown}: its records go when a pod does: use persistent-claim storage"


_SECRET_NAME = re.compile(r"(?:^|[^a-z])(?:password|passwd|secret|api[_.-]?key|token|private[_.-]?key)$", re.IGNORECASE)
_ASSIGNED = re.compile(r"""["']?([A-Za-z0-9_.-]+)["']?\s*[=:]\s*["']?([^"'\s,;}]+)""")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/]{40}")
_REFERENCE = re.compile(r"^(?:[$/<{\[(%]|file:|null$|none$|true$|false$|\d+$)", re.IGNORECASE)
"""Values that are no secret: variables, paths, numbers, nothing."""


def _plain_secrets(resource: Resource) -> Iterator[str]:
    for container in _containers(resource):
        for variable in items(container, "env"):
            name, value = text(variable, "name"), text(variable, "value")
            if value and _SECRET_NAME.search(name) and not _REFERENCE.match(value):
                yield f"{resource.shown}: variable {name} holds a secret readable: mount a Secret as a file"
    if resource.kind == "ConfigMap":
        for key, value in mapping(resource.properties, "data").items():
            if isinstance(value, str) and known(value) and (found := _secret_in(key, value)):
                yield f"{resource.shown}: {found} in {key} is a secret that everybody may read: put it in a Secret"
    for key, value in mapping(resource.properties, "metadata", "annotations").items():
        if (
            isinstance(value, str)
            and known(value)
            and not key.startswith("pulumi.com/")
            and (found := _secret_in(key, value))
        ):
            yield f"{resource.shown}: annotation {key} holds a secret readable ({found}): put it in a Secret"
    for key, value in (broker_settings(resource.properties) or {}).items() if resource.kind == "Kafka" else ():
        if _SECRET_NAME.search(key) and not _REFERENCE.match(value):
            yield f"{resource.shown}: setting {key} holds a secret readable: put it in a Secret"


def _secret_in(key: str, value: str) -> str | None:
    """What in a text looks like a secret: its name, never its value."""
    if _PRIVATE_KEY.search(value):
        return "a private key"
    if _SECRET_NAME.search(key) and value.strip() and not _REFERENCE.match(value.strip()):
        return key
    for match in _ASSIGNED.finditer(value):
        if _SECRET_NAME.search(match[1]) and not _REFERENCE.match(match[2]):
            return match[1]
    return None


def _external_tls(resource: Resource) -> Iterator[str]:
    properties = resource.properties
    for entry in (broker_settings(properties) or {}).get("listener.security.protocol.map", "").split(","):
        if entry.startswith("EXTERNAL:") and entry.endswith("PLAINTEXT"):
            yield "kafka.listeners.external: records leave the cluster readable: name a certificate in kafka.listeners"
    if resource.kind == "Kafka":
        for listener in items(properties, "spec", "kafka", "listeners"):
            if text(listener, "type") not in ("internal", "cluster-ip") and at(listener, "tls") is not True:
                yield f"listener {text(listener, 'name')}: records leave the cluster readable: set tls to true"
    if resource.kind == "Ingress":
        hosts = {host for each in items(properties, "spec", "tls") for host in items(each, "hosts")}
        for rule in items(properties, "spec", "rules"):
            if text(rule, "host") not in hosts:
                yield f"{resource.shown}: host {text(rule, 'host') or '*'} has no TLS: name it in spec.tls"
    if resource.kind == "Gateway":
        for listener in items(properties, "spec", "listeners"):
            if text(listener, "protocol") in ("HTTP", "TCP"):
                yield f"{resource.shown}: listener {text(listener, 'name')} has no TLS: use HTTPS with a certificate"
    if resource.kind == "Service" and text(properties, "spec", "type") in ("NodePort", "LoadBalancer"):
        for port in items(properties, "spec", "ports"):
            if text(port, "name") == "http":
                yield f"{resource.shown}: port {text(port, 'name')} has no TLS, and passwords come in by it: write gateway.tls"


def _bounded_retention(resource: Resource) -> Iterator[str]:
    for name, topic in _topics(resource).items():
        for_ever = _number(topic.config.get(RETENTION)) == -1
        bounded = (_number(topic.config.get(RETENTION_SIZE)) or -1) > 0
        if for_ever and not bounded and not _compacts(topic.config):
            yield f"topic {name}: retention: forever fills every volume: write a duration, a retentionSize, or cleanup compact"
    defaults = topic_defaults(broker_settings(resource.properties) or {})
    if _number(defaults.get(RETENTION)) == -1 and (_number(defaults.get(RETENTION_SIZE)) or -1) <= 0:
        yield "kafka.defaults.retention: forever fills every volume: write a duration"


def _taken_over(resource: Resource) -> Iterator[str]:
    if text(resource.properties, "metadata", "annotations", ADOPTED):
        yield f"{resource.shown}: is taken over if it exists, whoever made it (adopt)"
    for kind, adopted in (
        ("topic", [name for name, topic in _topics(resource).items() if topic.adopted]),
        ("user", [name for name, user in _users(resource).items() if user.adopted]),
    ):
        for name in sorted(adopted):
            yield f"{kind} {name}: is taken over if it exists, whoever made it (adopt)"


def _compacts(config: Mapping[str, str]) -> bool:
    return "compact" in config.get("cleanup.policy", "")


_OFF, _ADVISORY, _MANDATORY = Level.OFF, Level.ADVISORY, Level.MANDATORY

RULES: tuple[Rule, ...] = (
    Rule(
        name="encrypted-listeners",
        reason="Who can read a network between two machines reads every record on it.",
        dev=_OFF,
        staging=_MANDATORY,
        prod=_MANDATORY,
        check=_each(_encrypted_listeners),
    ),
    Rule(
        name="replicated-data",
        reason="With three copies, of which two have a record before it counts as written, one broker may be lost at any "
        "time without losing a record or refusing a write.",
        dev=_OFF,
        staging=_ADVISORY,
        prod=_MANDATORY,
        check=_each(_replication),
    ),
    Rule(
        name="no-wildcard-rights",
        reason="A user of one team that may use every topic reads the other teams' data, also that of topics still to come.",
        dev=_ADVISORY,
        staging=_MANDATORY,
        prod=_MANDATORY,
        check=_each(_wildcards),
    ),
    Rule(
        name="no-administrator-rights",
        reason="Who may change rights, settings or internal topics may do everything, whatever else its declaration says.",
        dev=_ADVISORY,
        staging=_MANDATORY,
        prod=_MANDATORY,
        check=_each(_administrators),
    ),
    Rule(
        name="own-transactions",
        reason="Kafka ends a producer when another one begins with its transactional id: two users with the same ids stop each other.",
        dev=_ADVISORY,
        staging=_ADVISORY,
        prod=_MANDATORY,
        check=_own_transactions,
        together=True,
    ),
    Rule(
        name="tenant-quotas",
        reason="Without limits one client in a loop takes the brokers' network from everybody else.",
        dev=_ADVISORY,
        staging=_MANDATORY,
        prod=_MANDATORY,
        check=_each(_quotas),
    ),
    Rule(
        name="pinned-images",
        reason="`latest` is another program after the next restart of a pod, without anybody having reviewed it.",
        dev=_ADVISORY,
        staging=_MANDATORY,
        prod=_MANDATORY,
        check=_each(_pinned_images),
    ),
    Rule(
        name="resource-requests",
        reason="Without requests the scheduler puts pods where there is no room, and they are the first to be evicted.",
        dev=_ADVISORY,
        staging=_MANDATORY,
        prod=_MANDATORY,
        check=_each(_requests),
    ),
    Rule(
        name="scaled-without-replicas",
        reason="A fixed number of pods beside an autoscaler is set back by every deployment, in the middle of the load.",
        dev=_ADVISORY,
        staging=_MANDATORY,
        prod=_MANDATORY,
        check=_fixed_replicas,
        together=True,
    ),
    Rule(
        name="protected-data",
        reason="A line removed by mistake must not take records along.",
        dev=_OFF,
        staging=_ADVISORY,
        prod=_MANDATORY,
        check=_each(_protected_data),
    ),
    Rule(
        name="no-plain-secrets",
        reason="ConfigMaps, annotations and variables are read by whoever may look at pods, and by every log of them.",
        dev=_ADVISORY,
        staging=_MANDATORY,
        prod=_MANDATORY,
        check=_each(_plain_secrets),
    ),
    Rule(
        name="external-tls",
        reason="Outside the cluster passwords and records cross networks that nobody of the platform watches.",
        dev=_ADVISORY,
        staging=_MANDATORY,
        prod=_MANDATORY,
        check=_each(_external_tls),
    ),
    Rule(
        name="bounded-retention",
        reason="A topic that keeps everything for ever fills its volumes some day, and full brokers stop.",
        dev=_ADVISORY,
        staging=_ADVISORY,
        prod=_MANDATORY,
        check=_each(_bounded_retention),
    ),
    Rule(
        name="nothing-taken-over",
        reason="What exists was made by somebody, who may count on it as it is, or remove it.",
        dev=_OFF,
        staging=_ADVISORY,
        prod=_ADVISORY,
        check=_each(_taken_over),
    ),
)
