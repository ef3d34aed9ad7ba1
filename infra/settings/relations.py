"""What has to fit together in a stack's settings. Every check yields all the faults that it finds."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields

from kafka_platform import topic_settings
from kafka_platform.declarations import MAX_BYTES, check_declared, declarations
from kafka_platform.gateway_model import Exposure
from kafka_platform.model import (
    AclResource,
    Cleanup,
    Engine,
    Login,
    NodePorts,
    Operation,
    Topic,
    User,
    check_min_insync,
)
from kafka_platform.names import RESERVED_TOPIC_PREFIXES, check_label, check_topic, check_user, check_workload
from kafka_platform.probe_model import LATENCY_PROBE
from kafka_platform.scaling_model import Scale, check_scale
from kafka_platform.units import quantity, size_bytes
from kafka_platform.worker_model import Assignment
from pydantic.alias_generators import to_camel

from infra.settings.faults import Fault, Known, Path, choose, declare
from infra.settings.gateway import Gateway
from infra.settings.installations import OPERATORS, installations, is_of_kubernetes, is_there, operator_namespaces
from infra.settings.kafka import engines_of
from infra.settings.listeners import Expose, ExternalListener
from infra.settings.model import Settings, Tenant
from infra.settings.strimzi import pool_of_brokers, strimzi
from infra.settings.worker import Worker

MAX_PARTITIONS_OF_ALL = 1_000_000
"""Partitions of all topics: half of what Kafka's own tests of KRaft go to."""
MAX_REPLICAS_PER_BROKER = 30_000
"""Partitions times replicas on one broker: each maps two index files into memory, and Linux gives a process 65,530
mappings (vm.max_map_count)."""


_PLAIN_WAYS = (Expose.NODE_PORT, Expose.LOAD_BALANCER)
"""The ways in that an embedded Kafka knows."""


def relations(settings: Settings, known: Known) -> list[Fault]:
    """Every fault between settings that are valid each for itself."""
    return [
        *_engine(settings, known),
        *_external(settings, known),
        *strimzi(settings, known),
        *_brokers(settings, known),
        *_topics(settings, known),
        *_partitions(settings),
        *_namespaces(settings, known),
        *_users(settings, known),
        *_gateway(settings, known),
        *installations(settings, known),
        *_probe(settings, known),
        *_workers(settings, known),
        *_size(settings),
    ]


def _engine(settings: Settings, known: Known) -> Iterator[Fault]:
    if not known("kafka", "engine"):
        return
    kafka, written = settings.kafka, known.written("kafka")
    for field in fields(kafka):
        key, engines = to_camel(field.name), engines_of(field.name)
        if key in written and kafka.engine not in engines:
            yield Fault(
                path=("kafka", key),
                message=f"the engine is {kafka.engine.value}: remove the key, or write engine: {engines[0].value}",
            )


def _external(settings: Settings, known: Known) -> Iterator[Fault]:
    kafka = settings.kafka
    if kafka.engine is not Engine.EXTERNAL:
        return
    if kafka.bootstrap_servers is None and known("kafka", "bootstrapServers"):
        yield Fault(
            path=("kafka", "bootstrapServers"),
            message="missing: write where the Kafka is, as in kafka.example.com:9092",
        )
    if kafka.admin_secret is None and (settings.topics or settings.users) and known("kafka", "adminSecret"):
        yield Fault(
            path=("kafka", "adminSecret"),
            message="missing, topics and users need an administrator: name the Secret with its username and password",
        )


def _counted(settings: Settings, known: Known) -> bool:
    """Whether it is known how many brokers there are."""
    kafka = settings.kafka
    if kafka.engine is Engine.STRIMZI:
        return known("kafka", "pools") and kafka.brokers > 0
    return kafka.engine is Engine.EMBEDDED and known("kafka", "nodes")


def _brokers(settings: Settings, known: Known) -> Iterator[Fault]:
    kafka, nodes = settings.kafka, settings.kafka.brokers
    if known("kafka", "jvm") and known("kafka", "resources"):
        try:
            kafka.jvm.check_fits(kafka.resources.memory)
        except ValueError as error:
            yield Fault(path=("kafka", "jvm"), message=str(error))
    if not _counted(settings, known):
        return
    listener = kafka.listeners.external
    if listener is not None and kafka.engine is Engine.EMBEDDED and listener.expose in _PLAIN_WAYS:
        yield from _external_addresses(listener, nodes)
    if not known("kafka", "defaults", "replicas"):
        return
    replicas = kafka.defaults.replicas
    if replicas is not None and replicas > nodes:
        yield Fault(path=("kafka", "defaults", "replicas"), message=_too_many(replicas, settings))
    else:
        yield from _min_insync(
            ("kafka", "defaults", "minInsyncReplicas"),
            kafka.defaults.min_insync_replicas,
            kafka.defaults.replicas_on(nodes),
        )


def _external_addresses(listener: ExternalListener, nodes: int) -> Iterator[Fault]:
    try:
        listener.addresses().check_nodes(nodes)
    except ValueError as error:
        field, _, message = str(error).partition(": ")
        key = "port" if field == "first_port" else field
        yield Fault(path=("kafka", "listeners", "external", key), message=message)


def _too_many(replicas: int, settings: Settings) -> str:
    nodes = settings.kafka.brokers
    brokers = "1 broker" if nodes == 1 else f"{nodes} brokers"
    return f"{replicas} replicas on {brokers}: use at most {nodes}, or add nodes to {_nodes_key(settings)}"


def _nodes_key(settings: Settings) -> str:
    return pool_of_brokers(settings.kafka) if settings.kafka.engine is Engine.STRIMZI else "kafka.nodes"


def _min_insync(path: tuple[str, ...], least: int | None, replicas: int) -> Iterator[Fault]:
    if least is None:
        return
    try:
        check_min_insync(least, replicas)
    except ValueError as error:
        yield Fault(path=path, message=str(error).partition(": ")[2])


def _topics(settings: Settings, known: Known) -> Iterator[Fault]:
    folded: dict[str, str] = {}
    counted = _counted(settings, known) and known("kafka", "defaults", "replicas")
    for name, topic in settings.topics.items():
        try:
            check_topic(name)
            if settings.kafka.engine is not Engine.STRIMZI and known("kafka", "engine"):
                check_declared(name)
        except ValueError as error:
            yield Fault(path=("topics", name), message=str(error))
        # Kafka names metrics with '_' for '.', and refuses two topics that differ in nothing else.
        other = folded.setdefault(name.replace(".", "_"), name)
        if other != name:
            yield Fault(
                path=("topics", name),
                message=f"differs from {other!r} only by '.' and '_', which Kafka refuses: rename one",
            )
        yield from _topic_itself(name, topic)
        if settings.kafka.engine is not Engine.EXTERNAL and counted:
            yield from _topic_on_brokers(settings, name, topic, known)
    if settings.kafka.engine is not Engine.EXTERNAL and known("kafka", "engine"):
        yield from _topic_settings(settings, known)
    if counted:
        yield from _load(settings)


def _partitions(settings: Settings) -> Iterator[Fault]:
    total = sum(topic.partitions for topic in settings.topics.values())
    if total > MAX_PARTITIONS_OF_ALL:
        message = f"{total:,} partitions altogether are out of range: use at most {MAX_PARTITIONS_OF_ALL:,}"
        yield Fault(path=("topics",), message=message)


def _topic_itself(name: str, topic: Topic) -> Iterator[Fault]:
    if topic.cleanup is Cleanup.COMPACT:
        for key, value in (("retention", topic.retention), ("retentionSize", topic.retention_size)):
            if value is not None:
                yield Fault(
                    path=("topics", name, key),
                    message="has no effect on a compacted topic, which keeps the newest record of each key for ever: remove it, "
                    "or say by cleanup: 'compact,delete' that these are deleted too",
                )


def _topic_settings(settings: Settings, known: Known) -> Iterator[Fault]:
    """What Kafka will refuse of the topics' own settings, if it is of the version that the platform knows."""
    version = settings.kafka.version if known("kafka", "version") else None
    if settings.kafka.engine is Engine.EXTERNAL:
        version = topic_settings.defined_by()
    for name, topic in settings.topics.items():
        for key, message in topic_settings.faults(topic.config, version):
            yield Fault(path=("topics", name, "config", key), message=message)


def advice(settings: Settings) -> list[Fault]:
    """What may be wrong, if the Kafka that somebody else runs is as the one that the platform knows."""
    if settings.kafka.engine is not Engine.EXTERNAL:
        return []
    return [
        Fault(path=fault.path, message=f"{fault.message} (by Kafka {topic_settings.defined_by()})")
        for fault in _topic_settings(settings, Known(()))
    ]


def _topic_on_brokers(settings: Settings, name: str, topic: Topic, known: Known) -> Iterator[Fault]:
    kafka, nodes = settings.kafka, settings.kafka.brokers
    if topic.replicas is not None and topic.replicas > nodes:
        yield Fault(path=("topics", name, "replicas"), message=_too_many(topic.replicas, settings))
        return
    replicas = _replicas(settings, topic)
    if known("topics", name, "replicas"):
        if topic.replicas is None:
            yield from _min_insync(("topics", name, "minInsyncReplicas"), topic.min_insync_replicas, replicas)
        if (
            topic.min_insync_replicas is None
            and topic.replicas is not None
            and replicas > 1
            and known("topics", name, "minInsyncReplicas")
            and known("kafka", "defaults", "minInsyncReplicas")
        ):
            least = kafka.defaults.min_insync_replicas or max(min(nodes, kafka.defaults.replicas or 3) - 1, 1)
            if least >= replicas:
                yield Fault(
                    path=("topics", name, "replicas"),
                    message=f"{replicas} replicas, and {least} have to be in sync by kafka.defaults: one broker down "
                    f"would stop every writer: write minInsyncReplicas: {replicas - 1}, or more replicas",
                )
    if topic.retention_size is not None and known("kafka", "storage"):
        kept = size_bytes(topic.retention_size) * topic.partitions * replicas // nodes
        room, where = _room(settings)
        if kept > room:
            yield Fault(
                path=("topics", name, "retentionSize"),
                message=f"{topic.retention_size} in {topic.partitions} partitions, {replicas} copies, is "
                f"{kept / 2**30:.0f}Gi on each broker, whose volume has {_shown(settings)}: keep less, or raise {where}",
            )


def _room(settings: Settings) -> tuple[int, str]:
    """Bytes on the volumes of the smallest broker, and the key that says so."""
    kafka = settings.kafka
    if kafka.engine is not Engine.STRIMZI:
        return int(quantity(kafka.storage)), "kafka.storage"
    rooms = {
        f"kafka.pools.{name}": sum(int(quantity(volume.size)) for volume in pool.all_volumes)
        for name, pool in kafka.pools.items()
        if pool.holds_records
    }
    where = min(rooms, key=lambda name: rooms[name])
    return rooms[where], where


def _shown(settings: Settings) -> str:
    if settings.kafka.engine is not Engine.STRIMZI:
        return settings.kafka.storage
    return f"{_room(settings)[0] / 2**30:.0f}Gi"


def _replicas(settings: Settings, topic: Topic) -> int:
    nodes = settings.kafka.brokers
    wanted = topic.replicas if topic.replicas is not None else settings.kafka.defaults.replicas or 3
    return min(wanted, nodes)


def _load(settings: Settings) -> Iterator[Fault]:
    nodes = settings.kafka.brokers
    load = sum(topic.partitions * _replicas(settings, topic) for topic in settings.all_topics.values()) // nodes
    if load > MAX_REPLICAS_PER_BROKER:
        yield Fault(
            path=("topics",),
            message=f"{load:,} partitions with their copies on each broker: use at most {MAX_REPLICAS_PER_BROKER:,}: fewer "
            f"partitions, or more nodes in {_nodes_key(settings)}",
        )


def _namespaces(settings: Settings, known: Known) -> Iterator[Fault]:
    reserved = is_of_kubernetes(settings.namespace) or (
        is_there(settings.namespace) if settings.create_namespace else None
    )
    if reserved is not None:
        yield Fault(path=("namespace",), message=reserved)
    for name, tenant in settings.tenants.items():
        try:
            check_label(name, "name")
        except ValueError as error:
            yield Fault(path=("tenants", name), message=str(error))
        if tenant.namespace is not None and (reserved := is_of_kubernetes(tenant.namespace)) is not None:
            yield Fault(path=("tenants", name, "namespace"), message=reserved)
            continue
        if not tenant.create_namespace:
            continue
        if tenant.namespace is None:
            yield Fault(
                path=("tenants", name, "createNamespace"),
                message="the tenant has no namespace of its own: name it by namespace, or remove the key",
            )
        elif (reserved := is_there(tenant.namespace)) is not None:
            yield Fault(path=("tenants", name, "namespace"), message=reserved)
        elif tenant.namespace == settings.namespace and not settings.create_namespace:
            yield Fault(
                path=("tenants", name, "createNamespace"),
                message=f"{tenant.namespace!r} is the platform's namespace, which is not to be made: remove the key",
            )
    yield from _adopted(settings, known)


def _adopted(settings: Settings, known: Known) -> Iterator[Fault]:
    yield from _twice(("adopt",), settings.adopt)
    if not known("adopt") or not all(known(key) for key in ("tenants", "namespace", "createNamespace", *OPERATORS)):
        return
    made = [*settings.created_namespaces, *operator_namespaces(settings)]
    for each in settings.adopt:
        kind, _, name = each.partition("/")
        if kind == "Namespace" and name not in made:
            fix = choose(name, made)
            yield Fault(path=("adopt",), message=f"{each}: this file does not make that namespace: {fix}")


def _users(settings: Settings, known: Known) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    declared = _Declared(settings, known)
    for tenant_name, tenant in settings.tenants.items():
        for name, user in tenant.users.items():
            path = ("tenants", tenant_name, "users", name)
            try:
                check_user(name)
            except ValueError as error:
                yield Fault(path=path, message=str(error))
            owner = owners.setdefault(name, tenant_name)
            if owner != tenant_name:
                yield Fault(path=path, message=f"tenant {owner!r} has a user of that name too: rename one")
            yield from _user(path, tenant, user)
            if declared.complete:
                yield from _rights_on_nothing(path, user, declared)


def _user(path: tuple[str, ...], tenant: Tenant, user: User) -> Iterator[Fault]:
    if user.namespace is not None:
        yield Fault(
            path=(*path, "namespace"),
            message=f"unknown key: write namespace at the tenant, tenants.{path[1]}.namespace",
        )
    for key in ("writes", "reads", "groups", "transactions"):
        yield from _twice((*path, key), getattr(user, key))
    seen: set[tuple[AclResource, str]] = set()
    for index, acl in enumerate(user.acls):
        if (acl.resource, acl.name) in seen:
            yield Fault(
                path=(*path, "acls", index),
                message=f"{acl.resource.value} {acl.name!r} stands in this list already: put the operations together",
            )
        seen.add((acl.resource, acl.name))
        yield from _twice((*path, "acls", index, "operations"), [each.value for each in acl.operations])


def _twice(path: tuple[str | int, ...], values: Iterable[str]) -> Iterator[Fault]:
    for value, times in Counter(values).items():
        if times > 1:
            yield Fault(path=path, message=f"{value!r} is listed {times} times: keep one")


class _Declared:
    """Which topics there can be."""

    def __init__(self, settings: Settings, known: Known) -> None:
        faulty = known.names("topics")
        self.complete = settings.kafka.engine is not Engine.EXTERNAL and known("kafka", "engine") and faulty is not None
        """Whether all topics are known: somebody else's Kafka has more."""
        self.topics = [*settings.topics, *(faulty or [])]
        self.creatable = [
            acl.name
            for user in settings.users.values()
            for acl in user.acls
            if acl.resource is AclResource.TOPIC and {Operation.CREATE, Operation.ALL} & set(acl.operations)
        ]
        """Names and prefixes of topics that applications may make themselves."""
        self._sorted = sorted(self.topics)
        self._names = frozenset(self.topics)

    def has(self, pattern: str) -> bool:
        """Whether a topic is, or can come to be, what the name or prefix stands for."""
        if pattern == "*" or pattern.startswith(RESERVED_TOPIC_PREFIXES):
            return True
        if pattern.endswith("*"):
            place = bisect_left(self._sorted, pattern[:-1])
            found = self._sorted[place : place + 1]
        else:
            found = [pattern] if pattern in self._names else []
        return any(_overlap(pattern, each) for each in (*found, *self.creatable))


def _overlap(one: str, other: str) -> bool:
    if one.endswith("*") and other.endswith("*"):
        return one[:-1].startswith(other[:-1]) or other[:-1].startswith(one[:-1])
    if one.endswith("*"):
        return other.startswith(one[:-1])
    if other.endswith("*"):
        return one.startswith(other[:-1])
    return one == other


def _rights_on_nothing(path: tuple[str, ...], user: User, declared: _Declared) -> Iterator[Fault]:
    for key, patterns in (("writes", user.writes), ("reads", user.reads)):
        for pattern in dict.fromkeys(patterns):
            if not declared.has(pattern):
                yield Fault(path=(*path, key), message=_no_topic(pattern, declared.topics))
    for index, acl in enumerate(user.acls):
        if acl.resource is AclResource.TOPIC and not declared.has(acl.name):
            yield Fault(path=(*path, "acls", index, "name"), message=_no_topic(acl.name, declared.topics))


def _no_topic(pattern: str, topics: Sequence[str]) -> str:
    # The nearest name may be the topic of another team, or what is left of a removed one.
    fix = declare("topics", topics)
    if pattern.endswith("*"):
        return f"no topic begins with {pattern[:-1]!r}: {fix}"
    return f"{pattern!r} is not a topic of this file: {fix}"


def _gateway(settings: Settings, known: Known) -> Iterator[Fault]:
    gateway = settings.gateway
    if gateway is None or not known("kafka", "engine"):
        return
    embedded = settings.kafka.engine is Engine.EMBEDDED
    internal = settings.kafka.listeners.internal
    if gateway.bearer and embedded:
        yield Fault(
            path=("gateway", "bearer"),
            message="an embedded Kafka knows no tokens: remove the key, or write engine: external",
        )
    if gateway.bearer and settings.kafka.engine is Engine.STRIMZI and (internal is None or internal.custom is None):
        yield Fault(
            path=("gateway", "bearer"),
            message="the brokers know no tokens: remove the key, or write kafka.listeners.internal with auth: custom",
        )
    if gateway.expose is not None and known("gateway", "expose") and gateway.exposure() == Exposure():
        yield Fault(
            path=("gateway", "expose"),
            message="no way in is given: write nodePort, loadBalancer, gatewayClass, gateway or ingressClass",
        )
    yield from _anonymous(settings, gateway, known)
    yield from _taken_port(settings, gateway, known)


def _anonymous(settings: Settings, gateway: Gateway, known: Known) -> Iterator[Fault]:
    name = gateway.anonymous
    declared_here = settings.kafka.engine is not Engine.EXTERNAL or settings.kafka.admin_secret is not None
    if name is None or not declared_here or not known("tenants"):
        return
    user = settings.users.get(name)
    if user is None:
        fix = declare("tenants", settings.users)
        yield Fault(path=("gateway", "anonymous"), message=f"{name!r} is not a user of this file: {fix}")
    elif user.keeps_password:
        yield Fault(
            path=("gateway", "anonymous"),
            message=f"{name!r} is adopted with its password, which is not known here: raise its passwordVersion, or use another",
        )
    elif user.namespace != settings.namespace:
        yield Fault(
            path=("gateway", "anonymous"),
            message=f"the Secret of {name!r} is delivered to namespace {user.namespace!r}, and the gateway is in "
            f"{settings.namespace!r}: use a user of a tenant without a namespace",
        )


def _taken_port(settings: Settings, gateway: Gateway, known: Known) -> Iterator[Fault]:
    port, kafka = gateway.exposure().node_port, settings.kafka
    listener = kafka.listeners.external
    if port is None or listener is None or not _counted(settings, known):
        return
    if kafka.engine is Engine.STRIMZI:
        if listener.expose is Expose.NODE_PORT and listener.port == port.port:
            yield Fault(
                path=("gateway", "expose", "nodePort"),
                message=f"{port.port} is that of the brokers, by kafka.listeners.external: use another one",
            )
        return
    if listener.expose not in _PLAIN_WAYS:
        return
    addresses = listener.addresses()
    if isinstance(addresses, NodePorts) and 0 <= port.port - addresses.first_port < kafka.nodes:
        yield Fault(
            path=("gateway", "expose", "nodePort"),
            message=f"{port.port} is the port of broker {port.port - addresses.first_port}, "
            f"by kafka.listeners.external: use another one",
        )


def _probe(settings: Settings, known: Known) -> Iterator[Fault]:
    probe = settings.probe
    if probe is None or not known("kafka", "engine"):
        return
    here = settings.kafka.engine is not Engine.EXTERNAL
    if not here and settings.kafka.admin_secret is None and known("kafka", "adminSecret"):
        yield Fault(
            path=("probe",),
            message="it needs a topic and a user, which an administrator makes: name his Secret in kafka.adminSecret, "
            "or remove the key",
        )
    yield from _probe_and_gateway(settings, known)
    if LATENCY_PROBE in settings.topics:
        yield Fault(path=("topics", LATENCY_PROBE), message="is the topic of the probe: rename it, or remove probe")
    for name, tenant in settings.tenants.items():
        if LATENCY_PROBE in tenant.users:
            path = ("tenants", name, "users", LATENCY_PROBE)
            yield Fault(path=path, message="is the user of the probe: rename it, or remove probe")
    if (
        known("kafka", "nodes")
        and known("kafka", "pools")
        and known("probe", "interval")
        and known("probe", "partitions")
    ):
        ways = 2 if settings.probe_uses_gateway else 1
        try:
            probe.check_rate(settings.probe_partitions, ways)
        except ValueError as error:
            yield Fault(path=("probe", "interval"), message=str(error).partition(": ")[2])


def _probe_and_gateway(settings: Settings, known: Known) -> Iterator[Fault]:
    probe, gateway = settings.probe, settings.gateway
    if probe is None or not known("gateway"):
        return
    tls = None if gateway is None or not probe.gateway else gateway.tls
    if probe.gateway_authority is not None and tls is None:
        yield Fault(
            path=("probe", "gatewayAuthority"),
            message="the probe speaks with no gateway by TLS: remove the key, or write gateway.tls",
        )
    if tls is not None and tls.client_authority is not None:
        yield Fault(
            path=("probe", "gateway"),
            message="callers of the gateway need a certificate (gateway.tls.clientAuthority), and the probe has none: "
            "write gateway: false",
        )


def _workers(settings: Settings, known: Known) -> Iterator[Fault]:
    declared = _Declared(settings, known)
    groups: dict[str, str] = {}
    for name, worker in settings.workers.items():
        path = ("workers", name)
        try:
            check_workload(name, "worker")
        except ValueError as error:
            yield Fault(path=path, message=str(error))
            continue
        if name in _TAKEN:
            yield Fault(path=path, message=f"{name!r} is a part of the platform itself: choose another name")
        if known(*path):
            try:
                worker.check_purpose()
            except ValueError as error:
                yield Fault(path=(*path, "reads"), message=str(error).partition(": ")[2])
        if worker.tenant not in settings.tenants and known.names("tenants") == []:
            fix = declare("tenants", settings.tenants)
            yield Fault(path=(*path, "tenant"), message=f"{worker.tenant!r} is not a tenant of this file: {fix}")
        if declared.complete:
            for key, topics in (("reads", worker.reads), ("writes", worker.writes)):
                for topic in topics:
                    if not declared.has(topic):
                        yield Fault(path=(*path, key), message=_no_topic(topic, declared.topics))
        group = worker.group or name
        if worker.reads and groups.setdefault(group, name) != name:
            yield Fault(
                path=(*path, "group") if worker.group else path,
                message=f"worker {groups[group]!r} is in group {group!r} too, each would get a part of the records: write "
                "another group",
            )
        yield from _worker_users(settings, known, name, worker)
        if worker.scale is not None:
            yield from _worker_scale(settings, known, name, worker, worker.scale)


_TAKEN = frozenset({"kafka", "gateway", LATENCY_PROBE})
"""Names of Deployments, StatefulSets and Services that a platform has."""


def _worker_users(settings: Settings, known: Known, name: str, worker: Worker) -> Iterator[Fault]:
    path = ("workers", name)
    if not known("tenants") or not known("kafka", "engine") or not known("kafka", "adminSecret"):
        return
    namespace = settings.namespace_of(worker.tenant)
    for made in worker.users(name, namespace, None):
        if made in settings.users:
            yield Fault(
                path=path,
                message=f"its user {made!r} is a tenant's user already: rename one, or let the worker log in as that user "
                f"by {'user' if made == name else 'scalerUser'}",
            )
        elif made != name and made in settings.workers:
            yield Fault(path=path, message=f"the user of its scaler, {made!r}, is another worker's: rename one")
    external = settings.kafka.engine is Engine.EXTERNAL
    managed = not external or settings.kafka.admin_secret is not None
    logs_in = not external or settings.kafka.sasl is not None
    for key, given, needed in (("user", worker.user, True), ("scalerUser", worker.scaler_user, worker.scales_by_lag)):
        if given is None:
            if needed and logs_in and not managed:
                yield Fault(
                    path=(*path, key),
                    message="missing, an administrator makes users: name one that is there, or his Secret in kafka.adminSecret",
                )
        elif not needed:
            yield Fault(path=(*path, key), message="lag does not decide on the number of pods: remove the key")
        elif managed:
            yield from _worker_user(settings, (*path, key), given, worker, worker.group or name)


def _worker_user(settings: Settings, path: Path, name: str, worker: Worker, group: str) -> Iterator[Fault]:
    """What is wrong with a user of this file that a worker, or its scaler, logs in as."""
    user, namespace = settings.users.get(name), settings.namespace_of(worker.tenant)
    if user is None:
        fix = declare("tenants", settings.users)
        yield Fault(path=path, message=f"{name!r} is not a user of this file: {fix}")
        return
    if user.namespace != namespace:
        yield Fault(
            path=path,
            message=f"the Secret of {name!r} is delivered to namespace {user.namespace!r}, and the worker is in "
            f"{namespace!r}: use a user of tenant {worker.tenant!r}",
        )
    if user.auth is not Login.SCRAM:
        yield Fault(path=path, message=f"{name!r} has no password, and workers log in by one: use another user")
    needed = [(AclResource.TOPIC, topic, Operation.READ) for topic in worker.reads]
    needed += [(AclResource.GROUP, group, Operation.READ)] if worker.reads else []
    needed += [(AclResource.TOPIC, topic, Operation.WRITE) for topic in worker.writes]
    if path[-1] == "scalerUser":
        needed = [(kind, what, Operation.DESCRIBE) for kind, what, action in needed if action is Operation.READ]
    for kind, what, action in needed:
        if not _may(user, kind, what, action):
            yield Fault(
                path=path,
                message=f"{name!r} may not {action.value.lower()} {kind.value} {what!r}: allow it, or leave the key out, then "
                "a user is made that may",
            )


def _may(user: User, kind: AclResource, name: str, action: Operation) -> bool:
    return any(
        acl.resource is kind and _overlap(acl.name, name) and {action, Operation.ALL} & set(acl.operations)
        for acl in user.all_acls()
    )


def _worker_scale(settings: Settings, known: Known, name: str, worker: Worker, scale: Scale) -> Iterator[Fault]:
    path = ("workers", name, "scale")
    if settings.keda is None and known("keda"):
        yield Fault(
            path=path, message="needs KEDA: write keda: {install: true}, or an empty keda: where the cluster has it"
        )
    if known.names("topics") != []:
        return
    try:
        check_scale(
            scale,
            topics=worker.reads,
            partitions=settings.partitions_of(worker.reads),
            group=(worker.group or name) if worker.reads else None,
            offset_reset=worker.offset_reset,
            commit=worker.commit,
            per_topic=worker.assignment is Assignment.RANGE,
        )
    except ValueError as error:
        field, _, message = str(error).partition(": ")
        inner = tuple(to_camel(part) for part in field.split(".")[1:])
        message = message.replace("activation_lag", "activationLag").replace("offset_reset", "offsetReset")
        yield Fault(path=(*path, *inner), message=message.replace("write it, or partitions", "write it"))


def _size(settings: Settings) -> Iterator[Fault]:
    if settings.kafka.engine is Engine.STRIMZI:
        return  # each topic is an object of its own
    try:
        users = settings.all_users
    except ValueError:
        return  # a worker's name is at fault, which is said already
    try:
        declarations(settings.all_topics, users, settings.kafka.defaults.replicas)
    except ValueError:
        yield Fault(
            path=("topics",),
            message=f"{len(settings.topics):,} topics and {len(settings.users):,} users are more than one ConfigMap takes "
            f"({MAX_BYTES:,} bytes): divide them among several stacks",
        )
