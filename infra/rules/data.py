"""Rules about what becomes of records."""

from collections.abc import Iterator, Mapping

from kafka_platform.kube.marks import ADOPTED
from kafka_platform.registry.spec import JOURNAL, SNAPSHOTS
from kafka_platform.worker.objects import COMPONENT as WORKER

from infra.reading.kinds import deletes_volumes, volumes
from infra.reading.settings import RETENTION, RETENTION_SIZE, broker_settings, topic_defaults, whole
from infra.reading.values import mapping, text
from infra.rules.rule import Level, Resource, Rule, one_by_one

_COMPONENT = "app.kubernetes.io/component"
LEAST_REPLICAS = 3
LEAST_IN_SYNC = 2


def _replication(resource: Resource) -> Iterator[str]:
    for name, topic in resource.topics.items():
        if topic.replicas is not None and topic.replicas < LEAST_REPLICAS:
            yield f"topic {name}: replicas: {topic.replicas} are too few to lose a broker: use {LEAST_REPLICAS}"
        least = whole(topic.config.get("min.insync.replicas"))
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
        value = whole(settings.get(key))
        if value is not None and value < least:
            yield f"brokers: {key}: {value} is too little to lose a broker: use {least}"


REPLICATED_DATA = Rule(
    name="replicated-data",
    reason="With three copies, two of which must have a record before it counts as written, you can lose one broker at "
    "any time without losing a record or refusing a write.",
    dev=Level.OFF,
    staging=Level.ADVISORY,
    prod=Level.MANDATORY,
    check=one_by_one(_replication),
)


def _protected_data(resource: Resource) -> Iterator[str]:
    for name, topic in resource.topics.items():
        # A KafkaTopic of Strimzi is kept by options of its resource, which are no properties and not always known.
        if topic.deletable and (resource.kind == "ConfigMap" or resource.kept is not None):
            yield f"topic {name}: deletion is allowed: its records go with its declaration: leave deletion out"
    if resource.kind == "StatefulSet" and deletes_volumes(resource.properties):
        key = (
            "state.deletion"
            if text(resource.properties, "metadata", "labels", _COMPONENT) == WORKER
            else "kafka.deletion"
        )
        yield f"{resource.shown}: its volumes are deleted with it: leave {key} out"
    if resource.kind == "KafkaNodePool":
        if deletes_volumes(resource.properties):
            yield f"{resource.shown}: its volumes are deleted with it: set deleteClaim to false"
        if any(text(each, "type") == "ephemeral" for each in volumes(mapping(resource.properties, "spec", "storage"))):
            yield f"{resource.shown}: its records go when a pod does: use persistent-claim storage"


PROTECTED_DATA = Rule(
    name="protected-data",
    reason="Removing a line by mistake must not remove records.",
    dev=Level.OFF,
    staging=Level.ADVISORY,
    prod=Level.MANDATORY,
    check=one_by_one(_protected_data),
)


_KEPT_FOREVER = frozenset({JOURNAL, SNAPSHOTS})
"""Whoever reads records needs the schemas that they were written with, however old. They are kilobytes, and few. The registry
does not start where they could be deleted."""


def _bounded_retention(resource: Resource) -> Iterator[str]:
    for name, topic in resource.topics.items():
        forever = whole(topic.config.get(RETENTION)) == -1
        bounded = (whole(topic.config.get(RETENTION_SIZE)) or -1) > 0
        if forever and not bounded and not _compacts(topic.config) and name not in _KEPT_FOREVER:
            yield f"topic {name}: retention: forever fills every volume: write a duration, a retentionSize, or cleanup compact"
    defaults = topic_defaults(broker_settings(resource.properties) or {})
    if whole(defaults.get(RETENTION)) == -1 and (whole(defaults.get(RETENTION_SIZE)) or -1) <= 0:
        yield "kafka.defaults.retention: forever fills every volume: write a duration"


BOUNDED_RETENTION = Rule(
    name="bounded-retention",
    reason="A topic that keeps everything forever eventually fills its volumes, and full brokers stop.",
    dev=Level.ADVISORY,
    staging=Level.ADVISORY,
    prod=Level.MANDATORY,
    check=one_by_one(_bounded_retention),
)


def _compacts(config: Mapping[str, str]) -> bool:
    return "compact" in config.get("cleanup.policy", "")


def _taken_over(resource: Resource) -> Iterator[str]:
    if text(resource.properties, "metadata", "annotations", ADOPTED):
        yield f"{resource.shown}: is taken over if it exists, whoever made it (adopt)"
    for kind, adopted in (
        ("topic", [name for name, topic in resource.topics.items() if topic.adopted]),
        ("user", [name for name, user in resource.users.items() if user.adopted]),
    ):
        for name in sorted(adopted):
            yield f"{kind} {name}: is taken over if it exists, whoever made it (adopt)"


NOTHING_TAKEN_OVER = Rule(
    name="nothing-taken-over",
    reason="Somebody made the existing object, and may rely on it as it is, or remove it.",
    dev=Level.OFF,
    staging=Level.ADVISORY,
    prod=Level.ADVISORY,
    check=one_by_one(_taken_over),
)
