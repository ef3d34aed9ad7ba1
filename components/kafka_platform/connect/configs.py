"""What Kafka Connect is told of each connector: its configuration, with references to files for what is secret. No Pulumi."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kafka_platform.connect.common import RecordFormat
from kafka_platform.connect.formats import converters, waiting
from kafka_platform.connect.kinds import HEARTBEAT_MILLISECONDS, SECRETS, SESSION_MILLISECONDS, Context
from kafka_platform.connect.sources import ChangeSource
from kafka_platform.connect.spec import CONNECT, Connector, offsets_topic
from kafka_platform.kafka.secrets import CA_FILE
from kafka_platform.kube.derived import derived

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection
    from kafka_platform.kafka.registry import RegistryConnection

LOGIN_FILE = "client.properties"
"""The key of a user's Secret from which Kafka's Java clients log in."""

_REBALANCE_MILLISECONDS = 5_000
"""How long a lost worker's tasks wait for it to come back. Kafka's own is five minutes, in which they stand still."""
_FLUSH_MILLISECONDS = 2_000
"""How often sinks commit, and so how much is written again after a crash. Kafka's own is a minute. While there are no records, a sink
is also called only so often: one of Iceberg then asks whether it is time to commit, and needs some ten calls until it may."""


def shared_properties() -> dict[str, str]:
    """A worker's settings, whoever runs it, without how it logs in and where it listens."""
    providers = "org.apache.kafka.common.config.provider"
    return {
        # What a connector refers to: its own folders are the only ones with secrets.
        "config.providers": "file,directory",
        "config.providers.directory.class": f"{providers}.DirectoryConfigProvider",
        "config.providers.directory.param.allowed.paths": SECRETS,
        "config.providers.file.class": f"{providers}.FileConfigProvider",
        "config.providers.file.param.allowed.paths": SECRETS,
        "connector.client.config.override.policy": "All",
        "exactly.once.source.support": "enabled",
        "heartbeat.interval.ms": str(HEARTBEAT_MILLISECONDS),
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "offset.flush.interval.ms": str(_FLUSH_MILLISECONDS),
        "plugin.discovery": "service_load",
        "scheduled.rebalance.max.delay.ms": str(_REBALANCE_MILLISECONDS),
        "session.timeout.ms": str(SESSION_MILLISECONDS),
        # Topics are declared: connectors may make none.
        "topic.creation.enable": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    }


def storage_topics() -> dict[str, str]:
    """The topics of the workers, which are declared."""
    return {
        f"{part}.storage.topic": f"{CONNECT}-{part}{'s' if part != 'status' else ''}"
        for part in ("config", "offset", "status")
    }


def login_reference(folder: str) -> str:
    """What stands for the login of the user whose Secret is mounted there."""
    return f"${{file:{folder}/{LOGIN_FILE}:sasl.jaas.config}}"


def client_settings(
    folder: str, security_protocol: str, sasl_mechanism: str | None, *, ca_file: str | None
) -> dict[str, str]:
    """How a Java client logs in as the user whose Secret is mounted there; the password is in that file only."""
    found = {"security.protocol": security_protocol}
    if sasl_mechanism is not None:
        found |= {"sasl.jaas.config": login_reference(folder), "sasl.mechanism": sasl_mechanism}
    if ca_file is not None:
        found |= {"ssl.truststore.location": ca_file, "ssl.truststore.type": "PEM"}
    return found


def context_of(
    name: str,
    bootstrap_servers: str,
    security_protocol: str,
    sasl_mechanism: str | None,
    *,
    ca_file: str | None,
    registry: "RegistryConnection | None" = None,
    registry_url: str = "",
) -> Context:
    """What the configuration of the connector of that name depends on: its clients log in as its own user."""
    login = client_settings(f"{SECRETS}/{name}/kafka", security_protocol, sasl_mechanism, ca_file=ca_file)
    return Context(
        name=name,
        logs_in=login,
        bootstrap_servers=bootstrap_servers,
        registry_url=registry_url,
        registry_login=registry is not None and registry.secret is not None,
        registry_authority=registry is not None and registry.ca_secret is not None,
        registers=registry is not None and registry.registers,
    )


def class_of(connector: Connector) -> str:
    """The connector's class in Java."""
    settings: Mapping[str, str] = connector.kind.own(Context(name="connector", logs_in={}, bootstrap_servers=""))
    return settings["connector.class"]


def connector_configs(
    connectors: Mapping[str, Connector],
    connection: "KafkaConnection",
    registries: "Mapping[str, RegistryConnection]",
) -> "Input[dict[str, str]]":
    """A declaration for each connector, as the program that applies them reads it, by its key in a ConfigMap."""
    has_ca = connection.ca_secret is not None
    known = sorted(registries)

    def rendered(servers: str, protocol: str, mechanism: str | None, *urls: str) -> dict[str, str]:
        found, url_of = {}, dict(zip(known, urls, strict=True))
        for name, each in sorted(connectors.items()):
            context = context_of(
                name,
                servers,
                protocol,
                mechanism,
                ca_file=CA_FILE if has_ca else None,
                registry=registries.get(name),
                registry_url=url_of.get(name, ""),
            )
            found[f"connector.{name}"] = declaration(each, context)
        return found

    made: Any = derived(
        rendered,
        connection.bootstrap_servers,
        connection.security_protocol,
        connection.sasl_mechanism,
        *(registries[name].url for name in known),
    )
    return made  # type: ignore[no-any-return]


def declaration(connector: Connector, context: Context) -> str:
    """A connector's declaration: its name, its state and its configuration."""
    told = {
        "config": connector_config(connector, context),
        "name": context.name,
        "state": connector.state.value,
    }
    return json.dumps(told, indent=1, sort_keys=True)


def connector_config(connector: Connector, context: Context) -> dict[str, str]:
    """The configuration of a connector."""
    common = {
        "errors.log.enable": "true",
        "errors.log.include.messages": "false",
        "tasks.max": str(connector.tasks),
        **converters(connector.values, connector.keys_format, context),
    }
    if RecordFormat.AVRO in (connector.values, connector.keys_format) and isinstance(connector.kind, ChangeSource):
        # Names in Avro have neither hyphens nor dots.
        common |= {"field.name.adjustment.mode": "avro", "schema.name.adjustment.mode": "avro"}
    common |= _sink(connector, context) if connector.is_sink else _source(context)
    return dict(sorted((common | connector.kind.settings(context)).items()))


def _source(context: Context) -> dict[str, str]:
    found = {
        "errors.tolerance": "none",
        "exactly.once.support": "requested",
        # Its own, so that no other connector can move it.
        "offsets.storage.topic": offsets_topic(context.name),
        "producer.override.compression.type": "zstd",
        "transaction.boundary": "poll",
    }
    return found | _overrides(context, "producer", "consumer", "admin")


def _sink(connector: Connector, context: Context) -> dict[str, str]:
    found = {
        # From the oldest record on, and none of a transaction that was given up.
        "consumer.override.auto.offset.reset": "earliest",
        "consumer.override.heartbeat.interval.ms": str(HEARTBEAT_MILLISECONDS),
        "consumer.override.isolation.level": "read_committed",
        "consumer.override.session.timeout.ms": str(SESSION_MILLISECONDS),
        "errors.deadletterqueue.context.headers.enable": "true",
        "errors.deadletterqueue.topic.name": str(connector.dead_letters_of(context.name)),
        "errors.tolerance": "all",
        "topics": ",".join(connector.reads),
    }
    if connector.by_registry:
        found |= waiting()
    return found | _overrides(context, "producer", "consumer", "admin")


def _overrides(context: Context, *clients: str) -> dict[str, str]:
    """Each client of a connector logs in as the connector's own user."""
    return {f"{client}.override.{key}": value for client in clients for key, value in sorted(context.logs_in.items())}
