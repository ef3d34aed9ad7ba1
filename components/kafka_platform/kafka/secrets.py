"""The Secrets that carry Kafka credentials: one pure function renders each."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kafka_platform.kafka.oauth import OAuth
from kafka_platform.kafka.properties import jaas_text, java_properties, option_lines
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import Manifest, metadata, secret_of

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

CA_FILE = "/etc/kafka-platform/ca/ca.crt"
"""Where client.properties expects the authority to trust; mount the connection's `ca_secret` there."""

USER_FOLDER = "/etc/kafka-platform/user"
"""Where client.properties of a user with a certificate expects its Secret."""

LOGIN_MODULES = {
    "OAUTHBEARER": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule",
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
_TOKENS = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"


@dataclass(frozen=True, kw_only=True)
class Urls:
    """URLs that users of a Kafka find in their Secrets: of its HTTP interface, and of an existing schema registry."""

    inside: "Input[str] | None" = None
    """Inside Kubernetes. Default: there is none, or it is not known."""
    outside: "Input[str] | None" = None
    """From outside. Default: nowhere, or it is not known."""
    registry: "Input[str] | None" = None
    """Of the schema registry. Default: there is none, or its users find it in Secrets of their own."""


NO_URLS = Urls()


def _outside(connection: "KafkaConnection", urls: Urls) -> Sequence[Any]:
    return connection.external_bootstrap_servers, urls.inside, urls.outside, urls.registry


def _ways(servers: str | None, inside: str | None, outside: str | None, registry: str | None) -> dict[str, str]:
    """The known address keys besides `bootstrap-servers`."""
    found = {"external-bootstrap-servers": servers, "http-url": inside, "external-http-url": outside}
    found |= {"SCHEMA_REGISTRY_URL": registry, "schema.registry.url": registry}
    return {key: each for key, each in found.items() if each is not None}


def credentials(
    name: "Input[str]",
    namespace: "Input[str]",
    labels: Mapping[str, str],
    username: str,
    password: "Input[str]",
    connection: "KafkaConnection",
    urls: "Urls" = NO_URLS,
) -> Manifest:
    """Everything that a client needs to log in, for every kind of client."""
    data = derived(
        lambda password, authority, bootstrap_servers, security_protocol, sasl_mechanism, ca_secret, *outside: encode(
            _with_authority(authority)
            | _ways(*outside)
            | client_files(
                username=username,
                password=password,
                bootstrap_servers=bootstrap_servers,
                security_protocol=security_protocol,
                sasl_mechanism=sasl_mechanism or "PLAIN",
                has_ca=bool(ca_secret),
            )
        ),
        password,
        connection.authority,
        connection.bootstrap_servers,
        connection.security_protocol,
        connection.sasl_mechanism,
        connection.ca_secret,
        *_outside(connection, urls),
    )
    return secret_of(metadata(name, namespace, labels), data)


def certificate(
    name: "Input[str]",
    namespace: "Input[str]",
    labels: Mapping[str, str],
    username: str,
    made: "Input[Mapping[str, str]]",
    connection: "KafkaConnection",
    urls: "Urls" = NO_URLS,
) -> Manifest:
    """Everything that a client with a certificate needs; `made` is the data of the Secret that the cluster's operator created."""
    data = derived(
        lambda made, authority, bootstrap_servers, *outside: encode(
            _with_authority(authority)
            | _ways(*outside)
            | certificate_files(
                username=username,
                certificate=_decoded(made, "user.crt"),
                key=_decoded(made, "user.key"),
                bootstrap_servers=str(bootstrap_servers),
            )
        ),
        made,
        connection.authority,
        connection.certificate_bootstrap_servers,
        *_outside(connection, urls),
    )
    return secret_of(metadata(name, namespace, labels), data)


def certificate_files(*, username: str, certificate: str, key: str, bootstrap_servers: str) -> dict[str, str]:
    """The keys of the Secret of a user with a certificate; mount it at /etc/kafka-platform/user for client.properties."""
    properties = {
        "bootstrap.servers": bootstrap_servers,
        "security.protocol": "SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": f"{USER_FOLDER}/user.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": CA_FILE,
    }
    return {
        "bootstrap-servers": bootstrap_servers,
        "client.properties": java_properties(properties),
        "security-protocol": "SSL",
        "user.crt": certificate,
        "user.key": key,
        # Java reads the key and the certificate from one file.
        "user.pem": f"{key.rstrip()}\n{certificate}",
        "username": username,
    }


def authorities(data: Mapping[str, str] | None) -> str:
    """All certificates of an authority's Secret in one text: while one is replaced by another there are two."""
    found = data or {}
    return "".join(f"{_decoded(found, key).rstrip()}\n" for key in sorted(found) if key.endswith(".crt"))


def _with_authority(authority: str | None) -> dict[str, str]:
    return {} if authority is None else {"ca.crt": authority}


def _decoded(data: Mapping[str, str] | None, key: str) -> str:
    return base64.b64decode((data or {}).get(key, "")).decode()


def passwords(
    name: str,
    namespace: "Input[str]",
    labels: Mapping[str, str],
    by_key: "Mapping[str, Input[str]]",
) -> Manifest:
    """Passwords alone, by key."""
    data = derived(lambda *known: encode(dict(zip(by_key, known, strict=True))), *by_key.values())
    return secret_of(metadata(name, namespace, labels), data)


def client_files(
    *,
    username: str,
    password: str,
    bootstrap_servers: str,
    security_protocol: str,
    sasl_mechanism: str,
    has_ca: bool,
    oauth: OAuth | None = None,
) -> dict[str, str]:
    """The keys of a user's Secret: `client.properties` is for Java and Kafka's tools, `librdkafka.conf` for librdkafka and kcat."""
    properties = {
        "bootstrap.servers": bootstrap_servers,
        "security.protocol": security_protocol,
        "sasl.mechanism": sasl_mechanism,
        "sasl.jaas.config": java_login(sasl_mechanism, username, password, oauth),
        **java_tokens(oauth),
    }
    librdkafka = {
        "bootstrap.servers": bootstrap_servers,
        "security.protocol": security_protocol,
        "sasl.mechanism": sasl_mechanism,
        **_librdkafka_login(username, password, oauth),
    }
    if has_ca:
        properties |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": CA_FILE}
        librdkafka["ssl.ca.location"] = CA_FILE
    return {
        "bootstrap-servers": bootstrap_servers,
        "client.properties": java_properties(properties),
        "librdkafka.conf": option_lines(librdkafka),
        "password": password,
        "sasl-mechanism": sasl_mechanism,
        "security-protocol": security_protocol,
        "username": username,
    }


def java_login(mechanism: str, username: str, password: str, oauth: OAuth | None) -> str:
    """The JAAS configuration of a Java client; with OAUTHBEARER name and password are the OAuth client's id and secret."""
    if oauth is None:
        options = {"username": username, "password": password}
    else:
        options = {"clientId": username, "clientSecret": password}
        options |= {} if oauth.scope is None else {"scope": str(oauth.scope)}
        options |= {f"extension_{name}": value for name, value in sorted(oauth.extensions.items())}
    told = " ".join(f"{name}={jaas_text(value)}" for name, value in options.items())
    return f"{LOGIN_MODULES[mechanism]} required {told};"


def java_tokens(oauth: OAuth | None) -> dict[str, str]:
    """How a Java client fetches tokens."""
    if oauth is None:
        return {}
    return {
        "sasl.login.callback.handler.class": _TOKENS,
        "sasl.oauthbearer.token.endpoint.url": str(oauth.token_url),
    }


def _librdkafka_login(username: str, password: str, oauth: OAuth | None) -> dict[str, str]:
    if oauth is None:
        return {"sasl.username": username, "sasl.password": password}
    options = {
        "sasl.oauthbearer.client.id": username,
        "sasl.oauthbearer.client.secret": password,
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.token.endpoint.url": str(oauth.token_url),
    }
    if oauth.extensions:
        options["sasl.oauthbearer.extensions"] = extensions_text(oauth.extensions)
    return options | ({} if oauth.scope is None else {"sasl.oauthbearer.scope": str(oauth.scope)})


def extensions_text(extensions: Mapping[str, str]) -> str:
    """SASL extensions as clients other than Java's, and KEDA, take them."""
    return ",".join(f"{name}={value}" for name, value in sorted(extensions.items()))


def encode(data: Mapping[str, str]) -> dict[str, str]:
    """A Secret's data as the API server takes it, in a stable order."""
    return {key: base64.b64encode(value.encode()).decode() for key, value in sorted(data.items())}
