"""Rules about what a network carries readable."""

from collections.abc import Iterator

from infra.reading.kinds import reached_by
from infra.reading.settings import broker_settings
from infra.reading.values import at, items, text
from infra.rules.rule import Level, Resource, Rule, one_by_one


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
    if resource.kind == "KafkaConnection" and text(resource.properties, "securityProtocol").endswith("PLAINTEXT"):
        protocol = text(resource.properties, "securityProtocol")
        yield f"the connection to Kafka: {protocol} sends records readable: use SASL_SSL or SSL"


ENCRYPTED_LISTENERS = Rule(
    name="encrypted-listeners",
    reason="Anyone who can read a network between two machines reads every record on it.",
    dev=Level.OFF,
    staging=Level.MANDATORY,
    prod=Level.MANDATORY,
    check=one_by_one(_encrypted_listeners),
)


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
    if resource.kind == "Service" and reached_by(properties):
        for port in items(properties, "spec", "ports"):
            if text(port, "name") == "http":
                yield f"{resource.shown}: port {text(port, 'name')} has no TLS, and passwords come in by it: write gateway.tls"


EXTERNAL_TLS = Rule(
    name="external-tls",
    reason="Outside the cluster passwords and records cross networks that the platform's team does not control.",
    dev=Level.ADVISORY,
    staging=Level.MANDATORY,
    prod=Level.MANDATORY,
    check=one_by_one(_external_tls),
)
