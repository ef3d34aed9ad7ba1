"""The engine, its brokers and how they are reached."""

from collections.abc import Iterator
from dataclasses import fields

from kafka_platform.kafka.entities import check_min_insync
from kafka_platform.kafka.protocols import Engine
from pydantic.alias_generators import to_camel

from infra.settings.core import Core
from infra.settings.faults import Fault, Known
from infra.settings.kafka import engines_of
from infra.settings.listeners import Expose, ExternalListener
from infra.settings.relations.strimzi import pool_of_brokers

PLAIN_WAYS = (Expose.NODE_PORT, Expose.LOAD_BALANCER, Expose.TLS_ROUTE)
"""The kinds of external listeners that an embedded Kafka has."""


def engine_faults(settings: Core, known: Known) -> Iterator[Fault]:
    """Keys of another engine."""
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


def external_faults(settings: Core, known: Known) -> Iterator[Fault]:
    """Required keys of an external Kafka."""
    kafka = settings.kafka
    if kafka.engine is not Engine.EXTERNAL:
        return
    if kafka.bootstrap_servers is None and known("kafka", "bootstrapServers"):
        yield Fault(
            path=("kafka", "bootstrapServers"),
            message="missing: write where the Kafka is, as in kafka.example.com:9092",
        )
    if known("kafka", "saslMechanism") and known("kafka", "securityProtocol") and known("kafka", "oauth"):
        try:
            kafka.check_tokens()
        except ValueError as error:
            message = str(error).partition(": ")[2]
            for field in ("sasl_mechanism", "token_url"):
                message = message.replace(field, to_camel(field))
            yield Fault(path=("kafka", "oauth"), message=message)
    if kafka.admin_secret is None and (settings.topics or settings.users) and known("kafka", "adminSecret"):
        yield Fault(
            path=("kafka", "adminSecret"),
            message="missing, topics and users need an administrator: name the Secret with its username and password",
        )


def broker_faults(settings: Core, known: Known) -> Iterator[Fault]:
    """Faults of the brokers: heap, addresses, replicas."""
    kafka, nodes = settings.kafka, settings.kafka.brokers
    if known("kafka", "jvm") and known("kafka", "resources"):
        try:
            kafka.jvm.check_fits(kafka.resources.memory)
        except ValueError as error:
            yield Fault(path=("kafka", "jvm"), message=str(error))
    if not is_counted(settings, known):
        return
    listener = kafka.listeners.external
    if listener is not None and kafka.engine is Engine.EMBEDDED and listener.expose in PLAIN_WAYS:
        yield from _external_addresses(listener, nodes)
    if not known("kafka", "defaults", "replicas"):
        return
    replicas = kafka.defaults.replicas
    if replicas is not None and replicas > nodes:
        yield Fault(path=("kafka", "defaults", "replicas"), message=too_many(replicas, settings))
    else:
        yield from min_insync_faults(
            ("kafka", "defaults", "minInsyncReplicas"),
            kafka.defaults.min_insync_replicas,
            kafka.defaults.replicas_on(nodes),
        )


def is_counted(settings: Core, known: Known) -> bool:
    """Whether it is known how many brokers there are."""
    kafka = settings.kafka
    if kafka.engine is Engine.STRIMZI:
        return known("kafka", "pools") and kafka.brokers > 0
    return kafka.engine is Engine.EMBEDDED and known("kafka", "nodes")


def _external_addresses(listener: ExternalListener, nodes: int) -> Iterator[Fault]:
    try:
        listener.addresses().check_nodes(nodes)
    except ValueError as error:
        field, _, message = str(error).partition(": ")
        key = "port" if field == "first_port" else field
        yield Fault(path=("kafka", "listeners", "external", key), message=message)


def too_many(replicas: int, settings: Core) -> str:
    """The message about more replicas than brokers."""
    nodes = settings.kafka.brokers
    brokers = "1 broker" if nodes == 1 else f"{nodes} brokers"
    return f"{replicas} replicas on {brokers}: use at most {nodes}, or add nodes to {nodes_key(settings)}"


def nodes_key(settings: Core) -> str:
    """The key that says how many brokers there are."""
    return pool_of_brokers(settings.kafka) if settings.kafka.engine is Engine.STRIMZI else "kafka.nodes"


def min_insync_faults(path: tuple[str, ...], least: int | None, replicas: int) -> Iterator[Fault]:
    """Whether so many replicas can be in sync."""
    if least is None:
        return
    try:
        check_min_insync(least, replicas)
    except ValueError as error:
        yield Fault(path=path, message=str(error).partition(": ")[2])
