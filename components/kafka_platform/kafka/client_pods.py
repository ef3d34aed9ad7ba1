"""What a pod needs to reach a Kafka: variables of our programs, a login, and the authority to trust."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kafka_platform.kafka.secrets import extensions_text
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import Manifest, allowed_port, environment
from kafka_platform.kube.pods import secret_volume

if TYPE_CHECKING:
    from pulumi import Input

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


def login_files(connection: "KafkaConnection", folder: str) -> dict[str, str]:
    """The variables of our programs, and of workers, that name the files of a login in a folder."""
    if connection.client_certificates:
        return {"KAFKA_SSL_CERTIFICATE_FILE": f"{folder}/tls.crt", "KAFKA_SSL_KEY_FILE": f"{folder}/tls.key"}
    return {"KAFKA_SASL_PASSWORD_FILE": f"{folder}/password"} if connection.logs_in else {}


def login_values(connection: "KafkaConnection", secret: "Input[str]") -> list[Manifest]:
    """The rest of a login's variables: who it is, by its Secret, and where its tokens come from."""
    if connection.sasl_mechanism is None:
        return []
    username = {"secretKeyRef": {"key": "username", "name": secret}}
    rendered: list[Manifest] = [{"name": "KAFKA_SASL_USERNAME", "valueFrom": username}]
    oauth = connection.oauth
    if oauth is not None:
        rendered.append({"name": "KAFKA_OAUTH_TOKEN_URL", "value": oauth.token_url})
        if oauth.scope is not None:
            rendered.append({"name": "KAFKA_OAUTH_SCOPE", "value": oauth.scope})
        rendered += token_extensions(connection)
    return rendered


def token_extensions(connection: "KafkaConnection") -> list[Manifest]:
    """The variable with what is sent beside a token, if anything is."""
    if connection.oauth is None or not connection.oauth.extensions:
        return []
    return [{"name": "KAFKA_OAUTH_EXTENSIONS", "value": extensions_text(connection.oauth.extensions)}]


def login_volume(connection: "KafkaConnection", secret: "Input[str]", name: str = "credentials") -> Manifest:
    """The volume of a login: what of its Secret programs read as files."""
    keys = ("tls.crt", "tls.key") if connection.client_certificates else ("password",)
    return secret_volume(name, secret, *keys)


def ports_of(bootstrap_servers: str) -> list[int]:
    """The ports in `host:port,host:port`, sorted."""
    return sorted({int(port) for port in re.findall(r":(\d+)(?=,|$)", bootstrap_servers.replace(" ", ""))})


def kafka_ports(connection: "KafkaConnection") -> Any:
    """The ports by which a pod reaches the brokers, wherever they are, and its tokens, in a network policy."""
    token_url = None if connection.oauth is None else connection.oauth.token_url
    return derived(
        lambda servers, url: [
            allowed_port(port)
            for port in sorted({*ports_of(servers), *connection.broker_ports, *([] if url is None else [_port(url)])})
        ],
        connection.bootstrap_servers,
        token_url,
    )


def _port(url: str) -> int:
    return urlsplit(url).port or 443


def ca_mounts(connection: "KafkaConnection") -> list[Manifest]:
    """The mount of the authority, if the connection names one."""
    return [{"mountPath": _CA, "name": "ca", "readOnly": True}] if connection.ca_secret is not None else []


def ca_volumes(connection: "KafkaConnection") -> list[Manifest]:
    """The volume of the authority, if the connection names one."""
    if connection.ca_secret is None:
        return []
    return [secret_volume("ca", connection.ca_secret, "ca.crt")]


def with_authority_of(connection: "KafkaConnection", secret: "Input[str] | None") -> "KafkaConnection":
    """The connection, with the authority from the login's own Secret if it is delivered with it, as it is by Strimzi."""
    if connection.authority is None or secret is None:
        return connection
    return replace(connection, ca_secret=secret)
