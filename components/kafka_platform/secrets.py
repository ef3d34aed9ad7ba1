"""The Secrets that carry Kafka credentials: one pure function renders each."""

import base64
from collections.abc import Mapping

import pulumi

from kafka_platform.connection import KafkaConnection
from kafka_platform.kubernetes import Manifest, metadata

CA_FILE = "/etc/kafka-platform/ca/ca.crt"
"""Where client.properties expects the authority to trust; mount the connection's `ca_secret` there."""

_LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}


def credentials(
    name: str,
    namespace: pulumi.Input[str],
    labels: Mapping[str, str],
    username: str,
    password: pulumi.Input[str],
    connection: KafkaConnection,
) -> Manifest:
    """Everything that a client needs to log in, for every kind of client."""
    data = pulumi.Output.all(
        password=password,
        bootstrap_servers=connection.bootstrap_servers,
        security_protocol=connection.security_protocol,
        sasl_mechanism=connection.sasl_mechanism,
        ca_secret=connection.ca_secret,
    ).apply(
        lambda values: encode(
            client_files(
                username=username,
                password=str(values["password"]),
                bootstrap_servers=str(values["bootstrap_servers"]),
                security_protocol=str(values["security_protocol"]),
                sasl_mechanism=str(values["sasl_mechanism"] or "PLAIN"),
                has_ca=bool(values["ca_secret"]),
            )
        )
    )
    return _secret(name, namespace, labels, data)


def passwords(
    name: str,
    namespace: pulumi.Input[str],
    labels: Mapping[str, str],
    by_key: Mapping[str, pulumi.Input[str]],
) -> Manifest:
    """Passwords alone, by key."""
    return _secret(name, namespace, labels, pulumi.Output.all(**by_key).apply(encode))


def client_files(
    *,
    username: str,
    password: str,
    bootstrap_servers: str,
    security_protocol: str,
    sasl_mechanism: str,
    has_ca: bool,
) -> dict[str, str]:
    """The keys of a user's Secret; `client.properties` is what Java clients and Kafka's own tools read."""
    properties = {
        "bootstrap.servers": bootstrap_servers,
        "security.protocol": security_protocol,
        "sasl.mechanism": sasl_mechanism,
        "sasl.jaas.config": f'{_LOGIN_MODULES[sasl_mechanism]} required username="{username}" password="{password}";',
    }
    if has_ca:
        properties |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": CA_FILE}
    return {
        "bootstrap-servers": bootstrap_servers,
        "client.properties": "".join(f"{key}={value}\n" for key, value in properties.items()),
        "password": password,
        "sasl-mechanism": sasl_mechanism,
        "security-protocol": security_protocol,
        "username": username,
    }


def encode(data: Mapping[str, str]) -> dict[str, str]:
    """A Secret's data as the API server takes it, in a stable order."""
    return {key: base64.b64encode(value.encode()).decode() for key, value in sorted(data.items())}


def _secret(
    name: str,
    namespace: pulumi.Input[str],
    labels: Mapping[str, str],
    data: "pulumi.Output[dict[str, str]]",
) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(name, namespace, labels),
        # `type` is what the API server would fill in; said here, it is no difference later.
        "type": "Opaque",
        "data": pulumi.Output.secret(data),
    }
