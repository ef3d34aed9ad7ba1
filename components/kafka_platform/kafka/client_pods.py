"""What a pod needs to reach a Kafka, besides a login: variables of our programs and the authority to trust."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import Manifest, allowed_port, environment
from kafka_platform.values.names import user_secret

if TYPE_CHECKING:
    from kafka_platform.kafka.connection import KafkaConnection

_CA = "/etc/kafka-platform/ca"


def connection_environment(connection: "KafkaConnection", own: Mapping[str, str]) -> list[Manifest]:
    """A container's environment: its own variables, then the KAFKA_* ones."""
    variables = dict(own)
    if connection.ca_secret is not None:
        variables["KAFKA_SSL_CA_FILE"] = f"{_CA}/ca.crt"
    rendered = list(environment(variables))
    rendered.append({"name": "KAFKA_BOOTSTRAP_SERVERS", "value": connection.bootstrap_servers})
    rendered.append({"name": "KAFKA_SECURITY_PROTOCOL", "value": connection.security_protocol})
    if connection.sasl_mechanism is not None:
        rendered.append({"name": "KAFKA_SASL_MECHANISM", "value": connection.sasl_mechanism})
    return rendered


def ports_of(bootstrap_servers: str) -> list[int]:
    """The ports in `host:port,host:port`, sorted."""
    return sorted({int(port) for port in re.findall(r":(\d+)(?=,|$)", bootstrap_servers.replace(" ", ""))})


def kafka_ports(connection: "KafkaConnection") -> Any:
    """The ports by which a pod reaches the brokers, wherever they are, in a network policy."""
    return derived(
        lambda servers: [allowed_port(port) for port in sorted({*ports_of(servers), *connection.broker_ports})],
        connection.bootstrap_servers,
    )


def ca_mounts(connection: "KafkaConnection") -> list[Manifest]:
    """The mount of the authority, if the connection names one."""
    return [{"mountPath": _CA, "name": "ca", "readOnly": True}] if connection.ca_secret is not None else []


def ca_volumes(connection: "KafkaConnection") -> list[Manifest]:
    """The volume of the authority, if the connection names one."""
    if connection.ca_secret is None:
        return []
    ca = {"items": [{"key": "ca.crt", "path": "ca.crt"}], "secretName": connection.ca_secret}
    return [{"name": "ca", "secret": ca}]


def with_authority_of(connection: "KafkaConnection", user: str | None) -> "KafkaConnection":
    """The connection, with the authority from the user's own Secret if it is delivered with it, as it is by Strimzi."""
    if connection.authority is None or user is None:
        return connection
    return replace(connection, ca_secret=user_secret(user))
